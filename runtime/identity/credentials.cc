#include "runtime/identity/credentials.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "runtime/engine/expression.h"
#include "runtime/http/query.h"
#include "runtime/table/bound_table.h"

namespace gw::identity {
namespace {

using policies::CredentialPlace;
using policies::SchemeKind;
using policies::SchemeRecord;

constexpr size_t kMaxBasicBytes = 1024;

// What follows `scheme` and at least one space; false: it is another authentication scheme.
bool strip_scheme(std::string_view value, std::string_view scheme, std::string_view& out) {
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return false;
  if (!http::equal_fold(value.substr(0, scheme.size()), scheme)) return false;
  value.remove_prefix(scheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  out = value;
  return true;
}

Found find_in_header(const Exchange& exchange, const SchemeRecord& scheme, std::string_view& out) {
  const std::string_view name = exchange.table->text(scheme.field);
  const auto kind = static_cast<SchemeKind>(scheme.kind);
  const http::FieldId id = http::field_id(name);
  u32 count = 0;
  for (const http::Field& field : exchange.request.fields) {
    if (field.removed || field.id != id) continue;
    if (id == http::FieldId::Other && !http::equal_fold(field.name, name)) continue;
    ++count;
    if (count == 1) out = field.value;
  }
  if (count == 0) return Found::None;
  if (count > 1) return Found::Several;
  const bool standard = id == http::FieldId::Authorization && kind != SchemeKind::ApiKey;
  if (kind == SchemeKind::Basic) return strip_scheme(out, "Basic", out) ? Found::One : Found::None;
  if (kind == SchemeKind::ApiKey) return Found::One;
  if (strip_scheme(out, "Bearer", out)) return Found::One;
  return standard ? Found::None : Found::One;
}

Found find_in_query(Exchange& exchange, std::string_view name, std::string_view& out) {
  u32 count = 0;
  std::string_view rest = exchange.request.query;
  for (http::QueryPair pair; http::next_query_pair(rest, pair);) {
    if (!http::is_query_name(exchange.arena, pair, name)) continue;
    if (++count == 1) out = http::percent_decoded(exchange.arena, pair.value, true);
  }
  if (count == 0) return Found::None;
  return count == 1 ? Found::One : Found::Several;
}

void remove_from_query(Exchange& exchange, std::string_view name) {
  http::RequestHead& request = exchange.request;
  char* kept = static_cast<char*>(exchange.arena.allocate(request.query.size(), 1));
  size_t used = 0;
  std::string_view rest = request.query;
  for (http::QueryPair pair; http::next_query_pair(rest, pair);) {
    if (http::is_query_name(exchange.arena, pair, name)) continue;
    if (used != 0) kept[used++] = '&';
    std::memcpy(kept + used, pair.text.data(), pair.text.size());
    used += pair.text.size();
  }
  request.query = {kept, used};
  request.has_query = used != 0;
}

// Calls `each` with every `name=value` of the Cookie fields.
template <class Each>
void for_each_cookie(std::string_view rest, Each each) {
  while (!rest.empty()) {
    const size_t end = rest.find(';');
    std::string_view pair = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    if (!pair.empty()) each(pair);
  }
}

bool is_cookie(std::string_view pair, std::string_view name) {
  return pair.size() > name.size() && pair[name.size()] == '=' && pair.starts_with(name);
}

Found find_in_cookie(const Exchange& exchange, std::string_view name, std::string_view& out) {
  u32 count = 0;
  for (const http::Field& field : exchange.request.fields) {
    if (field.removed || field.id != http::FieldId::Cookie) continue;
    for_each_cookie(field.value, [&](std::string_view pair) {
      if (is_cookie(pair, name)) ++count;
    });
  }
  if (count == 0) return Found::None;
  if (count > 1) return Found::Several;
  return engine::cookie_value(exchange, name, out) ? Found::One : Found::None;
}

void remove_from_cookies(Exchange& exchange, std::string_view name) {
  for (http::Field& field : exchange.request.fields) {
    if (field.removed || field.id != http::FieldId::Cookie) continue;
    char* kept = static_cast<char*>(exchange.arena.allocate(2 * field.value.size(), 1));
    size_t used = 0;
    for_each_cookie(field.value, [&](std::string_view pair) {
      if (is_cookie(pair, name)) return;
      if (used != 0) {
        std::memcpy(kept + used, "; ", 2);
        used += 2;
      }
      std::memcpy(kept + used, pair.data(), pair.size());
      used += pair.size();
    });
    field.value = {kept, used};
    field.removed = used == 0;
  }
}

}  // namespace

Found find_credential(Exchange& exchange, const SchemeRecord& scheme, std::string_view& out) {
  const std::string_view name = exchange.table->text(scheme.field);
  switch (static_cast<CredentialPlace>(scheme.place)) {
    case CredentialPlace::Header:
      return find_in_header(exchange, scheme, out);
    case CredentialPlace::Query:
      return find_in_query(exchange, name, out);
    case CredentialPlace::Cookie:
      return find_in_cookie(exchange, name, out);
  }
  return Found::None;
}

void remove_credential(Exchange& exchange, const SchemeRecord& scheme) {
  const std::string_view name = exchange.table->text(scheme.field);
  if (name.empty()) return;  // a certificate stands in no request
  switch (static_cast<CredentialPlace>(scheme.place)) {
    case CredentialPlace::Header:
      exchange.request.fields.remove(name);
      return;
    case CredentialPlace::Query:
      if (exchange.request.has_query) remove_from_query(exchange, name);
      return;
    case CredentialPlace::Cookie:
      remove_from_cookies(exchange, name);
      return;
  }
}

bool parse_basic(Exchange& exchange, std::string_view credential, Login& out) {
  if (credential.empty() || credential.size() > kMaxBasicBytes || credential.size() % 4 != 0) {
    return false;
  }
  auto* decoded = static_cast<u8*>(exchange.arena.allocate(credential.size(), 1));
  const int bytes = EVP_DecodeBlock(decoded, reinterpret_cast<const u8*>(credential.data()),
                                    static_cast<int>(credential.size()));
  if (bytes < 0) return false;
  auto size = static_cast<size_t>(bytes);
  // It counts what `=` stands for as zeros.
  for (size_t i = credential.size(); size > 0 && i > credential.size() - 2; --i) {
    if (credential[i - 1] == '=') --size;
  }
  const std::string_view text(reinterpret_cast<const char*>(decoded), size);
  const bool plain =
      std::ranges::none_of(text, [](char c) { return static_cast<u8>(c) < ' ' || c == 0x7f; });
  const size_t colon = text.find(':');
  if (!plain || colon == text.npos) return false;
  out = {text.substr(0, colon), text.substr(colon + 1)};
  return true;
}

}  // namespace gw::identity
