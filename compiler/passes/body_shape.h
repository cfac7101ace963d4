// What is known of a JSON value before there is one: from schemas, from templates, and after the
// changes that x-gw makes of it. What nobody has said is unknown, and never held against anybody.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/openapi/model.h"
#include "compiler/passes/body_path.h"
#include "runtime/schema/format.h"

namespace gw::compiler {

/// What is said of members that are not named.
enum class Naming : u8 {
  Nothing,  // no member is named either
  Named,    // nothing; who names members is taken to name them all
  Open,     // they are expected
  Closed,   // they are refused
};

/// Whether a member is there.
enum class Presence : u8 {
  Always,
  Maybe,     // the schema does not require it
  Optional,  // it comes from a call that may fail
};

/// A value type; schemas are looked into as far as somebody goes, so that recursive ones end.
struct Shape {
  struct Member;

  const openapi::Document* document = nullptr;
  std::vector<NodeRef> schemas = {};  // alternatives that have not been looked into
  u32 types = gw::schema::kAllTypes;  // schema::TypeBit
  Naming naming = Naming::Nothing;
  std::vector<Member> members;
  std::vector<Shape> rest = {};        // of members that are not named; at most one
  std::vector<Shape> items = {};       // at most one; none: unknown
  std::vector<Shape> prefix = {};      // of the first items
  bool no_items = false;               // a list that is empty, but for `prefix`
  std::vector<std::string> gone = {};  // names that are surely not there
  Span declared = {};                  // invalid: no schema speaks of it

  bool may_be(u32 type) const { return (types & type) != 0; }
  /// Of members that are not named nothing is known.
  bool is_open() const { return naming == Naming::Nothing || naming == Naming::Open; }
};
struct Shape::Member {
  std::string name;
  Shape value;
  Presence presence = Presence::Maybe;
};

/// Any of the schemas; none of them: unknown. An absent one says nothing.
Shape shape_of_schemas(const openapi::Document& document, std::vector<NodeRef> schemas);
Shape shape_of_types(u32 types);
/// One without members, which has no others.
Shape empty_object();
/// Fills in what its schemas say. Cost: their properties, but not what those refer to.
void look_into(Shape& shape);
Shape::Member* find_member(Shape& shape, std::string_view name);

/// What an expression gives, such as `$calls.user.body#/id`.
struct ShapeValue {
  Shape shape;
  Presence presence = Presence::Always;
};
using ShapeOfExpression = std::function<ShapeValue(std::string_view expression)>;
/// Of a template; `expression` is asked for texts that are one expression.
ShapeValue shape_of_template(NodeRef node, const ShapeOfExpression& expression);

/// Shapes that one path or one set of picks goes through at most; beyond is unknown. Schemas that
/// hold each other have many ways through `*`.
inline constexpr u32 kMaxSteps = 2'000;

/// How far a path leads.
struct Reach {
  bool found = false;
  bool unknown = false;         // it may lead further than is known
  size_t token = 0;             // the one that leads nowhere, of the longest way
  const Shape* stop = nullptr;  // where it does not lead on from
  bool misses() const { return !found && !unknown; }
};

/// Calls `visit(shape)` for everything that the tokens lead to. With `numbers` they are those of a
/// pointer, which count items.
Reach walk(Shape& root, std::span<const PathToken> tokens, const std::function<void(Shape&)>& visit,
           bool numbers = false);

// The changes, as runtime/policies/body/changes.h makes them (shape_changes.cc).
void pick_paths(Shape& root, const std::vector<std::span<const PathToken>>& paths);
void omit_path(Shape& root, std::span<const PathToken> path);
void move_path(Shape& root, const BodyPath& from, const BodyPath& to);
void rename_path(Shape& root, std::span<const PathToken> path, std::string_view to);
void flatten_path(Shape& root, std::span<const PathToken> path);
/// How far `to` leads within the items.
Reach map_path(Shape& root, std::span<const PathToken> path, std::span<const PathToken> to);
void first_path(Shape& root, std::span<const PathToken> path);
void set_path(Shape& root, const BodyPath& path, const ShapeValue& value);
void wrap_path(Shape& root, std::span<const PathToken> path);

}  // namespace gw::compiler
