// Schemas that refer to each other: which resource each belongs to, and where references lead.
//
// A resource is what one `$id` names, or a whole document (JSON Schema 2020-12 core,
// section 4.3.5). It has a base URI, a dialect and anchors.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/openapi/model.h"
#include "compiler/syntax/node.h"

namespace gw::compiler::schema {

enum class Dialect : u8 { OpenApi30, Draft4, Draft6, Draft7, Draft201909, Draft202012 };
/// Siblings of `$ref` are not looked at.
inline bool ref_stands_alone(Dialect dialect) { return dialect < Dialect::Draft201909; }

struct Resource {
  std::string uri;  // without fragment
  NodeRef root;
  Dialect dialect = Dialect::Draft202012;
  bool validates = true;        // its meta-schema has the vocabulary of assertions
  bool asserts_formats = true;  // rather than noting them
  bool is_understood = true;    // false: reported at its `$schema`
  bool has_id = false;          // it is named by an `$id`
  std::map<std::string, NodeRef, std::less<>> anchors;
  std::map<std::string, NodeRef, std::less<>> dynamic_anchors;
};

/// Identifies a value: the same for an alias and what it stands for.
struct NodeKey {
  const Tree* tree = nullptr;
  u32 index = 0;
  friend bool operator==(const NodeKey&, const NodeKey&) = default;
};
inline NodeKey key_of(NodeRef node) { return {node.tree(), node.target_index()}; }
struct NodeKeyHash {
  size_t operator()(const NodeKey& key) const {
    return std::hash<const void*>{}(key.tree) * 31 + key.index;
  }
};

/// Where a reference leads. `node` is absent when it leads nowhere, which has been reported.
struct Target {
  NodeRef node;
  std::string dynamic_anchor = {};  // by this name of a $dynamicAnchor; empty: otherwise
};

/// Keeps views of its documents, which must outlive it.
class SchemaSet {
 public:
  /// A document at a URI, for `$ref`s to other documents; absent: there is none.
  using Load = std::function<NodeRef(const std::string& uri)>;

  /// The schemas of an OpenAPI document and of the files that it refers to. Formats are asserted.
  SchemaSet(const openapi::Document& document, DiagnosticSink& sink);
  /// Plain JSON Schema.
  SchemaSet(Dialect dialect, bool assert_formats, Load load, DiagnosticSink& sink);

  /// Makes the value at `root` known under a URI, and everything below it. Of plain JSON Schema.
  void add_document(std::string uri, NodeRef root);
  /// Of OpenAPI: `discriminator`, `readOnly` and `writeOnly` have a meaning.
  bool is_openapi() const { return document_ != nullptr; }
  /// The resource that a schema belongs to. A schema that is met for the first time belongs to its
  /// document; what is below it is looked at once.
  u32 resource_of(NodeRef schema);
  const Resource& resource(u32 index) const { return *resources_[index]; }
  u32 resource_count() const { return static_cast<u32>(resources_.size()); }
  /// Where `$ref` or `$dynamicRef` (`keyword`) of a schema leads; one step.
  Target follow(NodeRef schema, std::string_view keyword);
  /// A text as if it stood in `$ref` there, such as a discriminator's; says nothing when it leads
  /// nowhere.
  NodeRef find(NodeRef schema, std::string_view reference);

 private:
  struct Work {
    NodeRef schema;
    u32 resource;
  };
  u32 add_resource(std::string uri, NodeRef root, const Resource* parent);
  u32 resource_of_document(const Tree* tree);
  void scan(NodeRef schema, u32 resource);
  void scan_children(NodeRef schema, u32 resource, std::vector<Work>& work);
  u32 enter_schema(NodeRef schema, u32 resource);
  void set_dialect(Resource& resource, NodeRef name);
  void use_meta_schema(Resource& resource, NodeRef name);
  NodeRef walk(u32 resource, std::string_view pointer);
  Target find_in(u32 resource, const std::string& fragment);
  u32 find_resource(const std::string& uri);
  NodeRef fail(NodeRef reference);

  const openapi::Document* document_ = nullptr;
  Dialect dialect_;
  bool assert_formats_;
  Load load_;
  DiagnosticSink& sink_;
  std::vector<std::unique_ptr<Resource>> resources_;
  std::unordered_map<std::string, u32> by_uri_;
  std::unordered_map<const Tree*, u32> by_tree_;
  std::unordered_map<NodeKey, u32, NodeKeyHash> of_schema_;
};

}  // namespace gw::compiler::schema
