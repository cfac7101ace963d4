#include "runtime/engine/message_values.h"

#include <charconv>
#include <iterator>

#include "runtime/json/value_tree.h"
#include "runtime/policies/body/record.h"
#include "runtime/table/bound_table.h"

namespace gw {

void MessageValuesDeleter::operator()(engine::MessageValues* values) const noexcept {
  delete values;
}

namespace engine {
namespace {

using table::ExpressionPart;
using table::ExpressionSource;

constexpr size_t kMostWarmTapes = 64;

std::vector<std::unique_ptr<json::Tape>>& warm_tapes() {
  thread_local std::vector<std::unique_ptr<json::Tape>> tapes;
  return tapes;
}

struct Place {
  const json::Tape* tape = nullptr;
  u32 node = json::kNoNode;
  explicit operator bool() const { return node != json::kNoNode; }
};

const CallValue* call_of(const MessageValues& values, u32 index) {
  if (index >= values.calls.size() || !values.calls[index].present) return nullptr;
  return &values.calls[index];
}

// Where a pointer leads. Which message, the part says.
Place find(const Exchange& exchange, const ExpressionPart& part) {
  if (exchange.values == nullptr) return {};
  MessageValues& values = *exchange.values;
  Place root;
  if (part.source == ExpressionSource::RequestBody) root = {values.request_body, 0};
  if (part.source == ExpressionSource::ResponseBody) {
    const bool of_view = part.index == policies::kShownBody;
    root = {of_view ? values.response_for_view() : values.response_body, 0};
  }
  if (part.source == ExpressionSource::Item) root = {values.item, values.item_node};
  if (part.source == ExpressionSource::CallBody) {
    if (const CallValue* call = call_of(values, part.index)) root = {call->body, call->node};
  }
  if (root.tape == nullptr || root.tape->empty()) return {};
  root.node = root.tape->resolve(exchange.table->text(part.text), root.node);
  return root;
}

std::string_view digits(u32 number, Arena& arena) {
  char text[10];
  const char* end = std::to_chars(text, std::end(text), number).ptr;
  return arena.copy({text, static_cast<size_t>(end - text)});
}

bool field_text(const http::FieldList* fields, std::string_view name, std::string_view& out) {
  const http::Field* field = fields == nullptr ? nullptr : fields->find(name);
  if (field == nullptr) return false;
  out = field->value;
  return true;
}

// Of heads; false: it is about a body, or absent.
bool head_text(Exchange& exchange, const ExpressionPart& part, std::string_view& out) {
  const std::string_view name = exchange.table->text(part.text);
  if (part.source == ExpressionSource::ResponseStatus) {
    out = digits(exchange.response.status, exchange.arena);
    return exchange.response.status != 0;
  }
  if (part.source == ExpressionSource::ResponseHeader) {
    return field_text(&exchange.response.fields, name, out);
  }
  if (exchange.values == nullptr) return false;
  const CallValue* call = call_of(*exchange.values, part.index);
  if (call == nullptr) return false;
  if (part.source == ExpressionSource::CallHeader) return field_text(call->fields, name, out);
  out = digits(call->status, exchange.arena);
  return true;
}

bool is_about_body(ExpressionSource source) {
  return source == ExpressionSource::RequestBody || source == ExpressionSource::ResponseBody ||
         source == ExpressionSource::CallBody || source == ExpressionSource::Item;
}

}  // namespace

TapeLease::TapeLease() {
  auto& warm = warm_tapes();
  if (warm.empty()) {
    tape_ = std::make_unique<json::Tape>();
    return;
  }
  tape_ = std::move(warm.back());
  warm.pop_back();
}

TapeLease::~TapeLease() {
  if (tape_ == nullptr || warm_tapes().size() >= kMostWarmTapes) return;
  tape_->clear();
  warm_tapes().push_back(std::move(tape_));
}

const json::Tape* MessageValues::response_for_view() {
  if (response_body == nullptr || shown_text.data() == nullptr) return response_body;
  if (shown_body == nullptr) {
    json::Tape& tape = lease();
    if (tape.parse(shown_text)) shown_body = &tape;
  }
  return shown_body;
}

MessageValues& values_of(Exchange& exchange) {
  if (exchange.values == nullptr) exchange.values.reset(new MessageValues);
  return *exchange.values;
}

bool message_text(Exchange& exchange, const ExpressionPart& part, std::string_view& out) {
  if (!is_about_body(part.source)) return head_text(exchange, part, out);
  const Place place = find(exchange, part);
  if (!place) return false;
  switch (place.tape->kind(place.node)) {
    case json::Kind::String:
      out = place.tape->string(place.node, exchange.arena);
      return true;
    case json::Kind::Number:
    case json::Kind::Bool:
      out = place.tape->text(place.node);
      return true;
    default:
      return false;
  }
}

bool find_message_node(const Exchange& exchange, const ExpressionPart& part,
                       const json::Tape*& tape, u32& node) {
  const Place place = find(exchange, part);
  tape = place.tape;
  node = place.node;
  return static_cast<bool>(place);
}

bool append_message_json(const Exchange& exchange, const ExpressionPart& part, std::string& out) {
  const Place place = find(exchange, part);
  if (!place) return false;
  out += json::source_text(*place.tape, place.node);
  return true;
}

}  // namespace engine
}  // namespace gw
