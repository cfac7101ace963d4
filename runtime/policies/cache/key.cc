// A key is text: the prefix of its record (operation and meaning), the URI, and then all else that
// the answer depends on, each with its length in front, so that no two lists of values come to the
// same text.
#include "runtime/policies/cache/key.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/base/letter_case.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/split.h"
#include "runtime/http/query.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/proxy/record.h"

namespace gw::policies {
namespace {

using table::ExpressionPart;
using table::ExpressionSource;

struct NamedPair {
  std::string_view name;  // decoded
  std::string_view text;
};

bool counts(const table::TableView& view, const CacheRecord& record, std::string_view name) {
  if (record.whole_query != 0) return true;
  for (const auto& known : view.policy_list<CacheQueryRecord>(record.query)) {
    const std::string_view text = view.text(known.name);
    // Of a deep object: `filter[`.
    if (text.ends_with('[') ? name.starts_with(text) : name == text) return true;
  }
  return false;
}

void append_lower(std::string_view text, std::string& out) {
  for (const char c : text) out += to_lower(c);
}

void append_part(char kind, std::string_view text, std::string& out) {
  const auto bytes = static_cast<u32>(text.size());
  char length[4];
  std::memcpy(length, &bytes, sizeof length);
  out += kind;
  out.append(length, sizeof length);
  out += text;
}

// Lines of one field count together: an upstream may look at any of them.
bool append_header(const Exchange& exchange, std::string_view name, std::string& out) {
  std::string value;
  bool there = false;
  for (const http::Field& field : exchange.request.fields) {
    if (field.removed || !http::equal_fold(field.name, name)) continue;
    if (there) value += ", ";
    value += field.value;
    there = true;
  }
  if (there) append_part('h', value, out);
  return there;
}

// What a request leaves out is as much a part of it as what it says; of the caller it is not.
bool may_be_absent(ExpressionSource source) {
  return source == ExpressionSource::Header || source == ExpressionSource::Query ||
         source == ExpressionSource::Cookie;
}

bool append_expression(Exchange& exchange, table::Extent expression, std::string& out) {
  const table::TableView& view = exchange.table->view();
  const auto parts = view.part(view.expressions(), expression);
  const bool single = parts.size() == 1 && may_be_absent(parts[0].source);
  if (single && parts[0].source == ExpressionSource::Header) {
    if (!append_header(exchange, exchange.table->text(parts[0].text), out)) {
      append_part('-', {}, out);
    }
    return true;
  }
  std::string_view value;
  if (engine::evaluate(exchange, expression, value)) {
    append_part('v', value, out);
    return true;
  }
  if (single) append_part('-', {}, out);
  return single;
}

bool append_first(Exchange& exchange, table::Extent expressions, std::string& out) {
  std::string_view value;
  u32 index = 0;
  for (const auto& one : exchange.table->view().policy_list<table::Extent>(expressions)) {
    if (engine::evaluate(exchange, one, value)) {
      // Which one it is counts: equal values of different claims are different things.
      out += static_cast<char>('0' + index);
      append_part('i', value, out);
      return true;
    }
    ++index;
  }
  return false;
}

// What the gateway puts into the request for the upstream.
void append_inputs(Exchange& exchange, const CacheRecord& record, std::string& out) {
  const table::TableView& view = exchange.table->view();
  for (const auto& input : view.policy_list<table::Extent>(record.inputs)) {
    if (!append_expression(exchange, input, out)) append_part('-', {}, out);
  }
}

// Where it is sent: the upstream that a split has chosen, by name, and the path that is sent there,
// where it is written with values of the request.
bool append_destination(Exchange& exchange, Random& random, std::string& out) {
  const table::TableView& view = exchange.table->view();
  for (const table::StepRecord& step : view.part(view.steps(), view.plans()[exchange.plan].steps)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::Proxy) continue;
    const auto& proxy = view.policy_record<ProxyRecord>(step.record);
    if (proxy.split.count != 0) {
      const u32 chosen = engine::choose_upstream(exchange, proxy, random);
      append_part('o', view.text(view.upstreams()[chosen].name), out);
    }
    if (proxy.path.count == 0) continue;
    std::string_view path;
    if (!engine::evaluate(exchange, proxy.path, path)) return false;
    append_part('p', path, out);
  }
  return true;
}

// Who calls, as far as it has been proved: the alternative that held, the consumer, and the subject
// of each token with its issuer and scheme.
bool append_caller(const Exchange& exchange, std::string& out) {
  const Identity& identity = exchange.identity;
  const table::TableView& view = exchange.table->view();
  if (identity.alternative == ~u32{0}) return false;
  out += static_cast<char>('A' + identity.alternative % 64);
  if (!identity.authenticated) {
    append_part('n', {}, out);
    return true;
  }
  bool known = false;
  if (identity.consumer != table::kNoConsumer) {
    append_part('c', identity.consumer_name, out);
    known = !identity.consumer_name.empty();
  }
  for (u32 slot = 0; slot < identity.slots; ++slot) {
    const Proof& proof = identity.proofs[slot];
    if (proof.state != ProofState::Valid || !proof.claims) continue;
    const jose::JsonValue subject = proof.claims->at("/sub");
    if (!subject.is_scalar()) continue;
    append_part('s', view.text(view.schemes()[identity.schemes[slot]].name), out);
    const jose::JsonValue issuer = proof.claims->at("/iss");
    append_part('u', issuer.is_scalar() ? issuer.text() : std::string_view{}, out);
    append_part('j', subject.text(), out);
    known = true;
  }
  // Of `gwctl explain` and tests, which say who calls.
  if (identity.assumed != nullptr && identity.claims != nullptr) {
    const jose::JsonValue subject = identity.claims->at("/sub");
    if (subject.is_scalar()) {
      append_part('j', subject.text(), out);
      known = true;
    }
  }
  if (exchange.client_certificate != nullptr) {
    append_part('f', exchange.client_certificate->fingerprint, out);
    known = known || !exchange.client_certificate->fingerprint.empty();
  }
  return known;
}

}  // namespace

