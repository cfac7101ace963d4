#include "compiler/passes/lower_access_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "compiler/passes/passes.h"
#include "compiler/xgw/value.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"
#include "runtime/policies/scheme/record.h"

namespace gw::compiler {
namespace {

using policies::LogField;

constexpr u32 kAll = 10'000;  // hundredths of a percent

struct FieldName {
  LogField field{};
  std::string header;  // in lower case
};

// Nothing: there is no such field.
std::optional<FieldName> field_named(std::string_view name) {
  for (const auto& [prefix, field] :
       {std::pair{policies::kRequestHeaderField, LogField::RequestHeader},
        std::pair{policies::kResponseHeaderField, LogField::ResponseHeader}}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view header = name.substr(prefix.size());
    if (!is_token(header) || header == "*") return std::nullopt;
    return FieldName{field, lower_case(header)};
  }
  for (u32 i = 0; i < policies::kLogFieldCount; ++i) {
    if (policies::kLogFields[i].name == name) return FieldName{static_cast<LogField>(i), {}};
  }
  return std::nullopt;
}

std::string names_help(std::string_view wrong) {
  std::string help = did_you_mean(
      wrong, {std::begin(policies::kLogFieldWords), std::end(policies::kLogFieldWords)});
  if (!help.empty()) help += " ";
  return help + fmt::format("Fields are {}", fmt::join(policies::kLogFieldWords, ", "));
}

// A field or a literal, with its place: bytes of the text of the format.
struct FormatPart {
  bool is_field = false;
  std::string text;  // the literal, or the name
  u32 begin = 0;
  u32 end = 0;
};

// False: `error` says why it is no format.
bool parse_format(std::string_view format, std::vector<FormatPart>& parts, ValueError& error) {
  std::string literal;
  const auto end_literal = [&](u32 at) {
    if (!literal.empty()) parts.push_back({false, std::exchange(literal, {}), at, at});
  };
  for (u32 at = 0; at < format.size();) {
    const char c = format[at];
    const std::string_view rest = format.substr(at);
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      literal += c;
      at += 2;
      continue;
    }
    if (static_cast<u8>(c) < 0x20 || c == 0x7f) {
      error = {at, at + 1, "a control character would break the line", "remove it"};
      return false;
    }
    if (c != '{') {
      literal += c;
      ++at;
      continue;
    }
    const size_t length = rest.find('}');
    if (length == rest.npos) {
      error = {at, static_cast<u32>(format.size()), "the brace is not closed",
               "write `{field}`, and `{{` for a brace itself"};
      return false;
    }
    end_literal(at);
    const u32 end = at + static_cast<u32>(length) + 1;
    parts.push_back({true, std::string(rest.substr(1, length - 1)), at, end});
    at = end;
  }
  end_literal(static_cast<u32>(format.size()));
  return true;
}

class AccessLogLowerer {
 public:
  AccessLogLowerer(Module& module, NodeRef node, policies::AccessLogRecord& record)
      : module_(module), node_(node), record_(record) {}

  void run() {
    const bool is_map = node_ && node_.is_map();
    const NodeRef format = is_map ? node_.get("format") : node_;
    if (node_ && !is_map && (node_.kind() == NodeKind::Bool || node_.text() == "off")) {
      report(module_, "extension-value", Severity::Error, node_.span(),
             "`observe.accessLog` cannot be switched off by a document", "here",
             "`gwctl serve --access-log off` writes none");
      return;
    }
    const NodeRef fields = is_map ? node_.get("fields") : NodeRef{};
    read_line(format, fields);
    if (is_map) read_filters();
    store();
  }

 private:
  static bool is_text(NodeRef node) { return node && node.is_scalar() && !node.is_null(); }

  void read_line(NodeRef format, NodeRef fields) {
    const std::string_view text = is_text(format) ? format.text() : "json";
    if (text == "json") return read_fields(fields);
    if (fields) {
      report(module_, "extension-conflict", Severity::Error, node_.key_of("fields").span(),
             "`observe.accessLog.fields` has no effect with this `format`",
             "the format says what is written", "remove one of them");
    }
    const bool is_named = text == "common" || text == "combined";
    const std::string_view meant = text == "common"     ? policies::kCommonLogFormat
                                   : text == "combined" ? policies::kCombinedLogFormat
                                                        : text;
    read_format(format, meant, is_named);
  }

