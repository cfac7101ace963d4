// `x-gw` of parameters, security schemes and responses: what may stand there, and what may not yet.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/passes/passes.h"
#include "compiler/xgw/language.h"

namespace gw::compiler {
namespace {

// What the scheme of a document may say, by its type.
std::vector<std::string_view> scheme_fields(const openapi::SecurityScheme& scheme) {
  using openapi::SchemeType;
  std::span<const policies::FieldSpec> fields = policies::kBearerFields;
  if (scheme.type == SchemeType::ApiKey) fields = policies::kApiKeyFields;
  if (scheme.type == SchemeType::MutualTls) fields = policies::kMutualTlsFields;
  if (scheme.type == SchemeType::Http) {
    const NodeRef name = scheme.node.get("scheme");
    if (name && name.is_scalar() && name.text() == "basic") fields = policies::kBasicFields;
  }
  std::vector<std::string_view> names;
  for (const policies::FieldSpec& field : fields) names.push_back(field.name);
  return names;
}

class PlaceCheck {
 public:
  explicit PlaceCheck(Module& module) : module_(module) {}

  void run() {
    for (const auto& document : module_.gateway.documents) {
      document_ = document.get();
      for (const openapi::SecurityScheme& scheme : document->schemes) {
        check(scheme.x_gw, "x-gw of a security scheme", scheme_fields(scheme), {});
      }
      for (const openapi::PathItem& item : document->paths) {
        for (const openapi::Parameter& parameter : item.parameters) check_parameter(parameter.x_gw);
        for (const openapi::Operation& operation : item.operations) check_operation(operation);
      }
      check_components("parameters");
      check_components("responses");
    }
  }

 private:
  void check_operation(const openapi::Operation& operation) {
    for (const openapi::Parameter& parameter : operation.parameters) {
      check_parameter(parameter.x_gw);
    }
    for (const openapi::Response& response : operation.responses) {
      check(response.x_gw, "x-gw of a response", {}, {});
    }
  }

  void check_components(std::string_view kind) {
    const NodeRef components = document_->root.get("components");
    const NodeRef map = components ? components.get(kind) : NodeRef{};
    if (!map) return;
    for (const auto [key, value] : map.entries()) {
      if (!value.is_map()) continue;
      const NodeRef x_gw = value.get(kExtensionKey);
      if (kind == "parameters") {
        check_parameter(x_gw);
      } else {
        check(x_gw, "x-gw of a response", {}, {});
      }
    }
  }

  void check_parameter(NodeRef x_gw) {
    static const std::vector<std::string_view> kKnown = [] {
      std::vector<std::string_view> names;
      for (const PlainField& field : kParameterFields) names.push_back(field.name);
      return names;
    }();
    if (!check(x_gw, "x-gw of a parameter", kKnown, {})) return;
    for (const auto [key, value] : x_gw.entries()) {
      if (std::ranges::find(kKnown, key.text()) == kKnown.end()) continue;
      if (value.kind() == NodeKind::Bool || key.text() == "equals") continue;
      report(module_, "extension-value", Severity::Error, value.span(),
             fmt::format("`{}` is not `true` or `false`", key.text()), "here");
    }
  }

  // True when it is a map that was not seen before.
  bool check(NodeRef x_gw, std::string_view what, const std::vector<std::string_view>& known,
             std::span<const std::string_view> later) {
    if (!x_gw || !seen_.insert({x_gw.tree(), x_gw.index()}).second) return false;
    if (!x_gw.is_map()) {
      report(module_, "extension-value", Severity::Error, x_gw.span(), "`x-gw` is not a map",
             "here");
      return false;
    }
    std::vector<std::string_view> silent = known;  // what check_keys need not say
    for (const auto [key, value] : x_gw.entries()) {
      if (std::ranges::find(later, key.text()) == later.end()) continue;
      silent.push_back(key.text());
      report(module_, "extension-unsupported", Severity::Error, key.span(),
             fmt::format("`{}` in {} is not supported yet", key.text(), what),
             "this version cannot enforce it", "remove it");
    }
    check_keys(x_gw, what, silent, module_.sink);
    return true;
  }

  Module& module_;
  const openapi::Document* document_ = nullptr;
  std::set<std::pair<const Tree*, u32>> seen_;
};

}  // namespace

void check_places(Module& module) { PlaceCheck(module).run(); }

}  // namespace gw::compiler
