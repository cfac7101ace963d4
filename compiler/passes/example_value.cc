#include "compiler/passes/example_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <deque>

#include "compiler/regex/regex.h"
#include "compiler/xgw/node_json.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using openapi::Document;

constexpr u32 kMaxDepth = 8;
constexpr u32 kMaxItems = 64;  // of arrays with minItems

class Generator {
 public:
  Generator(const Document& document, const ExampleOptions& options, PatternExamples& patterns)
      : document_(document), options_(options), patterns_(patterns) {}

  /// `kind`: of a schema that names no type.
  std::string value(NodeRef schema, u32 depth, std::string_view kind = {}) {
    const NodeRef resolved = schema ? document_.resolve(schema) : NodeRef{};
    if (!resolved || !resolved.is_map() || depth > kMaxDepth || size_ > kMaxExampleBytes)
      return "null";
    std::string text = unguarded(resolved, depth, kind);
    size_ += text.size();
    return text;
  }

 private:
  std::string unguarded(NodeRef schema, u32 depth, std::string_view kind) {
    for (const std::string_view key : {"const", "example", "default"}) {
      if (key != "const" && options_.without_examples) continue;
      if (const NodeRef given = schema.get(key)) return to_json(given);
    }
    for (const std::string_view key : {"examples", "enum"}) {
      if (key == "examples" && options_.without_examples) continue;
      const NodeRef list = schema.get(key);
      if (list && list.is_seq() && list.size() > 0) return to_json(*list.items().begin());
    }
    if (schema.get("allOf")) return merged(schema, depth);
    for (const std::string_view key : {"oneOf", "anyOf"}) {
      const NodeRef list = schema.get(key);
      if (list && list.is_seq() && list.size() > 0) return value(*list.items().begin(), depth + 1);
    }
    const std::string_view named = type_of(schema);
    const std::string_view type = named.empty() ? kind : named;
    if (type == "object") return object(schema, depth);
    if (type == "array") return array(schema, depth);
    if (type == "string") return string(schema);
    if (type == "integer" || type == "number") return number(schema, type == "integer");
    if (type == "boolean") return "true";
    return "null";
  }

  static std::string_view type_of(NodeRef schema) {
    NodeRef type = schema.get("type");
    if (type && type.is_seq()) {  // 3.1: the first that is not null
      for (const NodeRef item : type.items()) {
        if (item.text() != "null") return item.text();
      }
    }
    if (type && type.is_scalar()) return type.text();
    if (schema.get("properties") || schema.get("additionalProperties")) return "object";
    if (schema.get("items")) return "array";
    return "";
  }

  using Members = std::vector<std::pair<std::string_view, std::string>>;

  static bool has(const Members& members, std::string_view name) {
    return std::ranges::find(members, name, [](const auto& m) { return m.first; }) != members.end();
  }

  // What is only in the other direction.
  bool is_left_out(NodeRef property) const {
    const NodeRef resolved = document_.resolve(property);
    const NodeRef one_way = resolved && resolved.is_map()
                                ? resolved.get(options_.of_requests ? "readOnly" : "writeOnly")
                                : NodeRef{};
    return one_way && one_way.kind() == NodeKind::Bool && one_way.boolean();
  }

  void add_properties(NodeRef schema, u32 depth, Members& out) {
    const NodeRef properties = schema.get("properties");
    if (!properties) return;
    const NodeRef required = schema.get("required");
    for (const auto [key, property] : properties.entries()) {
      if (is_left_out(property)) continue;
      // Near the bottom only what is required, so that recursive schemas come to an end.
      const bool sparse = options_.required_only || depth + 2 >= kMaxDepth;
      if (sparse && !lists(required, key.text())) continue;
      const std::string_view name = key.text();
      std::string text = value(property, depth + 1);
      const auto known = std::ranges::find(out, name, [](const auto& p) { return p.first; });
      if (known != out.end()) {
        known->second = std::move(text);
      } else {
        out.emplace_back(name, std::move(text));
      }
    }
  }