  void read_format(NodeRef node, std::string_view format, bool is_named) {
    const auto place = [&](u32 begin, u32 end) {
      const u32 shift = node.quoted() ? 1 : 0;
      return is_named ? node.span() : sub_span(node.span(), begin + shift, end + shift);
    };
    std::vector<FormatPart> parts;
    ValueError error;
    if (!parse_format(format, parts, error)) {
      report(module_, "extension-value", Severity::Error, place(error.begin, error.end),
             fmt::format("`observe.accessLog.format`: {}", error.message), "here", error.help);
      return;
    }
    const bool has_field = std::ranges::any_of(parts, &FormatPart::is_field);
    if (!has_field) {
      report(module_, "extension-value", Severity::Error, node.span(),
             "`observe.accessLog.format` says nothing of requests", "no `{field}` is in it",
             did_you_mean(format, {"json", "common", "combined"}));
    }
    if (parts.size() > policies::kMostLogParts) {
      report(
          module_, "extension-value", Severity::Error, node.span(),
          fmt::format("`observe.accessLog.format` has more than {} parts", policies::kMostLogParts),
          "here");
      return;
    }
    for (const FormatPart& part : parts) {
      if (!part.is_field) {
        add(policies::kLogLiteral, part.text);
      } else {
        add_field("format", part.text, place(part.begin, part.end));
      }
    }
  }

  void read_fields(NodeRef fields) {
    if (!fields) return;  // the standard ones
    std::set<std::string> seen;
    const auto read = [&](NodeRef item) {
      if (!is_text(item)) return;  // reported by the encoder
      add_field("fields", item.text(), item.span());
      if (seen.insert(lower_case(item.text())).second) return;
      report(module_, "extension-conflict", Severity::Error, item.span(),
             fmt::format("`observe.accessLog.fields` has `{}` twice", item.text()),
             "a member stands once in a line", "remove one");
    };
    if (is_text(fields)) read(fields);
    if (!fields.is_seq()) return;
    for (const NodeRef item : fields.items()) read(item);
  }

  void add_field(std::string_view where, std::string_view name, Span place) {
    const auto field = field_named(name);
    if (!field) {
      report(module_, "extension-value", Severity::Error, place,
             fmt::format("`observe.accessLog.{}`: there is no field `{}`", where, name),
             "not a field of the log", names_help(name));
      return;
    }
    add(static_cast<u32>(field->field), field->header);
  }

  void add(u32 field, std::string_view text) {
    const table::StringRef stored =
        text.empty() ? table::StringRef{} : module_.table.pools.strings.add(text);
    parts_.push_back({.field = field, .reserved = 0, .text = stored});
  }

  void read_filters() {
    const NodeRef status = node_.get("status");
    if (is_text(status)) check_status(status);
    if (status && status.is_seq()) {
      for (const NodeRef item : status.items()) check_status(item);
    }
    if (const NodeRef to = node_.get("to"); is_text(to) && !has_late_reference(to.text())) {
      check_place(to);
    }
  }

  void check_status(NodeRef item) {
    if (!is_text(item) || item.text().size() != 3) return;  // reported by the encoder
    if (policies::is_status_pattern(item.text())) return;
    report(module_, "extension-value", Severity::Error, item.span(),
           "`observe.accessLog.status` takes statuses", fmt::format("`{}` is none", item.text()),
           "write one, such as `429`, or a class, `5xx`");
  }

  void check_place(NodeRef to) {
    if (policies::is_log_place(to.text())) return;
    report(module_, "extension-value", Severity::Error, to.span(),
           "`observe.accessLog.to` is no place for a log", fmt::format("`{}`", to.text()),
           to.text() == "off" ? "`gwctl serve --access-log off` writes none"
                              : "write a file, `-`, `syslog` or `syslog:unix:/PATH`");
  }

  void store() {
    const bool is_map = node_ && node_.is_map();
    const bool has_filter = is_map && (node_.get("status") || node_.get("slowerThan"));
    if (!is_map || !node_.get("slowerThan")) record_.slower_than = 0;
    if (!is_map || !node_.get("sample")) record_.sample = has_filter ? 0 : kAll;
    record_.parts = store_list(module_.table.pools, parts_);
  }

