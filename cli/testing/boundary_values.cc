// Keywords of JSON Schema hold all at once, wherever they stand: a value that breaks one of them is
// wrong whatever else the schema says, and so is what it is part of. So all keywords that a schema
// has itself, by `$ref` or by allOf are looked at, one by one. Right is a value only if nothing
// else has a say, which is known where one plain part says it all.
#include "cli/testing/boundary_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "cli/testing/whole_boundaries.h"
#include "compiler/passes/media_names.h"
#include "compiler/passes/schema_shape.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeKind;
using compiler::NodeRef;

constexpr i64 kLongestText = 5'000;
constexpr size_t kMostItems = 200;
constexpr double kLargest = double(i64{1} << 53);  // what every JSON reader keeps exact
constexpr u32 kMaxNesting = 8;                     // of references and allOf
constexpr std::string_view kUndeclared = "not-declared";

// With one of these another keyword has a say in what is right.
constexpr std::string_view kCombining[] = {"oneOf",
                                           "anyOf",
                                           "not",
                                           "if",
                                           "$dynamicRef",
                                           "const",
                                           "discriminator",
                                           "contains",
                                           "prefixItems",
                                           "unevaluatedItems",
                                           "dependentRequired",
                                           "dependentSchemas",
                                           "patternProperties",
                                           "propertyNames",
                                           "unevaluatedProperties",
                                           "minProperties",
                                           "maxProperties"};
constexpr std::string_view kAsking[] = {"type",
                                        "enum",
                                        "minimum",
                                        "maximum",
                                        "exclusiveMinimum",
                                        "exclusiveMaximum",
                                        "minLength",
                                        "maxLength",
                                        "pattern",
                                        "format",
                                        "multipleOf",
                                        "items",
                                        "minItems",
                                        "maxItems",
                                        "uniqueItems",
                                        "required",
                                        "properties",
                                        "additionalProperties",
                                        "minContains"};

bool has_any(NodeRef schema, std::span<const std::string_view> keys) {
  return std::ranges::any_of(keys, [&](std::string_view key) { return bool(schema.get(key)); });
}

bool is_false(NodeRef node) { return node && node.kind() == NodeKind::Bool && !node.boolean(); }
bool is_true(NodeRef node) { return node && node.kind() == NodeKind::Bool && node.boolean(); }

json::value number(double value) {
  if (value == std::floor(value) && std::abs(value) <= kLargest) return static_cast<i64>(value);
  return value;
}

bool is_multiple(double value, double step) {
  return std::abs(std::remainder(value, step)) <= step * 1e-9;
}

json::value text_of(i64 length) {
  return json::value(std::string(static_cast<size_t>(length), 'a'));
}

// A limit of numbers. `excluded_by` names the keyword that takes the limit itself out.
struct Limit {
  double at = 0;
  std::string_view key;
  std::string_view excluded_by;  // "": it is allowed
  double outwards = 1;           // -1: a lower one
};

class Finder {
 public:
  Finder(const BoundaryTools& tools, Spelling spelling, u32 depth)
      : tools_(tools), document_(tools.terms.document), spelling_(spelling), depth_(depth) {}

  Boundaries run(NodeRef schema, const json::value& good) {
    good_ = &good;
    schema_ = schema;
    collect(schema, 0);
    const auto asks = [](NodeRef part) { return has_any(part, kAsking); };
    plain_ = std::ranges::count_if(parts_, asks) <= 1 &&
             std::ranges::none_of(parts_, [](NodeRef part) { return has_any(part, kCombining); });
    const bool guessed = spelling_ != Spelling::Json && is_guessed(schema);
    for (const NodeRef part : parts_) {
      part_ = part;
      if (!guessed) look_at_part();
    }
    constexpr std::string_view kChoosing[] = {"oneOf", "anyOf"};
    const auto chooses = [&](NodeRef part) { return has_any(part, kChoosing); };
    if (std::ranges::any_of(parts_, chooses)) beside_alternatives(schema);
    return std::move(out_);
  }

 private:
  // --- The parts of a schema

  void collect(NodeRef schema, u32 nesting) {
    if (!schema || nesting > kMaxNesting || !schema.is_map()) return;
    if (schema.get("$ref")) {
      collect(document_.resolve(schema), nesting + 1);
      if (document_.version == compiler::openapi::Version::V30) return;  // siblings say nothing
    }
    if (std::ranges::find(parts_, schema) != parts_.end()) return;
    parts_.push_back(schema);
    if (const NodeRef all = keyword(schema, "allOf"); all && all.is_seq()) {
      for (const NodeRef part : all.items()) collect(part, nesting + 1);
    }
  }