  // What goes with the members that are there, and as many as there must be.
  void complete(NodeRef schema, u32 depth, Members& out) {
    const NodeRef dependents = schema.get("dependentRequired");
    for (size_t i = 0; dependents && dependents.is_map() && i < out.size(); ++i) {
      const NodeRef names = dependents.get(out[i].first);
      if (!names || !names.is_seq()) continue;
      for (const NodeRef name : names.items()) add_member(schema, name.text(), depth, out);
    }
    const NodeRef minimum = schema.get("minProperties");
    const u64 least = minimum ? parse_count(minimum.text()).value_or(0) : 0;
    if (out.size() >= least || least > kMaxItems) return;
    if (const NodeRef properties = schema.get("properties"); properties && properties.is_map()) {
      for (const auto [key, property] : properties.entries()) {
        if (out.size() < least && !is_left_out(property))
          add_member(schema, key.text(), depth, out);
      }
    }
    const NodeRef names = schema.get("propertyNames");
    for (u64 i = 1; out.size() < least && i <= 2 * kMaxItems; ++i) {
      const std::string name = names ? value(names, depth + 1, "string") : "\"key\"";
      const std::string quoted = i == 1 ? name : another(names, name, i - 1);
      if (quoted.size() < 2 || !quoted.ends_with('"')) return;
      names_.push_back(quoted.substr(1, quoted.size() - 2));
      add_member(schema, names_.back(), depth, out);
    }
  }

  void add_member(NodeRef schema, std::string_view name, u32 depth, Members& out) {
    if (has(out, name)) return;
    const NodeRef properties = schema.get("properties");
    const NodeRef property = properties ? properties.get(name) : NodeRef{};
    const NodeRef rest = schema.get("additionalProperties");
    if (property) {
      out.emplace_back(name, value(property, depth + 1));
    } else {
      out.emplace_back(name, rest && rest.is_map() ? value(rest, depth + 1) : "\"string\"");
    }
  }

  static bool lists(NodeRef list, std::string_view name) {
    if (!list || !list.is_seq()) return false;
    for (const NodeRef item : list.items()) {
      if (item.is_scalar() && item.text() == name) return true;
    }
    return false;
  }

