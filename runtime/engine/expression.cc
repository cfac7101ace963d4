#include "runtime/engine/expression.h"

#include <cstring>
#include <string>

#include "runtime/base/uri_path.h"
#include "runtime/engine/message_values.h"
#include "runtime/http/query.h"
#include "runtime/identity/live_data.h"

namespace gw::engine {
namespace {

using table::ExpressionEncoding;
using table::ExpressionPart;
using table::ExpressionSource;

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string_view url_of(Exchange& exchange) {
  const http::RequestHead& request = exchange.request;
  const size_t bytes = request.scheme.size() + 3 + request.authority.size() + request.path.size() +
                       1 + request.query.size();
  char* out = static_cast<char*>(exchange.arena.allocate(bytes, 1));
  size_t used = 0;
  const auto put = [&](std::string_view text) {
    std::memcpy(out + used, text.data(), text.size());
    used += text.size();
  };
  put(request.scheme);
  put("://");
  put(request.authority);
  put(request.path);
  if (request.has_query) put("?");
  put(request.query);
  return {out, used};
}

bool raw_capture(const Exchange& exchange, u32 index, std::string_view& out) {
  if (index >= exchange.capture_count) return false;
  const Capture& capture = exchange.captures[index];
  out = exchange.request.path.substr(capture.begin, capture.end - capture.begin);
  return true;
}

// Absent without a certificate, and where it does not say this.
bool certificate_value(const Exchange& exchange, ExpressionSource source, std::string_view& out) {
  const PeerCertificate* certificate = exchange.client_certificate;
  if (certificate == nullptr) return false;
  out = source == ExpressionSource::ClientCertSubject ? certificate->subject
        : source == ExpressionSource::ClientCertSan   ? certificate->san
                                                      : certificate->fingerprint;
  return !out.empty();
}

// A number as it is written, a text without quotes; absent for lists and maps.
bool claim_value(const jose::Claims* claims, std::string_view pointer, std::string_view& out) {
  if (claims == nullptr) return false;
  const jose::JsonValue value = claims->at(pointer);
  if (!value.is_scalar()) return false;
  out = value.text();
  return true;
}

bool consumer_value(const Exchange& exchange, const ExpressionPart& part, std::string_view& out) {
  const u32 consumer = exchange.identity.consumer;
  if (consumer == table::kNoConsumer) return false;
  const table::ConsumerSet& consumers = exchange.live->consumers;
  if (part.source == ExpressionSource::ConsumerName) {
    out = consumers.name(consumer);
    return true;
  }
  if (part.source == ExpressionSource::ConsumerPlan) {
    out = consumers.plan(consumer);
    return !out.empty();
  }
  const auto value = consumers.metadata(consumer, exchange.table->text(part.text));
  if (value) out = *value;
  return value.has_value();
}

bool source_value(Exchange& exchange, const ExpressionPart& part, std::string_view& out) {
  const std::string_view name = exchange.table->text(part.text);
  switch (part.source) {
    case ExpressionSource::Literal:
      out = name;
      return true;
    case ExpressionSource::PathParameter:
      return capture_value(exchange, part.index, out);
    case ExpressionSource::Query:
      return query_value(exchange, name, out);
    case ExpressionSource::Header: {
      const http::Field* field = exchange.request.fields.find(name);
      if (field == nullptr) return false;
      out = field->value;
      return true;
    }
    case ExpressionSource::Cookie:
      return cookie_value(exchange, name, out);
    case ExpressionSource::Method:
      out = exchange.request.method_text;
      return true;
    case ExpressionSource::Path:
      out = exchange.request.path;
      return true;
    case ExpressionSource::Host:
      out = exchange.request.host;
      return true;
    case ExpressionSource::Url:
      out = url_of(exchange);
      return true;
    case ExpressionSource::ClientIp:
      out = exchange.client_text;
      return true;
    case ExpressionSource::RequestId:
      out = exchange.request_id;
      return true;
    case ExpressionSource::Scheme:
      out = exchange.request.scheme;
      return true;
    case ExpressionSource::ClientCertSubject:
    case ExpressionSource::ClientCertSan:
    case ExpressionSource::ClientCertFingerprint:
      return certificate_value(exchange, part.source, out);
    case ExpressionSource::Claim:
      return claim_value(exchange.identity.claims, name, out);
    case ExpressionSource::SchemeClaim:
      return claim_value(exchange.identity.claims_of(part.index), name, out);
    case ExpressionSource::ConsumerName:
    case ExpressionSource::ConsumerPlan:
    case ExpressionSource::ConsumerMetadata:
      return consumer_value(exchange, part, out);
    case ExpressionSource::Late:
      out = exchange.table->late_text(part.index);
      return true;
    case ExpressionSource::RequestBody:
    case ExpressionSource::ResponseBody:
    case ExpressionSource::ResponseHeader:
    case ExpressionSource::ResponseStatus:
    case ExpressionSource::CallBody:
    case ExpressionSource::CallHeader:
    case ExpressionSource::CallStatus:
    case ExpressionSource::Item:
      return message_text(exchange, part, out);
    case ExpressionSource::ClientClass:
      out = exchange.client_class;
      return !out.empty();
  }
  return false;
}

// Appends one part in its encoding. False: absent, or not fit for its place.
bool append_part(Exchange& exchange, const ExpressionPart& part, std::string& out) {
  std::string_view value;
  // The normalised path is encoded already, in the one spelling that was decided on.
  const bool is_path = part.encoding == ExpressionEncoding::PathSegment ||
                       part.encoding == ExpressionEncoding::PathRest;
  if (part.source == ExpressionSource::PathParameter && is_path) {
    if (!raw_capture(exchange, part.index, value)) return false;
    out += value;
    return true;
  }
  if (!source_value(exchange, part, value)) return false;
  switch (part.encoding) {
    case ExpressionEncoding::Plain:
      out += value;
      return true;
    case ExpressionEncoding::PathRest:
    case ExpressionEncoding::PathSegment:
      if (value.empty() || value == "." || value == "..") return false;
      append_segment_encoded(value, out);
      return true;
    case ExpressionEncoding::QueryValue:
      append_query_encoded(value, out);
      return true;
  }
  return false;
}

}  // namespace

void append_query_encoded(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

bool evaluate(Exchange& exchange, table::Extent parts, std::string_view& out) {
  const table::TableView& view = exchange.table->view();
  const auto all = view.part(view.expressions(), parts);
  if (all.size() == 1 && all[0].encoding == ExpressionEncoding::Plain) {
    return source_value(exchange, all[0], out);
  }
  // Kept per thread, so that a warm worker allocates nothing; nobody waits while it is in use.
  thread_local std::string text;
  text.clear();
  for (const ExpressionPart& part : all) {
    if (!append_part(exchange, part, text)) return false;
  }
  out = exchange.arena.copy(text);
  return true;
}

bool capture_value(Exchange& exchange, u32 index, std::string_view& out) {
  if (!raw_capture(exchange, index, out)) return false;
  out = http::percent_decoded(exchange.arena, out, false);
  return true;
}

bool query_value(Exchange& exchange, std::string_view name, std::string_view& out) {
  std::string_view rest = exchange.request.query;
  for (http::QueryPair pair; http::next_query_pair(rest, pair);) {
    if (!http::is_query_name(exchange.arena, pair, name)) continue;
    out = http::percent_decoded(exchange.arena, pair.value, true);
    return true;
  }
  return false;
}

bool cookie_value(const Exchange& exchange, std::string_view name, std::string_view& out) {
  for (const http::Field& field : exchange.request.fields) {
    if (field.id != http::FieldId::Cookie || field.removed) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const size_t end = rest.find(';');
      std::string_view pair = rest.substr(0, end);
      rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
      while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
      const size_t equals = pair.find('=');
      if (equals == pair.npos || pair.substr(0, equals) != name) continue;
      out = pair.substr(equals + 1);
      if (out.size() >= 2 && out.front() == '"' && out.back() == '"') {
        out = out.substr(1, out.size() - 2);
      }
      return true;
    }
  }
  return false;
}

}  // namespace gw::engine
