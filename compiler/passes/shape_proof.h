// Whether what is made of known parts is what a schema declares.
#pragma once
#include <string>
#include <vector>

#include "compiler/passes/body_shape.h"
#include "runtime/schema/evaluator.h"

namespace gw::compiler {

struct ShapeFinding {
  enum class Kind : u8 {
    Wrong,     // it can never be right
    Optional,  // it is missing when an optional call brings nothing
  };
  Kind kind;
  Span made;         // the part of the template
  Span declared;     // the schema; may be invalid
  std::string text;  // "`/user/id` is an integer, and a string is declared"
};

struct ShapeProof {
  std::vector<ShapeFinding> findings;
  std::vector<std::string> unproved;  // "`/orders` may be missing"; a few of them
  u32 unproved_count = 0;
};

/// `made` is written at `place`. Both are looked into. Ends for recursive schemas; what is deeper
/// or larger than the bound is unproved. Requests need not have what is `readOnly`.
ShapeProof prove_shape(Shape& made, Shape& declared, Span place,
                       gw::schema::Direction direction = gw::schema::Direction::Response);

/// "a string", "a list or null"; "anything" for kAllTypes.
std::string type_words(u32 types);

}  // namespace gw::compiler