  NodeRef keyword(NodeRef schema, std::string_view key) const {
    return tools_.terms.leaves_out(key) ? NodeRef{} : schema.get(key);
  }
  NodeRef keyword(std::string_view key) const { return keyword(part_, key); }

  // Of several types a text is whichever it looks like.
  bool is_guessed(NodeRef schema) const {
    const u32 types =
        compiler::SchemaShape(document_).text_types(schema) & ~u32{gw::schema::kTypeNull};
    return types != gw::schema::kTypeInteger && types != gw::schema::kTypeNumber &&
           (types & (types - 1)) != 0;
  }

  // The one type that it says; "": none or several.
  std::string_view type() const {
    const NodeRef type = keyword("type");
    if (!type) return {};
    if (type.is_string()) return type.text();
    std::string_view found;
    for (const NodeRef item : type.items()) {
      if (item.text() == "null") continue;
      if (!found.empty()) return {};
      found = item.text();
    }
    return found;
  }

  bool is_about(std::string_view wanted, bool of_value) const {
    const std::string_view said = type();
    return said.empty() ? of_value : said == wanted;
  }

  // --- What is found

  void bad(std::string what, json::value value, std::string where = {}) {
    add({std::move(where), std::move(what), std::move(value), false});
  }
  void good(std::string what, json::value value, std::string where = {}) {
    if (plain_ || is_proved(value)) {
      add({std::move(where), std::move(what), std::move(value), true});
    }
  }

  // Of a text nobody knows which of its readings it is that the schema accepts.
  bool is_proved(const json::value& value) const {
    return spelling_ == Spelling::Json && tools_.judge.can_judge(tools_.terms, schema_) &&
           tools_.judge.fault(tools_.terms, schema_, value, spelling_).empty();
  }

  void add(BoundaryValue one) {
    if (spelling_ != Spelling::Json && is_empty(one.value)) return;
    if (!seen_.insert(fmt::format("{}{}", int(one.good), json::serialize(one.value))).second)
      return;
    out_.values.push_back(std::move(one));
  }

  // The boundaries of a value in this one, put back by `put_back`.
  template <class PutBack>
  void look_inside(const std::string& where, NodeRef schema, const json::value* have,
                   Spelling spelling, bool goods, const PutBack& put_back) {
    // What is beyond is cut anyway, and a large schema has no end of it.
    if (depth_ >= kMaxBoundaryDepth || out_.values.size() > kMaxBoundaryValues) return;
    std::string problem;
    const json::value made =
        have != nullptr ? *have : made_up_value(tools_, schema, spelling, problem);
    Boundaries inner = Finder(tools_, spelling, depth_ + 1).run(schema, made);
    const auto place = [&](const std::string& inside) {
      return inside.empty() || inside.starts_with('[') ? where + inside : where + "." + inside;
    };
    for (BoundaryValue& one : inner.values) {
      if (one.good && (!goods || !problem.empty())) continue;
      json::value whole = put_back(std::move(one.value));
      if (one.good) {
        good(std::move(one.what), std::move(whole), place(one.where));
      } else {
        bad(std::move(one.what), std::move(whole), place(one.where));
      }
    }
    for (Gap& gap : inner.gaps) out_.gaps.push_back({place(gap.where), std::move(gap.why)});
  }

  void look_at_part() {
    if (is_about("integer", false)) numbers(true);
    if (is_about("number", good_->is_number())) numbers(false);
    if (is_about("string", good_->is_string())) texts();
    if (is_about("boolean", false)) bad("no boolean", json::value("maybe"));
    if (is_about("array", good_->is_array())) list();
    if (is_about("object", good_->is_object())) object();
    if (const NodeRef one = keyword("const")) constant(one);
    look_at_whole();
  }

  void look_at_whole() {
    Boundaries found =
        whole_boundaries({tools_, schema_, parts_, *good_, spelling_, depth_}, part_);
    for (BoundaryValue& one : found.values) add(std::move(one));
    for (Gap& gap : found.gaps) out_.gaps.push_back(std::move(gap));
  }

  // Nothing is plain about a choice: what it refuses its schema has to say.
  void beside_alternatives(NodeRef schema) {
    const json::value odd[] = {json::value("!"), json::value(-98765.5), text_of(300),
                               json::value(json::array{"!"}), json::value(json::object())};
    for (const json::value& one : odd) {
      if (spelling_ != Spelling::Json && one.is_structured()) return;
      if (tools_.judge.fault(tools_.terms, schema, one, spelling_).empty()) continue;
      return bad("none of its alternatives", one);
    }
  }

