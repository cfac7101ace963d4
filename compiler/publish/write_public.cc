#include "compiler/publish/write_public.h"

#include <algorithm>

#include "compiler/xgw/node_json.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Words that YAML 1.1 or 1.2 takes for something else than text.
bool is_reserved(std::string_view text) {
  std::string lower = lower_case(text);
  constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no",
                                         "on",   "off",   "y",    "n"};
  return std::ranges::find(kWords, lower) != std::end(kWords);
}

// `3.0.3` is no number.
bool is_version(std::string_view text) {
  return !text.empty() && is_digit(text.front()) && is_digit(text.back()) &&
         std::ranges::count(text, '.') > 1 &&
         std::ranges::all_of(text, [](char c) { return c == '.' || is_digit(c); });
}

// Fewer texts than YAML would allow, and none that needs a second look.
bool is_plain(std::string_view text) {
  if (is_version(text)) return true;
  if (text.empty() || text.size() > 200 || is_reserved(text)) return false;
  if (!is_letter(text[0]) && text[0] != '/' && text[0] != '$') return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_letter(c) || is_digit(c)) continue;
    if (c == ':' && text[i + 1] != ' ') continue;
    if (std::string_view("./- {}$()+=;@'*").find(c) == std::string_view::npos) return false;
  }
  return true;
}

// Whether a text of several lines can be a literal block without an indentation indicator.
bool is_block(std::string_view text) {
  if (text.find('\n') == text.npos || text.ends_with("\n\n") || text.starts_with('\n')) {
    return false;
  }
  bool at_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      if (i > 0 && text[i - 1] == ' ') return false;
      at_start = true;
      continue;
    }
    if (at_start && c == ' ' && i == 0) return false;
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    at_start = false;
  }
  // A byte order mark, and separators that readers of 1.1 take for line ends.
  return text.find("\xef\xbb\xbf") == text.npos && text.find("\xe2\x80\xa8") == text.npos &&
         text.find("\xe2\x80\xa9") == text.npos && text.find("\xc2\x85") == text.npos;
}

class Writer {
 public:
  explicit Writer(const Components& components) : components_(components) {}

  void json(const PublicValue& value, u32 depth) {
    if (value.is_map() || value.is_list()) {
      json_children(value, depth);
    } else {
      scalar_json(value);
    }
  }

  void yaml_document(const PublicValue& value) {
    if (is_inline(value)) {
      yaml_inline(value, 0);
      out += '\n';
    } else {
      yaml_block(value, 0, true);
    }
  }

  std::string out;

 private:
  std::string key_of(const PublicMember& member) const {
    return member.component == kNoComponent ? member.key : components_.at(member.component).name;
  }

  bool is_shown(const PublicMember& member) const {
    if (member.if_renamed) return components_.at(member.value.component).name != member.key;
    // A mapping that was made for names that have not changed after all.
    const auto& inner = member.value.members;
    const bool made = !inner.empty() && std::ranges::all_of(inner, &PublicMember::if_renamed);
    return !made || std::ranges::any_of(inner, [&](const auto& one) { return is_shown(one); });
  }

  std::string text_of(const PublicValue& value) const {
    if (value.component == kNoComponent) return value.text;
    return value.by_name ? components_.at(value.component).name
                         : components_.pointer(value.component);
  }

  void scalar_json(const PublicValue& value) {
    if (value.kind == NodeKind::String) {
      append_json_string(text_of(value), out);
    } else {
      out += value.kind == NodeKind::Null ? "null" : value.text;
    }
  }

  void json_children(const PublicValue& value, u32 depth) {
    const bool map = value.is_map();
    out += map ? '{' : '[';
    bool first = true;
    const auto begin = [&] {
      out += first ? "\n" : ",\n";
      first = false;
      out.append((depth + 1) * 2, ' ');
    };
    for (const PublicMember& member : value.members) {
      if (!is_shown(member)) continue;
      begin();
      append_json_string(key_of(member), out);
      out += ": ";
      json(member.value, depth + 1);
    }
    for (const PublicValue& item : value.items) {
      begin();
      json(item, depth + 1);
    }
    if (!first) {
      out += '\n';
      out.append(depth * 2, ' ');
    }
    out += map ? '}' : ']';
  }

  bool is_inline(const PublicValue& value) const {
    if (value.is_map())
      return std::ranges::none_of(value.members,
                                  [&](const PublicMember& member) { return is_shown(member); });
    return !value.is_list() || value.items.empty();
  }

  void yaml_inline(const PublicValue& value, u32 indent) {
    if (value.is_map()) {
      out += "{}";
    } else if (value.is_list()) {
      out += "[]";
    } else if (value.kind == NodeKind::String) {
      yaml_text(text_of(value), indent);
    } else {
      scalar_json(value);
    }
  }

  // `indent` of a block below it.
  void yaml_text(const std::string& text, u32 indent) {
    if (is_plain(text)) {
      out += text;
    } else if (is_block(text)) {
      yaml_lines(text, indent);
    } else if (is_quotable(text)) {
      yaml_quoted(text);
    } else {
      append_json_string(text, out);
    }
  }

  static bool is_quotable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  }

  void yaml_lines(std::string_view text, u32 indent) {
    out += text.ends_with('\n') ? "|" : "|-";
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      out += '\n';
      if (!line.empty()) out.append(indent, ' ');
      out += line;
      text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
  }

  // `started`: the first line has its indentation.
  void yaml_block(const PublicValue& value, u32 indent, bool started) {
    const auto begin = [&] {
      if (!started) out.append(indent, ' ');
      started = false;
    };
    for (const PublicMember& member : value.members) {
      if (!is_shown(member)) continue;
      begin();
      const std::string key = key_of(member);
      if (is_plain(key)) {
        out += key;
      } else if (is_quotable(key)) {
        yaml_quoted(key);
      } else {
        append_json_string(key, out);
      }
      out += ':';
      yaml_child(member.value, indent);
    }
    for (const PublicValue& item : value.items) {
      begin();
      out += "- ";
      if (is_inline(item)) {
        yaml_inline(item, indent + 2);
        out += '\n';
      } else {
        yaml_block(item, indent + 2, true);
      }
    }
  }

  void yaml_quoted(std::string_view text) {
    out += '\'';
    for (const char c : text) out.append(c == '\'' ? 2 : 1, c);
    out += '\'';
  }

  void yaml_child(const PublicValue& value, u32 indent) {
    if (is_inline(value)) {
      out += ' ';
      yaml_inline(value, indent + 2);
      out += '\n';
      return;
    }
    out += '\n';
    yaml_block(value, indent + 2, false);
  }

  const Components& components_;
};

}  // namespace

std::string write_json(const PublicValue& value, const Components& components) {
  Writer writer(components);
  writer.json(value, 0);
  return std::move(writer.out) + "\n";
}

std::string write_yaml(const PublicValue& value, const Components& components) {
  Writer writer(components);
  writer.yaml_document(value);
  return std::move(writer.out);
}

}  // namespace gw::compiler
