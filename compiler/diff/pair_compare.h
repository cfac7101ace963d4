// One pair of schemas: what differs in it, and which pairs are below it.
#pragma once
#include <fmt/format.h>

#include <string>

#include "compiler/diff/schema_compare.h"

namespace gw::compiler::diff {

class PairCompare {
 public:
  PairCompare(SchemaComparison& all, u32 index);
  void run();

 private:
  // pair_values.cc: keywords about values.
  void type_lists();
  bool types();  // false: they have nothing in common, so that nothing else is worth a word
  void enumeration();
  void constant();
  void bounds();
  void bound(std::string_view name, const std::optional<Bound>& before,
             const std::optional<Bound>& after, bool lower);
  void multiple_of();
  void pattern();
  void format();
  void content();
  void annotations();
  // pair_children.cc: keywords that hold schemas.
  void properties();
  void property_removed(const std::string& name, const std::vector<Value>& schemas, bool required);
  void property_added(const std::string& name, const std::vector<Value>& schemas, Value required);
  void required(const std::string& name, Value before, Value after);
  void additional_properties();
  void items();
  void pattern_properties();
  void schema_keyword(std::string_view name, std::string_view added, std::string_view removed,
                      std::string_view step);
  void schema_map(std::string_view name, std::string_view added, std::string_view removed,
                  std::string_view noun);
  void dependent_required();
  void conditions();
  void contains();
  void unevaluated(std::string_view name);
  void negation();
  void discriminator();
  // pair_alternatives.cc
  void alternatives(std::string_view name);

  /// Adds a change; `aspect` is completed by the direction.
  SchemaChange& add(std::string_view aspect, std::string message, Place before, Place after);
  SchemaChange& add_plain(std::string_view id, std::string message, Place before, Place after);
  void child(const SchemaSet& before, const SchemaSet& after, const std::string& step,
             bool text = false);
  Place old_place() const { return place_of(old_); }
  Place new_place() const { return place_of(new_); }
  bool ignored(const std::vector<Value>& schemas) const;

  SchemaComparison& all_;
  const u32 index_;
  // Copies: the list of pairs grows while this runs.
  const SchemaSet old_;
  const SchemaSet new_;
  const Direction direction_;
  const bool text_;
  const std::string path_;
  std::vector<std::string_view> type_lists_;  // keywords of one side that say types and no more
  u32 old_listed_ = kAllTypes;                // what alternatives leave of the types
  u32 new_listed_ = kAllTypes;
};

/// Place of a value, or of something around it where that is absent.
inline Place place_or(Value value, const Place& around) { return value ? value.place() : around; }
/// A value for people: JSON, cut where it is long.
std::string shown(Value value);

}  // namespace gw::compiler::diff
