// Schemas to programs (runtime/schema/format.h).
#pragma once
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/emit/pools.h"
#include "compiler/schema/schema_set.h"
#include "compiler/schema/unit.h"

namespace gw::compiler::schema {

/// Appends programs to `pools.schema_programs`. A schema that is met twice, or is equal to an
/// earlier one, is stored once; recursion is fine. Equal calls in equal order give equal words. One
/// per table.
class SchemaCompiler {
 public:
  SchemaCompiler(Pools& pools, DiagnosticSink& sink) : pools_(pools), sink_(sink) {}

  /// The root of the program of `schema`, or kNone after reporting why it cannot be enforced:
  /// keywords of another dialect (keyword-unknown), patterns (regex-unsupported), references that
  /// lead nowhere or round in a circle (ref-unresolved), values of the wrong type (field-type,
  /// field-value). Formats that are not known are warnings (format-unknown). Keywords in
  /// `unenforced` are left out. `set` outlives this. Linear in the schemas that are new.
  u32 compile_schema(SchemaSet& set, NodeRef schema,
                     std::span<const std::string_view> unenforced = {});

 private:
  friend class Lowering;
  struct MemoKey {
    const SchemaSet* set;
    NodeKey node;
    u32 scope;  // index of the list of unenforced keywords
    friend bool operator==(const MemoKey&, const MemoKey&) = default;
  };
  struct MemoHash {
    size_t operator()(const MemoKey& key) const {
      return NodeKeyHash{}(key.node) * 31 + std::hash<const void*>{}(key.set) + key.scope;
    }
  };

  u32 unit_of(NodeRef schema);
  void lower_all();
  bool add_dynamic_candidates();
  void write_dynamic_refs();
  void mark_dynamic_resources();
  bool find_circle();
  void report_circle(u32 unit);
  void share();
  void decide(u32 unit);
  u32 representative(u32 unit) const;
  void place(u32 root);
  void write(u32 unit);
  u32 regex_of(NodeRef node, std::string_view pattern);
  void forget_batch();

  Pools& pools_;
  DiagnosticSink& sink_;
  std::deque<Unit> units_;
  std::unordered_map<MemoKey, u32, MemoHash> memo_;
  std::unordered_map<std::string, u32> known_;  // equal content, by words
  std::unordered_map<std::string, u32> regexes_;
  std::unordered_map<std::string, u32> values_;
  std::map<std::string, u32> scopes_;
  std::map<const SchemaSet*, u32> first_resource_;  // numbers of resources, in programs

  // Of the call that is running.
  SchemaSet* set_ = nullptr;
  std::span<const std::string_view> unenforced_ = {};
  u32 scope_ = 0;
  bool failed_ = false;  // something cannot be enforced; repeated findings are not counted
  u32 batch_begin_ = 0;
  u32 next_to_lower_ = 0;
  std::vector<MemoKey> batch_keys_;
  std::map<std::string, std::vector<std::pair<u32, u32>>>
      candidates_;  // (resource, unit) by anchor
};

}  // namespace gw::compiler::schema
