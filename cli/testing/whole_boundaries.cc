#include "cli/testing/whole_boundaries.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "compiler/passes/schema_shape.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeKind;
using compiler::NodeRef;

constexpr u32 kMostCounted = 200;  // members or items
constexpr u32 kMostBeside = 8;     // values beside what it must not be
constexpr double kLargest = double(i64{1} << 53);

bool is_true(NodeRef node) { return node && node.kind() == NodeKind::Bool && node.boolean(); }
bool is_false(NodeRef node) { return node && node.kind() == NodeKind::Bool && !node.boolean(); }

bool lists(NodeRef names, std::string_view name) {
  if (!names || !names.is_seq()) return false;
  for (const NodeRef item : names.items()) {
    if (item.is_scalar() && item.text() == name) return true;
  }
  return false;
}

std::string_view kind_of(const json::value& value) {
  if (value.is_string()) return "string";
  if (value.is_array()) return "array";
  if (value.is_object()) return "object";
  if (value.is_bool()) return "boolean";
  return value.is_double() ? "number" : value.is_number() ? "integer" : "";
}

class Finder {
 public:
  Finder(const WholeValue& whole, NodeRef part)
      : whole_(whole), tools_(whole.tools), document_(tools_.terms.document), part_(part) {}

  Boundaries run() {
    if (!tools_.judge.can_judge(tools_.terms, whole_.schema)) return {};
    if (is_about("object", whole_.good.is_object())) {
      member_counts();
      dependents("dependentRequired");
      dependents("dependencies");  // as they were before 2019
      names();
    }
    if (is_about("array", whole_.good.is_array())) contained();
    if (const NodeRef schema = keyword("not"); schema && schema.is_map()) negation(schema);
    return std::move(out_);
  }

 private:
  NodeRef keyword(NodeRef schema, std::string_view key) const {
    return tools_.terms.leaves_out(key) ? NodeRef{} : schema.get(key);
  }
  NodeRef keyword(std::string_view key) const { return keyword(part_, key); }

  NodeRef first_of_parts(std::string_view key) const {
    for (const NodeRef part : whole_.parts) {
      if (const NodeRef found = keyword(part, key)) return found;
    }
    return {};
  }

  bool is_about(std::string_view type, bool of_value) const {
    const NodeRef said = first_of_parts("type");
    if (!said) return of_value;
    return said.is_seq() ? lists(said, type) : said.text() == type;
  }

  std::optional<u32> count_at(NodeRef node) const {
    if (!node || node.kind() != NodeKind::Int) return std::nullopt;
    const json::value value = value_of_node(node);
    const bool fits =
        value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= kMostCounted;
    return fits ? std::optional(static_cast<u32>(value.get_int64())) : std::nullopt;
  }

  // --- What is found

  bool accepts(NodeRef schema, const json::value& value, Spelling spelling = Spelling::Json) const {
    return tools_.judge.fault(tools_.terms, schema, value, spelling).empty();
  }
  bool is_accepted(const json::value& value) const {
    return accepts(whole_.schema, value, whole_.spelling);
  }
  std::string_view members_word() const {
    return whole_.spelling == Spelling::Json ? "properties" : "fields";
  }

  void bad(std::string what, json::value value, bool undeclared = false) {
    if (whole_.spelling != Spelling::Json && is_empty(value)) return;
    if (is_accepted(value)) return gap(fmt::format("its schema takes one {}", what));
    out_.values.push_back({.where = {},
                           .what = std::move(what),
                           .value = std::move(value),
                           .undeclared = undeclared && whole_.depth == 0});
  }
  // Of a text nobody knows which of its readings it is that the schema accepts.
  void good(std::string what, json::value value) {
    if (whole_.spelling != Spelling::Json || !is_accepted(value)) return;
    out_.values.push_back(
        {.where = {}, .what = std::move(what), .value = std::move(value), .good = true});
  }
  void gap(std::string why) { out_.gaps.push_back({"", std::move(why)}); }

  // --- Members

  const json::object& members() const {
    static const json::object kNone;
    const json::object* have = whole_.good.if_object();
    return have == nullptr ? kNone : *have;
  }