  void constant(NodeRef one) {
    const json::value odd("none-of-these");
    if (value_of_node(one) != odd) bad("not its constant", odd);
  }

  // Whether the list has a value that is neither known nor one of it.
  bool in_enumeration(const json::value& odd) {
    const NodeRef words = keyword("enum");
    if (!words || !words.is_seq()) return false;
    for (const NodeRef word : words.items()) {
      if (value_of_node(word) == odd) return true;
    }
    bad("not in its list", odd);
    return true;
  }

  // --- Numbers

  std::optional<double> number_at(std::string_view key) const {
    const NodeRef node = keyword(key);
    if (!node || (node.kind() != NodeKind::Int && node.kind() != NodeKind::Float)) {
      return std::nullopt;
    }
    const json::value parsed = value_of_node(node);
    if (!parsed.is_number()) return std::nullopt;
    const double value = parsed.to_number<double>();
    return std::abs(value) < kLargest ? std::optional(value) : std::nullopt;
  }

  void add_limits(std::string_view key, std::string_view exclusive, double outwards,
                  std::vector<Limit>& out) const {
    if (const auto at = number_at(key)) {
      // A flag in 3.0, a number of its own since 3.1.
      out.push_back({*at, key, is_true(keyword(exclusive)) ? key : std::string_view{}, outwards});
    }
    if (const auto at = number_at(exclusive)) out.push_back({*at, exclusive, exclusive, outwards});
  }

  bool fits(double value, const std::vector<Limit>& limits, bool integer) const {
    if (integer && value != std::floor(value)) return false;
    if (const auto step = number_at("multipleOf"); step && !is_multiple(value, *step)) return false;
    const NodeRef format = keyword("format");
    const bool narrow = format && format.is_scalar() && format.text() == "int32";
    if (narrow && (value < -0x1p31 || value >= 0x1p31)) return false;
    return std::ranges::all_of(limits, [&](const Limit& limit) {
      const double beyond = (value - limit.at) * limit.outwards;
      return beyond < 0 || (beyond == 0 && limit.excluded_by.empty());
    });
  }

  void numbers(bool integer) {
    if (!type().empty()) bad("no number", json::value("x"));
    if (integer) bad("no integer", 1.5);
    if (in_enumeration(987654321)) return;
    std::vector<Limit> limits;
    add_limits("minimum", "exclusiveMinimum", -1, limits);
    add_limits("maximum", "exclusiveMaximum", 1, limits);
    for (const Limit& limit : limits) boundary(limit, limits, integer);
    if (const auto step = number_at("multipleOf"); step && *step > 0) {
      beside_step(*step, limits, integer);
    }
  }

  void boundary(const Limit& limit, const std::vector<Limit>& limits, bool integer) {
    if (limit.excluded_by.empty()) {
      bad(fmt::format("one {} its {}", limit.outwards < 0 ? "below" : "above", limit.key),
          number(limit.at + limit.outwards));
      if (fits(limit.at, limits, integer)) {
        good(fmt::format("at its {}", limit.key), number(limit.at));
      }
      return;
    }
    const bool flagged = limit.key == "minimum" || limit.key == "maximum";
    bad(fmt::format("at its {}{}", limit.key, flagged ? ", which is excluded" : ""),
        number(limit.at));
    const double inside = limit.at - limit.outwards * (integer ? 1 : 0.5);
    if (fits(inside, limits, integer)) {
      good(fmt::format("just inside of its {}", limit.key), number(inside));
    }
  }

  void beside_step(double step, const std::vector<Limit>& limits, bool integer) {
    const double base = good_->is_number() ? good_->to_number<double>() : 0;
    const double aside = integer || step > 1 ? 1 : step / 2;
    if (step == 1 && integer) return;
    for (const double value : {base + aside, base - aside}) {
      const bool within = std::ranges::all_of(
          limits, [&](const Limit& limit) { return (value - limit.at) * limit.outwards <= 0; });
      if (!within || is_multiple(value, step)) continue;
      return bad("no multiple of its step", number(value));
    }
  }

  // --- Texts

  std::optional<i64> count_at(std::string_view key) const {
    const auto value = number_at(key);
    if (!value || *value != std::floor(*value) || *value < 0) return std::nullopt;
    return static_cast<i64>(*value);
  }

