// Rules about schemas of request bodies that are dear to judge, or that no body can satisfy.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "compiler/passes/schema_shape.h"
#include "runtime/base/letter_case.h"
#include "runtime/policies/validate/record.h"

namespace gw::compiler {
namespace {

using NodeKey = std::pair<const Tree*, u32>;

constexpr u32 kMaxDepth = 256;
constexpr size_t kManyBranches = 32;

NodeKey key_of(NodeRef node) { return {node.tree(), node.target_index()}; }

bool says_true(NodeRef node) { return node && node.kind() == NodeKind::Bool && node.boolean(); }

// How a schema leads to another one: about the same value, one inside of it, or as many inside of
// it as a client likes.
enum class Step : u8 { Same, Inside, Many };
using Visit = std::function<void(NodeRef, Step)>;

// Schemas that lead back to themselves by the steps of one kind of walk.
class CircleSearch {
 public:
  using Children = std::function<void(NodeRef, const Visit&)>;
  /// Told of the place that closes a circle, once for each.
  using Found = std::function<void(Span)>;

  CircleSearch(Children children, Step at_least, Found found)
      : children_(std::move(children)), at_least_(at_least), found_(std::move(found)) {}

  void walk(NodeRef schema, Step by = Step::Same) {
    if (!schema || !schema.is_map() || path_.size() >= kMaxDepth) return;
    const NodeKey key = key_of(schema);
    const auto [state, fresh] = open_.try_emplace(key, path_.size());
    if (!fresh) {
      if (state->second < path_.size() && closes(state->second, by)) found_(place_);
      return;
    }
    path_.push_back(by);
    children_(schema, [&](NodeRef child, Step step) {
      const NodeRef reference = schema.get("$ref");
      place_ = (reference && step == Step::Same ? reference : child).span();
      walk(child, step);
    });
    path_.pop_back();
    open_[key] = kDone;
  }

 private:
  static constexpr size_t kDone = ~size_t{0};

  bool closes(size_t start, Step by) const {
    const auto counts = [&](Step step) { return step >= at_least_; };
    return counts(by) ||
           std::any_of(path_.begin() + static_cast<ptrdiff_t>(start) + 1, path_.end(), counts);
  }

  Children children_;
  Step at_least_;
  Found found_;
  Span place_;
  std::vector<Step> path_;          // how each schema on the way here was reached
  std::map<NodeKey, size_t> open_;  // position in path_, or kDone
};

// Schemas of one document.
class SchemaCheck {
 public:
  SchemaCheck(Module& module, const openapi::Document& document)
      : module_(module),
        document_(document),
        shape_(document),
        recursion_([this](NodeRef schema, const Visit& visit) { unbounded(schema, visit); },
                   Step::Many, [this](Span place) { recursive_.push_back(place); }),
        need_([this](NodeRef schema, const Visit& visit) { needed(schema, visit); }, Step::Inside,
              [this](Span place) { report_endless(place); }) {}

  void add(NodeRef body) {
    need_.walk(body);
    later_.push_back(body);
    while (!later_.empty()) {
      const NodeRef next = later_.front();
      later_.pop_front();
      recursion_.walk(next);
    }
  }

  void report_all() {
    if (recursive_.empty()) return;
    const std::string others =
        recursive_.size() == 1 ? ""
                               : fmt::format(", here and at {} more places", recursive_.size() - 1);
    report(module_, "schema-recursive-unbounded", Severity::Info, recursive_.front(),
           fmt::format("a body may hold lists in lists without an end{}", others),
           "leads back to itself, and nothing on the way has a largest number",
           "add `maxItems` to the lists, or `maxProperties` to the maps");
  }

 private:
  // Everything below a schema, but for what has a largest number: that begins anew.
  void unbounded(NodeRef schema, const Visit& visit) {
    check_cost(schema);
    if (schema.get("$ref")) visit(document_.resolve(schema), Step::Same);
    if (is_reference(schema)) return;
    for (const std::string_view name : {"allOf", "oneOf", "anyOf"}) {
      for (const NodeRef part : parts(schema, name)) visit(part, Step::Same);
    }
    each_property(schema, [&](std::string_view, NodeRef value) { visit(value, Step::Inside); });
    const auto many = [&](NodeRef child, bool has_largest) {
      if (has_largest && child) later(child);
      if (!has_largest && child) visit(child, Step::Many);
    };
    const bool items = static_cast<bool>(shape_.keyword(schema, "maxItems"));
    const bool properties = static_cast<bool>(shape_.keyword(schema, "maxProperties"));
    many(schema.get("items"), items);
    many(schema.get("additionalProperties"), properties);
    if (const NodeRef patterns = schema.get("patternProperties")) {
      for (const auto [key, value] : patterns.entries()) many(value, properties);
    }
  }

