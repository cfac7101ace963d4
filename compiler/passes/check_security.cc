// Rules about who may call: what is public, and what is weaker than it looks. Notes for `inspect`
// about what is public or not enforced.
#include <fmt/format.h>

#include <map>
#include <set>

#include "compiler/passes/passes.h"
#include "compiler/xgw/language.h"

namespace gw::compiler {
namespace {

using openapi::SchemeType;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// Why an operation needs no authentication; absent: nobody says.
NodeRef public_reason(const GatewayOperation& source) {
  for (const NodeRef level : {source.operation->x_gw, source.item->x_gw,
                              source.unit->document->x_gw, source.unit->gateway_x_gw}) {
    const NodeRef reason = child(level, "public");
    if (reason && reason.is_scalar()) return reason;
  }
  return {};
}

class SecurityCheck {
 public:
  explicit SecurityCheck(Module& module) : module_(module) {}

  void run() {
    for (const PlannedOperation& planned : module_.operations) {
      if ((planned.flags & table::kRouteSecured) != 0) secured_.insert(planned.source->unit);
    }
    for (const PlannedOperation& planned : module_.operations) check(planned);
    report_open_documents();
  }

 private:
  void check(const PlannedOperation& planned) {
    const GatewayOperation& source = *planned.source;
    const bool secured = (planned.flags & table::kRouteSecured) != 0;
    if (!secured || planned.anonymous) check_public(planned);
    if (!secured) return;
    if ((planned.flags & table::kRouteSecurityUnenforced) != 0) {
      note_unenforced(source);
      return;
    }
    const NodeRef list = security_of(source);
    if (!lists_.insert({list.tree(), list.index()}).second) return;
    check_alternatives(source, list);
  }

  void check_public(const PlannedOperation& planned) {
    const GatewayOperation& source = *planned.source;
    if (const NodeRef reason = public_reason(source)) {
      add_note(table::NoteKind::Public, "public", source.id, reason.text(), reason.span());
      return;
    }
    if (module_.options.mock) return;
    if (!secured_.contains(source.unit)) {
      ++open_[source.unit];
      return;
    }
    const NodeRef list = security_of(source);
    const Span place = list ? list.span() : source.span;
    if (!public_places_.insert({place.file, place.begin}).second) return;
    module_.sink.report(
        {.rule = "auth-public-by-accident",
         .severity = Severity::Warning,
         .message =
             planned.anonymous
                 ? fmt::format("operation `{}` lets in whoever has no credentials", source.id)
                 : fmt::format("operation `{}` asks for no authentication", source.id),
         .primary = {place, list ? "by this" : "others of the document do"},
         .related =
             list ? std::vector<Label>{{source.span, "this operation"}} : std::vector<Label>{},
         .help = "say why: `x-gw: {public: REASON}`"});
  }

  // A document in which nobody asks for authentication: one finding, not one for each operation.
  void report_open_documents() {
    for (const auto& [unit, count] : open_) {
      const NodeRef paths = child(unit->document->root, "paths");
      module_.sink.report(
          {.rule = "auth-public-by-accident",
           .severity = Severity::Info,
           .message = count == 1
                          ? "the operation of this document asks for no authentication"
                          : fmt::format("none of the {} operations of this document asks for "
                                        "authentication",
                                        count),
           .primary = {paths ? unit->document->root.key_of("paths").span() : Span{}, "here"},
           .help =
               "add `security`, or say why not: `x-gw: {public: REASON}` at the root, a path or "
               "an operation"});
    }
  }

  void note_unenforced(const GatewayOperation& source) {
    const NodeRef list = security_of(source);
    if (const NodeRef reason = unenforced_security(source)) {
      add_note(table::NoteKind::Unenforced, "security", source.id,
               reason.is_scalar() ? reason.text() : "", reason.span());
      return;
    }
    add_note(table::NoteKind::Unenforced, "security", source.id,
             module_.options.mock ? "--mock" : "--unenforced security", list.span());
  }

  void add_note(table::NoteKind kind, std::string_view subject, std::string_view where,
                std::string_view reason, Span span) {
    Pools& pools = module_.table.pools;
    module_.table.notes.push_back(
        {.kind = kind,
         .subject = pools.strings.add(subject),
         .where = pools.strings.add(where),
         .reason = pools.strings.add(reason),
         .source = Encoder(pools, module_.files, module_.sink).source(span)});
  }

