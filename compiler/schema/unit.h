// One schema on its way into a program: its instructions, with other schemas named by unit.
#pragma once
#include <string>
#include <vector>

#include "compiler/schema/schema_set.h"
#include "runtime/schema/format.h"

namespace gw::compiler::schema {

/// Where an instruction names another schema.
struct SchemaOperand {
  u32 word;       // in Unit::words
  bool in_place;  // it is applied to the same value
};

struct Unit {
  NodeRef node;
  u32 resource = 0;  // of its SchemaSet
  u32 types = gw::schema::kAllTypes;
  bool collects = false;                // it has unevaluated*
  std::vector<u32> words;               // instructions; operands are units
  std::vector<SchemaOperand> operands;  // those that are neither kAnything nor kNothing
  // Of $dynamicRef; its instruction is made when all candidates are known.
  u32 dynamic_target = gw::schema::kNone;
  std::string dynamic_anchor;

  u32 dynamic_resource = gw::schema::kNone;  // a $dynamicRef can be reached from here
  u32 same_as = gw::schema::kNone;           // unit, kAnything or kNothing that stands for it
  u32 offset = gw::schema::kNone;            // in the program
};

/// Appends instructions to a unit.
class UnitWriter {
 public:
  explicit UnitWriter(Unit& unit) : unit_(unit) {}

  void begin(gw::schema::Op op) {
    begin_ = unit_.words.size();
    unit_.words.push_back(static_cast<u32>(op));
  }
  void add(u32 word) { unit_.words.push_back(word); }
  void add_text(table::StringRef text) {
    add(text.offset);
    add(text.bytes);
  }
  /// A unit, kAnything or kNothing.
  void add_schema(u32 unit, bool in_place) {
    if (unit < gw::schema::kNothing) {
      unit_.operands.push_back({static_cast<u32>(unit_.words.size()), in_place});
    }
    add(unit);
  }
  void end() { unit_.words[begin_] |= static_cast<u32>(unit_.words.size() - begin_) << 8; }

 private:
  Unit& unit_;
  size_t begin_ = 0;
};

}  // namespace gw::compiler::schema
