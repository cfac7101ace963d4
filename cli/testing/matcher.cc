#include "cli/testing/matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/testing/check_fields.h"
#include "compiler/openapi/report.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;

constexpr std::string_view kTypeWords[] = {"string", "integer", "number", "boolean",
                                           "object", "array",   "null"};
constexpr i64 kMaxPatternBytes = i64{1} << 20;

bool is_matcher_entry(const Value& entry) {
  if (entry.key == "matches") return entry.is_string();
  if (entry.key == "present") return entry.kind == compiler::NodeKind::Bool;
  if (entry.key == "not") return true;
  return entry.key == "type" && entry.is_scalar() &&
         std::ranges::find(kTypeWords, std::string_view(entry.text)) != std::end(kTypeWords);
}

std::unique_ptr<RE2> pattern_of(const std::string& text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxPatternBytes);
  return std::make_unique<RE2>(text, options);
}

bool has_type(const json::value& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "null") return value.is_null();
  if (!value.is_number()) return false;
  if (type == "number" || !value.is_double()) return true;
  return value.get_double() == static_cast<double>(static_cast<i64>(value.get_double()));
}

bool equal_numbers(const json::value& a, const json::value& b) {
  if (!a.is_double() && !b.is_double()) return a == b;
  return a.to_number<double>() == b.to_number<double>();
}

std::string text_of(const json::value* value) {
  constexpr size_t kShown = 200;
  if (value == nullptr) return "(not there)";
  std::string text = to_flow(*value);
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return text;
}

class Comparison {
 public:
  Comparison(Match how, std::vector<Mismatch>& out) : how_(how), out_(out) {}

  void value(const Value& expected, const json::value* actual, const std::string& where) {
    if (how_ == Match::Subset && is_matcher(expected)) return matcher(expected, actual, where);
    if (actual == nullptr) return differs(expected, actual, where);
    if (expected.is_map() && actual->is_object()) return object(expected, *actual, where);
    if (expected.is_list() && actual->is_array()) return array(expected, *actual, where);
    if (expected.is_map() || expected.is_list()) return differs(expected, actual, where);
    const json::value wanted = to_json(expected);
    const bool same = wanted.is_number() && actual->is_number() ? equal_numbers(wanted, *actual)
                                                                : wanted == *actual;
    if (!same) differs(expected, actual, where);
  }

 private:
  void differs(const Value& expected, const json::value* actual, const std::string& where) {
    const json::value wanted = to_json(expected);
    out_.push_back({where, text_of(&wanted), text_of(actual), expected.span});
  }

  void object(const Value& expected, const json::value& actual, const std::string& where) {
    const json::object& members = actual.get_object();
    for (const Value& child : expected.children) {
      value(child, members.if_contains(child.key), fmt::format("{}/{}", where, child.key));
    }
    if (how_ == Match::Subset) return;
    for (const auto& [key, member] : members) {
      if (expected.get(std::string_view(key)) != nullptr) continue;
      out_.push_back({fmt::format("{}/{}", where, std::string_view(key)), "(not there)",
                      text_of(&member), expected.span});
    }
  }

  void array(const Value& expected, const json::value& actual, const std::string& where) {
    const json::array& items = actual.get_array();
    if (items.size() != expected.children.size()) return differs(expected, &actual, where);
    for (size_t i = 0; i < items.size(); ++i) {
      value(expected.children[i], &items[i], fmt::format("{}/{}", where, i));
    }
  }

  void matcher(const Value& expected, const json::value* actual, const std::string& where) {
    for (const Value& entry : expected.children) {
      if (!holds(entry, actual)) return differs(expected, actual, where);
    }
  }

  bool holds(const Value& entry, const json::value* actual) {
    if (entry.key == "present") return entry.boolean() == (actual != nullptr);
    if (entry.key == "not") {
      std::vector<Mismatch> ignored;
      compare(entry, actual, Match::Subset, "", ignored);
      return !ignored.empty();
    }
    if (actual == nullptr) return false;
    if (entry.key == "type") return has_type(*actual, entry.text);
    const std::string text = actual->is_string()
                                 ? std::string(std::string_view(actual->get_string()))
                             : actual->is_number() ? to_flow(*actual)
                                                   : json::serialize(*actual);
    return RE2::FullMatch(text, *pattern_of(entry.text));
  }

  Match how_;
  std::vector<Mismatch>& out_;
};

}  // namespace

bool is_matcher(const Value& value) {
  return value.is_map() && !value.children.empty() &&
         std::ranges::all_of(value.children, is_matcher_entry);
}

bool matcher_is_good(const Value& value, compiler::DiagnosticSink& sink) {
  bool fine = true;
  const bool matcher = is_matcher(value);
  for (const Value& child : value.children) {
    if (!matcher || child.key != "matches") {
      fine = matcher_is_good(child, sink) && fine;
      continue;
    }
    const auto pattern = pattern_of(child.text);
    if (pattern->ok()) continue;
    report(sink, "field-value", child.span,
           fmt::format("{} is no pattern of RE2", compiler::openapi::in_quotes(child.text)),
           pattern->error());
    fine = false;
  }
  return fine;
}

void compare(const Value& expected, const json::value* actual, Match how, const std::string& where,
             std::vector<Mismatch>& out) {
  Comparison(how, out).value(expected, actual, where);
}

void compare_field(const Value& expected, const std::vector<std::string>& texts,
                   const std::string& where, std::vector<Mismatch>& out) {
  if (expected.is_list()) {
    json::array all;
    for (const std::string& text : texts) all.emplace_back(text);
    Value wanted = expected;
    for (Value& item : wanted.children) {
      if (item.is_scalar()) item.kind = compiler::NodeKind::String;
    }
    const json::value actual(std::move(all));
    return compare(wanted, &actual, Match::Subset, where, out);
  }
  const json::value joined(fmt::format("{}", fmt::join(texts, ", ")));
  const json::value* actual = texts.empty() ? nullptr : &joined;
  if (expected.is_null()) {
    if (actual != nullptr) out.push_back({where, "(not there)", text_of(actual), expected.span});
    return;
  }
  Value wanted = expected;
  if (wanted.is_scalar()) wanted.kind = compiler::NodeKind::String;  // 7 is the text `7`
  compare(wanted, actual, Match::Subset, where, out);
}

}  // namespace gw::cli::tests
