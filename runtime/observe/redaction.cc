#include "runtime/observe/redaction.h"

#include <algorithm>

#include "runtime/base/hex.h"
#include "runtime/base/letter_case.h"
#include "runtime/policies/observe/record.h"
#include "runtime/policies/scheme/record.h"
#include "runtime/table/bound_table.h"

namespace gw::observe {
namespace {

// The beginning of a name as upstreams read it.
std::string_view decoded_name(std::string_view raw, char (&to)[policies::kMostSecretNameBytes]) {
  size_t count = 0;
  for (size_t i = 0; i < raw.size() && count < sizeof to; ++i) {
    char c = raw[i] == '+' ? ' ' : raw[i];
    if (const int byte = percent_byte(raw, i); byte >= 0) {
      c = static_cast<char>(byte);
      i += 2;
    }
    to[count++] = c;
  }
  return {to, count};
}

}  // namespace

Redaction::Redaction(const BoundTable& table) {
  const table::TableView& view = table.view();
  for (const policies::SchemeRecord& scheme : view.schemes()) {
    if (scheme.field.offset == table::kNone) continue;
    const std::string_view name = table.text(scheme.field);
    if (scheme.place == static_cast<u32>(policies::CredentialPlace::Header)) {
      secret_headers_.push_back(lower_case(name));
    } else if (scheme.place == static_cast<u32>(policies::CredentialPlace::Query)) {
      secret_parameters_.emplace_back(name);
    }
  }
  const auto records = view.policy_list<policies::ObserveRecord>(view.gateway().observe);
  if (!records.empty()) {
    const policies::AccessLogRecord& log = records.front().access_log;
    query_ = static_cast<policies::LogQuery>(log.query);
    for (const table::StringRef& name : view.policy_list<table::StringRef>(log.reveal)) {
      revealed_.emplace_back(table.text(name));
    }
  }
}

bool Redaction::hides_header(std::string_view lower_case_name) const {
  if (policies::is_secret_header(lower_case_name)) return true;
  if (std::ranges::find(secret_headers_, lower_case_name) != secret_headers_.end()) return true;
  return policies::is_secret_in_messages(lower_case_name) &&
         std::ranges::none_of(revealed_, [&](const std::string& name) {
           return lower_case(name) == lower_case_name;
         });
}

bool Redaction::hides_parameter(std::string_view encoded_name) const {
  char buffer[policies::kMostSecretNameBytes];
  const std::string_view name = decoded_name(encoded_name, buffer);
  if (std::ranges::any_of(secret_parameters_, [&](const std::string& secret) {
        return secret == name || (secret.size() > name.size() && name.size() == sizeof buffer &&
                                  secret.starts_with(name));
      })) {
    return true;
  }
  return policies::is_secret_in_messages(name) &&
         std::ranges::find(revealed_, name) == revealed_.end();
}

}  // namespace gw::observe
