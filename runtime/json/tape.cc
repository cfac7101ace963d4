#include "runtime/json/tape.h"

namespace gw::json {
namespace {

constexpr u32 kKeptNodes = 64 << 10;      // 1.5 MiB
constexpr size_t kKeptBytes = 256 << 10;  // of each other buffer

// The number of an array's item (RFC 6901 section 4): no leading zeros; kNoNode: it is none.
u32 item_number(std::string_view token) {
  if (token.empty() || token.size() > 9 || (token[0] == '0' && token.size() > 1)) return kNoNode;
  u32 number = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return kNoNode;
    number = number * 10 + static_cast<u32>(c - '0');
  }
  return number;
}

// Takes one character of a pointer's token: `~0` and `~1` stand for `~` and `/`. False: neither.
bool take_token_character(std::string_view& token, char& c) {
  c = token[0];
  token.remove_prefix(1);
  if (c != '~') return true;
  if (token.empty() || (token[0] != '0' && token[0] != '1')) return false;
  c = token[0] == '0' ? '~' : '/';
  token.remove_prefix(1);
  return true;
}

bool is_token(std::string_view token) {
  char c = 0;
  while (!token.empty()) {
    if (!take_token_character(token, c)) return false;
  }
  return true;
}

bool token_equals(std::string_view token, std::string_view key) {
  for (const char wanted : key) {
    char c = 0;
    if (token.empty() || !take_token_character(token, c) || c != wanted) return false;
  }
  return token.empty();
}

u32 find_token(const Tape& tape, u32 object, std::string_view token) {
  if (!is_token(token)) return kNoNode;
  if (token.find('~') == std::string_view::npos) return tape.find(object, token);
  std::string buffer;  // keys with escapes below tokens with `~` are rare
  for (const Member member : tape.members(object)) {
    if (token_equals(token, tape.string(member.key, buffer))) return member.value;
  }
  return kNoNode;
}

void append_token(std::string_view key, std::string& out) {
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
}

}  // namespace

void Tape::clear() {
  size_ = 0;
  source_ = nullptr;
  if (capacity_ > kKeptNodes) {
    nodes_.reset();
    capacity_ = 0;
  }
  if (key_slots_.capacity() * sizeof(u32) > kKeptBytes) std::vector<u32>().swap(key_slots_);
  if (key_buffer_.capacity() > kKeptBytes) std::string().swap(key_buffer_);
}

SourceRange Tape::source(u32 index) const {
  const Node& found = nodes_[index];
  const u32 quote = found.kind == Kind::String ? 1 : 0;
  const u32 begin = static_cast<u32>(found.text - source_);
  return {begin - quote, begin + found.bytes + quote};
}

std::string_view Tape::string(u32 index, Arena& arena) const {
  const std::string_view raw = text(index);
  if (!has_escapes(index)) return raw;
  char* const out = static_cast<char*>(arena.allocate(raw.size(), 1));
  return {out, static_cast<size_t>(unescape(raw, out) - out)};
}

std::string_view Tape::string(u32 index, std::string& buffer) const {
  if (!has_escapes(index)) return text(index);
  unescape_into(text(index), buffer);
  return buffer;
}

u32 Tape::find(u32 object, std::string_view key) const {
  if (kind(object) != Kind::Object) return kNoNode;
  const u32 wanted = fingerprint(key);
  for (const Member member : members(object)) {
    if (nodes_[member.key].count == wanted && string_equals(member.key, key)) return member.value;
  }
  return kNoNode;
}

u32 Tape::item(u32 array, u32 position) const {
  if (kind(array) != Kind::Array || position >= count(array)) return kNoNode;
  u32 at = array + 1;
  for (; position > 0; --position) at = next(at);
  return at;
}

u32 Tape::resolve(std::string_view pointer, u32 index) const {
  while (!pointer.empty()) {
    if (pointer[0] != '/') return kNoNode;
    pointer.remove_prefix(1);
    const std::string_view token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    if (kind(index) == Kind::Object) {
      index = find_token(*this, index, token);
    } else {
      const u32 number = item_number(token);
      index = number == kNoNode ? kNoNode : item(index, number);
    }
    if (index == kNoNode) return kNoNode;
  }
  return index;
}

void Tape::append_pointer(u32 index, std::string& out) const {
  std::string buffer;
  if ((nodes_[index].flags & kNodeKey) != 0) ++index;  // the value of this key
  for (u32 at = 0; at != index;) {
    const bool object = kind(at) == Kind::Object;
    u32 child = at + 1;
    u32 key = kNoNode;
    u32 number = 0;
    for (;; child = next(child), ++number) {
      if (object) key = child++;
      if (index < next(child)) break;
    }
    out += '/';
    if (object) {
      append_token(string(key, buffer), out);
    } else {
      out += std::to_string(number);
    }
    at = child;
  }
}

}  // namespace gw::json
