// What the calls of a composition bring, by the schemas of what they call.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/passes/body_shape.h"
#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"

namespace gw::compiler {

/// An expression within a text that is written in a document.
struct WrittenExpression {
  std::string_view text;  // "$calls.user.body#/id"
  NodeRef node;
  u32 begin = 0;  // bytes of the node's text
  Span span_of(u32 from, u32 to) const;
};
/// All of them below `value`.
void for_each_expression(const Effective& value,
                         const std::function<void(const WrittenExpression&)>& visit);

/// A reference to a call: `$calls.NAME.body#/POINTER`.
struct CallUse {
  std::string_view name;
  std::string_view part;     // "body", "status", "header.x"
  std::string_view pointer;  // of a body; "" is all of it
};
/// False: `text` is none.
bool parse_call_use(std::string_view text, CallUse& out);

/// What `headers` of a call give a parameter that is a header field; null: nothing.
const Effective* header_of_call(const Effective& call, const openapi::Parameter& parameter);

/// The value at a pointer; the presence of `root`, or less where something on the way may lack.
ShapeValue value_at(const Shape& root, std::string_view pointer, Presence presence);

class ComposedCalls {
 public:
  /// `compose` and `source` must outlive it.
  ComposedCalls(const Module& module, const GatewayOperation& source, const Effective& compose);

  struct Call {
    const Effective* value = nullptr;
    const GatewayOperation* callee = nullptr;  // null: an upstream, of which nothing is known
    Shape answer;                              // of all items, with `forEach`
    NodeRef fallback;                          // of each item, with `forEach`
    bool may_lack = false;       // optional without a fallback, or not made for all requests
    bool may_be_empty = false;   // an answer is declared that has no body, such as 204
    bool may_be_absent = false;  // such an answer leaves no value, nor does a `forEach` of no list
    bool is_declared = false;    // `answer` is what the operation declares, and not just anything
    bool of_items = false;       // `forEach`
    bool is_form = false;        // the operation makes a form of its answer, which nobody reads
  };
  const std::map<std::string_view, Call>& calls() const { return calls_; }
  /// The shape of `$item` of a call with `forEach`.
  Shape item_of(const Call& call) const;
  /// The shape of the fallback of a call that has one.
  static Shape fallback_of(const Call& call);
  /// What `expression` gives; with `fallbacks` those take the place of the answers.
  ShapeValue value_of(std::string_view expression, bool fallbacks) const;

 private:
  void add(const Effective::Entry& entry);
  void add_answer(Call& call) const;
  const GatewayOperation* find_operation(std::string_view id) const;

  const Module& module_;
  const GatewayOperation& source_;
  ShapeOfExpression request_;
  std::map<std::string_view, Call> calls_;
};

/// What successes of an operation with the effective `fields` bring before they are changed: what
/// its composition puts together, or what is declared of its upstream.
Shape answer_shape(const Module& module, const GatewayOperation& source, const Effective& fields);

}  // namespace gw::compiler