  void texts() {
    if (spelling_ == Spelling::Json && !type().empty()) bad("no text", 1);
    if (in_enumeration(json::value("none-of-these"))) return;
    const NodeRef format = keyword("format");
    static constexpr std::string_view kChecked[] = {"uuid", "date", "date-time", "ipv4", "ipv6"};
    const bool checked = format && std::ranges::find(kChecked, format.text()) != std::end(kChecked);
    if (checked) bad(fmt::format("no {}", format.text()), json::value("neither-nor"));
    const auto least = count_at("minLength");
    const auto most = count_at("maxLength");
    const NodeRef pattern = keyword("pattern");
    if (pattern && pattern.is_scalar()) beside_pattern(pattern.text(), least, most);
    if (least && *least >= 1 && *least < kLongestText) bad("too short", text_of(*least - 1));
    if (!most || *most > kLongestText) return;
    bad("too long", text_of(*most + 1));
    if (!pattern && !format && (!least || *least <= *most)) {
      good("as long as it may be", text_of(*most));
    }
  }

  void beside_pattern(std::string_view pattern, std::optional<i64> least, std::optional<i64> most) {
    const auto text = tools_.patterns.text_beside(pattern, static_cast<u64>(least.value_or(0)),
                                                  static_cast<u64>(most.value_or(kLongestText)),
                                                  spelling_ == Spelling::Json);
    if (text) return bad("beside its pattern", json::value(*text));
    out_.gaps.push_back({"", "no text is known that its pattern does not match"});
  }

  // --- Lists

  json::array filled(NodeRef items, size_t count, bool& distinct) {
    json::array out;
    if (const json::array* have = good_->if_array()) out = *have;
    if (out.size() > count) out.resize(count);
    std::string problem;
    const json::value first =
        out.empty() ? made_up_value(tools_, items, spelling_, problem) : out[0];
    distinct = problem.empty();
    if (out.empty() && count > 0) out.push_back(first);
    const size_t tries = 2 * count + out.size();  // what is there may be among the variations
    for (size_t i = 1; out.size() < count && i <= tries; ++i) {
      json::value next = varied(first, i);
      if (std::ranges::find(out, next) != out.end()) continue;
      if (tools_.judge.fault(tools_.terms, items, next, spelling_).empty()) {
        out.push_back(std::move(next));
      }
    }
    distinct = distinct && out.size() == count;
    while (out.size() < count) out.push_back(first);
    return out;
  }

  void list() {
    if (spelling_ == Spelling::Json && !type().empty()) bad("no list", json::value("x"));
    const NodeRef items = keyword("items");
    const bool unique = is_true(keyword("uniqueItems"));
    const auto least = count_at("minItems");
    const auto most = count_at("maxItems");
    bool distinct = true;
    if (least && *least >= 1 && *least <= i64{kMostItems}) {
      bad("with too few items", filled(items, static_cast<size_t>(*least - 1), distinct));
    }
    if (most && *most <= i64{kMostItems}) {
      bad("with too many items", filled(items, static_cast<size_t>(*most + 1), distinct));
      json::array full = filled(items, static_cast<size_t>(*most), distinct);
      const bool right = items && *most > 0 && (!least || *least <= *most) && (distinct || !unique);
      if (right && every_fits(items, full))
        good("with as many items as it may have", std::move(full));
    }
    if (unique) twice(items, least.value_or(0));
    if (items && items.is_map() && !keyword("prefixItems")) look_at_items(items, unique);
  }

  bool every_fits(NodeRef items, const json::array& list) {
    return std::ranges::all_of(list, [&](const json::value& item) {
      return tools_.judge.fault(tools_.terms, items, item, spelling_).empty();
    });
  }

  void twice(NodeRef items, i64 least) {
    bool distinct = true;
    json::array once = filled(items, 1, distinct);
    if (once.empty() || least > i64{kMostItems}) return;
    json::array same;
    for (i64 i = 0; i < std::max<i64>(least, 2); ++i) same.push_back(once[0]);
    bad("with an item twice", std::move(same));
  }

  void look_at_items(NodeRef items, bool unique) {
    const json::array* have = good_->if_array();
    const json::value* first = have != nullptr && !have->empty() ? &have->front() : nullptr;
    const bool goods = !unique && first != nullptr;
    look_inside("[0]", items, first, spelling_, goods, [&](json::value item) {
      json::array whole = have == nullptr ? json::array() : *have;
      if (whole.empty()) whole.emplace_back(nullptr);
      whole[0] = std::move(item);
      return json::value(std::move(whole));
    });
  }

  // --- Objects

  const json::object& members() const {
    static const json::object kNone;
    const json::object* have = good_->if_object();
    return have == nullptr ? kNone : *have;
  }