std::string_view canonical_query(Exchange& exchange, const CacheRecord& record) {
  const std::string_view query = exchange.request.query;
  size_t count = 0;
  std::string_view rest = query;
  http::QueryPair pair;
  while (http::next_query_pair(rest, pair)) ++count;
  if (count == 0) return {};
  const table::TableView& view = exchange.table->view();
  NamedPair* const pairs = exchange.arena.allocate_array<NamedPair>(count);
  size_t kept = 0;
  size_t bytes = 0;
  rest = query;
  while (http::next_query_pair(rest, pair)) {
    const std::string_view name = http::percent_decoded(exchange.arena, pair.name, true);
    if (!counts(view, record, name)) continue;
    pairs[kept++] = {name, pair.text};
    bytes += pair.text.size() + 1;
  }
  if (kept == 1) return pairs[0].text;
  if (kept == 0) return {};
  std::stable_sort(pairs, pairs + kept,
                   [](const NamedPair& a, const NamedPair& b) { return a.name < b.name; });
  char* const out = static_cast<char*>(exchange.arena.allocate(bytes, 1));
  char* to = out;
  for (size_t i = 0; i < kept; ++i) {
    if (i != 0) *to++ = '&';
    to = std::copy(pairs[i].text.begin(), pairs[i].text.end(), to);
  }
  return {out, static_cast<size_t>(to - out)};
}

bool make_cache_key(Exchange& exchange, Random& random, const CacheRecord& record,
                    cache::Key& out) {
  http::RequestHead& request = exchange.request;
  request.query = canonical_query(exchange, record);
  request.has_query = !request.query.empty();
  const table::TableView& view = exchange.table->view();
  // Kept per thread, so that a warm worker allocates nothing.
  thread_local std::string text;
  thread_local std::string authority;
  text = view.text(record.prefix);
  text += request.scheme;
  text += "://";
  authority.clear();
  append_lower(request.authority, authority);
  text += authority;
  text += request.path;
  if (request.has_query) text += '?';
  text += request.query;
  text += '\n';
  for (const auto& expression : view.policy_list<table::Extent>(record.choice.key)) {
    if (!append_expression(exchange, expression, text)) return false;
  }
  append_inputs(exchange, record, text);
  // Views may change what is asked of the upstream, and so may values in its path.
  if (!exchange.client_class.empty()) append_part('k', exchange.client_class, text);
  if (!append_destination(exchange, random, text)) return false;
  const auto caller = static_cast<CacheCaller>(record.caller);
  if (caller == CacheCaller::Caller && !append_caller(exchange, text)) return false;
  if (caller == CacheCaller::Expression && !append_first(exchange, record.choice.identity, text)) {
    return false;
  }
  out = cache::make_key(exchange.arena.copy(text), cache::place_of(authority, request.path));
  return true;
}

std::span<const u64> make_cache_tags(Exchange& exchange, const CacheRecord& record) {
  const table::TableView& view = exchange.table->view();
  const auto named = view.policy_list<table::Extent>(record.choice.tags);
  u64* const tags = exchange.arena.allocate_array<u64>(named.size() + 2);
  size_t count = 0;
  thread_local std::string authority;
  authority.clear();
  append_lower(exchange.request.authority, authority);
  tags[count++] = cache::place_of(authority, exchange.request.path);
  tags[count++] = cache::tag_of(cache::TagKind::Operation, view.text(record.operation));
  for (const auto& expression : named) {
    std::string_view value;
    if (!engine::evaluate(exchange, expression, value)) continue;
    tags[count++] = cache::tag_of(cache::TagKind::Named, value);
  }
  return {tags, count};
}

std::string_view uri_of_key(std::string_view key_text) {
  const size_t operation = key_text.find('\n');
  if (operation == key_text.npos) return {};
  const size_t digest = key_text.find('\n', operation + 1);
  if (digest == key_text.npos) return {};
  return key_text.substr(digest + 1, key_text.find('\n', digest + 1) - digest - 1);
}

}  // namespace gw::policies
