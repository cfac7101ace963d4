// json::Tape decides about syntax. It views the text and has room for large bodies; what is made of
// it here is as small as it can be, since claims stay in memory as long as their tokens are valid.
#include "runtime/jose/json_document.h"

#include <array>

#include "runtime/json/tape.h"

namespace gw::jose {
namespace {

// One per thread, so that reading a token allocates what is kept of it and nothing else.
json::Tape& scratch() {
  thread_local json::Tape tape;
  return tape;
}

JsonKind kind_of(const json::Tape& tape, u32 index) {
  switch (tape.kind(index)) {
    case json::Kind::Null:
      return JsonKind::Null;
    case json::Kind::Bool:
      return tape.boolean(index) ? JsonKind::True : JsonKind::False;
    case json::Kind::Number:
      return JsonKind::Number;
    case json::Kind::String:
      return JsonKind::String;
    case json::Kind::Array:
      return JsonKind::Array;
    case json::Kind::Object:
      break;
  }
  return JsonKind::Object;
}

bool is_key(const json::Tape& tape, u32 index) {
  return (tape.node(index).flags & json::kNodeKey) != 0;
}

bool has_text(JsonKind kind) { return kind == JsonKind::String || kind == JsonKind::Number; }

}  // namespace

// Copies what is asked for later: names, strings without their escapes, numbers.
class JsonDocument::Copier {
 public:
  explicit Copier(const json::Tape& tape) : tape_(tape) {}

  JsonDocument run() {
    reserve();
    for (u32 at = 0; at < tape_.size(); ++at) {
      while (depth_ > 0 && open_[depth_ - 1].tape_end == at) close();
      if (is_key(tape_, at)) {
        name_ = append(at);
      } else {
        add(at);
      }
    }
    while (depth_ > 0) close();
    return std::move(out_);
  }

 private:
  struct Open {
    u32 index;
    u32 tape_end;
  };
  struct Piece {
    u32 begin = 0;
    u32 bytes = 0;
  };

  void reserve() {
    size_t values = 0;
    size_t bytes = 0;
    for (u32 at = 0; at < tape_.size(); ++at) {
      const bool key = is_key(tape_, at);
      values += key ? 0 : 1;
      if (key || has_text(kind_of(tape_, at))) bytes += tape_.text(at).size();
    }
    out_.nodes_.reserve(values);
    out_.text_.reserve(bytes);
  }
  Piece append(u32 at) {
    const std::string_view text =
        tape_.kind(at) == json::Kind::String ? tape_.string(at, buffer_) : tape_.text(at);
    const auto begin = static_cast<u32>(out_.text_.size());
    out_.text_.append(text);
    return {begin, static_cast<u32>(text.size())};
  }
  void add(u32 at) {
    const JsonKind kind = kind_of(tape_, at);
    const Piece text = has_text(kind) ? append(at) : Piece{};
    const auto index = static_cast<u32>(out_.nodes_.size());
    out_.nodes_.push_back({.kind = kind,
                           .name_begin = name_.begin,
                           .name_bytes = name_.bytes,
                           .text_begin = text.begin,
                           .text_bytes = text.bytes,
                           .end = index + 1});
    name_ = {};
    if (kind == JsonKind::Array || kind == JsonKind::Object) {
      open_[depth_++] = {index, tape_.next(at)};
    }
  }
  void close() { out_.nodes_[open_[--depth_].index].end = static_cast<u32>(out_.nodes_.size()); }

  const json::Tape& tape_;
  JsonDocument out_;
  std::string buffer_;
  Piece name_;
  std::array<Open, kMaxDepth + 1> open_{};
  u32 depth_ = 0;
};

std::optional<JsonDocument> JsonDocument::parse(std::string_view text) {
  json::Tape& tape = scratch();
  const bool good = tape.parse(text, {.depth = kMaxDepth}).has_value();
  std::optional<JsonDocument> out;
  if (good) out = Copier(tape).run();
  tape.clear();
  return out;
}

JsonKind JsonValue::kind() const {
  return document_ == nullptr ? JsonKind::Absent : document_->nodes_[index_].kind;
}

std::string_view JsonValue::name() const {
  return document_ == nullptr ? std::string_view{} : document_->name_of(document_->nodes_[index_]);
}

std::string_view JsonValue::text() const {
  switch (kind()) {
    case JsonKind::True:
      return "true";
    case JsonKind::False:
      return "false";
    case JsonKind::Number:
    case JsonKind::String: {
      const auto& node = document_->nodes_[index_];
      return std::string_view(document_->text_).substr(node.text_begin, node.text_bytes);
    }
    default:
      return {};
  }
}

bool JsonValue::is_scalar() const {
  const JsonKind own = kind();
  return own == JsonKind::String || own == JsonKind::Number || own == JsonKind::True ||
         own == JsonKind::False;
}

JsonValue JsonValue::first() const {
  const JsonKind own = kind();
  if (own != JsonKind::Object && own != JsonKind::Array) return {};
  const u32 end = document_->nodes_[index_].end;
  if (index_ + 1 == end) return {};
  JsonValue value(*document_, index_ + 1);
  value.parent_end_ = end;
  return value;
}

JsonValue JsonValue::next() const {
  if (document_ == nullptr) return {};
  JsonValue value(*document_, document_->nodes_[index_].end);
  if (value.index_ >= parent_end_) return {};
  value.parent_end_ = parent_end_;
  return value;
}

JsonValue JsonValue::find(std::string_view name) const {
  if (kind() != JsonKind::Object) return {};
  for (JsonValue member = first(); member.present(); member = member.next()) {
    if (member.name() == name) return member;
  }
  return {};
}

namespace {

// One reference token: `~1` stands for a slash and `~0` for a tilde. False: another escape.
bool unescape(std::string_view token, std::string& out) {
  out.clear();
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      out += token[i];
      continue;
    }
    if (++i == token.size() || (token[i] != '0' && token[i] != '1')) return false;
    out += token[i] == '0' ? '~' : '/';
  }
  return true;
}

JsonValue item_of(JsonValue array, std::string_view token) {
  if (token.empty() || token.size() > 9 || (token.size() > 1 && token[0] == '0')) return {};
  u32 position = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return {};
    position = position * 10 + static_cast<u32>(c - '0');
  }
  JsonValue item = array.first();
  for (; position > 0 && item.present(); --position) item = item.next();
  return item;
}

}  // namespace

JsonValue JsonValue::at(std::string_view pointer) const {
  JsonValue value = *this;
  std::string unescaped;
  while (!pointer.empty() && value.present()) {
    if (pointer[0] != '/') return {};
    pointer.remove_prefix(1);
    std::string_view token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    if (token.find('~') != std::string_view::npos) {
      if (!unescape(token, unescaped)) return {};
      token = unescaped;
    }
    value = value.is(JsonKind::Array) ? item_of(value, token) : value.find(token);
  }
  return value;
}

}  // namespace gw::jose
