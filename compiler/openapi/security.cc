// `security` and the schemes that it names.
#include "compiler/openapi/model_builder.h"
#include "compiler/openapi/report.h"

namespace gw::compiler::openapi {
namespace {

SchemeType scheme_type(std::string_view name) {
  if (name == "apiKey") return SchemeType::ApiKey;
  if (name == "http") return SchemeType::Http;
  if (name == "mutualTLS") return SchemeType::MutualTls;
  if (name == "oauth2") return SchemeType::OAuth2;
  if (name == "openIdConnect") return SchemeType::OpenIdConnect;
  return SchemeType::Unknown;
}

/// Since 3.2 a requirement may name a scheme by its URI.
bool is_uri(std::string_view name) { return name.find_first_of("/:#") != std::string_view::npos; }

}  // namespace

void ModelBuilder::security_schemes(Document& document) {
  const NodeRef components = document.root.get("components");
  const NodeRef schemes = components ? components.get("securitySchemes") : NodeRef{};
  if (!schemes) return;
  for (const NodeRef::Entry entry : schemes.entries()) {
    const NodeRef node = references_.resolve(entry.value);
    const bool usable = node && node.is_map();
    document.schemes.push_back(
        {.name = {entry.key.text(), entry.key.span()},
         .type = usable ? scheme_type(text_at(node, "type").value) : SchemeType::Unknown,
         .node = usable ? node : NodeRef{},
         .x_gw = usable ? node.get("x-gw") : NodeRef{}});
  }
}

Security ModelBuilder::security(NodeRef owner) {
  Security security;
  const NodeRef list = owner.get("security");
  if (!list || !list.is_seq()) return security;
  security.declared = true;
  security.node = list;
  for (const NodeRef item : list.items()) {
    if (!item.is_map()) continue;
    SecurityAlternative& alternative = security.alternatives.emplace_back();
    alternative.node = item;
    for (const NodeRef::Entry entry : item.entries()) {
      SchemeUse& use = alternative.schemes.emplace_back();
      use.name = {entry.key.text(), entry.key.span()};
      for (const NodeRef scope : entry.value.items()) {
        use.scopes.push_back({scope.text(), scope.span()});
      }
      const bool by_uri = document_->version == Version::V32 && is_uri(use.name.value);
      if (!options_.check_scheme_names || by_uri || document_->find_scheme(use.name.value)) {
        continue;
      }
      std::vector<std::string_view> known;
      for (const SecurityScheme& scheme : document_->schemes) known.push_back(scheme.name.value);
      report(sink_,
             {.rule = "security-scheme-unknown",
              .node = entry.value,
              .message = "the security scheme " + in_quotes(use.name.value) + " is not declared",
              .label = "no scheme of this name",
              .help = known.empty() ? "declare it under `components/securitySchemes`"
                                    : did_you_mean(use.name.value, known),
              .span = use.name.span});
    }
  }
  return security;
}

}  // namespace gw::compiler::openapi
