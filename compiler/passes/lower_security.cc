#include "compiler/passes/lower_security.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/letter_case.h"

namespace gw::compiler {
u32 OperationSecurity::route_flags(const openapi::Operation& operation) const {
  u32 flags = operation.deprecated ? u32{table::kRouteDeprecated} : 0;
  if (declared) flags |= table::kRouteSecured;
  if (unenforced) flags |= table::kRouteSecurityUnenforced;
  return flags;
}

bool OperationSecurity::names_consumers() const {
  return std::ranges::any_of(scope.alternatives, [](const auto& schemes) {
    return std::ranges::any_of(schemes, [](const auto* scheme) { return scheme->names_consumer; });
  });
}

const OperationSecurity& SecurityLowerer::of(const GatewayOperation& operation) {
  const NodeRef list = security_of(operation);
  const bool off = static_cast<bool>(unenforced_security(operation)) || module_.options.mock ||
                   module_.options.unenforced_security;
  const auto key =
      std::tuple(list ? list.tree() : nullptr, list ? list.index() : 0, operation.unit, off);
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  OperationSecurity lowered;
  lowered.declared = list && list.is_seq() && list.size() > 0;
  lowered.unenforced = lowered.declared && off;
  if (lowered.declared && !off) {
    lowered = lower(operation, list);
  } else {
    lowered.scope.alternatives.emplace_back();
    lowered.scope_known = !lowered.unenforced;  // who calls is somebody else's knowledge then
  }
  lowered.number = next_number_++;
  return known_.emplace(key, std::move(lowered)).first->second;
}

OperationSecurity SecurityLowerer::lower(const GatewayOperation& operation, NodeRef list) {
  OperationSecurity out;
  out.declared = true;
  if (list.size() > policies::kMaxAlternatives) {
    report(module_, "extension-value", Severity::Error, list.span(),
           fmt::format("there are more than {} alternatives", policies::kMaxAlternatives), "here");
    return out;
  }
  std::vector<policies::AlternativeRecord> alternatives;
  std::vector<u32> slots;  // schemes by slot
  bool complete = true;
  for (const NodeRef node : list.items()) {
    policies::AlternativeRecord& record = alternatives.emplace_back();
    complete = lower_alternative(*operation.unit, node, out, slots, record) && complete;
  }
  // What anybody may do comes last: whoever brings credentials is known by them.
  // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
  std::stable_partition(alternatives.begin(), alternatives.end(),
                        [](const auto& one) { return one.uses.count != 0; });
  if (!complete) {
    out.scope.alternatives.clear();  // reported; what follows from it would only confuse
    out.scope_known = false;
    return out;
  }
  out.record = policies::AuthenticateRecord{store_list(module_.table.pools, alternatives)};
  return out;
}

bool SecurityLowerer::lower_alternative(const Unit& unit, NodeRef node, OperationSecurity& out,
                                        std::vector<u32>& slots,
                                        policies::AlternativeRecord& record) {
  std::vector<policies::SchemeUseRecord> uses;
  std::vector<const SchemeInfo*> infos;
  bool complete = node.is_map();  // anything else would look like `{}`
  for (const auto [name, scopes] : node.entries()) {
    const SchemeInfo* scheme = schemes_.find(unit, name.text(), name.span());
    if (scheme == nullptr) {
      complete = false;
      continue;
    }
    auto slot = std::ranges::find(slots, scheme->index);
    if (slot == slots.end()) slot = slots.insert(slots.end(), scheme->index);
    const auto number = static_cast<u32>(slot - slots.begin());
    if (number >= policies::kMaxSchemesOfOperation) {
      report(
          module_, "extension-value", Severity::Error, name.span(),
          fmt::format("an operation names more than {} schemes", policies::kMaxSchemesOfOperation),
          "one too many");
      complete = false;
      continue;
    }
    uses.push_back(
        {.scheme = scheme->index, .slot = number, .scopes = scopes_of(unit, name.text(), scopes)});
    infos.push_back(scheme);
  }
  out.anonymous = out.anonymous || node.size() == 0;
  out.scope.alternatives.push_back(std::move(infos));
  record.uses = store_list(module_.table.pools, uses);
  return complete;
}

table::Extent SecurityLowerer::scopes_of(const Unit& unit, std::string_view scheme, NodeRef list) {
  std::vector<table::StringRef> scopes;
  for (const NodeRef item : list.items()) {
    if (!item.is_scalar()) continue;
    scopes.push_back(module_.table.pools.strings.add(item.text()));
    if (!schemes_.is_unknown_scope(unit, scheme, item.text())) continue;
    report(module_, "auth-scope-unknown", Severity::Warning, item.span(),
           fmt::format("no flow of `{}` grants the scope `{}`", scheme, item.text()),
           "nobody could have it", "add it to `flows`, or correct its name");
  }
  return store_list(module_.table.pools, scopes);
}

std::set<std::string> credential_fields(const Module& module, const OperationSecurity& security) {
  using policies::CredentialPlace;
  using policies::SchemeKind;
  std::set<std::string> out;
  if (!security.record) return out;
  for (const auto& alternative : security.scope.alternatives) {
    for (const SchemeInfo* info : alternative) {
      const policies::SchemeRecord& scheme = module.table.schemes[info->index];
      const auto place = static_cast<CredentialPlace>(scheme.place);
      if (static_cast<SchemeKind>(scheme.kind) == SchemeKind::MutualTls) {
        out.insert("*");
      } else if (static_cast<SchemeKind>(scheme.kind) == SchemeKind::Basic) {
        out.insert("authorization");
      } else if (place == CredentialPlace::Cookie) {
        out.insert("cookie");
      } else if (place == CredentialPlace::Header) {
        out.insert(lower_case(std::string_view(module.table.pools.strings.bytes())
                                  .substr(scheme.field.offset, scheme.field.bytes)));
      }  // a query is of the URI, by which answers differ anyway
    }
  }
  return out;
}

}  // namespace gw::compiler
