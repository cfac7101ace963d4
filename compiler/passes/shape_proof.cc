#include "compiler/passes/shape_proof.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/schema_shape.h"

namespace gw::compiler {
namespace {

using namespace gw::schema;

constexpr u32 kMaxDepth = 24;
constexpr u32 kMaxPairs = 4096;
constexpr size_t kMaxUnproved = 3;  // that are told

// The schema that a chain of bare references leads to.
NodeRef target(const Shape& shape, NodeRef schema) {
  const bool bare = schema && schema.is_map() && schema.size() == 1 && schema.get("$ref");
  return bare && shape.document != nullptr ? shape.document->resolve(schema) : schema;
}

bool same_schemas(const Shape& a, const Shape& b) {
  if (a.schemas.size() != 1 || b.schemas.size() != 1) return false;
  const NodeRef first = target(a, a.schemas[0]);
  const NodeRef second = target(b, b.schemas[0]);
  return first && second && first.tree() == second.tree() &&
         first.target_index() == second.target_index();
}

// Nothing is said of it.
bool is_unknown(const Shape& shape) {
  return shape.types == kAllTypes && shape.naming == Naming::Nothing && shape.members.empty() &&
         shape.items.empty() && shape.prefix.empty();
}

bool is_template(const Shape& shape) { return shape.document == nullptr && shape.declared.valid(); }

bool is_read_only(const Shape& shape) {
  return std::ranges::any_of(shape.schemas, [&](NodeRef schema) {
    const NodeRef says = SchemaShape(*shape.document).keyword(schema, "readOnly");
    return says && says.kind() == NodeKind::Bool && says.boolean();
  });
}

class Prover {
 public:
  explicit Prover(Direction direction) : direction_(direction) {}

  void compare(Shape& made, Shape& declared, const std::string& at, Span place, u32 depth) {
    if (same_schemas(made, declared)) return;
    if (depth > kMaxDepth || ++pairs_ > kMaxPairs) return leave(at, "is too deep to be looked at");
    look_into(made);
    look_into(declared);
    if (is_unknown(declared)) return;
    if (is_unknown(made)) return leave(at, "is not known");
    const u32 types = made.types & declared.types;
    if (types == 0) {
      return wrong(ShapeFinding::Kind::Wrong, place, declared,
                   fmt::format("`{}` is {}, and {} is declared", shown(at), type_words(made.types),
                               type_words(declared.types)));
    }
    if ((made.types & ~declared.types) != 0) {
      leave(at, fmt::format("may be {}", type_words(made.types & ~declared.types)));
    }
    if ((types & kTypeObject) != 0) compare_objects(made, declared, at, place, depth);
    if ((types & kTypeArray) != 0) compare_lists(made, declared, at, place, depth);
  }

  ShapeProof proof;

 private:
  static std::string shown(const std::string& at) { return at.empty() ? "/" : at; }

  void leave(const std::string& at, std::string_view what) {
    ++proof.unproved_count;
    if (proof.unproved.size() < kMaxUnproved) {
      proof.unproved.push_back(fmt::format("`{}` {}", shown(at), what));
    }
  }

  void wrong(ShapeFinding::Kind kind, Span place, const Shape& declared, std::string text) {
    proof.findings.push_back({kind, place, declared.declared, std::move(text)});
  }

  void compare_objects(Shape& made, Shape& declared, const std::string& at, Span place, u32 depth) {
    for (Shape::Member& wanted : declared.members) {
      if (direction_ == Direction::Request && is_read_only(wanted.value)) continue;
      if (wanted.presence == Presence::Always) require(made, declared, wanted, at, place);
    }
    for (Shape::Member& member : made.members) {
      const std::string path = at + "/" + member.name;
      const bool own = is_template(made) && member.value.declared.valid();
      const Span where = own ? member.value.declared : place;
      if (Shape::Member* known = find_member(declared, member.name)) {
        compare(member.value, known->value, path, where, depth + 1);
      } else if (declared.naming == Naming::Closed) {
        wrong(ShapeFinding::Kind::Wrong, where, declared,
              fmt::format("`{}` is written, and the schema refuses it", path));
      } else if (!declared.rest.empty()) {
        compare(member.value, declared.rest[0], path, where, depth + 1);
      }
    }
    if (made.is_open() && declared.naming == Naming::Closed) {
      leave(at, "may have members that are refused");
    }
  }

  void require(Shape& made, const Shape& declared, const Shape::Member& wanted,
               const std::string& at, Span place) {
    const std::string path = at + "/" + wanted.name;
    const Shape::Member* member = find_member(made, wanted.name);
    if (member == nullptr) {
      if (made.is_open() || made.types != kTypeObject) return leave(path, "may be missing");
      return wrong(ShapeFinding::Kind::Wrong, place, declared,
                   fmt::format("`{}` is required, and never there", path));
    }
    if (member->presence == Presence::Maybe) leave(path, "may be missing");
    if (member->presence != Presence::Optional) return;
    const bool own = is_template(made) && member->value.declared.valid();
    wrong(ShapeFinding::Kind::Optional, own ? member->value.declared : place, declared,
          fmt::format("`{}` is required, and comes from a call that may bring nothing", path));
  }

  void compare_lists(Shape& made, Shape& declared, const std::string& at, Span place, u32 depth) {
    for (size_t i = 0; i < made.prefix.size(); ++i) {
      Shape& item = made.prefix[i];
      const bool own = is_template(made) && item.declared.valid();
      const Span where = own ? item.declared : place;
      const std::string path = fmt::format("{}/{}", at, i);
      if (i < declared.prefix.size()) {
        compare(item, declared.prefix[i], path, where, depth + 1);
      } else if (!declared.items.empty()) {
        compare(item, declared.items[0], path, where, depth + 1);
      }
    }
    if (declared.items.empty()) return;
    if (!made.items.empty()) {
      compare(made.items[0], declared.items[0], at + "/*", place, depth + 1);
    } else if (!made.no_items) {
      leave(at + "/*", "is not known");
    }
  }

  const Direction direction_;
  u32 pairs_ = 0;
};

}  // namespace

ShapeProof prove_shape(Shape& made, Shape& declared, Span place, Direction direction) {
  Prover prover(direction);
  prover.compare(made, declared, "", place, 0);
  return std::move(prover.proof);
}

std::string type_words(u32 types) {
  struct Word {
    u32 mask;
    std::string_view word;
  };
  static constexpr Word kWords[] = {{kTypeObject, "an object"},   {kTypeArray, "a list"},
                                    {kTypeString, "a string"},    {kTypeNumber, "a number"},
                                    {kTypeInteger, "an integer"}, {kTypeFraction, "a fraction"},
                                    {kTypeBool, "a boolean"},     {kTypeNull, "null"}};
  if ((types & kAllTypes) == kAllTypes) return "anything";
  std::string out;
  for (const Word& word : kWords) {
    if ((types & word.mask) != word.mask) continue;
    out += (out.empty() ? "" : " or ") + std::string(word.word);
    types &= ~word.mask;
  }
  return out.empty() ? "nothing" : out;
}

}  // namespace gw::compiler