  NodeRef property(std::string_view name) const {
    for (const NodeRef part : whole_.parts) {
      const NodeRef properties = keyword(part, "properties");
      const NodeRef found = properties && properties.is_map() ? properties.get(name) : NodeRef{};
      if (found) return found;
    }
    return {};
  }

  // False: none is known that its schema accepts.
  bool put(json::object& into, std::string_view name) const {
    if (into.contains(name)) return true;
    NodeRef schema = property(name);
    if (!schema) schema = first_of_parts("additionalProperties");
    std::string problem;
    if (schema && schema.is_map()) {
      into[name] = made_up_value(tools_, schema, whole_.spelling, problem);
    } else {
      into[name] = 1;
    }
    return problem.empty();
  }

  bool is_needed(std::string_view name) const {
    return std::ranges::any_of(
        whole_.parts, [&](NodeRef part) { return lists(keyword(part, "required"), name); });
  }

  bool is_closed() const {
    return std::ranges::any_of(whole_.parts, [&](NodeRef part) {
      return is_false(keyword(part, "additionalProperties")) ||
             is_false(keyword(part, "unevaluatedProperties"));
    });
  }

  // Names that nobody declares, where such may be.
  std::string spare_name(size_t number) const {
    const std::string plain = fmt::format("more{}", number);
    const NodeRef names = first_of_parts("propertyNames");
    if (!names || accepts(names, json::value(plain))) return plain;
    std::string problem;
    const json::value name = made_up_value(tools_, names, Spelling::Json, problem, "string");
    if (!name.is_string() || name.get_string().empty()) return plain;
    const std::string text(std::string_view(name.get_string()));
    for (const std::string& longer :
         {fmt::format("{}{}", text, number), text + std::string(number, text.back())}) {
      if (accepts(names, json::value(longer))) return longer;
    }
    return plain;
  }

  // Brings it to `count` members. False: not without breaking something else.
  bool resize(json::object& object, u32 count, bool& undeclared) const {
    const json::object all = object;
    for (const auto& [name, value] : all) {
      if (object.size() > count && !is_needed(name)) object.erase(name);
    }
    add_declared(object, count);
    for (size_t i = 1; object.size() < count && !is_closed() && i <= kMostCounted + 1; ++i) {
      undeclared = true;
      if (!put(object, spare_name(i))) return false;
    }
    return object.size() == count;
  }

  void add_declared(json::object& object, u32 count) const {
    for (const NodeRef part : whole_.parts) {
      const NodeRef properties = keyword(part, "properties");
      if (!properties || !properties.is_map()) continue;
      for (const auto [key, schema] : properties.entries()) {
        const std::string_view name = key.text();
        if (object.size() >= count) return;
        if (object.contains(name) || is_of_answers(document_, whole_.parts, name)) continue;
        if (!put(object, name)) object.erase(name);
      }
    }
  }

  void member_counts() {
    if (const auto least = count_at(keyword("minProperties")); least && *least >= 1) {
      counted(*least - 1, false, "few");
      counted(*least, true, "few");
    }
    if (const auto most = count_at(keyword("maxProperties"))) {
      counted(*most + 1, false, "many");
      counted(*most, true, "many");
    }
  }

  void counted(u32 count, bool right, std::string_view much) {
    json::object object = members();
    bool undeclared = false;
    if (!resize(object, count, undeclared)) {
      if (!right && much == "many" && !is_closed())
        gap(fmt::format("no {} are known that it may have too many of", members_word()));
      return;
    }
    if (right) {
      good(fmt::format("with as {} {} as it may have", much, members_word()), std::move(object));
    } else {
      bad(fmt::format("with too {} {}", much, members_word()), std::move(object), undeclared);
    }
  }

  void dependents(std::string_view key) {
    const NodeRef map = keyword(key);
    if (!map || !map.is_map()) return;
    for (const auto [name, others] : map.entries()) {
      const bool of_answers = is_of_answers(document_, whole_.parts, name.text());
      if (others.is_seq() && !of_answers) depends(name.text(), others);
    }
  }

