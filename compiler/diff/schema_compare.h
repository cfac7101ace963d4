// Two versions of schemas, compared by what they accept.
#pragma once
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/diff/finding.h"
#include "compiler/diff/schema_set.h"

namespace gw::compiler::diff {

/// Who writes the values: clients, or the API.
enum class Direction : u8 { Request, Response };

/// A change of one schema, before it is known which operations it reaches.
struct SchemaChange {
  std::string_view id;  // of changes.def
  std::string message;
  std::string before = {};
  std::string after = {};
  Place old_place = {};
  Place new_place = {};
};

/// Every pair of schemas that stands at one place of both versions, each compared once, whatever
/// the number of operations that use it. Schemas may lead back to themselves.
class SchemaComparison {
 public:
  struct Pair {
    SchemaSet old_schema;
    SchemaSet new_schema;
    Direction direction;
    bool text;         // of a parameter: values are written as texts without quotes
    std::string path;  // for people: "User.address.city", or what leads to it
    std::vector<SchemaChange> changes = {};
    std::vector<u32> children = {};
    bool matters = false;  // it or something below has changes
  };

  /// Index of the pair; compares it and all below. `path` names the place where no component does.
  /// `text`: the values are parameters, of which a number is a text like any other.
  u32 compare(const SchemaSet& old_schema, const SchemaSet& new_schema, Direction direction,
              bool text, const std::string& path);
  const Pair& pair(u32 index) const { return pairs_[index]; }
  /// Indexes of pairs with changes that `root` leads to, itself included, each once.
  std::vector<u32> reached(u32 root);
  /// False when there were more pairs than it would compare.
  bool complete() const { return complete_; }

 private:
  friend class PairCompare;
  u32 index_of(const SchemaSet& old_schema, const SchemaSet& new_schema, Direction direction,
               bool text, const std::string& path);
  void spread(u32 first);

  using Key = std::tuple<std::vector<Value>, bool, std::vector<Value>, bool, Direction, bool>;
  std::vector<Pair> pairs_;
  std::map<Key, u32> known_;
  std::vector<u32> seen_;  // by pair: the last walk of reached() that came by
  u32 walk_ = 0;
  bool complete_ = true;
};

}  // namespace gw::compiler::diff
