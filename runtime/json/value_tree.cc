#include "runtime/json/value_tree.h"

#include <algorithm>
#include <new>

#include "runtime/base/log.h"

namespace gw::json {
namespace {

bool is_container(Kind kind) { return kind == Kind::Object || kind == Kind::Array; }

bool write_children(const Value& value, size_t max_bytes, std::string& out) {
  const bool is_object = value.kind == Kind::Object;
  out += is_object ? '{' : '[';
  bool is_first = true;
  for (const Value* child = value.first; child != nullptr; child = child->next) {
    if (child->gone) continue;
    if (!is_first) out += ',';
    is_first = false;
    if (is_object) {
      out += '"';
      out += child->key;
      out += "\":";
    }
    if (!write(*child, max_bytes, out)) return false;
  }
  out += is_object ? '}' : ']';
  return out.size() <= max_bytes;
}

}  // namespace

std::string_view source_text(const Tape& tape, u32 node) {
  const std::string_view text = tape.text(node);
  if (tape.kind(node) != Kind::String) return text;
  return {text.data() - 1, text.size() + 2};
}

Value* ValueTree::make(Kind kind) {
  auto* value = new (arena_.allocate(sizeof(Value), alignof(Value))) Value;
  value->kind = kind;
  return value;
}

Value* ValueTree::of(const Tape& tape, u32 node) {
  Value* value = make(tape.kind(node));
  value->tape = &tape;
  value->node = node;
  value->text = source_text(tape, node);
  return value;
}

Value* ValueTree::raw(Kind kind, std::string_view text) {
  Value* value = make(kind);
  value->text = text;
  return value;
}

Value* ValueTree::string(std::string_view plain) {
  std::string text = "\"";
  append_json_escaped(plain, text);
  text += '"';
  return raw(Kind::String, arena_.copy(text));
}

Value* ValueTree::object() {
  Value* value = make(Kind::Object);
  value->open = true;
  return value;
}

Value* ValueTree::array() {
  Value* value = make(Kind::Array);
  value->open = true;
  return value;
}

void ValueTree::open(Value& container) {
  if (container.open || container.tape == nullptr || !is_container(container.kind)) return;
  container.open = true;
  const Tape& tape = *container.tape;
  if (container.kind == Kind::Array) {
    for (const u32 item : tape.items(container.node)) link(container, of(tape, item));
    return;
  }
  for (const Member member : tape.members(container.node)) {
    Value* child = of(tape, member.value);
    child->key = tape.text(member.key);
    child->key_escaped = tape.has_escapes(member.key);
    link(container, child);
  }
}

void ValueTree::link(Value& container, Value* child) {
  child->next = nullptr;
  if (container.last == nullptr) {
    container.first = child;
  } else {
    container.last->next = child;
  }
  container.last = child;
}

Value* ValueTree::first(Value& container) {
  open(container);
  if (!container.open) return nullptr;
  Value* child = container.first;
  while (child != nullptr && child->gone) child = child->next;
  return child;
}

Value* ValueTree::next(const Value& child) {
  Value* next = child.next;
  while (next != nullptr && next->gone) next = next->next;
  return next;
}

bool ValueTree::key_is(const Value& member, std::string_view plain) const {
  return member.key_escaped ? unescaped_equals(member.key, plain) : member.key == plain;
}

std::string_view ValueTree::plain_key(const Value& member) {
  if (!member.key_escaped) return member.key;
  char* out = static_cast<char*>(arena_.allocate(member.key.size(), 1));
  const char* end = unescape(member.key, out);
  return {out, static_cast<size_t>(end - out)};
}

Value* ValueTree::find(Value& object, std::string_view key) {
  if (object.kind != Kind::Object) return nullptr;
  for (Value* child = first(object); child != nullptr; child = next(*child)) {
    if (key_is(*child, key)) return child;
  }
  return nullptr;
}

void ValueTree::append(Value& array, Value* child) {
  open(array);
  link(array, child);
}

std::string_view ValueTree::key_text(std::string_view plain, bool& escaped) {
  std::string text;
  append_json_escaped(plain, text);
  escaped = text.size() != plain.size();
  return arena_.copy(text);
}

void ValueTree::set(Value& object, std::string_view key, Value* child) {
  if (Value* known = find(object, key)) {
    replace(*known, *child);
    return;
  }
  open(object);
  child->key = key_text(key, child->key_escaped);
  link(object, child);
}

void ValueTree::replace(Value& at, const Value& other) {
  Value content = other;
  content.key = at.key;
  content.key_escaped = at.key_escaped;
  content.next = at.next;
  content.gone = false;
  at = content;
}

bool write(const Value& value, size_t max_bytes, std::string& out) {
  if (value.open) return write_children(value, max_bytes, out);
  if (value.text.size() > max_bytes || out.size() > max_bytes - value.text.size()) return false;
  out += value.text;
  return true;
}

bool next_token(std::string_view& path, Arena& arena, std::string_view& token) {
  if (path.empty()) return false;
  const size_t slash = path.find('/');
  token = path.substr(0, slash);
  path = slash == path.npos ? std::string_view{} : path.substr(slash + 1);
  if (token.find('~') == token.npos) return true;
  char* out = static_cast<char*>(arena.allocate(token.size(), 1));
  size_t used = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escaped = token[i] == '~' && i + 1 < token.size();
    out[used++] = escaped ? (token[++i] == '1' ? '/' : '~') : token[i];
  }
  token = {out, used};
  return true;
}

}  // namespace gw::json
