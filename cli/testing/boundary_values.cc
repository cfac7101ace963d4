#include "cli/testing/boundary_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "runtime/base/types.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeKind;
using compiler::NodeRef;
using compiler::openapi::Document;

constexpr i64 kLongestText = 5'000;
constexpr i64 kLargest = i64{1} << 53;  // what every JSON reader keeps exact

// Keywords that a plain schema may have besides those that are looked at.
bool is_plain(NodeRef schema) {
  static constexpr std::string_view kCombining[] = {"allOf",
                                                    "oneOf",
                                                    "anyOf",
                                                    "not",
                                                    "if",
                                                    "$ref",
                                                    "$dynamicRef",
                                                    "nullable",
                                                    "const",
                                                    "discriminator",
                                                    "dependentRequired",
                                                    "dependentSchemas",
                                                    "patternProperties",
                                                    "propertyNames",
                                                    "unevaluatedProperties",
                                                    "minProperties",
                                                    "maxProperties"};
  return std::ranges::none_of(kCombining,
                              [&](std::string_view key) { return bool(schema.get(key)); });
}

std::optional<i64> whole_number(NodeRef schema, std::string_view key) {
  const NodeRef node = schema.get(key);
  if (!node || node.kind() != NodeKind::Int) return std::nullopt;
  boost::system::error_code ec;
  const json::value parsed = json::parse(node.text(), ec);
  if (ec || !parsed.is_int64()) return std::nullopt;
  const i64 value = parsed.get_int64();
  if (value > kLargest || value < -kLargest) return std::nullopt;
  return value;
}

// A flag in 3.0, a number of its own since 3.1.
bool is_exclusive(NodeRef schema, std::string_view key) {
  const NodeRef node = schema.get(key);
  return node && node.kind() == NodeKind::Bool && node.boolean();
}

class Boundaries {
 public:
  explicit Boundaries(NodeRef schema) : schema_(schema) {}

  std::vector<BoundaryValue> run(std::string_view type) {
    if (type == "integer" || type == "number") numbers(type == "integer");
    if (type == "string") texts();
    if (type == "boolean") bad("no boolean", json::value("maybe"));
    return std::move(out_);
  }

 private:
  void bad(std::string what, json::value value) {
    out_.push_back({std::move(what), std::move(value), false});
  }
  void good(std::string what, json::value value) {
    out_.push_back({std::move(what), std::move(value), true});
  }

  void numbers(bool integer) {
    bad("no number", json::value("x"));
    if (integer) bad("no integer", 1.5);
    if (schema_.get("enum")) return;
    const bool stepped = bool(schema_.get("multipleOf"));
    bound("minimum", "exclusiveMinimum", -1, stepped);
    bound("maximum", "exclusiveMaximum", 1, stepped);
  }

  // `outwards`: -1 below, 1 above.
  void bound(std::string_view key, std::string_view exclusive, i64 outwards, bool stepped) {
    if (const auto limit = whole_number(schema_, key)) {
      const bool excluded = is_exclusive(schema_, exclusive);
      bad(excluded ? fmt::format("at its {}, which is excluded", key)
                   : fmt::format("one {} its {}", outwards < 0 ? "below" : "above", key),
          excluded ? *limit : *limit + outwards);
      if (!excluded && !stepped && !other_bound_excludes(*limit)) {
        good(fmt::format("at its {}", key), *limit);
      }
    }
    if (const auto limit = whole_number(schema_, exclusive)) {
      bad(fmt::format("at its {}", exclusive), *limit);
    }
  }

  bool other_bound_excludes(i64 value) const {
    const auto low = whole_number(schema_, "minimum");
    const auto high = whole_number(schema_, "maximum");
    const auto above = whole_number(schema_, "exclusiveMinimum");
    const auto below = whole_number(schema_, "exclusiveMaximum");
    return (low && value < *low) || (high && value > *high) || (above && value <= *above) ||
           (below && value >= *below);
  }

