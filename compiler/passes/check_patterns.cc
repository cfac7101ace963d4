// Patterns, formats and bounds of schemas: those that could never be enforced or satisfied, or that
// are not what they look like.
#include <fmt/format.h>

#include <set>
#include <unordered_map>

#include "compiler/passes/passes.h"
#include "compiler/regex/dialect.h"
#include "compiler/regex/regex.h"
#include "compiler/schema/refuse.h"
#include "runtime/json/text.h"
#include "runtime/schema/decimal.h"
#include "runtime/schema/formats.h"

namespace gw::compiler {
namespace {

constexpr u32 kMaxDepth = 256;

struct Verdict {
  std::string error;  // empty: it can be run
  std::string_view help;
  bool too_big = false;
};

// Values that are data, whatever they look like.
bool is_data(std::string_view key) {
  return key == "example" || key == "examples" || key == "default" || key == "enum" ||
         key == "const" || key == "value" || key.starts_with("x-");
}

// Maps whose keys are names that the author chose.
bool holds_names(std::string_view key) {
  return key == "properties" || key == "patternProperties" || key == "$defs" ||
         key == "definitions" || key == "schemas" || key == "dependentSchemas" ||
         key == "parameters" || key == "headers" || key == "responses" || key == "requestBodies" ||
         key == "callbacks" || key == "paths" || key == "pathItems" || key == "webhooks" ||
         key == "content" || key == "encoding" || key == "securitySchemes" || key == "links";
}

// `/abc/i`: the slashes and flags of a literal of JavaScript.
bool is_js_literal(std::string_view pattern) {
  const size_t last = pattern.rfind('/');
  return pattern.size() > 2 && pattern[0] == '/' && last > 1 &&
         (pattern[1] == '^' || pattern[last - 1] == '$') &&
         pattern.find_first_not_of("dgimsuvy", last + 1) == std::string_view::npos;
}

// Neither end of the value is fixed, and the pattern is more than "has one of these".
bool is_loose(std::string_view pattern) {
  bool in_class = false;
  u32 atoms = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (!in_class && i + 1 < pattern.size() && (pattern[i + 1] == 'b' || pattern[i + 1] == 'B')) {
        return false;  // it looks for words
      }
      ++i;
      atoms += in_class ? 0 : 1;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '^' || c == '$') {
      return false;
    } else {
      in_class = c == '[';
      ++atoms;
    }
  }
  return atoms > 1 && !pattern.starts_with(".*") && !pattern.ends_with(".*") && pattern != ".+";
}

class PatternCheck {
 public:
  explicit PatternCheck(Module& module) : module_(module) {
    // A pattern that routes has been looked at, and says more than a warning.
    for (const Diagnostic& finding : module.sink.all()) {
      if (finding.rule.starts_with("regex-")) {
        known_.insert({finding.primary.span.file, finding.primary.span.begin});
      }
    }
  }

  void walk(NodeRef node, bool keys_are_names, u32 depth) {
    if (!node || depth > kMaxDepth) return;
    for (const NodeRef item : node.items()) walk(item, false, depth + 1);
    // An alias repeats a place that is walked where it is written.
    if (node.target_index() != node.index()) return;
    if (!keys_are_names) check_bounds(node);
    for (const auto [key, value] : node.entries()) {
      const std::string_view name = key.text();
      if (keys_are_names) {
        walk(value, false, depth + 1);
        continue;
      }
      if (is_data(name)) continue;
      if (name == "pattern" && value.kind() == NodeKind::String) {
        check(value, value.text());
        count_loose(value);
      }
      if (name == "format" && value.is_string()) check_format(value);
      if (name == "patternProperties") {
        for (const auto entry : value.entries()) check(entry.key, entry.key.text());
      }
      walk(value, holds_names(name), depth + 1);
    }
  }

  // Once, and not for each pattern: half of all patterns are like that.
  void report_loose() {
    if (loose_ == 0) return;
    const std::string others = loose_ == 1 ? "" : fmt::format(" and {} more", loose_ - 1);
    report(
        module_, "regex-unanchored", Severity::Info, first_loose_.span(),
        fmt::format("pattern `{}`{} may match anywhere in the value", first_loose_.text(), others),
        "what stands before and after is free",
        "put it between `^` and `$`, with alternatives in a group");
    loose_ = 0;
  }

