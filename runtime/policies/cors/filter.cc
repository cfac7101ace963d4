#include "runtime/policies/cors/filter.h"

#include <algorithm>

#include "runtime/engine/answer.h"
#include "runtime/engine/websocket.h"

namespace gw::policies {
namespace {

constexpr std::string_view kPrefix = "access-control-";

// The fields that answers carry; those of requests begin in the same way.
bool is_cors_field(std::string_view name) {
  return name.size() > kPrefix.size() && http::equal_fold(name.substr(0, kPrefix.size()), kPrefix);
}

// `pattern` has `*.` behind its scheme, in place of one label.
bool fits_label(std::string_view pattern, size_t star, std::string_view origin) {
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  if (origin.size() <= before.size() + after.size()) return false;
  if (!origin.starts_with(before) || !origin.ends_with(after)) return false;
  const std::string_view label =
      origin.substr(before.size(), origin.size() - before.size() - after.size());
  return std::ranges::all_of(label, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

void add_vary(http::FieldList& fields) {
  for (const http::Field& field : fields) {
    if (field.removed || field.id != http::FieldId::Vary) continue;
    if (field.value == "*") return;
  }
  if (!http::has_token(fields, http::FieldId::Vary, "origin")) {
    fields.add(http::FieldId::Vary, "Origin");
  }
}

void strip(http::FieldList& fields) {
  for (http::Field& field : fields) {
    if (!field.removed && is_cors_field(field.name)) field.removed = true;
  }
}

// For every origin the same answer, which caches may give to all.
bool is_for_everybody(const CorsRecord& record) {
  return record.any_origin != 0 && record.credentials == 0;
}

// False: the request names no origin that may read.
bool add_origin(Exchange& exchange, const CorsRecord& record) {
  http::FieldList& fields = exchange.response.fields;
  if (is_for_everybody(record)) {
    fields.add("access-control-allow-origin", "*");
    return true;
  }
  add_vary(fields);
  const std::string_view origin = exchange.request.fields.value(http::FieldId::Origin);
  if (origin.empty() || !allows_origin(*exchange.table, record, origin)) return false;
  fields.add("access-control-allow-origin", origin);
  if (record.credentials != 0) fields.add("access-control-allow-credentials", "true");
  return true;
}

void add_text(Exchange& exchange, std::string_view name, table::StringRef text) {
  if (text.bytes == 0) return;
  exchange.response.fields.add(name, exchange.table->text(text));
}

}  // namespace

bool is_preflight(const http::RequestHead& request) {
  return request.method == http::Method::Options && request.fields.has(http::FieldId::Origin) &&
         request.fields.find("access-control-request-method") != nullptr;
}

bool allows_origin(const BoundTable& table, const CorsRecord& record, std::string_view origin) {
  if (record.any_origin != 0) return true;
  for (const auto& allowed : table.view().policy_list<table::LateString>(record.origins)) {
    const std::string_view pattern = table.text(allowed);
    if (pattern == origin) return true;
    const size_t star = pattern.find("://*.");
    if (star != pattern.npos && fits_label(pattern, star + 3, origin)) return true;
  }
  return false;
}

void answer_preflight(Exchange& exchange, const CorsRecord& record) {
  const std::string_view origin = exchange.request.fields.value(http::FieldId::Origin);
  if (!allows_origin(*exchange.table, record, origin)) {
    engine::answer_problem(exchange, 403);
    return;
  }
  engine::answer_empty(exchange, 204);
  add_text(exchange, "access-control-allow-methods", record.allow_methods);
  add_text(exchange, "access-control-allow-headers", record.allow_headers);
  add_text(exchange, "access-control-max-age", record.max_age);
  const http::Field* asks = exchange.request.fields.find("access-control-request-private-network");
  if (record.private_network != 0 && asks != nullptr && asks->value == "true") {
    exchange.response.fields.add("access-control-allow-private-network", "true");
  }
}

Verdict check_origin(Exchange& exchange, const CorsRecord& record) {
  if (record.mode == kCorsStrip || !engine::asks_for_websocket(exchange.request)) {
    return Verdict::Continue;
  }
  const http::Field* origin = exchange.request.fields.find(http::FieldId::Origin);
  // Who is no browser sends none.
  if (origin == nullptr || allows_origin(*exchange.table, record, origin->value)) {
    return Verdict::Continue;
  }
  engine::answer_problem(exchange, 403);
  return Verdict::Reply;
}

void write_cors_fields(Exchange& exchange, const CorsRecord& record) {
  // What a preflight was answered a moment ago is ours.
  if (!exchange.preflight) strip(exchange.response.fields);
  if (record.mode == kCorsStrip) return;
  // The request that it announces has no leave; that OPTIONS has is not the question.
  if (!exchange.preflight && is_preflight(exchange.request)) {
    add_vary(exchange.response.fields);
    return;
  }
  if (!add_origin(exchange, record)) return;
  if (!exchange.preflight) add_text(exchange, "access-control-expose-headers", record.expose);
}

}  // namespace gw::policies
