// The keywords of one schema to instructions.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/schema/schema_compiler.h"

namespace gw::compiler::schema {

class Lowering {
 public:
  Lowering(SchemaCompiler& compiler, SchemaSet& set, Unit& unit);
  /// Fills the unit; reports what cannot be enforced.
  void run();

 private:
  struct Property {
    std::string_view name;
    u32 schema;
    u32 flags;
  };

  /// Value of a keyword that is to be enforced, or absent.
  NodeRef keyword(std::string_view name) const;
  /// The same for those of the validation vocabulary.
  NodeRef assertion(std::string_view name) const;
  /// Where a reference leads; absent: reported, and the compilation has failed.
  Target follow(std::string_view name);
  /// A schema below this one: kAnything, kNothing, or a unit.
  u32 operand(NodeRef schema);
  bool since(Dialect dialect) const { return dialect_ >= dialect; }
  void refuse_at(std::string_view rule, NodeRef node, std::string message, std::string label,
                 std::string help = {});
  void wrong(NodeRef value, std::string_view name, std::string_view expected);
  void cannot(NodeRef key, std::string_view why);

  void check_keywords();
  void references();
  void types();
  void type_name(NodeRef name);
  // lowering_values.cc
  void values();
  void enum_values(const std::vector<NodeRef>& nodes, bool is_const);
  u32 value_record(NodeRef node);
  bool value_node(NodeRef node, u32 depth, std::vector<u32>& words);
  void numbers();
  void limit(std::string_view name, u32 kind);
  void multiple_of();
  void strings();
  bool number_text(NodeRef node, std::string& text);
  bool count(std::string_view name, u32& value);
  void counts(std::string_view min_name, std::string_view max_name, gw::schema::Op op);
  // lowering_children.cc
  void members();
  std::vector<Property> properties(u32& flags);
  u32 directions(NodeRef property);
  void items();
  void contains();
  void names_and_dependents();
  void dependent_required(NodeRef map);
  void dependencies(NodeRef map);
  void unevaluated();
  // lowering_alternatives.cc
  void applicators();
  void alternatives(std::string_view name, gw::schema::Op op);
  void condition();
  bool discriminator(NodeRef branches);
  std::string_view component_name(NodeRef branch) const;
  NodeRef mapped_branch(NodeRef branches, std::string_view value);

  SchemaCompiler& compiler_;
  SchemaSet& set_;
  Unit& unit_;
  NodeRef node_;
  const Resource* resource_;
  Dialect dialect_;
  UnitWriter out_;
};

}  // namespace gw::compiler::schema
