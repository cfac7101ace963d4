#include "compiler/schema/schema_set.h"

#include "compiler/openapi/references.h"
#include "compiler/openapi/report.h"
#include "compiler/schema/refuse.h"
#include "compiler/schema/uri.h"

namespace gw::compiler::schema {
namespace {

constexpr u32 kNowhere = ~u32{0};

// What stands under a keyword.
enum class Below : u8 { Nothing, Schema, SchemaOrList, Map };

Below below(std::string_view keyword) {
  struct Row {
    std::string_view keyword;
    Below below;
  };
  static constexpr Row kRows[] = {
      {"additionalItems", Below::Schema},
      {"additionalProperties", Below::Schema},
      {"allOf", Below::SchemaOrList},
      {"anyOf", Below::SchemaOrList},
      {"contains", Below::Schema},
      {"contentSchema", Below::Schema},
      {"definitions", Below::Map},
      {"$defs", Below::Map},
      {"dependencies", Below::Map},
      {"dependentSchemas", Below::Map},
      {"else", Below::Schema},
      {"if", Below::Schema},
      {"items", Below::SchemaOrList},
      {"not", Below::Schema},
      {"oneOf", Below::SchemaOrList},
      {"patternProperties", Below::Map},
      {"prefixItems", Below::SchemaOrList},
      {"properties", Below::Map},
      {"propertyNames", Below::Schema},
      {"then", Below::Schema},
      {"unevaluatedItems", Below::Schema},
      {"unevaluatedProperties", Below::Schema},
  };
  for (const Row& row : kRows) {
    if (row.keyword == keyword) return row.below;
  }
  return Below::Nothing;
}

struct KnownDialect {
  std::string_view uri;
  Dialect dialect;
};
constexpr KnownDialect kDialects[] = {
    {"https://json-schema.org/draft/2020-12/schema", Dialect::Draft202012},
    {"https://spec.openapis.org/oas/3.1/dialect/base", Dialect::Draft202012},
    {"https://json-schema.org/draft/2019-09/schema", Dialect::Draft201909},
    {"http://json-schema.org/draft-07/schema", Dialect::Draft7},
    {"http://json-schema.org/draft-06/schema", Dialect::Draft6},
    {"http://json-schema.org/draft-04/schema", Dialect::Draft4},
};

std::string_view text_of(NodeRef map, std::string_view key) {
  const NodeRef value = map.get(key);
  return value && value.is_string() ? value.text() : std::string_view{};
}

}  // namespace

SchemaSet::SchemaSet(const openapi::Document& document, DiagnosticSink& sink)
    : document_(&document),
      dialect_(document.version == openapi::Version::V30 ? Dialect::OpenApi30
                                                         : Dialect::Draft202012),
      assert_formats_(true),
      sink_(sink) {
  const NodeRef components = document.root.get("components");
  const NodeRef schemas = components ? components.get("schemas") : NodeRef{};
  // So that every `$id` and anchor is known before the first reference.
  if (schemas) {
    for (const NodeRef::Entry entry : schemas.entries()) resource_of(entry.value);
  }
}

SchemaSet::SchemaSet(Dialect dialect, bool assert_formats, Load load, DiagnosticSink& sink)
    : dialect_(dialect), assert_formats_(assert_formats), load_(std::move(load)), sink_(sink) {}

u32 SchemaSet::add_resource(std::string uri, NodeRef root, const Resource* parent) {
  auto made = std::make_unique<Resource>();
  made->uri = std::move(uri);
  made->root = root;
  made->dialect = parent != nullptr ? parent->dialect : dialect_;
  made->is_understood = parent == nullptr || parent->is_understood;
  made->validates = parent == nullptr || parent->validates;
  made->asserts_formats = parent != nullptr ? parent->asserts_formats : assert_formats_;
  const u32 index = resource_count();
  by_uri_.try_emplace(made->uri, index);
  resources_.push_back(std::move(made));
  return index;
}

u32 SchemaSet::resource_of_document(const Tree* tree) {
  const auto [entry, fresh] = by_tree_.try_emplace(tree, 0);
  if (!fresh) return entry->second;
  // A name that no reference has: files are found by the document's own means.
  entry->second = add_resource("tree:" + std::to_string(by_tree_.size()), tree->root(), nullptr);
  if (document_ != nullptr && dialect_ != Dialect::OpenApi30) {
    set_dialect(*resources_[entry->second], document_->root.get("jsonSchemaDialect"));
  }
  return entry->second;
}

void SchemaSet::add_document(std::string uri, NodeRef root) {
  scan(root, add_resource(std::move(uri), root, nullptr));
}

u32 SchemaSet::resource_of(NodeRef schema) {
  const auto known = of_schema_.find(key_of(schema));
  if (known != of_schema_.end()) return known->second;
  scan(schema, resource_of_document(schema.tree()));
  return of_schema_.at(key_of(schema));
}

// By the name in `$schema`, or in `jsonSchemaDialect` of a document; absent: nothing changes.
void SchemaSet::set_dialect(Resource& resource, NodeRef name) {
  if (!name || !name.is_string()) return;
  std::string_view uri = name.text();
  if (uri.ends_with('#')) uri.remove_suffix(1);
  for (const KnownDialect& known : kDialects) {
    if (known.uri == uri) {
      resource.dialect = known.dialect;
      resource.validates = true;
      resource.is_understood = true;
      return;
    }
  }
  use_meta_schema(resource, name);
}

void SchemaSet::use_meta_schema(Resource& resource, NodeRef name) {
  const NodeRef meta = load_ ? load_(std::string(name.text())) : NodeRef{};
  const NodeRef vocabulary = meta && meta.is_map() ? meta.get("$vocabulary") : NodeRef{};
  constexpr std::string_view kVocabulary = "https://json-schema.org/draft/2020-12/vocab/";
  bool understood = static_cast<bool>(vocabulary);
  resource.validates = false;
  resource.asserts_formats = false;
  for (const NodeRef::Entry entry : vocabulary.entries()) {
    const std::string_view uri = entry.key.text();
    const bool known = uri.starts_with(kVocabulary);
    const bool required = entry.value.kind() == NodeKind::Bool && entry.value.boolean();
    understood = understood && (known || !required);
    if (!known) continue;
    const std::string_view which = uri.substr(kVocabulary.size());
    if (which == "validation") resource.validates = true;
    if (which == "format-assertion") resource.asserts_formats = true;
  }
  resource.is_understood = understood;
  if (understood) return;
  refuse(sink_, "keyword-unknown", name,
         "schemas of the dialect " + openapi::in_quotes(name.text()) + " cannot be enforced",
         "not a dialect that is known", "JSON Schema 2020-12 is what OpenAPI 3.1 uses");
}

// Notes the names that a schema gives itself; the resource that it belongs to.
u32 SchemaSet::enter_schema(NodeRef schema, u32 resource) {
  Dialect dialect = resources_[resource]->dialect;
  if (resources_[resource]->root == schema && schema.get("$schema") &&
      !resources_[resource]->has_id) {
    set_dialect(*resources_[resource], schema.get("$schema"));
    dialect = resources_[resource]->dialect;
  }
  if (dialect == Dialect::OpenApi30) return resource;
  if (ref_stands_alone(dialect) && schema.get("$ref")) return resource;
  const std::string_view id = text_of(schema, dialect == Dialect::Draft4 ? "id" : "$id");
  if (!id.empty() && id[0] == '#' && id.size() > 1) {  // before `$anchor` was there
    if (ref_stands_alone(dialect)) {
      resources_[resource]->anchors.try_emplace(std::string(id.substr(1)), schema);
    }
  } else if (!id.empty()) {
    resource = add_resource(resolve_uri(resources_[resource]->uri, id), schema,
                            resources_[resource].get());
    resources_[resource]->has_id = true;
    set_dialect(*resources_[resource], schema.get("$schema"));
  }
  Resource& own = *resources_[resource];
  if (const auto name = text_of(schema, "$anchor"); !name.empty()) {
    own.anchors.try_emplace(std::string(name), schema);
  }
  if (const auto name = text_of(schema, "$dynamicAnchor"); !name.empty()) {
    own.dynamic_anchors.try_emplace(std::string(name), schema);
  }
  return resource;
}

void SchemaSet::scan(NodeRef schema, u32 resource) {
  std::vector<Work> work = {{schema, resource}};
  while (!work.empty()) {
    const Work next = work.back();
    work.pop_back();
    const auto [entry, fresh] = of_schema_.try_emplace(key_of(next.schema), next.resource);
    if (!fresh || !next.schema.is_map()) continue;
    const u32 own = enter_schema(next.schema, next.resource);
    of_schema_[key_of(next.schema)] = own;
    scan_children(next.schema, own, work);
  }
}

void SchemaSet::scan_children(NodeRef schema, u32 resource, std::vector<Work>& work) {
  for (const NodeRef::Entry entry : schema.entries()) {
    const Below what = below(entry.key.text());
    if (what == Below::Nothing) continue;
    if (what == Below::Map) {
      for (const NodeRef::Entry named : entry.value.entries()) {
        if (!named.value.is_seq()) work.push_back({named.value, resource});
      }
    } else if (entry.value.is_seq()) {
      for (const NodeRef item : entry.value.items()) work.push_back({item, resource});
    } else {
      work.push_back({entry.value, resource});
    }
  }
}

NodeRef SchemaSet::walk(u32 resource, std::string_view pointer) {
  NodeRef node = resources_[resource]->root;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string step = pointer_step(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(std::min(pointer.find('/'), pointer.size()));
    NodeRef next;
    if (node.is_seq()) {
      u32 left = 0;
      const bool number = !step.empty() && step.size() < 9 &&
                          step.find_first_not_of("0123456789") == std::string::npos;
      if (number) left = static_cast<u32>(std::stoul(step));
      for (const NodeRef item : node.items()) {
        if (number && left-- == 0) next = item;
        if (next) break;
      }
    } else {
      next = node.get(step);
    }
    if (!next) return {};
    node = next;
    const auto known = of_schema_.find(key_of(node));
    if (known != of_schema_.end()) resource = known->second;
  }
  scan(node, resource);  // it may stand where no keyword is known
  return node;
}

Target SchemaSet::find_in(u32 resource, const std::string& fragment) {
  const Resource& found = *resources_[resource];
  if (fragment.empty()) return {found.root};
  if (fragment[0] == '/') return {walk(resource, fragment)};
  if (const auto anchor = found.dynamic_anchors.find(fragment);
      anchor != found.dynamic_anchors.end()) {
    return {anchor->second, fragment};
  }
  if (const auto anchor = found.anchors.find(fragment); anchor != found.anchors.end()) {
    return {anchor->second};
  }
  return {};
}

// The resource at a URI, loaded if need be.
u32 SchemaSet::find_resource(const std::string& uri) {
  const auto known = by_uri_.find(uri);
  if (known != by_uri_.end()) return known->second;
  const NodeRef root = load_ ? load_(uri) : NodeRef{};
  if (!root) return kNowhere;
  const u32 resource = add_resource(uri, root, nullptr);
  by_tree_.try_emplace(root.tree(), resource);
  scan(root, resource);
  return of_schema_.at(key_of(root));
}

NodeRef SchemaSet::fail(NodeRef reference) {
  refuse(sink_, "ref-unresolved", reference,
         openapi::in_quotes(reference.text()) + " leads nowhere", "no such schema");
  return {};
}

Target SchemaSet::follow(NodeRef schema, std::string_view keyword) {
  const NodeRef reference = schema.get(keyword);
  const u32 here = resource_of(schema);
  const std::string_view text = reference.text();
  const bool is_local = text.empty() || text[0] == '#';
  // Within a document, and to other files, references are followed as those of OpenAPI are.
  const bool plain =
      document_ != nullptr && keyword == "$ref" && is_local && !resources_[here]->has_id;
  Target target;
  if (!plain) {
    const u32 resource = is_local ? here : find_resource(resolve_uri(resources_[here]->uri, text));
    if (resource != kNowhere) target = find_in(resource, fragment_of(text));
  }
  if (!target.node && document_ != nullptr && keyword == "$ref") {
    target.node = document_->follow(schema);
    return target;  // reported there
  }
  if (!target.node) fail(reference);
  return target;
}

NodeRef SchemaSet::find(NodeRef schema, std::string_view reference) {
  const u32 here = resource_of(schema);
  const bool is_local = reference.empty() || reference[0] == '#';
  const u32 resource =
      is_local ? here : find_resource(resolve_uri(resources_[here]->uri, reference));
  return resource == kNowhere ? NodeRef{} : find_in(resource, fragment_of(reference)).node;
}

}  // namespace gw::compiler::schema
