// Rules about what operations take: bodies against their limit, and what a contract leaves open.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "compiler/passes/schema_shape.h"
#include "runtime/base/units.h"
#include "runtime/policies/settings/record.h"
#include "runtime/policies/validate/record.h"

namespace gw::compiler {
namespace {

using policies::Phase;
using policies::PolicyId;
using policies::ValidateRecord;

constexpr u64 kMuchToHold = u64{64} << 20;
// A bound from here on is the largest number of its writer's language, and bounds nothing.
constexpr u64 kNoBound = u64{1} << 30;
constexpr u32 kMaxDepth = 64;

bool is_json(std::string_view media) {
  const std::string_view type = media.substr(0, media.find_first_of("; "));
  return type == "application/json" || type.ends_with("+json");
}

// A bound that somebody has meant.
u64 bound(NodeRef schema, std::string_view name) {
  const NodeRef node = schema.get(name);
  if (!node || node.kind() != NodeKind::Int) return 0;
  const std::optional<u64> value = parse_count(node.text());
  return value && *value < kNoBound ? *value : 0;
}

// The first finding of a rule in a document, and how many there are.
struct Tally {
  Span place;
  std::string subject;
  u32 count = 0;

  void add(Span span, std::string_view name) {
    if (count++ != 0) return;
    place = span;
    subject = name;
  }
  std::string others() const {
    return count == 1 ? std::string() : fmt::format(" and {} more", count - 1);
  }
};

struct Oversize {
  NodeRef bound;  // the number that allows it
  u64 bytes = 0;
};

// Looks for a text or list that a schema allows and that is longer than a body may be.
class SizeSearch {
 public:
  SizeSearch(const openapi::Document& document, u64 limit) : document_(document), limit_(limit) {}

  void visit(NodeRef schema, u32 depth) {
    if (found.bound || !schema || !schema.is_map() || depth > kMaxDepth) return;
    if (!seen_.insert({schema.tree(), schema.target_index()}).second) return;
    consider(schema, "maxLength", 1, 2);
    consider(schema, "maxItems", shortest_item(schema.get("items")) + 1, 1);
    if (schema.get("$ref")) visit(document_.resolve(schema), depth + 1);
    for (const auto [name, value] : schema.get("properties").entries()) visit(value, depth + 1);
    for (const std::string_view name : {"allOf", "oneOf", "anyOf"}) {
      for (const NodeRef part : schema.get(name).items()) visit(part, depth + 1);
    }
    visit(schema.get("items"), depth + 1);
    visit(schema.get("additionalProperties"), depth + 1);
  }

  Oversize found;

 private:
  void consider(NodeRef schema, std::string_view name, u64 each, u64 around) {
    const u64 count = bound(schema, name);
    if (count == 0 || found.bound || count * each + around <= limit_) return;
    found = {schema.get(name), count * each + around};
  }

  // At least so many bytes are an item, whatever it is.
  u64 shortest_item(NodeRef item) const {
    const SchemaShape shape(document_);
    if (!item || (shape.text_types(item) & ~u32{gw::schema::kTypeString}) != 0) return 1;
    const NodeRef target = document_.resolve(item);
    return 2 + (target && target.is_map() ? bound(target, "minLength") : 0);
  }

  const openapi::Document& document_;
  const u64 limit_;
  std::set<std::pair<const Tree*, u32>> seen_;
};

class BodyCheck {
 public:
  explicit BodyCheck(Module& module) : module_(module) {}

  void run() {
    for (const PlannedOperation& planned : module_.operations) check(planned);
    for (const auto& [document, tally] : open_) report_open(tally);
    for (const auto& [document, tally] : defaults_) report_default(tally);
  }

 private:
  void check(const PlannedOperation& planned) {
    const openapi::Document* document = planned.source->unit->document;
    for (const openapi::Parameter& parameter : planned.source->operation->parameters) {
      const NodeRef value = SchemaShape(*document).keyword(parameter.schema, "default");
      if (value && seen_.insert(place_of(value.span())).second) {
        defaults_[document].add(value.span(), parameter.name.value);
      }
    }
    if (planned.source->operation->request_body.content.empty()) return;
    const auto contracts =
        steps_of<ValidateRecord>(module_, planned, PolicyId::Validate, Phase::RequestValidation);
    const ValidateRecord* contract = contracts.empty() ? nullptr : &contracts.front();
    if (contract != nullptr) check_open(planned, *contract);
    if (planned.upstream == table::kNone || !module_.override_name.empty()) return;
    const table::LateNumber& limit = module_.table.settings[planned.settings].max_body;
    if (limit.late != table::kNone) return;  // known when the table is loaded
    if (contract != nullptr) check_held(planned, *contract, limit.value);
    check_fit(planned, limit.value);
  }