  Module& module_;
  const NodeRef node_;
  policies::AccessLogRecord& record_;
  std::vector<policies::LogPartRecord> parts_;
};

// What is asked for and hidden, and what is revealed and cannot be.
class SecretCheck {
 public:
  explicit SecretCheck(Module& module) : module_(module) {}

  void run() {
    const NodeRef observe = module_.gateway.observe;
    const NodeRef log = observe && observe.is_map() ? observe.get("accessLog") : NodeRef{};
    if (!log) return;
    const NodeRef format = log.is_map() ? log.get("format") : log;
    if (log.is_map()) {
      each_text(log.get("reveal"), [this](NodeRef item) { check_revealed(item); });
    }
    if (format && format.is_scalar()) check_format(format);
    if (log.is_map()) {
      each_text(log.get("fields"), [this](NodeRef item) { check(item.text(), item.span()); });
    }
  }

 private:
  template <typename Take>
  static void each_text(NodeRef node, Take take) {
    if (!node) return;
    if (node.is_scalar()) take(node);
    if (!node.is_seq()) return;
    for (const NodeRef item : node.items()) {
      if (item.is_scalar()) take(item);
    }
  }

  void check_revealed(NodeRef item) {
    const std::string name = lower_case(item.text());
    const bool is_firm = policies::is_secret_header(name) || is_credential(name, kInHeader) ||
                         is_credential(item.text(), kInQuery);
    if (is_firm) {
      report(module_, "extension-conflict", Severity::Error, item.span(),
             fmt::format("`observe.accessLog.reveal` cannot name `{}`, which carries credentials",
                         item.text()),
             "no log has its value", "remove it, or log `consumer`, which says who called");
    } else if (!policies::is_secret_in_messages(name)) {
      report(module_, "extension-conflict", Severity::Error, item.span(),
             fmt::format("`observe.accessLog.reveal` has no effect for `{}`", item.text()),
             "its values are not hidden", "remove it");
    } else {
      revealed_.insert(name);
    }
  }

  void check_format(NodeRef node) {
    std::vector<FormatPart> parts;
    ValueError error;
    if (!parse_format(node.text(), parts, error)) return;
    const u32 shift = node.quoted() ? 1 : 0;
    for (const FormatPart& part : parts) {
      if (part.is_field) {
        check(part.text, sub_span(node.span(), part.begin + shift, part.end + shift));
      }
    }
  }

  void check(std::string_view name, Span place) {
    const auto field = field_named(name);
    if (!field || field->header.empty()) return;
    if (policies::is_secret_header(field->header) || is_credential(field->header, kInHeader)) {
      report(module_, "log-secret", Severity::Warning, place,
             fmt::format("`{}` carries credentials, and is written as `*`", name),
             "no log has its value", "remove it, or log `consumer`, which says who called");
    } else if (policies::is_secret_in_messages(field->header) &&
               !revealed_.contains(field->header)) {
      report(module_, "log-secret", Severity::Warning, place,
             fmt::format("`{}` has the name of a secret, and is written as `*`", name),
             "no log has its value",
             fmt::format("remove it, or, if it is none, write `reveal: {}`", field->header));
    }
  }

  static constexpr auto kInHeader = policies::CredentialPlace::Header;
  static constexpr auto kInQuery = policies::CredentialPlace::Query;

  bool is_credential(std::string_view name, policies::CredentialPlace place) const {
    return std::ranges::any_of(module_.table.schemes, [&](const policies::SchemeRecord& scheme) {
      if (scheme.place != static_cast<u32>(place) || scheme.field.offset == table::kNone) {
        return false;
      }
      return place == kInHeader ? lower_case(name_of(scheme)) == name : name_of(scheme) == name;
    });
  }

  std::string_view name_of(const policies::SchemeRecord& scheme) const {
    return std::string_view(module_.table.pools.strings.bytes())
        .substr(scheme.field.offset, scheme.field.bytes);
  }

  Module& module_;
  std::set<std::string> revealed_;  // in lower case
};

}  // namespace

void lower_access_log(Module& module, NodeRef node, policies::AccessLogRecord& record) {
  AccessLogLowerer(module, node, record).run();
}

void check_access_log(Module& module) { SecretCheck(module).run(); }

}  // namespace gw::compiler