  static std::string join(const Members& members) {
    std::string out = "{";
    for (const auto& [name, text] : members) {
      if (out.size() > 1) out += ',';
      out += '"';
      for (const char c : name) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
      }
      out += "\":";
      out += text;
    }
    return out + "}";
  }

  std::string object(NodeRef schema, u32 depth) {
    Members members;
    add_properties(schema, depth, members);
    complete(schema, depth, members);
    return join(members);
  }

  // allOf: the members of all parts; the last non-object otherwise.
  std::string merged(NodeRef schema, u32 depth) {
    Members members;
    std::string other;
    collect_all_of(schema, depth, members, other, 0);
    if (members.empty() && !other.empty()) return other;
    return join(members);
  }

  void collect_all_of(NodeRef schema, u32 depth, Members& members, std::string& other,
                      u32 nesting) {
    if (nesting > kMaxDepth) return;
    const NodeRef list = schema.get("allOf");
    if (list && list.is_seq()) {
      for (const NodeRef part : list.items()) {
        const NodeRef resolved = document_.resolve(part);
        if (!resolved || !resolved.is_map()) continue;
        collect_all_of(resolved, depth, members, other, nesting + 1);
      }
    }
    if (schema.get("properties")) {
      add_properties(schema, depth, members);
      complete(schema, depth, members);
    } else if (!list && type_of(schema) != "object" && !type_of(schema).empty()) {
      other = value(schema, depth + 1);
    }
  }

  std::string array(NodeRef schema, u32 depth) {
    u64 count = 1;
    if (const NodeRef minimum = schema.get("minItems")) {
      count = std::clamp<u64>(parse_count(minimum.text()).value_or(1), 1, kMaxItems);
    }
    if (depth + 2 >= kMaxDepth && !schema.get("minItems")) return "[]";
    const NodeRef items = schema.get("items");
    const std::string item = value(items, depth + 1);
    const NodeRef unique = schema.get("uniqueItems");
    const bool differ = unique && unique.kind() == NodeKind::Bool && unique.boolean();
    const NodeRef contains = schema.get("contains");
    const u64 wanted = contains ? wanted_items(schema) : 0;
    const NodeRef kind = items ? document_.resolve(items) : NodeRef{};
    const std::string first =
        wanted == 0 ? ""
                    : value(contains, depth + 1,
                            kind && kind.is_map() ? type_of(kind) : std::string_view());
    std::string out = "[";
    for (u64 i = 0; i < std::max(count, wanted); ++i) {
      if (i > 0) out += ',';
      if (i < wanted) {
        out += differ && i > 0 ? another(contains, first, i) : first;
      } else {
        out += differ && i > 0 ? another(items, item, i) : item;
      }
    }
    return out + "]";
  }

  // How many that `contains` asks for.
  static u64 wanted_items(NodeRef schema) {
    const NodeRef least = schema.get("minContains");
    return std::min<u64>(least ? parse_count(least.text()).value_or(1) : 1, kMaxItems);
  }

  // A value beside `item` that differs from it and from all of other numbers, where that is simple.
  std::string another(NodeRef items, const std::string& item, u64 number) const {
    const NodeRef schema = items ? document_.resolve(items) : NodeRef{};
    const NodeRef words = schema && schema.is_map() ? schema.get("enum") : NodeRef{};
    if (words && words.is_seq()) {
      u64 at = 0;
      for (const NodeRef word : words.items()) {
        if (at++ == number) return to_json(word);
      }
      return item;
    }
    if (item.size() > 1 && item.ends_with('"')) {
      return fmt::format("{}{}\"", item.substr(0, item.size() - 1), number);
    }
    const auto count = parse_count(item);
    return count ? std::to_string(*count + number) : item;
  }

  std::string string(NodeRef schema) {
    struct Format {
      std::string_view name;
      std::string_view example;
    };
    static constexpr Format kFormats[] = {
        {"date", "2024-01-31"},
        {"date-time", "2024-01-31T12:00:00Z"},
        {"time", "12:00:00Z"},
        {"duration", "P1D"},
        {"uuid", "123e4567-e89b-12d3-a456-426614174000"},
        {"email", "user@example.com"},
        {"hostname", "host.example.com"},
        {"ipv4", "192.0.2.1"},
        {"ipv6", "2001:db8::1"},
        {"uri", "https://example.com/"},
        {"uri-reference", "/"},
        {"byte", "Z3djdGw="},
    };
    const NodeRef format = schema.get("format");
    const NodeRef pattern = schema.get("pattern");
    const bool shaped = pattern && pattern.is_scalar();
    for (const Format& known : kFormats) {
      if (!format || !format.is_scalar() || format.text() != known.name) continue;
      if (shaped && !matches(pattern.text(), known.example)) continue;
      return fmt::format("\"{}\"", known.example);
    }
    const auto bound = [&](std::string_view key, u64 fallback) {
      const NodeRef node = schema.get(key);
      return node && node.is_scalar() ? parse_count(node.text()).value_or(fallback) : fallback;
    };
    const u64 least = std::min<u64>(bound("minLength", 0), 1024);
    const u64 most = bound("maxLength", ~u64{0});
    if (shaped) {
      const std::string& fitting = example_of(pattern.text(), least, most);
      std::string quoted;
      append_json_string(fitting, quoted);
      if (!fitting.empty()) return quoted;
    }
    std::string text = "string";
    while (text.size() < least) text += "string";
    if (text.size() > least && least > 6) text.resize(least);
    if (text.size() > most) text.resize(most);
    return '"' + text + '"';
  }

  static bool matches(std::string_view pattern, std::string_view text) {
    const auto wanted = regex::compile(pattern, regex::Syntax::Ecma, regex::Mode::Search);
    const auto* fine = std::get_if<regex::CompiledRegex>(&wanted);
    if (fine == nullptr || fine->dfa.empty()) return true;  // whoever judges it has to tell
    std::string quoted;
    for (const char c : text) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) quoted += '\\';
      quoted += c;
    }
    const auto same = regex::compile(quoted, regex::Syntax::Re2, regex::Mode::Anchored);
    const auto* other = std::get_if<regex::CompiledRegex>(&same);
    return other != nullptr &&
           regex::common(fine->dfa, other->dfa).kind != regex::Common::Kind::Disjoint;
  }

  /// A shortest text that a pattern and the bounds of its length accept; empty: none is known.
  const std::string& example_of(std::string_view pattern, u64 least, u64 most) {
    const auto [it, fresh] = patterns_.try_emplace(fmt::format("{} {} {}", least, most, pattern));
    constexpr u64 kMaxCounted = 200;  // longer ones would make large automata
    if (!fresh || least > kMaxCounted) return it->second;
    const std::string upper = most > kMaxCounted ? std::string() : std::to_string(most);
    const auto wanted = regex::compile(pattern, regex::Syntax::Ecma, regex::Mode::Search);
    const auto length = regex::compile(fmt::format("(?s:.){{{},{}}}", least, upper),
                                       regex::Syntax::Re2, regex::Mode::Anchored);
    const auto* first = std::get_if<regex::CompiledRegex>(&wanted);
    const auto* second = std::get_if<regex::CompiledRegex>(&length);
    if (first == nullptr || second == nullptr || first->dfa.empty()) return it->second;
    it->second = regex::common({.dfa = first->dfa}, {.dfa = second->dfa}).witness;
    return it->second;
  }

  static std::string number(NodeRef schema, bool is_integer) {
    const auto text_of = [&](std::string_view key) {
      const NodeRef node = schema.get(key);
      const bool numeric = node && (node.kind() == NodeKind::Int || node.kind() == NodeKind::Float);
      return numeric ? to_json(node) : std::string();
    };
    if (const auto step = parse_count(text_of("multipleOf")); step && *step > 1) {
      return std::to_string(multiple_of(schema, *step));
    }
    if (const std::string least = text_of("minimum"); !least.empty()) {
      const NodeRef exclusive = schema.get("exclusiveMinimum");
      const bool excluded = exclusive && exclusive.kind() == NodeKind::Bool && exclusive.boolean();
      if (const auto whole = parse_count(least); whole && excluded)
        return std::to_string(*whole + 1);
      return least;
    }
    if (const std::string above = text_of("exclusiveMinimum"); !above.empty()) {
      if (const auto whole = parse_count(above)) return std::to_string(*whole + 1);
    }
    if (const std::string most = text_of("maximum"); most.starts_with('-')) return most;
    return is_integer ? "1" : "1.5";
  }

  /// The least positive multiple that is not below the minimum.
  static u64 multiple_of(NodeRef schema, u64 step) {
    u64 least = 1;
    const NodeRef exclusive = schema.get("exclusiveMinimum");
    const bool excluded = exclusive && exclusive.kind() == NodeKind::Bool && exclusive.boolean();
    if (const NodeRef minimum = schema.get("minimum"); minimum && minimum.is_scalar()) {
      least = std::max(least, parse_count(minimum.text()).value_or(0) + (excluded ? 1 : 0));
    }
    if (exclusive && exclusive.kind() == NodeKind::Int) {
      least = std::max(least, parse_count(exclusive.text()).value_or(0) + 1);
    }
    return (std::min(least, ~u64{0} - step) + step - 1) / step * step;
  }

  const Document& document_;
  const ExampleOptions options_;
  PatternExamples& patterns_;
  std::deque<std::string> names_;  // that no document has
  size_t size_ = 0;
};

}  // namespace

std::string example_value(const Document& document, NodeRef schema, const ExampleOptions& options,
                          PatternExamples& patterns) {
  return Generator(document, options, patterns).value(schema, 0, options.kind);
}

}  // namespace gw::compiler