  void depends(std::string_view name, NodeRef others) {
    json::object whole = members();
    bool made = put(whole, name);
    for (const NodeRef other : others.items()) made = put(whole, other.text()) && made;
    if (!made) return gap(fmt::format("no value is known of what goes with `{}`", name));
    good(fmt::format("with `{}` and what it asks for", name), whole);
    for (const NodeRef other : others.items()) {
      if (other.text() == name || is_of_answers(document_, whole_.parts, other.text())) continue;
      json::object less = whole;
      less.erase(other.text());
      bad(fmt::format("with `{}` without `{}`", name, other.text()), std::move(less));
    }
  }

  void names() {
    const NodeRef schema = keyword("propertyNames");
    if (!schema || whole_.spelling == Spelling::Text) return;
    std::string problem;
    const json::value name = made_up_value(tools_, schema, Spelling::Json, problem, "string");
    Boundaries inner = boundary_values(tools_, schema, name, Spelling::Json, whole_.depth + 1);
    for (const BoundaryValue& one : inner.values) {
      if (!one.value.is_string()) continue;
      const std::string_view text = one.value.get_string();
      json::object more = members();
      if ((whole_.spelling != Spelling::Json && text.empty()) || !put(more, text)) continue;
      const std::string what = fmt::format(
          "with a {} name {}", whole_.spelling == Spelling::Json ? "property" : "field", one.what);
      if (one.good) {
        good(what, std::move(more));
      } else {
        bad(what, std::move(more), true);
      }
    }
    for (const Gap& found : inner.gaps) gap("of its names " + found.why);
  }

  // --- Lists

  // Different ones that `wanted` takes, as far as there are any.
  template <class Wanted>
  json::array several(const json::value& first, u32 count, const Wanted& wanted) const {
    json::array out;
    for (size_t i = 0; out.size() < count && i <= 2 * size_t{count}; ++i) {
      json::value next = i == 0 ? first : varied(first, i);
      if (std::ranges::find(out, next) == out.end() && wanted(next)) out.push_back(std::move(next));
    }
    while (out.size() < count) out.push_back(first);
    return out;
  }

  // An item of the list, or of what is made up, that `wanted` takes.
  template <class Wanted>
  std::optional<json::value> item(std::span<const NodeRef> schemas, const Wanted& wanted) const {
    std::vector<json::value> tries;
    if (const json::array* have = whole_.good.if_array()) tries.assign(have->begin(), have->end());
    for (const NodeRef schema : schemas) {
      std::string problem;
      if (schema) tries.push_back(made_up_value(tools_, schema, whole_.spelling, problem));
    }
    if (schemas[0] && schemas[0].is_map() && !tries.empty()) {
      const json::value near = tries.back();
      Boundaries inner =
          boundary_values(tools_, schemas[0], near, whole_.spelling, whole_.depth + 1);
      for (BoundaryValue& one : inner.values) tries.push_back(std::move(one.value));
    }
    for (const json::value& odd : {json::value("x"), json::value(1), json::value(true),
                                   json::value(nullptr), json::value(json::object())}) {
      tries.push_back(odd);
    }
    const auto found = std::ranges::find_if(tries, wanted);
    return found == tries.end() ? std::nullopt : std::optional(*found);
  }

  void contained() {
    const NodeRef schema = keyword("contains");
    if (!schema || !schema.is_map()) return;
    const NodeRef items = first_of_parts("items");
    const auto fits = [&](const json::value& one) { return !items || accepts(items, one); };
    const auto is_one = [&](const json::value& one) { return fits(one) && accepts(schema, one); };
    const auto is_other = [&](const json::value& one) {
      return fits(one) && !accepts(schema, one);
    };
    const NodeRef sources[] = {schema, items};
    const auto one = item(sources, is_one);
    const auto other = item(sources, is_other);
    if (!one) return gap("no item is known that it must contain");
    const auto list_with = [&](u32 count) {
      json::array list = several(*one, count, is_one);
      const u32 least = std::max(count_at(first_of_parts("minItems")).value_or(0), 1U);
      if (!other || list.size() >= least) return list;
      const json::array rest = several(*other, least - static_cast<u32>(list.size()), is_other);
      list.insert(list.end(), rest.begin(), rest.end());
      return list;
    };
    const auto least = keyword("minContains") ? count_at(keyword("minContains")) : 1U;
    if (least && *least >= 1) {
      bad(*least == 1 ? "without an item that it must contain"
                      : "with too few of the items that it must contain",
          list_with(*least - 1));
      good("with as few as it may of the items that it must contain", list_with(*least));
    }
    if (const auto most = count_at(keyword("maxContains"))) {
      bad("with too many of the items that it may contain", list_with(*most + 1));
      good("with as many as it may of the items that it may contain", list_with(*most));
    }
  }

