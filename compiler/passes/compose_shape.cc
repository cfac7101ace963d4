#include "compiler/passes/compose_shape.h"

#include <algorithm>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/effective_operation.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

using namespace gw::schema;

bool is_true(const Effective* value) {
  return value != nullptr && value->node && value->node.is_scalar() && value->node.text() == "true";
}

bool is_set(const Effective& value, std::string_view name) {
  const Effective* found = value.find(name);
  return found != nullptr && found->present();
}

// A failure that counts as a success has a body of its own, or none (204).
struct MadeSuccess {
  bool with_body = false;
  bool empty = false;
};
MadeSuccess made_success(const Effective* changes) {
  MadeSuccess out;
  const Effective* status = changes == nullptr ? nullptr : changes->find("status");
  if (status == nullptr) return out;
  for (const Effective::Entry& entry : status->entries) {
    const NodeRef to = entry.value.node;
    if (!to || !to.is_scalar() || !to.text().starts_with('2')) continue;
    (to.text() == "204" ? out.empty : out.with_body) = true;
  }
  return out;
}

Shape list_of(Shape item) {
  Shape list = shape_of_types(kTypeArray);
  list.items.push_back(std::move(item));
  return list;
}

// A success without content, such as 204.
bool may_answer_nothing(const GatewayOperation& source) {
  return std::ranges::any_of(source.operation->responses, [](const openapi::Response& response) {
    return response.status.value.starts_with('2') && response.content.empty();
  });
}

void find_expressions(NodeRef node, const std::function<void(const WrittenExpression&)>& visit) {
  if (!node) return;
  for (const auto [key, value] : node.entries()) find_expressions(value, visit);
  for (const NodeRef item : node.items()) find_expressions(item, visit);
  if (!node.is_string()) return;
  const std::string_view text = node.text();
  if (text.starts_with('$')) return visit({text, node, 0});
  for (size_t at = text.find("{$"); at != text.npos; at = text.find("{$", at + 1)) {
    const size_t close = text.find('}', at);
    if (close == text.npos) return;
    visit({text.substr(at + 1, close - at - 1), node, static_cast<u32>(at + 1)});
  }
}

}  // namespace

Span WrittenExpression::span_of(u32 from, u32 to) const {
  const u32 shift = begin + (node.quoted() ? 1 : 0);
  return sub_span(node.span(), from + shift, to + shift);
}

void for_each_expression(const Effective& value,
                         const std::function<void(const WrittenExpression&)>& visit) {
  if (!value.is_map) return find_expressions(value.node, visit);
  for (const Effective::Entry& entry : value.entries) for_each_expression(entry.value, visit);
}

bool parse_call_use(std::string_view text, CallUse& out) {
  constexpr std::string_view kCalls = "$calls.";
  if (!text.starts_with(kCalls)) return false;
  const std::string_view rest = text.substr(kCalls.size());
  const size_t dot = rest.find('.');
  if (dot == rest.npos) return false;
  out.name = rest.substr(0, dot);
  const std::string_view part = rest.substr(dot + 1);
  const size_t hash = part.find('#');
  out.part = part.substr(0, hash);
  out.pointer = hash == part.npos ? std::string_view{} : part.substr(hash + 1);
  return true;
}

const Effective* header_of_call(const Effective& call, const openapi::Parameter& parameter) {
  const Effective* headers = call.find("headers");
  if (headers == nullptr || parameter.in != openapi::ParameterIn::Header) return nullptr;
  const std::string name = lower_case(parameter.name.value);
  for (const Effective::Entry& entry : headers->entries) {
    const bool same = equal_ignoring_case(entry.name, name);
    if (same && entry.value.present()) return &entry.value;
  }
  return nullptr;
}

ShapeValue value_at(const Shape& root, std::string_view pointer, Presence presence) {
  const std::vector<PathToken> tokens = pointer_tokens(pointer);
  ShapeValue out{.shape = root, .presence = presence};
  for (const PathToken& token : tokens) {
    look_into(out.shape);
    Shape::Member* member = find_member(out.shape, token.name);
    const bool always =
        member != nullptr && out.shape.types == kTypeObject && member->presence == Presence::Always;
    if (!always && out.presence == Presence::Always) out.presence = Presence::Maybe;
    Shape next;
    walk(
        out.shape, std::span(&token, 1), [&](Shape& found) { next = found; }, true);
    out.shape = std::move(next);
  }
  return out;
}

ComposedCalls::ComposedCalls(const Module& module, const GatewayOperation& source,
                             const Effective& compose)
    : module_(module), source_(source), request_(request_expressions(source)) {
  const Effective* calls = compose.find("calls");
  if (calls == nullptr || !calls->is_map) return;
  for (const Effective::Entry& entry : calls->entries) add(entry);
}