 private:
  void count_loose(NodeRef node) {
    const std::string_view pattern = node.text();
    if (!is_loose(pattern) || is_js_literal(pattern)) return;
    if (!verdict_of(pattern).error.empty()) return;
    if (loose_++ == 0) first_loose_ = node;
  }

  void check_dialect(NodeRef node, std::string_view pattern) {
    const std::string_view part = regex::foreign_part(pattern);
    if (part.empty()) return;
    report(module_, "regex-dialect", Severity::Warning, node.span(),
           fmt::format("`{}` of pattern `{}` is plain characters here", part, pattern),
           "patterns are those of ECMA-262",
           part.starts_with("&&") ? "write the class out; ECMA-262 cannot intersect"
                                  : "write the class out: `[A-Za-z]`, `[0-9]`, `\\p{L}`");
  }

  void check(NodeRef node, std::string_view pattern) {
    check_dialect(node, pattern);
    if (is_js_literal(pattern)) {
      report(module_, "regex-js-literal", Severity::Warning, node.span(),
             fmt::format("pattern `{}` has slashes around it, as JavaScript has", pattern),
             "the slashes are a part of the pattern", "write what is between the slashes");
    }
    const Verdict& verdict = verdict_of(pattern);
    if (verdict.error.empty() && !verdict.too_big) return;
    const Span span = node.span();
    if (!known_.insert({span.file, span.begin}).second) return;
    if (verdict.too_big) {
      report(module_, "regex-too-big", Severity::Warning, span,
             fmt::format("pattern `{}` needs too many states for a table", pattern),
             "would be compiled when the table is loaded", "shorten its counted repeats");
      return;
    }
    report(module_, "regex-unsupported", Severity::Warning, span,
           fmt::format("pattern `{}` cannot be enforced: {}", pattern, verdict.error), "here",
           std::string(verdict.help));
  }

  // Lower bounds above upper ones: no value satisfies both.
  void check_bounds(NodeRef schema) {
    constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
        {"minimum", "maximum"},
        {"minLength", "maxLength"},
        {"minItems", "maxItems"},
        {"minProperties", "maxProperties"},
        {"minContains", "maxContains"}};
    for (const auto& [low_name, high_name] : kPairs) {
      const NodeRef low = schema.get(low_name);
      const NodeRef high = low ? schema.get(high_name) : NodeRef{};
      if (!high || !is_json_number(low) || !is_json_number(high)) continue;
      const auto order = gw::schema::compare(gw::schema::parse_decimal(low.text()),
                                             gw::schema::parse_decimal(high.text()));
      if (order <= 0) continue;
      report(
          module_, "schema-dead", Severity::Warning, low.span(),
          fmt::format("`{}: {}` is above `{}: {}`", low_name, low.text(), high_name, high.text()),
          "no value satisfies both", "exchange them, or remove one");
    }
  }
  static bool is_json_number(NodeRef node) {
    const bool number = node.kind() == NodeKind::Int || node.kind() == NodeKind::Float;
    return number && json::is_number(node.text());
  }

  void check_format(NodeRef format) {
    gw::schema::Format found{};
    if (gw::schema::find_format(format.text(), found) || schema::is_hint(format.text())) return;
    schema::warn_of_format(module_.sink, format);
  }

  const Verdict& verdict_of(std::string_view pattern) {
    const auto [entry, fresh] = verdicts_.try_emplace(std::string(pattern));
    if (!fresh) return entry->second;
    const auto result = regex::compile(pattern, regex::Syntax::Ecma, regex::Mode::Search);
    if (const auto* error = std::get_if<regex::RegexError>(&result)) {
      entry->second.error = error->message;
      entry->second.help = regex::help_for(pattern, *error);
    } else {
      entry->second.too_big = std::get<regex::CompiledRegex>(result).dfa.empty();
    }
    return entry->second;
  }

  Module& module_;
  NodeRef first_loose_;
  u32 loose_ = 0;
  std::set<std::pair<FileId, u32>> known_;
  std::unordered_map<std::string, Verdict> verdicts_;
};

}  // namespace

void check_patterns(Module& module) {
  PatternCheck check(module);
  for (const auto& document : module.gateway.documents) {
    check.walk(document->root, false, 0);
    check.report_loose();
  }
}

}  // namespace gw::compiler