  // What every value of a schema has in it.
  void needed(NodeRef schema, const Visit& visit) {
    if (schema.get("$ref")) visit(document_.resolve(schema), Step::Same);
    if (is_reference(schema)) return;
    for (const NodeRef part : parts(schema, "allOf")) visit(part, Step::Same);
    if (shape_.types(schema) == gw::schema::kTypeObject) {
      const std::vector<NodeRef> required = parts(schema, "required");
      each_property(schema, [&](std::string_view name, NodeRef value) {
        const bool is_required = std::ranges::any_of(
            required, [&](NodeRef one) { return one.is_string() && one.text() == name; });
        // Only answers have what is read-only.
        if (is_required && !says_true(shape_.keyword(value, "readOnly"))) {
          visit(value, Step::Inside);
        }
      });
    }
    const NodeRef least = schema.get("minItems");
    const bool has_items =
        least && least.kind() == NodeKind::Int && least.text() != "0" && !schema.get("prefixItems");
    if (has_items && shape_.types(schema) == gw::schema::kTypeArray && schema.get("items")) {
      visit(schema.get("items"), Step::Inside);
    }
  }

  // In OpenAPI 3.0 nothing counts beside a `$ref`.
  bool is_reference(NodeRef schema) const {
    return document_.version == openapi::Version::V30 && schema.get("$ref");
  }

  static std::vector<NodeRef> parts(NodeRef schema, std::string_view name) {
    std::vector<NodeRef> found;
    const NodeRef list = schema.get(name);
    if (!list) return found;
    for (const NodeRef part : list.items()) found.push_back(part);
    return found;
  }

  template <class See>
  static void each_property(NodeRef schema, See see) {
    const NodeRef properties = schema.get("properties");
    if (!properties) return;
    for (const auto [key, value] : properties.entries()) see(key.text(), value);
  }

  void later(NodeRef schema) {
    if (later_seen_.insert(key_of(schema)).second) later_.push_back(schema);
  }

  // --- schema-recursive-unbounded

  void report_endless(Span place) {
    report(module_, "schema-recursive-unbounded", Severity::Error, place,
           "no body can satisfy this schema: each value needs another one inside of it",
           "required again here", "make the property optional, or let it be null");
  }

  // --- schema-cost

  void check_cost(NodeRef schema) {
    const NodeRef unique = schema.get("uniqueItems");
    if (says_true(unique) && !shape_.keyword(schema, "maxItems")) check_unique(schema, unique);
    const std::vector<NodeRef> branches = parts(schema, "oneOf");
    if (branches.size() <= kManyBranches || schema.get("discriminator")) return;
    const auto objects = std::ranges::count_if(branches, [&](NodeRef branch) {
      return (shape_.types(branch) & gw::schema::kTypeObject) != 0;
    });
    if (static_cast<size_t>(objects) <= kManyBranches) return;
    report(module_, "schema-cost", Severity::Warning, schema.key_of("oneOf").span(),
           fmt::format("each value is judged by {} schemas", branches.size()),
           "all of them, as only one may fit",
           "add a `discriminator`, by which one of them is chosen");
  }

  void check_unique(NodeRef schema, NodeRef unique) {
    const NodeRef items = schema.get("items");
    const u32 types = items ? shape_.types(items) : gw::schema::kAllTypes;
    if (types == gw::schema::kAllTypes || (types & gw::schema::kTypeObject) == 0) return;
    report(module_, "schema-cost", Severity::Warning, unique.span(),
           "any number of objects are compared with each other, property by property",
           "without `maxItems`", "add `maxItems`, or leave the comparison to the upstream");
  }

  Module& module_;
  const openapi::Document& document_;
  SchemaShape shape_;
  std::vector<Span> recursive_;
  std::deque<NodeRef> later_;
  std::set<NodeKey> later_seen_;
  CircleSearch recursion_;
  CircleSearch need_;
};

// Media types, in lower case, whose bodies are held to their schema.
std::set<std::string_view> judged_types(const Module& module, const PlannedOperation& planned) {
  std::set<std::string_view> types;
  const std::string_view strings = module.table.pools.strings.bytes();
  for (const auto& contract : steps_of<policies::ValidateRecord>(
           module, planned, policies::PolicyId::Validate, policies::Phase::RequestValidation)) {
    if (contract.request == static_cast<u32>(policies::ValidateMode::Off)) continue;
    for (const auto& media : list_of<policies::MediaRecord>(module.table.pools, contract.media)) {
      if (media.schema == table::kNone) continue;
      types.insert(strings.substr(media.type.offset, media.type.bytes));
    }
  }
  return types;
}

std::string plain_type(std::string_view media) {
  std::string type(media.substr(0, media.find_first_of("; ")));
  type = lower_case(type);
  return type;
}

}  // namespace

void check_schemas(Module& module) {
  std::map<FileId, SchemaCheck> checks;
  std::set<NodeKey> seen;
  for (const PlannedOperation& planned : module.operations) {
    const auto& content = planned.source->operation->request_body.content;
    if (content.empty()) continue;
    const std::set<std::string_view> judged = judged_types(module, planned);
    const openapi::Document& document = *planned.source->unit->document;
    SchemaCheck& check = checks.try_emplace(document.file, module, document).first->second;
    for (const openapi::MediaType& media : content) {
      if (!media.schema || !judged.contains(plain_type(media.name.value))) continue;
      if (seen.insert(key_of(media.schema)).second) check.add(media.schema);
    }
  }
  for (auto& [file, check] : checks) check.report_all();
}

}  // namespace gw::compiler