  // --- What it must not be

  void negation(NodeRef schema) {
    std::vector<json::value> tries;
    if (whole_.good.is_object()) tries.push_back(overlaid(schema));
    std::string problem;
    const json::value made =
        made_up_value(tools_, schema, whole_.spelling, problem, kind_of(whole_.good));
    tries.push_back(made);
    const auto is_refused = [&](const json::value& one) {
      return has_same_kind(one) && accepts(schema, one) && !is_accepted(one);
    };
    const auto found = std::ranges::find_if(tries, is_refused);
    if (found == tries.end()) gap("no value is known that it must not be");
    const json::value base = found == tries.end() ? made : *found;
    if (found != tries.end()) bad("as it must not be", base);
    beside_negation(boundary_values(tools_, schema, base, whole_.spelling, whole_.depth + 1));
  }

  // What the inner schema takes is wrong, and what it refuses may be right.
  void beside_negation(const Boundaries& inner) {
    size_t beside = 0;
    for (const BoundaryValue& one : inner.values) {
      if (!has_same_kind(one.value) || is_accepted(one.value) == one.good) continue;
      if (one.good) {
        bad("as it must not be, " + one.text(), one.value);
      } else if (beside++ < kMostBeside) {
        good("beside what it must not be, " + one.text(), one.value);
      }
    }
  }

  // The good value with what the schema asks of objects.
  json::value overlaid(NodeRef schema) const {
    json::object out = members();
    if (const NodeRef required = schema.get("required"); required && required.is_seq()) {
      for (const NodeRef name : required.items()) put(out, name.text());
    }
    if (const NodeRef properties = schema.get("properties"); properties && properties.is_map()) {
      for (const auto [key, property] : properties.entries()) {
        std::string problem;
        json::value value = made_up_value(tools_, property, whole_.spelling, problem);
        if (problem.empty()) out[key.text()] = std::move(value);
      }
    }
    return out;
  }

  // One of another kind is wrong for that reason.
  bool has_same_kind(const json::value& value) const {
    if (whole_.good.is_null() || !first_of_parts("type")) return true;
    return value.kind() == whole_.good.kind() || (value.is_number() && whole_.good.is_number());
  }

  const WholeValue& whole_;
  const BoundaryTools& tools_;
  const compiler::openapi::Document& document_;
  const NodeRef part_;
  Boundaries out_;
};

}  // namespace

Boundaries whole_boundaries(const WholeValue& whole, NodeRef part) {
  return Finder(whole, part).run();
}

bool is_of_answers(const compiler::openapi::Document& document, std::span<const NodeRef> parts,
                   std::string_view name) {
  const compiler::SchemaShape shape(document);
  return std::ranges::any_of(parts, [&](NodeRef part) {
    const NodeRef properties = part.get("properties");
    const NodeRef property = properties ? properties.get(name) : NodeRef{};
    return property && property.is_map() && is_true(shape.keyword(property, "readOnly"));
  });
}

json::value varied(const json::value& value, size_t by) {
  if (value.is_int64() && std::abs(value.to_number<double>()) < kLargest) {
    return value.get_int64() + static_cast<i64>(by);
  }
  if (!value.is_string()) return value;
  return json::value(fmt::format("{}{}", std::string_view(value.get_string()), by));
}

}  // namespace gw::cli::tests
