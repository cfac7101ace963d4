// Effective values: what remains of a field after defaults, documents, paths and operations have
// had their say, and where each part of it was written.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/syntax/node.h"
#include "runtime/policies/field_spec.h"

namespace gw::compiler {

/// A value with its origin. A map that was put together from several levels has `entries`; any
/// other value is the `node` as written.
struct Effective {
  struct Entry;
  NodeRef node;            // absent together with no entries: not set
  std::string_view level;  // "gateway", "service", "document", "path", "operation", "policy ..."
  bool is_map = false;
  bool of_view = false;  // written in a view, which sees answers as its operation leaves them
  std::vector<Entry> entries;

  bool present() const { return is_map || static_cast<bool>(node); }
  const Effective* find(std::string_view key) const;
  /// Where a diagnostic about the whole value points.
  Span span() const;
};

struct Effective::Entry {
  NodeRef key;  // absent for a key that a shorthand stands for
  std::string_view name;
  Effective value;
};

/// A field or entry that `off` or `false` took away.
struct Removal {
  std::string field;  // e.g. "request.headers.set.x-a"
  Span span;
  std::string reason;  // of {off: reason}
};

/// How a field of a lower level meets the same field of a higher one. Add: both count; each level
/// is an entry without a name.
enum class Merge : u8 { Replace, ByKey, Add };

/// What is written at one place only, as a value of `spec`.
Effective effective_record(const policies::RecordSpec& spec, NodeRef node, std::string_view level);

/// Lays `node` (of a field described by `spec`) over `base`. With Merge::ByKey maps are merged key
/// by key at every depth; `off` removes. A value that is no map stands for the spec's shorthand.
void overlay(const policies::FieldSpec& spec, Merge merge, NodeRef node, std::string_view level,
             const std::string& path, Effective& base, std::vector<Removal>& removals);

/// `off`, `false`, or {off: reason}.
bool is_off(NodeRef node);

}  // namespace gw::compiler
