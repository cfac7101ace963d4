// Security schemes that service documents name: bound by their service entry, else their own,
// else the gateway document's.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/passes.h"

namespace gw::compiler {
namespace {

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

std::vector<std::string_view> names_of(const openapi::Document& document) {
  std::vector<std::string_view> names;
  for (const openapi::SecurityScheme& scheme : document.schemes) names.push_back(scheme.name.value);
  return names;
}

bool holds(const std::vector<std::string_view>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

class ServiceSchemes {
 public:
  ServiceSchemes(Module& module, const Unit& unit)
      : module_(module), unit_(unit), gateway_names_(names_of(*unit.gateway)) {
    known_ = names_of(*unit.document);
    known_.insert(known_.end(), gateway_names_.begin(), gateway_names_.end());
  }

  void run() {
    check_bindings();
    check_list(unit_.document->security.node);
    check_list(child(unit_.entry, "security"));
    for (const openapi::PathItem& item : unit_.document->paths) {
      for (const openapi::Operation& operation : item.operations) {
        check_list(operation.security.node);
      }
    }
  }

 private:
  void check_bindings() {
    const NodeRef bindings = child(unit_.entry, "schemes");
    if (!bindings) return;
    if (!bindings.is_map()) {
      report(module_, "extension-value", Severity::Error, bindings.span(), "`schemes` is not a map",
             "here", "write `{SCHEME OF THE DOCUMENT: SCHEME OF THE GATEWAY}`");
      return;
    }
    for (const auto [key, value] : bindings.entries()) {
      known_.push_back(key.text());
      if (value.is_scalar() && holds(gateway_names_, value.text())) continue;
      report(module_, "extension-dangling", Severity::Error, value.span(),
             fmt::format("the gateway document has no security scheme `{}`",
                         value.is_scalar() ? value.text() : std::string_view{}),
             "not among its schemes",
             value.is_scalar() ? did_you_mean(value.text(), gateway_names_) : std::string());
    }
  }

  void check_list(NodeRef list) {
    if (!list || !list.is_seq()) return;
    for (const NodeRef alternative : list.items()) {
      for (const auto [key, scopes] : alternative.entries()) {
        if (holds(known_, key.text())) continue;
        std::string help = did_you_mean(key.text(), known_);
        if (help.empty()) {
          help = fmt::format(
              "declare it in the document or the gateway document, or bind it: "
              "`services: {{{}: {{schemes: {{{}: NAME}}}}}}`",
              unit_.service, key.text());
        }
        report(module_, "security-scheme-unknown", Severity::Error, key.span(),
               fmt::format("the security scheme `{}` is not declared", key.text()),
               "no scheme of this name", std::move(help));
      }
    }
  }

  Module& module_;
  const Unit& unit_;
  std::vector<std::string_view> gateway_names_;
  std::vector<std::string_view> known_;
};

}  // namespace

void check_schemes(Module& module) {
  for (const Unit& unit : module.gateway.units) {
    if (!unit.service.empty()) ServiceSchemes(module, unit).run();
  }
}

}  // namespace gw::compiler
