#include "compiler/contract/contract_writer.h"

#include <algorithm>
#include <array>

#include "compiler/syntax/limits.h"
#include "compiler/xgw/node_json.h"

namespace gw::compiler {
namespace {

constexpr std::array<std::string_view, 15> kNameMaps{
    "properties", "patternProperties", "$defs",    "definitions", "dependentSchemas",
    "schemas",    "headers",           "content",  "links",       "encoding",
    "parameters", "securitySchemes",   "examples", "variables",   "requestBodies"};
constexpr std::array<std::string_view, 4> kNameMapsWithExtensions{"responses", "callbacks",
                                                                  "webhooks", "scopes"};
constexpr std::array<std::string_view, 8> kLiterals{
    "example", "default", "enum", "const", "value", "dependentRequired", "mapping", "security"};

template <class List>
bool is_one_of(const List& list, std::string_view key) {
  return std::ranges::find(list, key) != list.end();
}

// The day that `x-sunset` names is a promise to clients; what other extensions mean nobody knows.
bool is_extension(std::string_view key) { return key.starts_with("x-") && key != "x-sunset"; }

void append_number(u64 value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

}  // namespace

ContractWriter::ContractWriter(const FileSet& files, const openapi::Document& document, Span begin,
                               const NumberOf& number_of)
    : files_(files),
      document_(document),
      number_of_(number_of),
      file_(begin.file),
      line_(begin.valid() ? files.position(begin.file, begin.begin).line : 0) {}

void ContractWriter::place(Span span) {
  if (!span.valid() || span.file != file_) {
    append_number(0, places_);
    append_number(0, places_);
    return;
  }
  const Position position = files_.position(span.file, span.begin);
  const bool back = position.line < line_;
  // ~step in place of -step, so that the reader needs no branch for zero.
  const u64 step = back ? u64{line_ - position.line} - 1 : u64{position.line - line_};
  append_number(step << 1 | (back ? 1 : 0), places_);
  append_number(position.column, places_);
  line_ = position.line;
}

void ContractWriter::comma() {
  if (!text_.ends_with('{') && !text_.ends_with('[')) text_ += ',';
}

void ContractWriter::member(std::string_view name, Span span) {
  comma();
  append_json_string(name, text_);
  text_ += ':';
  place(span);
}

void ContractWriter::item(Span span) {
  comma();
  place(span);
}

void ContractWriter::reference(u32 number) {
  text_ += "{\"$ref\":" + std::to_string(number) + "}";
  append_number(0, places_);  // of the number
  append_number(0, places_);
}

void ContractWriter::object(NodeRef node) { write(node, Context::Fields, 0); }

void ContractWriter::value(std::string_view name, NodeRef key, NodeRef node) {
  member(name, key.span());
  write(node, context_below(Context::Fields, name, node), 0);
}

void ContractWriter::begin_object(NodeRef object, std::span<const std::string_view> skip) {
  text_ += '{';
  if (!object) return;
  for (const auto [key, node] : object.entries()) {
    if (is_extension(key.text()) || is_one_of(skip, key.text())) continue;
    if (object.get(key.text()) != node) continue;  // a second one of this name
    value(key.text(), key, node);
  }
}

ContractWriter::Context ContractWriter::context_below(Context context, std::string_view key,
                                                      NodeRef value) {
  if (context == Context::Literal) return Context::Literal;
  if (context != Context::Fields) return Context::Fields;  // names lead to objects
  if (is_one_of(kLiterals, key)) return Context::Literal;
  if (key == "examples" && !value.is_map()) return Context::Literal;  // of a schema
  if (is_one_of(kNameMapsWithExtensions, key)) return Context::NamesAndExtensions;
  return is_one_of(kNameMaps, key) && value.is_map() ? Context::Names : Context::Fields;
}

void ContractWriter::write(NodeRef node, Context context, u32 depth) {
  if (!node || budget_ == 0 || depth > kMaxDepth) {
    text_ += "null";
    return;
  }
  --budget_;
  if (node.is_map()) {
    write_map(node, context, depth);
  } else if (node.is_seq()) {
    text_ += '[';
    for (const NodeRef entry : node.items()) {
      item(entry.span());
      write(entry, context, depth + 1);
    }
    text_ += ']';
  } else {
    append_json_scalar(node, text_);
  }
}

void ContractWriter::write_map(NodeRef node, Context context, u32 depth) {
  text_ += '{';
  const NodeRef target = context == Context::Fields ? node.get("$ref") : NodeRef{};
  const bool refers = target && target.is_string();
  for (const auto [key, entry] : node.entries()) {
    const std::string_view name = key.text();
    if (node.get(name) != entry) continue;
    const bool extensible = context == Context::Fields || context == Context::NamesAndExtensions;
    if (extensible && is_extension(name)) continue;
    if (refers && name != "$ref" && document_.version == openapi::Version::V30) continue;
    member(name, key.span());
    if (refers && name == "$ref") {
      text_ += std::to_string(number_of_(document_, node));
    } else {
      write(entry, context_below(context, name, entry), depth + 1);
    }
  }
  text_ += '}';
}

}  // namespace gw::compiler
