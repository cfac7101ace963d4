#include "runtime/policies/body/form.h"

#include <algorithm>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/message_values.h"
#include "runtime/json/tape_builder.h"
#include "runtime/json/text.h"
#include "runtime/policies/validate/parameters.h"
#include "runtime/schema/format.h"

namespace gw::policies {
namespace {

using json::Kind;
using json::Value;
using json::ValueTree;
using validate::Pair;

constexpr u32 kFormDepth = 64;  // of JSON within a form

void append_text(std::string_view plain, std::string& out) {
  out += '"';
  append_json_escaped(plain, out);
  out += '"';
}

// The value of a field. Not deeper than the brackets of its name may be.
void append_value(const json::Tape& tape, u32 node, Arena& arena, std::string& out) {
  const char* separator = "";
  switch (tape.kind(node)) {
    case Kind::Null:
      out += "null";
      return;
    case Kind::Bool:
      out += tape.boolean(node) ? "true" : "false";
      return;
    case Kind::Number:
      out += tape.text(node);
      return;
    case Kind::String:
      append_text(tape.string(node, arena), out);
      return;
    case Kind::Array:
      out += '[';
      for (const u32 item : tape.items(node)) {
        out += separator;
        append_value(tape, item, arena, out);
        separator = ",";
      }
      out += ']';
      return;
    case Kind::Object:
      out += '{';
      for (const json::Member member : tape.members(node)) {
        out += separator;
        append_text(tape.string(member.key, arena), out);
        out += ':';
        append_value(tape, member.value, arena, out);
        separator = ",";
      }
      out += '}';
      return;
  }
}

class FormReader {
 public:
  FormReader(const table::TableView& view, const BodyFormRecord* form, Arena& arena)
      : view_(view), arena_(arena), reader_(view, arena, validate::Escapes::Form) {
    if (form == nullptr) return;
    fields_ = view.policy_list<ParameterRecord>(form->fields);
    rest_types_ = form->rest_types;
  }

  Result<std::string_view> run(std::string_view body) {
    if (!validate::split_pairs(body, arena_, pairs_)) {
      return fail(Error{.code = Errc::BodyTooLarge,
                        .origin = Origin::Downstream,
                        .what = "form with too many fields"});
    }
    out_ = '{';
    for (const ParameterRecord& field : fields_) add_field(field);
    add_rest();
    out_ += '}';
    if (!is_utf8_) {
      return fail(Error{.code = Errc::BadRequest,
                        .origin = Origin::Downstream,
                        .what = "form that is not UTF-8"});
    }
    return arena_.copy(out_);
  }

 private:
  void add_text(std::string_view plain) {
    is_utf8_ = is_utf8_ && json::is_utf8(plain);
    append_text(plain, out_);
  }

  void add_key(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    add_text(name);
    out_ += ':';
  }

  // Whether `pair` is the field, or the part of it that its brackets name.
  bool belongs_to(const Pair& pair, const ParameterRecord& field) const {
    const std::string_view name = view_.text(field.name);
    if (!pair.name.starts_with(name)) return false;
    const std::string_view rest = pair.name.substr(name.size());
    const bool deep = static_cast<ParameterStyle>(field.style) == ParameterStyle::DeepObject;
    return rest.empty() || (deep && rest.starts_with('['));
  }

  // One that cannot be read is left to add_rest().
  void add_field(const ParameterRecord& field) {
    const std::string_view name = view_.text(field.name);
    u32 parts = 0;
    u32 plain = 0;
    for (const Pair& pair : pairs_) {
      if (!belongs_to(pair, field)) continue;
      ++(pair.name == name ? plain : parts);
    }
    // One value cannot be an object as well.
    if (plain + parts == 0 || (plain != 0 && parts != 0)) return;
    if (static_cast<ParameterStyle>(field.style) == ParameterStyle::Json) return add_json(name);
    json::TapeBuilder value(tape_);
    const bool read = reader_.read(field, {.pairs = pairs_}, value) == validate::Reading::Value;
    if (read && value.finish()) {
      add_key(name);
      append_value(tape_, 0, arena_, out_);
      return;
    }
    for (Pair& pair : pairs_) {
      if (belongs_to(pair, field)) pair.used = false;
    }
  }

