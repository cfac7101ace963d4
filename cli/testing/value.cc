#include "cli/testing/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeKind;

json::value number_of(const Value& value) {
  // The core schema knows forms that JSON has not: 0x1f, +1, .5.
  boost::system::error_code ec;
  json::value parsed = json::parse(value.text, ec);
  if (!ec && parsed.is_number()) return parsed;
  if (value.kind == NodeKind::Int) {
    const bool octal = value.text.starts_with("0o");
    const char* digits = value.text.c_str() + (octal ? 2 : 0);
    const int base = octal ? 8 : value.text.starts_with("0x") ? 16 : 10;
    return static_cast<std::int64_t>(std::strtoll(digits, nullptr, base));
  }
  return std::strtod(value.text.c_str(), nullptr);
}

bool is_json_number(std::string_view text) {
  boost::system::error_code ec;
  const json::value parsed = json::parse(text, ec);
  return !ec && parsed.is_number();
}

std::string number_text(const Value& value) {
  if (is_json_number(value.text)) return value.text;
  // A sign or zeros in front are no reason to lose digits that no number of ours holds.
  const std::string_view plain = std::string_view(value.text).substr(value.text[0] == '+');
  const size_t digit = plain.find_first_not_of('0');
  if (digit != plain.npos && is_json_number(plain.substr(digit))) {
    return std::string(plain.substr(digit));
  }
  const json::value number = number_of(value);
  return number.is_double() ? fmt::format("{}", number.get_double()) : json::serialize(number);
}

bool is_plain(std::string_view text) {
  static constexpr std::string_view kWords[] = {"null", "true", "false", "yes",  "no",
                                                "on",   "off",  "Null",  "True", "False"};
  if (text.empty() || std::ranges::find(kWords, text) != std::end(kWords)) return false;
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '_';
  };
  if (!is_letter(text.front()) || text.back() == ':') return false;
  return std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view(".-+=?&%;@()").find(c) != std::string_view::npos;
  });
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<u8>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace

const Value* Value::get(std::string_view name) const {
  if (!is_map()) return nullptr;
  const auto found = std::ranges::find(children, name, &Value::key);
  return found == children.end() ? nullptr : &*found;
}

Value& Value::entry(std::string_view name) {
  const auto found = std::ranges::find(children, name, &Value::key);
  if (found != children.end()) return *found;
  Value& added = children.emplace_back();
  added.key = name;
  return added;
}

void Value::erase(std::string_view name) {
  std::erase_if(children, [&](const Value& child) { return child.key == name; });
}

Value value_of(compiler::NodeRef node, size_t& budget) {
  Value out;
  if (!node || budget == 0) return out;
  --budget;
  out.kind = node.kind();
  out.span = node.span();
  if (node.is_scalar()) out.text = node.text();
  for (const auto [key, value] : node.entries()) {
    if (budget == 0) break;
    Value& child = out.children.emplace_back(value_of(value, budget));
    child.key = key.text();
    child.key_span = key.span();
  }
  for (const compiler::NodeRef item : node.items()) {
    if (budget == 0) break;
    out.children.push_back(value_of(item, budget));
  }
  return out;
}

size_t count_values(const Value& value) {
  size_t count = 1;
  for (const Value& child : value.children) count += count_values(child);
  return count;
}

void merge(Value& base, const Value& over) {
  if (!base.is_map() || !over.is_map()) {
    const std::string key = base.key.empty() ? over.key : base.key;
    base = over;
    base.key = key;
    return;
  }
  base.span = over.span;
  for (const Value& child : over.children) {
    const bool known = base.get(child.key) != nullptr;
    Value& target = base.entry(child.key);
    if (known) {
      merge(target, child);
      target.key_span = child.key_span;
    } else {
      target = child;
    }
  }
}

json::value to_json(const Value& value) {
  switch (value.kind) {
    case NodeKind::Null:
      return nullptr;
    case NodeKind::Bool:
      return value.boolean();
    case NodeKind::Int:
    case NodeKind::Float:
      return number_of(value);
    case NodeKind::String:
      return json::value(value.text);
    case NodeKind::Map: {
      json::object out;
      for (const Value& child : value.children) out[child.key] = to_json(child);
      return out;
    }
    case NodeKind::Seq: {
      json::array out;
      for (const Value& child : value.children) out.push_back(to_json(child));
      return out;
    }
  }
  return nullptr;
}

std::string to_json_text(const Value& value) {
  if (value.kind == NodeKind::Int || value.kind == NodeKind::Float) return number_text(value);
  if (value.is_scalar()) return json::serialize(to_json(value));
  std::string out;
  for (const Value& child : value.children) {
    if (!out.empty()) out += ',';
    if (value.is_map()) out += json::serialize(json::value(child.key)) + ':';
    out += to_json_text(child);
  }
  return value.is_map() ? '{' + out + '}' : '[' + out + ']';
}

std::string to_scalar(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  if (!is_printable(text)) return json::serialize(json::value(text));
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + '\'';
}

std::string to_flow(const json::value& value) {
  if (value.is_string()) return to_scalar(std::string_view(value.get_string()));
  std::string out;
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, member] : *object) {
      out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", to_scalar(std::string_view(key)),
                         to_flow(member));
    }
    return "{" + out + "}";
  }
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) out += (out.empty() ? "" : ", ") + to_flow(item);
    return "[" + out + "]";
  }
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return json::serialize(value);
}

}  // namespace gw::cli::tests
