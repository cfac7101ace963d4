#include "runtime/policies/cache/answer.h"

#include <charconv>
#include <cstring>
#include <string>

#include "runtime/engine/answer.h"
#include "runtime/policies/body/filter.h"

namespace gw::policies {
namespace {

using cache::ByteRange;
using cache::Entry;
using http::FieldId;

// In the arena.
std::string_view number_text(Arena& arena, u64 number) {
  char text[20];
  const char* end = std::to_chars(text, std::end(text), number).ptr;
  return arena.copy({text, static_cast<size_t>(end - text)});
}

std::string_view forward_word(cache::Forward forward) {
  switch (forward) {
    case cache::Forward::None:
      return {};
    case cache::Forward::Bypass:
      return "bypass";
    case cache::Forward::Method:
      return "method";
    case cache::Forward::UriMiss:
      return "uri-miss";
    case cache::Forward::VaryMiss:
      return "vary-miss";
    case cache::Forward::Stale:
      return "stale";
    case cache::Forward::Request:
      return "request";
  }
  return {};
}

void append_number(std::string& out, i64 number) {
  char text[20];
  const char* end = std::to_chars(text, std::end(text), number).ptr;
  out.append(text, static_cast<size_t>(end - text));
}

// One range of the body, which is all in memory.
void cut_range(Exchange& exchange, const Entry& entry) {
  http::ResponseHead& head = exchange.response;
  if (entry.status != 200 || exchange.request.method != http::Method::Get) return;
  // What is changed on its way to the client is another body, with other places in it.
  if (reads_response_body(exchange)) return;
  const u64 size = entry.body->size;
  const ByteRange range = cache::read_range(exchange.request.fields, size, entry.validators);
  if (range.kind == ByteRange::Kind::Whole) return;
  std::string text = "bytes ";
  if (range.kind == ByteRange::Kind::Unsatisfiable) {
    text += "*/";
    append_number(text, static_cast<i64>(size));
    engine::answer_problem(exchange, 416);
  } else {
    append_number(text, static_cast<i64>(range.first));
    text += '-';
    append_number(text, static_cast<i64>(range.last));
    text += '/';
    append_number(text, static_cast<i64>(size));
    head.status = 206;
    exchange.local_body = exchange.local_body.substr(range.first, range.last - range.first + 1);
    head.content_length = exchange.local_body.size();
  }
  head.fields.set("content-range", exchange.arena.copy(text));
}

}  // namespace

void make_not_modified(Exchange& exchange) {
  http::ResponseHead& head = exchange.response;
  head.status = 304;
  head.reason = {};
  head.framing = http::Framing::None;
  head.content_length = 0;
  // What describes the body is with whoever has it (RFC 9110 section 15.4.5).
  for (http::Field& field : head.fields) {
    const bool of_body = field.id == FieldId::ContentType || field.id == FieldId::ContentEncoding ||
                         field.id == FieldId::ContentLength ||
                         http::equal_fold(field.name, "content-language") ||
                         http::equal_fold(field.name, "content-range");
    if (of_body) field.removed = true;
  }
  exchange.local_body = {};
}

void write_cache_status(Exchange& exchange, bool hit, i64 ttl_ms, bool has_ttl) {
  const cache::Use& use = *exchange.cache;
  std::string text = "gwctl";
  if (hit) text += "; hit";
  if (!hit && use.forward != cache::Forward::None) {
    text += "; fwd=";
    text += forward_word(use.forward);
    if (use.forward_status != 0) {
      text += "; fwd-status=";
      append_number(text, use.forward_status);
    }
    if (use.stores) text += "; stored";
  }
  if (has_ttl) {
    text += "; ttl=";
    // Rounded down, below zero as well: what has 0.5 s left is not fresh for a second.
    append_number(text, ttl_ms >= 0 ? ttl_ms / 1000 : (ttl_ms - 999) / 1000);
  }
  if (use.collapsed) text += "; collapsed";
  exchange.response.fields.add("cache-status", exchange.arena.copy(text));
}

void write_stored_answer(Exchange& exchange, const Entry& entry, Env& env, cache::Outcome outcome,
                         std::optional<u64> whole_bytes) {
  http::ResponseHead& head = exchange.response;
  head.fields.clear();
  head.reason = {};
  head.upgrade = {};
  head.status = entry.status;
  head.framing = whole_bytes ? http::Framing::Length : http::Framing::Chunked;
  if (head.status == 204) head.framing = http::Framing::None;
  head.content_length = whole_bytes.value_or(0);
  for (const http::Field& field : entry.fields) head.fields.add(field);
  const i64 age_ms = entry.age_ms(env.clock.now());
  if (outcome != cache::Outcome::Miss || age_ms >= 1000) {
    head.fields.set(FieldId::Age,
                    number_text(exchange.arena, static_cast<u64>(std::max(age_ms, i64{0}) / 1000)));
  }
  exchange.local_body = entry.body == nullptr ? std::string_view{} : as_text(entry.body->view());
  exchange.cache_outcome = outcome;
  const bool hit = outcome == cache::Outcome::Hit || outcome == cache::Outcome::Stale;
  const i64 unix_s = env.clock.unix_ms() / 1000;
  if (entry.status == 200 &&
      cache::has_it_already(exchange.request.fields, entry.validators, unix_s)) {
    make_not_modified(exchange);
  } else if (entry.body != nullptr && whole_bytes) {
    cut_range(exchange, entry);
  }
  write_cache_status(exchange, hit, entry.freshness.lifetime_ms - age_ms, true);
}

}  // namespace gw::policies
