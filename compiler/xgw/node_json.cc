#include "compiler/xgw/node_json.h"

#include <fmt/format.h>

#include <charconv>

namespace gw::compiler {
namespace {

bool json_needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// Numbers of YAML that JSON has no spelling for are written in one it has.
void append_json_number(NodeRef node, std::string& out) {
  std::string_view text = node.text();
  if (node.kind() == NodeKind::Int && text.size() > 2 && text[0] == '0') {
    const int base = text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 10;
    u64 value = 0;
    if (base != 10) text.remove_prefix(2);
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (result.ec == std::errc{}) {
      out += std::to_string(value);
      return;
    }
  }
  std::string number(text);
  if (number.starts_with('+')) number.erase(0, 1);
  const size_t digits = number.starts_with('-') ? 1 : 0;
  while (number.size() > digits + 1 && number[digits] == '0' && number[digits + 1] >= '0' &&
         number[digits + 1] <= '9') {
    number.erase(digits, 1);
  }
  if (number.size() > digits && number[digits] == '.') number.insert(digits, "0");
  const size_t dot = number.find('.');
  if (dot != number.npos &&
      (dot + 1 == number.size() || number[dot + 1] == 'e' || number[dot + 1] == 'E')) {
    number.insert(dot + 1, "0");
  }
  const bool finite = number.find_first_of("nN") == number.npos;  // .inf and .nan
  out += finite ? number : "null";
}

void append_json(NodeRef node, std::string& out, u64& budget) {
  if (budget == 0) return;
  --budget;
  switch (node.kind()) {
    default:
      append_json_scalar(node, out);
      return;
    case NodeKind::Seq: {
      out += '[';
      bool first = true;
      for (const NodeRef item : node.items()) {
        if (!first) out += ',';
        first = false;
        append_json(item, out, budget);
      }
      out += ']';
      return;
    }
    case NodeKind::Map: {
      out += '{';
      bool first = true;
      for (const auto [key, value] : node.entries()) {
        if (!first) out += ',';
        first = false;
        append_json_string(key.text(), out);
        out += ':';
        append_json(value, out, budget);
      }
      out += '}';
      return;
    }
  }
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (!json_needs_escape(c)) {
      out += c;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  out += '"';
}

void append_json_scalar(NodeRef node, std::string& out) {
  switch (node.kind()) {
    case NodeKind::Bool:
      out += node.boolean() ? "true" : "false";
      return;
    case NodeKind::Int:
    case NodeKind::Float:
      append_json_number(node, out);
      return;
    case NodeKind::String:
      append_json_string(node.text(), out);
      return;
    default:
      out += "null";
  }
}

std::string to_json(NodeRef node) {
  std::string out;
  u64 budget = 1'000'000;  // aliases may unfold to more than a file holds
  append_json(node, out, budget);
  return out;
}

}  // namespace gw::compiler