  void texts() {
    const NodeRef words = schema_.get("enum");
    if (words && words.is_seq()) {
      const std::string_view odd = "none-of-these";
      const bool known = std::ranges::any_of(words_of(words), [&](auto w) { return w == odd; });
      if (!known) bad("not in its list", json::value(odd));
      return;
    }
    const NodeRef format = schema_.get("format");
    static constexpr std::string_view kChecked[] = {"uuid", "date", "date-time", "ipv4", "ipv6"};
    const bool checked = format && std::ranges::find(kChecked, format.text()) != std::end(kChecked);
    if (checked) bad(fmt::format("no {}", format.text()), json::value("neither-nor"));
    const bool shaped = schema_.get("pattern") || format;
    const auto least = whole_number(schema_, "minLength");
    const auto most = whole_number(schema_, "maxLength");
    if (least && *least > 1 && *least < kLongestText) {
      bad("too short", json::value(std::string(static_cast<size_t>(*least - 1), 'a')));
    }
    if (!most || *most < 1 || *most > kLongestText) return;
    bad("too long", json::value(std::string(static_cast<size_t>(*most + 1), 'a')));
    if (!shaped && (!least || *least <= *most)) {
      good("as long as it may be", json::value(std::string(static_cast<size_t>(*most), 'a')));
    }
  }

  static std::vector<std::string_view> words_of(NodeRef list) {
    std::vector<std::string_view> words;
    for (const NodeRef item : list.items()) words.push_back(item.text());
    return words;
  }

  NodeRef schema_;
  std::vector<BoundaryValue> out_;
};

NodeRef plain_schema(const Document& document, NodeRef schema) {
  const NodeRef resolved = schema ? document.resolve(schema) : NodeRef{};
  const bool usable = resolved && resolved.is_map() && is_plain(resolved);
  return usable ? resolved : NodeRef{};
}

std::string_view type_of(NodeRef schema) {
  const NodeRef type = schema.get("type");
  return type && type.is_string() ? type.text() : std::string_view{};
}

bool is_false(NodeRef node) { return node && node.kind() == NodeKind::Bool && !node.boolean(); }

bool is_true(NodeRef node) { return node && node.kind() == NodeKind::Bool && node.boolean(); }

}  // namespace

std::vector<BoundaryValue> boundary_values(const Document& document, NodeRef schema) {
  const NodeRef plain = plain_schema(document, schema);
  if (!plain) return {};
  return Boundaries(plain).run(type_of(plain));
}

std::vector<BoundaryValue> broken_objects(const Document& document, NodeRef schema,
                                          const json::object& good) {
  std::vector<BoundaryValue> out;
  const NodeRef plain = plain_schema(document, schema);
  if (!plain || type_of(plain) != "object") return out;
  out.push_back({"no object", json::value("x"), false});
  const NodeRef properties = plain.get("properties");
  if (const NodeRef required = plain.get("required"); required && required.is_seq()) {
    for (const NodeRef name : required.items()) {
      const NodeRef property = properties && properties.get(name.text())
                                   ? document.resolve(properties.get(name.text()))
                                   : NodeRef{};
      // What only answers have is not required of requests.
      if (property && property.is_map() && is_true(property.get("readOnly"))) continue;
      json::object less = good;
      less.erase(name.text());
      out.push_back({fmt::format("without `{}`", name.text()), std::move(less), false});
    }
  }
  if (is_false(plain.get("additionalProperties"))) {
    json::object more = good;
    more["not-declared"] = 1;
    out.push_back({"with a property that is not declared", std::move(more), false});
  }
  if (!properties) return out;
  for (const auto [key, property] : properties.entries()) {
    const NodeRef resolved = document.resolve(property);
    if (!resolved || !resolved.is_map() || is_true(resolved.get("readOnly"))) continue;
    for (const BoundaryValue& one : boundary_values(document, property)) {
      json::object changed = good;
      changed[key.text()] = one.value;
      out.push_back({fmt::format("`{}` {}", key.text(), one.what), std::move(changed), one.good});
    }
  }
  return out;
}

}  // namespace gw::cli::tests