  void add_json(std::string_view name) {
    Pair* only = nullptr;
    for (Pair& pair : pairs_) {
      if (pair.name != name) continue;
      if (only != nullptr) return;
      only = &pair;
    }
    if (!tape_.parse(reader_.decode(only->value), {.depth = kFormDepth, .nodes = 100'000})) return;
    only->used = true;
    add_key(name);
    out_ += json::source_text(tape_, 0);
  }

  bool is_declared(const Pair& pair) const {
    return std::ranges::any_of(
        fields_, [&](const ParameterRecord& field) { return belongs_to(pair, field); });
  }

  void add_scalar(const Pair& pair) {
    json::TapeBuilder value(tape_);
    reader_.write_scalar(rest_types_, reader_.decode(pair.value), value);
    if (!value.finish()) return add_text(reader_.decode(pair.value));
    append_value(tape_, 0, arena_, out_);
  }

  void add_texts(std::span<Pair* const> pairs) {
    const char* separator = "";
    if (pairs.size() > 1) out_ += '[';
    for (const Pair* pair : pairs) {
      out_ += separator;
      add_text(reader_.decode(pair->value));
      separator = ",";
    }
    if (pairs.size() > 1) out_ += ']';
  }

  // What no field has taken, in the order in which names come first.
  void add_rest() {
    std::vector<Pair*> rest;
    for (Pair& pair : pairs_) {
      if (!pair.used) rest.push_back(&pair);
    }
    std::sort(rest.begin(), rest.end(), [](const Pair* a, const Pair* b) {
      const auto order = a->name <=> b->name;
      return order == 0 ? a < b : order < 0;
    });
    std::vector<std::span<Pair* const>> names;
    for (size_t begin = 0, end = 0; begin < rest.size(); begin = end) {
      while (end < rest.size() && rest[end]->name == rest[begin]->name) ++end;
      names.push_back(std::span(rest).subspan(begin, end - begin));
    }
    std::ranges::sort(names, {}, [](const auto& pairs) { return pairs[0]; });
    for (const std::span<Pair* const> pairs : names) {
      add_key(pairs[0]->name);
      if (pairs.size() == 1 && !is_declared(*pairs[0])) {
        add_scalar(*pairs[0]);
      } else {
        add_texts(pairs);
      }
    }
  }

  const table::TableView& view_;
  Arena& arena_;
  validate::ParameterReader reader_;
  std::span<const ParameterRecord> fields_;
  u32 rest_types_ = schema::kTypeString;
  std::span<Pair> pairs_;
  json::Tape tape_;
  std::string out_;
  bool is_utf8_ = true;
};

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

const BodyFormRecord* find_form(const table::TableView& view, const BodyRecord& record,
                                u32 status) {
  for (const BodyFormRecord& form : view.policy_list<BodyFormRecord>(record.forms)) {
    if (status >= form.first && status <= form.last) return &form;
  }
  return nullptr;
}

Result<std::string_view> read_form(const table::TableView& view, const BodyFormRecord* form,
                                   std::string_view body, Arena& arena) {
  return FormReader(view, form, arena).run(body);
}

namespace {

// A template's text is read, for what is in it. Null: there is no room for that.
Value* opened(Exchange& exchange, ValueTree& tree, Value* value) {
  const bool is_container = value->kind == Kind::Object || value->kind == Kind::Array;
  if (!is_container || value->open || value->tape != nullptr) return value;
  json::Tape& tape = engine::values_of(exchange).lease();
  return tape.parse(value->text) ? tree.of(tape) : nullptr;
}

}  // namespace

bool write_form(Exchange& exchange, ValueTree& tree, Value& value, size_t max_bytes,
                std::string& out) {
  if (value.kind != Kind::Object) return false;
  Value* root = opened(exchange, tree, &value);
  if (root == nullptr) return false;
  const auto add = [&](std::string_view name, const Value& one) {
    if (one.kind == Kind::Null) return;
    if (one.kind != Kind::Object && one.kind != Kind::Array) {
      append_pair(name, plain_text(one, tree.arena()), out);
      return;
    }
    std::string text;
    if (json::write(one, max_bytes, text)) append_pair(name, text, out);
  };
  for (Value* member = tree.first(*root); member != nullptr; member = ValueTree::next(*member)) {
    const std::string_view name = tree.plain_key(*member);
    if (member->kind == Kind::Array) {
      Value* list = opened(exchange, tree, member);
      if (list == nullptr) return false;
      for (Value* item = tree.first(*list); item != nullptr; item = ValueTree::next(*item)) {
        add(name, *item);
      }
    } else {
      add(name, *member);
    }
    if (out.size() > max_bytes) return false;
  }
  return true;
}

}  // namespace gw::policies
