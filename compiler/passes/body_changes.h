// The changes of one body as they are written, laid over what is known of it.
#pragma once
#include <functional>
#include <string_view>
#include <vector>

#include "compiler/gateway/gateway.h"
#include "compiler/passes/body_shape.h"
#include "compiler/xgw/effective.h"

namespace gw::compiler {

/// What a change cannot be made of; without a message it can.
struct Misfit {
  std::string message = {};
  std::string label = {};
  std::string help = {};
  size_t token = 0;  // of the path
};

/// Who looks on while changes are laid over a shape. Empty functions are not called.
struct ChangeObserver {
  /// A path of `field` ("items": what `map` takes of each), and how far it led. `reach.stop` is
  /// valid during the call.
  std::function<void(std::string_view field, const BodyPath& path, const Reach& reach)> path = {};
  /// Whether values at the path, or on the way to it, are of a kind that the change is made of.
  std::function<void(const BodyPath& path, Misfit misfit)> kind = {};
  /// A path that is none, or one that does not go with others.
  std::function<void(Span span, std::string_view rule, PathProblem problem)> refuse = {};
};

/// `changes` are those of `request.body`, `response.body` or a view, in the order of
/// policies::BodyRecord. What is refused is left out.
void change_shape(const Effective& changes, const ShapeOfExpression& expression, Shape& shape,
                  const ChangeObserver& observer);

/// Types of what requests bring: parameters as `source` declares them; bodies, tokens and calls are
/// unknown.
ShapeOfExpression request_expressions(const GatewayOperation& source);

/// Whether `format` in `changes` of bodies reads forms as well; null: none are changed.
bool reads_forms(const Effective* changes);
/// Whether these changes make a form of the body.
bool makes_form(const Effective* changes);
/// Whether forms are read of the answers of an operation with these fields, by itself or by a view.
bool reads_answer_forms(const Effective& fields);

/// What a client may send as JSON or as a form; unknown where a media type has no schema.
Shape request_shape(const GatewayOperation& source);
/// The part of it that is JSON, which is all that expressions see where forms are not read.
Shape json_request_shape(const GatewayOperation& source);
/// The schemas of successes as JSON, and as forms where they are read; absent ones say nothing.
std::vector<NodeRef> declared_schemas(const GatewayOperation& source, bool forms_too = false);
/// What successes are declared to bring, as JSON; the same.
Shape declared_answer(const GatewayOperation& source, bool forms_too = false);

}  // namespace gw::compiler