  static std::pair<FileId, u32> place_of(Span span) { return {span.file, span.begin}; }

  // --- body-limit-missing

  void check_held(const PlannedOperation& planned, const ValidateRecord& contract, u64 limit) {
    const bool judges =
        contract.request != static_cast<u32>(policies::ValidateMode::Off) &&
        std::ranges::any_of(list_of<policies::MediaRecord>(module_.table.pools, contract.media),
                            [](const auto& media) { return media.schema != table::kNone; });
    if (limit <= kMuchToHold || !judges) return;
    const GatewayOperation& source = *planned.source;
    const EffectiveOperation effective = effective_operation(module_, source, levels_of(source));
    const Effective* field = effective.fields.find("maxBody");
    const Span span = field == nullptr ? source.span : field->span();
    if (!seen_.insert(place_of(span)).second) return;
    module_.sink.report(
        {.rule = "body-limit-missing",
         .severity = Severity::Warning,
         .message = fmt::format("each request of `{}` may take {} of memory", source.id,
                                format_bytes(limit)),
         .primary = {span, "too much to be a limit"},
         .related = {{source.span, "its body has a schema, and is read whole for that"}},
         .help = fmt::format("set `maxBody` to what such a body really needs, at most {}; large "
                             "files are not judged as `application/octet-stream`",
                             format_bytes(kMuchToHold))});
  }

  // --- body-limit-below-schema

  void check_fit(const PlannedOperation& planned, u64 limit) {
    const GatewayOperation& source = *planned.source;
    for (const openapi::MediaType& media : source.operation->request_body.content) {
      const auto key =
          std::tuple(media.schema.tree(), media.schema ? media.schema.index() : 0, limit);
      if (!fitted_.insert(key).second) continue;
      SizeSearch search(*source.unit->document, limit);
      search.visit(media.schema, 0);
      const NodeRef bound = search.found.bound;
      if (!bound || !seen_.insert(place_of(bound.span())).second) continue;
      module_.sink.report(
          {.rule = "body-limit-below-schema",
           .severity = Severity::Warning,
           .message = fmt::format("`{}` refuses bodies that its schema allows", source.id),
           .primary = {bound.span(),
                       fmt::format("allows {} and more", format_bytes(search.found.bytes))},
           .related = {{source.span, fmt::format("takes bodies up to {}", format_bytes(limit))}},
           .help = "raise `maxBody` of the operation, or lower the bound of the schema"});
    }
  }

  // --- schema-open-request

  void check_open(const PlannedOperation& planned, const ValidateRecord& contract) {
    if (contract.unknown_query + contract.unknown_headers + contract.unknown_cookies == 0) return;
    const GatewayOperation& source = *planned.source;
    const SchemaShape shape(*source.unit->document);
    for (const openapi::MediaType& media : source.operation->request_body.content) {
      if (!is_json(media.name.value)) continue;
      if ((shape.text_types(media.schema) & gw::schema::kTypeObject) == 0) continue;
      if (shape.properties(media.schema).empty()) continue;  // a map by intention
      const bool says = std::ranges::any_of(
          std::initializer_list<std::string_view>{"additionalProperties", "unevaluatedProperties",
                                                  "patternProperties"},
          [&](std::string_view name) {
            return static_cast<bool>(shape.keyword(media.schema, name));
          });
      if (says || !seen_.insert(place_of(media.name.span)).second) continue;
      open_[source.unit->document].add(media.name.span, source.id);
    }
  }

  void report_open(const Tally& tally) {
    report(module_, "schema-open-request", Severity::Info, tally.place,
           fmt::format("the body of `{}`{} may hold properties that nobody has declared",
                       tally.subject, tally.others()),
           "parameters that nobody has declared are kept out",
           "add `additionalProperties: false`, or `unevaluatedProperties: false` beside `allOf`");
  }

  // --- param-default-not-applied

  void report_default(const Tally& tally) {
    report(module_, "param-default-not-applied", Severity::Info, tally.place,
           fmt::format("the default of parameter `{}`{} is left to the upstream", tally.subject,
                       tally.others()),
           "not added to requests that leave it out",
           "make sure that the upstream knows it; the gateway forwards what was sent");
  }

  Module& module_;
  std::map<const openapi::Document*, Tally> open_;
  std::map<const openapi::Document*, Tally> defaults_;
  std::set<std::pair<FileId, u32>> seen_;
  std::set<std::tuple<const Tree*, u32, u64>> fitted_;
};

}  // namespace

void check_bodies(Module& module) { BodyCheck(module).run(); }

}  // namespace gw::compiler