  const openapi::SecurityScheme* scheme(const GatewayOperation& source, std::string_view name) {
    const NodeRef bound = child(child(source.unit->entry, "schemes"), name);
    if (bound && bound.is_scalar()) return source.unit->gateway->find_scheme(bound.text());
    const auto* own = source.unit->document->find_scheme(name);
    return own != nullptr ? own : source.unit->gateway->find_scheme(name);
  }

  static bool is_in_url(const openapi::SecurityScheme& scheme) {
    if (scheme.type == SchemeType::ApiKey) {
      const NodeRef in = child(scheme.node, "in");
      return in && in.is_scalar() && in.text() == "query";
    }
    const NodeRef in = child(child(scheme.x_gw, "token"), "in");
    return in && in.is_scalar() && in.text() == "query";
  }

  static bool is_basic(const openapi::SecurityScheme& scheme) {
    const NodeRef name = child(scheme.node, "scheme");
    return scheme.type == SchemeType::Http && name && name.is_scalar() && name.text() == "basic";
  }

  static bool is_token(const openapi::SecurityScheme& scheme) {
    return scheme.type == SchemeType::OAuth2 || scheme.type == SchemeType::OpenIdConnect ||
           scheme.type == SchemeType::MutualTls ||
           (scheme.type == SchemeType::Http && !is_basic(scheme));
  }

  // The strength of alternatives is that of the weakest; credentials in URLs end up in logs.
  void check_alternatives(const GatewayOperation& source, NodeRef list) {
    bool has_strong = false;
    NodeRef weak;
    for (const NodeRef alternative : list.items()) {
      bool strong = false;
      bool only_weak = alternative.size() > 0;
      for (const auto [name, scopes] : alternative.entries()) {
        const auto* declared = scheme(source, name.text());
        if (declared == nullptr) continue;
        strong = strong || is_token(*declared);
        only_weak = only_weak && (is_in_url(*declared) || is_basic(*declared));
        if (is_in_url(*declared)) check_url(*declared, name);
      }
      has_strong = has_strong || (strong && !only_weak);
      if (only_weak && !weak) weak = alternative;
    }
    if (!has_strong || !weak) return;
    report(module_, "auth-alternatives-mixed", Severity::Warning, weak.span(),
           "a weak alternative stands beside a strong one", "whoever attacks will choose this one",
           "remove it, or ask for both in one alternative");
  }

  void check_url(const openapi::SecurityScheme& declared, NodeRef used_at) {
    if (!in_url_.insert(&declared).second) return;
    module_.sink.report(
        {.rule = "auth-secret-in-log",
         .severity = Severity::Warning,
         .message = fmt::format("the credential of `{}` stands in the query", declared.name.value),
         .primary = {declared.name.span, "browsers, proxies and logs of others keep URLs"},
         .related = {{used_at.span(), "required here"}},
         .help = "take it from a header field; gwctl itself leaves it out of its log"});
  }

  Module& module_;
  std::set<const Unit*> secured_;  // in which somebody asks for authentication
  std::map<const Unit*, u32> open_;
  std::set<std::pair<FileId, u32>> public_places_;
  std::set<std::pair<const Tree*, u32>> lists_;
  std::set<const openapi::SecurityScheme*> in_url_;
};

}  // namespace

NodeRef unenforced_security(const GatewayOperation& source) {
  for (const NodeRef level : {source.operation->x_gw, source.item->x_gw,
                              source.unit->document->x_gw, source.unit->gateway_x_gw}) {
    if (const NodeRef reason = child(child(level, "unenforced"), "security")) return reason;
  }
  return {};
}

NodeRef security_of(const GatewayOperation& source) {
  const openapi::Security& own = source.unit->document->effective_security(*source.operation);
  if (own.declared) return own.node;
  if (const NodeRef entry = child(source.unit->entry, "security")) return entry;
  const openapi::Security& gateway = source.unit->gateway->security;
  return gateway.declared ? gateway.node : NodeRef{};
}

void check_security(Module& module) { SecurityCheck(module).run(); }

}  // namespace gw::compiler