  void object() {
    if (spelling_ == Spelling::Json && !type().empty()) bad("no object", json::value("x"));
    const NodeRef required = keyword("required");
    if (required && required.is_seq()) {
      for (const NodeRef name : required.items()) without(name.text());
    }
    if (closes()) {
      json::object more = members();
      more[kUndeclared] = 1;
      add({.where = {},
           .what = fmt::format("with a {} that is not declared",
                               spelling_ == Spelling::Json ? "property" : "field"),
           .value = std::move(more),
           .undeclared = depth_ == 0});
    }
    if (const NodeRef properties = keyword("properties"); properties && properties.is_map()) {
      for (const auto [key, property] : properties.entries()) {
        if (!is_of_answers(document_, parts_, key.text()))
          look_at_property(std::string(key.text()), property);
      }
    }
    const NodeRef rest = keyword("additionalProperties");
    if (rest && rest.is_map() && !part_.get("patternProperties")) {
      look_at_property(std::string(kUndeclared), rest);
    }
  }

  void without(std::string_view name) {
    if (is_of_answers(document_, parts_, name)) return;
    json::object less = members();
    less.erase(name);
    bad(fmt::format("without `{}`", name), std::move(less));
  }

  // Nobody in it knows a property of the undeclared name.
  bool closes() const {
    if (is_false(keyword("additionalProperties"))) return !part_.get("patternProperties");
    if (!is_false(keyword("unevaluatedProperties"))) return false;
    constexpr std::string_view kKnowing[] = {
        "additionalProperties", "patternProperties", "oneOf", "anyOf", "if", "not",
        "dependentSchemas",     "$dynamicRef"};
    return std::ranges::none_of(parts_, [&](NodeRef part) { return has_any(part, kKnowing); });
  }

  // As the gateway reads it: an object is JSON where no style says how it is written otherwise.
  Spelling field_spelling(std::string_view name, NodeRef schema) const {
    const NodeRef all =
        tools_.encodings && tools_.encodings.is_map() ? tools_.encodings : NodeRef{};
    const NodeRef own = all ? all.get(name) : NodeRef{};
    const NodeRef encoding = own && own.is_map() ? own : NodeRef{};
    const NodeRef media = encoding ? encoding.get("contentType") : NodeRef{};
    if (media && compiler::is_json_type(compiler::plain_type(media.text()))) return Spelling::Json;
    const compiler::SchemaShape shape(document_);
    const auto is_only = [](u32 types, u32 type) {
      return (types & ~u32{gw::schema::kTypeNull}) == type;
    };
    const u32 types = shape.text_types(schema);
    const bool has_style = encoding && encoding.get("style");
    const bool is_object =
        is_only(types, gw::schema::kTypeObject) && (!has_style || tools_.in_parts);
    const bool of_objects = tools_.in_parts && is_only(types, gw::schema::kTypeArray) &&
                            is_only(shape.item_types(schema), gw::schema::kTypeObject);
    return is_object || of_objects ? Spelling::Json : Spelling::Text;
  }

  void look_at_property(const std::string& name, NodeRef schema) {
    const json::object& have = members();
    const Spelling spelling =
        spelling_ == Spelling::Form ? field_spelling(name, schema) : spelling_;
    look_inside(name, schema, have.if_contains(name), spelling, true, [&](json::value member) {
      json::object whole = have;
      whole[name] = std::move(member);
      return json::value(std::move(whole));
    });
  }

  const BoundaryTools& tools_;
  const compiler::openapi::Document& document_;
  const Spelling spelling_;
  const u32 depth_;
  const json::value* good_ = nullptr;
  NodeRef schema_;
  std::vector<NodeRef> parts_;
  bool plain_ = false;
  NodeRef part_;  // that is looked at
  std::set<std::string> seen_;
  Boundaries out_;
};

}  // namespace

std::string BoundaryValue::text() const {
  return where.empty() ? what : fmt::format("`{}` {}", where, what);
}

Boundaries boundary_values(const BoundaryTools& tools, NodeRef schema, const json::value& good,
                           Spelling spelling, u32 depth) {
  if (depth > kMaxBoundaryDepth) return {};
  Boundaries found = Finder(tools, spelling, depth).run(schema, good);
  if (found.values.size() > kMaxBoundaryValues) {
    found.gaps.push_back(
        {"", fmt::format("its boundaries beyond the first {}", kMaxBoundaryValues)});
    found.values.resize(kMaxBoundaryValues);
  }
  return found;
}

}  // namespace gw::cli::tests
