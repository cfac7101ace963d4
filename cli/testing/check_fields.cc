#include "cli/testing/check_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/testing/matcher.h"
#include "cli/testing/suite.h"
#include "compiler/openapi/report.h"
#include "runtime/base/units.h"
#include "runtime/http/forwarding.h"

namespace gw::cli::tests {
namespace {

using compiler::DiagnosticSink;
using compiler::NodeKind;
using compiler::openapi::in_quotes;

class FieldCheck {
 public:
  explicit FieldCheck(DiagnosticSink& sink) : sink_(sink) {}

  bool object(const Value& value, std::span<const Field> fields, std::string_view what) {
    if (!value.is_map()) return wrong_kind(value, what, "a map");
    bool fine = true;
    for (const Value& child : value.children) {
      const auto known = std::ranges::find(fields, std::string_view(child.key), &Field::name);
      fine = (known == fields.end() ? unknown(child, fields, what) : field(child, *known)) && fine;
    }
    return fine;
  }

 private:
  bool unknown(const Value& child, std::span<const Field> fields, std::string_view what) {
    std::vector<std::string_view> names;
    for (const Field& field : fields) names.push_back(field.name);
    report(sink_, "field-unknown", child.key_span,
           fmt::format("{} has no field {}", what, in_quotes(child.key)), "not a field of it",
           compiler::did_you_mean(child.key, names));
    return false;
  }

  bool wrong_kind(const Value& value, std::string_view what, std::string_view expected) {
    report(sink_, "field-type", value.span, fmt::format("{} must be {}", what, expected),
           fmt::format("this is {}", compiler::kind_name(value.kind)));
    return false;
  }

  bool wrong_value(const Value& value, const Field& field, std::string_view expected,
                   std::string help = {}) {
    report(sink_, "field-value", value.span,
           fmt::format("{} is no value of `{}`", in_quotes(value.text), field.name),
           std::string(expected), std::move(help));
    return false;
  }

  static bool is_status(std::string_view text, bool classes) {
    if (text.size() != 3 || text[0] < '1' || text[0] > '5') return false;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return (is_digit(text[1]) && is_digit(text[2])) || (classes && text.substr(1) == "XX");
  }

  static std::string help_for_status(std::string_view text) {
    if (text.size() == 3 && text.substr(1) == "xx") {
      const std::string upper = fmt::format("{}XX", text[0]);
      if (is_status(upper, true)) return fmt::format("did you mean {}?", in_quotes(upper));
    }
    return "write a number such as 404, or one of 1XX, 2XX, 3XX, 4XX, 5XX";
  }

  bool field(const Value& value, const Field& field) {
    const std::string what = fmt::format("`{}`", field.name);
    switch (field.kind) {
      case FieldKind::Any:
        return matcher_is_good(value, sink_);
      case FieldKind::Claims:
        return value.is_map() || wrong_kind(value, what, "a map of claims");
      case FieldKind::Object:
        return object(value, field.fields, what);
      case FieldKind::Objects:
      case FieldKind::ObjectMap:
        return objects(value, field, what);
      case FieldKind::Names:
        return names(value, what);
      case FieldKind::Headers:
      case FieldKind::Expected:
        return headers(value, field, what);
      default:
        return scalar(value, field, what);
    }
  }

  bool objects(const Value& value, const Field& field, std::string_view what) {
    const bool map = field.kind == FieldKind::ObjectMap;
    if (map ? !value.is_map() : !value.is_list()) {
      return wrong_kind(value, what, map ? "a map" : "a list");
    }
    bool fine = true;
    const std::string entry = fmt::format("an entry of {}", what);
    for (const Value& child : value.children) fine = object(child, field.fields, entry) && fine;
    return fine;
  }

  bool names(const Value& value, std::string_view what) {
    if (value.is_string()) return true;
    const bool texts = value.is_list() && std::ranges::all_of(value.children, &Value::is_string);
    return texts || wrong_kind(value, what, "a name or a list of names");
  }