const GatewayOperation* ComposedCalls::find_operation(std::string_view id) const {
  const auto found = std::ranges::find(module_.gateway.operations, id, &GatewayOperation::id);
  return found == module_.gateway.operations.end() ? nullptr : &*found;
}

void ComposedCalls::add(const Effective::Entry& entry) {
  Call call{.value = &entry.value, .callee = nullptr, .answer = {}, .fallback = {}};
  if (const Effective* fallback = entry.value.find("fallback")) call.fallback = fallback->node;
  call.of_items = is_set(entry.value, "forEach");
  const bool optional = is_true(entry.value.find("optional"));
  call.may_lack = (optional && !call.fallback) || is_set(entry.value, "when");
  const Effective* named = entry.value.find("operation");
  if (named != nullptr && named->node && named->node.is_scalar()) {
    call.callee = find_operation(named->node.text());
  }
  // The call keeps the body of what it maps, whatever the status.
  const MadeSuccess mapped = made_success(&entry.value);
  if (call.callee != nullptr && !mapped.with_body && !mapped.empty) add_answer(call);
  if (call.of_items) {
    if (call.may_be_empty) {
      look_into(call.answer);
      call.answer.types |= kTypeNull;
    }
    call.answer = list_of(std::move(call.answer));
  }
  call.may_be_absent = call.of_items ? static_cast<bool>(call.fallback) : call.may_be_empty;
  calls_.emplace(entry.name, std::move(call));
}

void ComposedCalls::add_answer(Call& call) const {
  const EffectiveOperation effective =
      effective_operation(module_, *call.callee, levels_of(*call.callee));
  const Effective* response = effective.fields.find("response");
  const MadeSuccess made = made_success(response);
  call.may_be_empty = made.empty || may_answer_nothing(*call.callee);
  if (made.with_body) return;
  call.is_declared = true;
  const Effective* body = response == nullptr ? nullptr : response->find("body");
  call.answer = declared_answer(*call.callee, reads_forms(body));
  if (body == nullptr) return;
  call.is_form = makes_form(body);
  change_shape(*body, request_expressions(*call.callee), call.answer, {});
}

Shape ComposedCalls::fallback_of(const Call& call) {
  const auto unknown = [](std::string_view) { return ShapeValue{Shape{}, Presence::Maybe}; };
  Shape shape = shape_of_template(call.fallback, unknown).shape;
  return call.of_items ? list_of(std::move(shape)) : shape;
}

Shape ComposedCalls::item_of(const Call& call) const {
  const Effective* each = call.value->find("forEach");
  if (each == nullptr || !each->node || !each->node.is_string()) return {};
  ShapeValue list = value_of(each->node.text(), false);
  look_into(list.shape);
  return list.shape.items.empty() ? Shape{} : list.shape.items[0];
}

ShapeValue ComposedCalls::value_of(std::string_view expression, bool fallbacks) const {
  CallUse use;
  if (!parse_call_use(expression, use)) return request_(expression);
  const auto found = calls_.find(use.name);
  if (found == calls_.end()) return {Shape{}, Presence::Maybe};
  const Call& call = found->second;
  Presence presence = call.may_lack ? Presence::Optional : Presence::Always;
  if (use.part == "status") return {shape_of_types(kTypeInteger), presence};
  if (use.part != "body") return {shape_of_types(kTypeString), Presence::Maybe};
  const bool is_there = fallbacks && call.fallback && !call.of_items;
  if (!is_there && call.may_be_absent && presence == Presence::Always) presence = Presence::Maybe;
  if (fallbacks && call.fallback) return value_at(fallback_of(call), use.pointer, presence);
  return value_at(call.answer, use.pointer, presence);
}

Shape answer_shape(const Module& module, const GatewayOperation& source, const Effective& fields) {
  const Effective* compose = fields.find("compose");
  const Effective* body = compose == nullptr ? nullptr : compose->find("body");
  if (compose == nullptr || !compose->present()) {
    return declared_answer(source, reads_answer_forms(fields));
  }
  if (body == nullptr || !body->node) return {};
  const ComposedCalls composed(module, source, *compose);
  const auto value = [&](std::string_view expression) {
    CallUse use;
    const auto call =
        parse_call_use(expression, use) ? composed.calls().find(use.name) : composed.calls().end();
    // Of an answer or a fallback nothing is held against a path.
    if (call != composed.calls().end() && call->second.fallback) return ShapeValue{};
    return composed.value_of(expression, false);
  };
  return shape_of_template(body->node, value).shape;
}

}  // namespace gw::compiler
