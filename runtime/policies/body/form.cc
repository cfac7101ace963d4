#include "runtime/policies/body/form.h"

#include "runtime/engine/expression.h"
#include "runtime/engine/plan.h"
#include "runtime/http/query.h"
#include "runtime/json/text.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/bodies.h"
#include "runtime/policies/validate/judge.h"

namespace gw::policies {
namespace {

using json::Kind;
using json::Value;
using json::ValueTree;

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr u32 kMaxFormPairs = 1024;

// What the plan knows of the fields of forms; null: nothing.
const MediaRecord* declared_form(const Exchange& exchange) {
  const table::TableView& view = exchange.table->view();
  for (const table::StepRecord& step : engine::steps_of(exchange)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::Validate ||
        static_cast<Phase>(step.phase) != Phase::RequestValidation) {
      continue;
    }
    const auto& record = view.policy_record<ValidateRecord>(step.record);
    const MediaRecord* media = validate::find_media(view, record.media, kFormType);
    const bool is_form =
        media != nullptr && static_cast<BodyFormat>(media->format) == BodyFormat::Form;
    if (is_form && validate::is_judged(*media)) return media;
  }
  return nullptr;
}

Value* value_of(ValueTree& tree, const json::Tape& tape, u32 node) {
  switch (tape.kind(node)) {
    case Kind::Array: {
      Value* list = tree.array();
      for (const u32 item : tape.items(node)) tree.append(*list, value_of(tree, tape, item));
      return list;
    }
    case Kind::Object: {
      Value* object = tree.object();
      for (const json::Member member : tape.members(node)) {
        tree.set(*object, tape.string(member.key, tree.arena()),
                 value_of(tree, tape, member.value));
      }
      return object;
    }
    case Kind::String:
      return tree.string(tape.string(node, tree.arena()));
    case Kind::Null:
      return tree.raw(Kind::Null, "null");
    case Kind::Bool:
      return tree.raw(Kind::Bool, tape.boolean(node) ? "true" : "false");
    case Kind::Number:
      return tree.raw(Kind::Number, tape.text(node));
  }
  return tree.raw(Kind::Null, "null");
}

// Names that stand several times become lists.
Value* form_value(ValueTree& tree, std::string_view text) {
  Value* root = tree.object();
  u32 count = 0;
  for (http::QueryPair pair; http::next_query_pair(text, pair);) {
    if (++count > kMaxFormPairs) return nullptr;
    const std::string_view name = http::percent_decoded(tree.arena(), pair.name, true);
    Value* value = tree.string(http::percent_decoded(tree.arena(), pair.value, true));
    Value* known = tree.find(*root, name);
    if (known == nullptr) {
      tree.set(*root, name, value);
    } else if (known->kind == Kind::Array) {
      tree.append(*known, value);
    } else {
      Value* list = tree.array();
      Value* before = tree.raw(known->kind, known->text);
      tree.append(*list, before);
      tree.append(*list, value);
      ValueTree::replace(*known, *list);
    }
  }
  return root;
}

std::string_view plain_text(const Value& value, Arena& arena) {
  if (value.kind != Kind::String) return value.text;
  const std::string_view inner = value.text.substr(1, value.text.size() - 2);
  char* out = static_cast<char*>(arena.allocate(inner.size(), 1));
  return {out, static_cast<size_t>(json::unescape(inner, out) - out)};
}

void append_pair(std::string_view name, std::string_view text, std::string& out) {
  if (!out.empty()) out += '&';
  engine::append_query_encoded(name, out);
  out += '=';
  engine::append_query_encoded(text, out);
}

}  // namespace

Value* read_form(Exchange& exchange, ValueTree& tree, std::string_view body) {
  if (const MediaRecord* media = declared_form(exchange)) {
    validate::BodyTapes tapes;
    validate::BodyProblem problem;
    if (validate::read_body(exchange.table->view(), *media, {}, body, exchange.arena, tapes,
                            problem)) {
      return value_of(tree, tapes.value, 0);
    }
  }
  return form_value(tree, body);
}

bool write_form(ValueTree& tree, Value& root, size_t max_bytes, std::string& out) {
  if (root.kind != Kind::Object) return false;
  const auto add = [&](std::string_view name, const Value& value) {
    if (value.kind == Kind::Null) return;
    if (value.kind != Kind::Object && value.kind != Kind::Array) {
      append_pair(name, plain_text(value, tree.arena()), out);
      return;
    }
    std::string text;
    if (json::write(value, max_bytes, text)) append_pair(name, text, out);
  };
  for (Value* member = tree.first(root); member != nullptr; member = ValueTree::next(*member)) {
    const std::string_view name = tree.plain_key(*member);
    const bool is_list = member->kind == Kind::Array && tree.first(*member) != nullptr;
    if (!is_list) {
      if (member->kind != Kind::Array) add(name, *member);
    } else {
      for (Value* item = tree.first(*member); item != nullptr; item = ValueTree::next(*item)) {
        add(name, *item);
      }
    }
    if (out.size() > max_bytes) return false;
  }
  return true;
}

}  // namespace gw::policies