  bool headers(const Value& value, const Field& field, std::string_view what) {
    if (!value.is_map()) return wrong_kind(value, what, "a map");
    const bool expected = field.kind == FieldKind::Expected;
    bool fine = true;
    for (const Value& child : value.children) {
      if (!is_token(child.key)) {
        report(sink_, "field-value", child.key_span,
               fmt::format("{} is no name of a header field", in_quotes(child.key)),
               "letters, digits and `-`");
        fine = false;
      }
      const bool text = child.is_scalar() && (expected || !child.is_null());
      const bool list = child.is_list() && std::ranges::all_of(child.children, &Value::is_scalar);
      if (expected && child.is_map()) {
        fine = matcher_is_good(child, sink_) && fine;
      } else if (!text && !list) {
        fine = wrong_kind(child, fmt::format("header {}", in_quotes(child.key)),
                          "a text or a list of texts");
      }
    }
    return fine;
  }

  bool scalar(const Value& value, const Field& field, std::string_view what) {
    if (field.kind == FieldKind::TextOrNull && value.is_null()) return true;
    if (!value.is_scalar() || value.is_null()) return wrong_kind(value, what, expected(field.kind));
    PeerAddress ignored;
    switch (field.kind) {
      case FieldKind::Bool:
        return value.kind == NodeKind::Bool || wrong_kind(value, what, "true or false");
      case FieldKind::Words:
        return std::ranges::find(field.words, std::string_view(value.text)) != field.words.end() ||
               wrong_value(
                   value, field, fmt::format("one of {}", fmt::join(field.words, ", ")),
                   compiler::did_you_mean(value.text, {field.words.begin(), field.words.end()}));
      case FieldKind::Status:
        return is_status(value.text, false) || wrong_value(value, field, "a status, 100 to 599");
      case FieldKind::Statuses:
        return is_status(value.text, true) ||
               wrong_value(value, field, "a status, 100 to 599, or a class like 4XX",
                           help_for_status(value.text));
      case FieldKind::Count:
        return parse_count(value.text).value_or(~u64{0}) <= kMaxBodySize ||
               wrong_value(value, field, "a count");
      case FieldKind::Times: {
        const u64 count = parse_count(value.text).value_or(0);
        return (count >= 1 && count <= kMaxRepeat) ||
               wrong_value(value, field, fmt::format("a count, 1 to {}", kMaxRepeat));
      }
      case FieldKind::Duration:
        return parse_duration(value.text).value_or(~u64{0}) <= kMaxWaitMs ||
               wrong_value(value, field, "a duration such as 250ms, 30s or 2h, up to 366d");
      case FieldKind::Time:
        return parse_time(value.text).has_value() ||
               wrong_value(value, field, "a time such as 2026-01-01T00:00:00Z");
      case FieldKind::Address:
        return http::parse_address(value.text, ignored) ||
               wrong_value(value, field, "an IP address");
      default:
        return true;
    }
  }

  static std::string_view expected(FieldKind kind) {
    switch (kind) {
      case FieldKind::Bool:
        return "true or false";
      case FieldKind::Count:
      case FieldKind::Times:
      case FieldKind::Status:
      case FieldKind::Statuses:
        return "a number";
      default:
        return "a text";
    }
  }

  static constexpr u64 kMaxWaitMs = u64{366} * 86'400'000;
  DiagnosticSink& sink_;
};

}  // namespace

bool check_object(const Value& value, std::span<const Field> fields, std::string_view what,
                  DiagnosticSink& sink) {
  return FieldCheck(sink).object(value, fields, what);
}

void report(DiagnosticSink& sink, std::string_view rule, compiler::Span span, std::string message,
            std::string label, std::string help) {
  sink.report({.rule = rule,
               .severity = compiler::Severity::Error,
               .message = std::move(message),
               .primary = {span, std::move(label)},
               .help = std::move(help)});
}

}  // namespace gw::cli::tests
