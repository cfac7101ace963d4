#include "runtime/policies/cache/vary.h"

#include <algorithm>

#include "runtime/base/letter_case.h"
#include "runtime/base/uri_path.h"
#include "runtime/policies/headers/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/table/bound_table.h"

namespace gw::policies {
namespace {

using table::TableView;

// Fields that the gateway adds about the connection. Scheme and authority are in every key.
constexpr std::string_view kInKey[] = {"host", "x-forwarded-proto", "x-forwarded-host"};
constexpr std::string_view kOfConnection[] = {"forwarded", "x-forwarded-for", "x-forwarded-port",
                                              "via", "x-request-id"};

bool is_among(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(names,
                             [&](std::string_view one) { return http::equal_fold(one, name); });
}

enum class Written : u8 { Untouched, Constant, Other };

bool is_literal(const TableView& view, table::Extent expression) {
  const auto parts = view.part(view.expressions(), expression);
  return std::ranges::all_of(parts, [](const table::ExpressionPart& part) {
    return part.source == table::ExpressionSource::Literal ||
           part.source == table::ExpressionSource::Late;
  });
}

// What one step of the request side does to a field.
Written written_by(const TableView& view, const HeadersRecord& record, bool conditional,
                   std::string_view name) {
  const auto is_name = [&](table::StringRef text) {
    return http::equal_fold(view.text(text), name);
  };
  Written written = Written::Untouched;
  for (const table::StringRef removed : view.policy_list<table::StringRef>(record.remove)) {
    if (is_name(removed)) written = conditional ? Written::Other : Written::Constant;
  }
  for (const table::Extent list : {record.rename, record.copy}) {
    for (const auto& change : view.policy_list<HeaderRenameRecord>(list)) {
      if (is_name(change.to) || is_name(change.from)) return Written::Other;
    }
  }
  for (const table::Extent list : {record.add, record.fallback}) {
    for (const auto& change : view.policy_list<HeaderSetRecord>(list)) {
      if (!is_name(change.name)) continue;
      // A literal in the place of nothing: the request still says all.
      if (!is_literal(view, change.value) || conditional) return Written::Other;
    }
  }
  for (const auto& change : view.policy_list<HeaderSetRecord>(record.set)) {
    if (!is_name(change.name)) continue;
    if (!is_literal(view, change.value) || conditional) return Written::Other;
    written = Written::Constant;
  }
  return written;
}

Written written_by_plan(const Exchange& exchange, std::string_view name) {
  const TableView& view = exchange.table->view();
  Written written = Written::Untouched;
  for (const table::StepRecord& step : view.part(view.steps(), view.plans()[exchange.plan].steps)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::Headers) continue;
    if (!is_request_phase(static_cast<Phase>(step.phase))) continue;
    const Written one = written_by(view, view.policy_record<HeadersRecord>(step.record),
                                   step.condition != table::kNone, name);
    if (one == Written::Other) return one;
    if (one != Written::Untouched) written = one;
  }
  return written;
}

std::string_view authority_of(std::string_view reference) {
  const size_t end = reference.find_first_of("/?#");
  return reference.substr(0, end);
}

}  // namespace

bool vary_is_known(const Exchange& exchange, ConstantFields& constant) {
  for (const http::Field& field : exchange.response.fields) {
    if (field.removed || field.id != http::FieldId::Vary) continue;
    std::string_view rest = field.value;
    for (std::string_view name; cache::next_element(rest, name);) {
      if (is_among(kOfConnection, name)) return false;
      const Written written =
          is_among(kInKey, name) ? Written::Constant : written_by_plan(exchange, name);
      if (written == Written::Other) return false;
      if (written == Written::Untouched) continue;
      if (constant.count == constant.names.size()) return false;
      constant.names[constant.count++] = name;
    }
  }
  return true;
}

bool place_of_reference(Exchange& exchange, std::string_view reference, u64& out) {
  std::string_view path = reference;
  const size_t scheme = reference.find("://");
  if (scheme != reference.npos || reference.starts_with("//")) {
    const std::string_view rest = reference.substr(scheme == reference.npos ? 2 : scheme + 3);
    const std::string_view authority = authority_of(rest);
    if (!http::equal_fold(authority, exchange.request.authority)) return false;
    path = rest.substr(authority.size());
  }
  path = path.substr(0, path.find_first_of("?#"));
  if (path.empty() || path.front() != '/') return false;
  char* const buffer = static_cast<char*>(exchange.arena.allocate(path.size() + 1, 1));
  std::string_view normal;
  if (normalise_path(path, exchange.request.path_options, buffer, normal) != PathProblem::None) {
    return false;
  }
  out = cache::place_of(lower_case(exchange.request.authority), normal);
  return true;
}

}  // namespace gw::policies
