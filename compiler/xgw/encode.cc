#include "compiler/xgw/encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "compiler/xgw/value.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using policies::FieldKind;
using policies::FieldSpec;

template <class T>
void store(std::byte* at, const T& value) {
  std::memcpy(at, &value, sizeof value);
}

std::string_view expected(FieldKind kind) {
  switch (kind) {
    case FieldKind::Bool:
      return "`true` or `false`";
    case FieldKind::Count:
      return "a whole number";
    case FieldKind::Bytes:
      return "a size with unit, such as `64KiB`";
    case FieldKind::Duration:
      return "a duration with unit, such as `5s`";
    case FieldKind::Percent:
      return "a share, such as `20%`";
    case FieldKind::Status:
      return "a status code";
    case FieldKind::HeaderName:
      return "a header field name";
    case FieldKind::Url:
      return "a URL such as `http://host:port`";
    case FieldKind::Address:
      return "an address such as `0.0.0.0:8080`";
    case FieldKind::Network:
      return "an address or a CIDR block";
    case FieldKind::List:
      return "a list";
    case FieldKind::Map:
    case FieldKind::Record:
      return "a map";
    case FieldKind::Name:
      return "a name";
    case FieldKind::Regex:
      return "a regular expression";
    case FieldKind::Expression:
    case FieldKind::PathRewrite:
      return "text, with runtime expressions such as `{$request.path.id}`";
    default:
      return "text";
  }
}

std::string range_text(const FieldSpec& field) {
  const auto show = [&](u64 value) {
    switch (field.kind) {
      case FieldKind::Duration:
        return format_duration(value);
      case FieldKind::Bytes:
        return format_bytes(value);
      case FieldKind::Percent:
        return format_percent(value);
      default:
        return std::to_string(value);
    }
  };
  if (field.max == ~u64{0}) return "at least " + show(field.min);
  return show(field.min) + " to " + show(field.max);
}

std::optional<u64> parse_number(FieldKind kind, NodeRef node) {
  const std::string_view text = node.text();
  switch (kind) {
    case FieldKind::Bool:
      if (node.kind() != NodeKind::Bool) return std::nullopt;
      return node.boolean() ? 1 : 0;
    case FieldKind::Bytes:
      return parse_bytes(text);
    case FieldKind::Duration:
      return parse_duration(text);
    case FieldKind::Percent:
      return parse_percent(text);
    default:
      return parse_count(text);
  }
}

std::string show_number(FieldKind kind, u64 value) {
  switch (kind) {
    case FieldKind::Bool:
      return value != 0 ? "true" : "false";
    case FieldKind::Bytes:
      return format_bytes(value);
    case FieldKind::Duration:
      return format_duration(value);
    case FieldKind::Percent:
      return format_percent(value);
    default:
      return std::to_string(value);
  }
}

void store_number(const FieldSpec& field, u64 value, std::byte* at) {
  if (field.late) {
    store(at, table::LateNumber{.value = value});
  } else if (policies::stored_bytes(field) == 8) {
    store(at, value);
  } else {
    store(at, static_cast<u32>(value));
  }
}

// Absent values of kinds whose zero means something.
void store_absent(const FieldSpec& field, std::byte* at) {
  if (field.late) {
    if (policies::is_number(field.kind)) {
      store(at, table::LateNumber{});
    } else {
      store(at, table::LateString{});
    }
    return;
  }
  switch (field.kind) {
    case FieldKind::Condition:
    case FieldKind::Schema:
    case FieldKind::Regex:
    case FieldKind::Name:
      store(at, table::kNone);
      return;
    default:
      if (policies::is_text(field.kind)) store(at, table::StringRef{});
  }
}

bool shape_fits(const FieldSpec& alternative, const Effective& value) {
  const bool is_map = value.is_map || (value.node && value.node.is_map());
  const bool is_list = value.node && value.node.is_seq() && !value.is_map;
  switch (alternative.kind) {
    case FieldKind::Record:
    case FieldKind::Map:
      return is_map;
    case FieldKind::List:
      return is_list;
    case FieldKind::Bool:
      return !is_map && !is_list && value.node.kind() == NodeKind::Bool;
    case FieldKind::Count:
    case FieldKind::Bytes:
    case FieldKind::Duration:
    case FieldKind::Percent:
    case FieldKind::Status:
      return !is_map && !is_list && parse_number(alternative.kind, value.node).has_value();
    default:
      return !is_map && !is_list;
  }
}

bool json_needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (!json_needs_escape(c)) {
      out += c;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  out += '"';
}

// Numbers of YAML that JSON has no spelling for are written in one it has.
void append_json_number(NodeRef node, std::string& out) {
  std::string_view text = node.text();
  if (node.kind() == NodeKind::Int && text.size() > 2 && text[0] == '0') {
    const int base = text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 10;
    u64 value = 0;
    if (base != 10) text.remove_prefix(2);
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (result.ec == std::errc{}) {
      out += std::to_string(value);
      return;
    }
  }
  std::string number(text);
  if (number.starts_with('+')) number.erase(0, 1);
  const size_t digits = number.starts_with('-') ? 1 : 0;
  if (number.size() > digits && number[digits] == '.') number.insert(digits, "0");
  const size_t dot = number.find('.');
  if (dot != number.npos &&
      (dot + 1 == number.size() || number[dot + 1] == 'e' || number[dot + 1] == 'E')) {
    number.insert(dot + 1, "0");
  }
  const bool finite = number.find_first_of("nN") == number.npos;  // .inf and .nan
  out += finite ? number : "null";
}

void append_json(NodeRef node, std::string& out, u64& budget) {
  if (budget == 0) return;
  --budget;
  switch (node.kind()) {
    case NodeKind::Null:
      out += "null";
      return;
    case NodeKind::Bool:
      out += node.boolean() ? "true" : "false";
      return;
    case NodeKind::Int:
    case NodeKind::Float:
      append_json_number(node, out);
      return;
    case NodeKind::String:
      append_json_string(node.text(), out);
      return;
    case NodeKind::Seq: {
      out += '[';
      bool first = true;
      for (const NodeRef item : node.items()) {
        if (!first) out += ',';
        first = false;
        append_json(item, out, budget);
      }
      out += ']';
      return;
    }
    case NodeKind::Map: {
      out += '{';
      bool first = true;
      for (const auto [key, value] : node.entries()) {
        if (!first) out += ',';
        first = false;
        append_json_string(key.text(), out);
        out += ':';
        append_json(value, out, budget);
      }
      out += '}';
      return;
    }
  }
}

}  // namespace

std::string to_json(NodeRef node) {
  std::string out;
  u64 budget = 1'000'000;  // aliases may unfold to more than a file holds
  append_json(node, out, budget);
  return out;
}

table::SourceRef Encoder::source(Span span) const {
  if (!span.valid()) return {};
  const Position position = files_.position(span.file, span.begin);
  return {.file = span.file, .line = position.line, .column = position.column};
}

void Encoder::refuse(std::string_view rule, Span span, std::string message, std::string label,
                     std::string help) {
  sink_.report({.rule = rule,
                .severity = Severity::Error,
                .message = std::move(message),
                .primary = {span, std::move(label)},
                .help = std::move(help)});
}

void Encoder::encode(std::span<const FieldSpec> fields, const Effective& value,
                     const EncodeScope& scope, const std::string& path, std::byte* record,
                     std::vector<EncodedField>* fields_out) {
  const Place place{scope, fields_out};
  for (const FieldSpec& field : fields) {
    const std::string name =
        path.empty() ? std::string(field.name) : fmt::format("{}.{}", path, field.name);
    const Effective* found = value.find(field.name);
    std::byte* at = record + field.offset;
    if (found != nullptr && found->present()) {
      encode_field(field, *found, place, name, at, record);
      continue;
    }
    if (field.required && value.present()) {
      refuse("extension-missing", value.span(),
             fmt::format("`{}` has no `{}`", path.empty() ? "x-gw" : path, field.name),
             "it is required here", fmt::format("add `{}: ...`, {}", field.name, field.doc));
    }
    encode_fallback(field, place, name, at);
  }
  for (const Effective::Entry& entry : value.entries) {
    const bool known =
        std::ranges::any_of(fields, [&](const FieldSpec& f) { return f.name == entry.name; });
    if (known) continue;
    const Span span = entry.key ? entry.key.span() : entry.value.span();
    const std::string full =
        path.empty() ? std::string(entry.name) : fmt::format("{}.{}", path, entry.name);
    if (std::ranges::find(later_, entry.name) != later_.end()) {
      refuse("extension-unsupported", span, fmt::format("`{}` is not supported yet", full),
             "this version cannot enforce it", "remove it");
      continue;
    }
    std::vector<std::string_view> names;
    for (const FieldSpec& field : fields) names.push_back(field.name);
    refuse("extension-unknown", span,
           fmt::format("`{}` has no field `{}`", path.empty() ? "x-gw" : path, entry.name),
           "not a field of it", did_you_mean(entry.name, names));
  }
}

void Encoder::encode_fallback(const FieldSpec& field, const Place& place, const std::string& path,
                              std::byte* at) {
  if (field.kind == FieldKind::Record && !field.late) {
    encode(field.fields, Effective{}, place.scope, path, at, place.out);
    return;
  }
  if (field.fallback.empty()) {
    store_absent(field, at);
    return;
  }
  if (policies::is_number(field.kind)) {
    std::optional<u64> number;
    if (field.kind == FieldKind::Duration) number = parse_duration(field.fallback);
    if (field.kind == FieldKind::Bytes) number = parse_bytes(field.fallback);
    if (field.kind == FieldKind::Percent) number = parse_percent(field.fallback);
    if (!number) number = field.fallback == "true" ? 1 : parse_count(field.fallback).value_or(0);
    store_number(field, *number, at);
  } else if (field.kind == FieldKind::Enum) {
    const auto word = std::ranges::find(field.words, field.fallback);
    store(at, static_cast<u32>(word - field.words.begin()));
  } else {
    store(at, pools_.strings.add(field.fallback));
  }
  if (place.out != nullptr)
    place.out->push_back({path, "default", std::string(field.fallback), {}});
}

void Encoder::encode_field(const FieldSpec& field, const Effective& value, const Place& place,
                           const std::string& path, std::byte* at, std::byte* record) {
  switch (field.kind) {
    case FieldKind::Record:
      if (!value.is_map) break;
      encode(field.fields, value, place.scope, path, at, place.out);
      return;
    case FieldKind::Map:
      if (!value.is_map) break;
      encode_map(field, value, place, path, at);
      return;
    case FieldKind::List:
      encode_list(field, value, place, path, at);
      return;
    case FieldKind::Union:
      for (u32 i = 0; i < field.fields.size(); ++i) {
        const FieldSpec& alternative = field.fields[i];
        if (!shape_fits(alternative, value)) continue;
        store(at, i + 1);
        Effective shaped = value;
        if (alternative.kind == FieldKind::Record || alternative.kind == FieldKind::Map) {
          std::vector<Removal> removals;
          shaped = {};
          overlay(alternative, Merge::Replace, value.node, value.level, path, shaped, removals);
        }
        encode_field(alternative, shaped, place, path, record + alternative.offset, record);
        return;
      }
      break;
    default:
      if (value.is_map || !value.node) break;
      encode_scalar(field, value.node, value.level, place, path, at);
      return;
  }
  refuse("extension-value", value.span(), fmt::format("`{}` is not {}", path, expected(field.kind)),
         value.node ? fmt::format("this is {}", kind_name(value.node.kind())) : "here",
         field.doc.empty() ? "" : fmt::format("`{}`: {}", field.name, field.doc));
}

void Encoder::encode_list(const FieldSpec& field, const Effective& value, const Place& place,
                          const std::string& path, std::byte* at) {
  const FieldSpec& element = field.fields[0];
  std::vector<NodeRef> items;
  if (value.node && value.node.is_seq()) {
    for (const NodeRef item : value.node.items()) items.push_back(item);
  } else if (value.node && value.node.is_scalar() && !value.node.is_null()) {
    items.push_back(value.node);  // one value stands for a list of one
  } else {
    refuse("extension-value", value.span(), fmt::format("`{}` is not a list", path), "here", "");
    return;
  }
  if (items.size() < field.min || items.size() > field.max) {
    refuse("extension-value", value.span(),
           fmt::format("`{}` has {} items; it takes {}", path, items.size(), range_text(field)),
           "here", "");
    return;
  }
  std::vector<std::byte> bytes(items.size() * field.size);
  for (size_t i = 0; i < items.size(); ++i) {
    std::byte* to = bytes.data() + i * field.size;
    std::vector<Removal> removals;
    Effective item;
    overlay(element, Merge::Replace, items[i], value.level, path, item, removals);
    const std::string name = fmt::format("{}[{}]", path, i);
    const Place inner{place.scope, nullptr};
    encode_field(element, item, inner, name, to + element.offset, to);
  }
  const u32 offset = bytes.empty() ? 0 : pools_.policy_data.add(bytes);
  store(at, table::Extent{offset, static_cast<u32>(items.size())});
  if (place.out != nullptr && value.node) {
    place.out->push_back({path, value.level, to_json(value.node), value.node.span()});
  }
}

void Encoder::encode_map(const FieldSpec& field, const Effective& value, const Place& place,
                         const std::string& path, std::byte* at) {
  const FieldSpec& element = field.fields[0];
  std::vector<std::byte> bytes(value.entries.size() * field.size);
  size_t i = 0;
  for (const Effective::Entry& entry : value.entries) {
    std::byte* to = bytes.data() + i++ * field.size;
    const Span key_span = entry.key ? entry.key.span() : entry.value.span();
    if (element.kind == FieldKind::HeaderName || path.ends_with("headers") ||
        path.find("headers.") != path.npos) {
      if (!is_token(entry.name)) {
        refuse("extension-value", key_span,
               fmt::format("`{}` is not a header field name", entry.name), "here",
               "field names are letters, digits and `-`");
      }
      std::string lower(entry.name);
      std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      });
      store(to, pools_.strings.add(lower));
    } else {
      store(to, pools_.strings.add(entry.name));
    }
    encode_field(element, entry.value, place, fmt::format("{}.{}", path, entry.name),
                 to + element.offset, to);
  }
  const u32 offset = bytes.empty() ? 0 : pools_.policy_data.add(bytes);
  store(at, table::Extent{offset, static_cast<u32>(value.entries.size())});
}

u32 Encoder::add_late_record(const FieldSpec& field, const std::vector<table::LatePart>& parts,
                             const std::string& path, Span span) {
  // A text's length is bounded by `max`; the value of an expression by what a field may hold.
  const bool is_expression = field.kind == FieldKind::Expression;
  const table::LateRecord record{
      .parts = pools_.late_parts.add(parts),
      .value_kind = static_cast<u32>(is_expression ? FieldKind::String : field.kind),
      .reserved = 0,
      .min = field.min,
      .max = is_expression ? 8192 : field.max,
      .field = pools_.strings.add(path),
      .source = source(span),
      .padding = 0};
  return pools_.late.add({record}).offset;
}

bool Encoder::encode_late(const FieldSpec& field, NodeRef node, const std::string& path,
                          std::byte* at) {
  std::vector<table::LatePart> parts;
  ValueError error;
  if (!parse_late(node.text(), pools_.strings, parts, error)) {
    refuse("extension-value", node.span(), fmt::format("`{}`: {}", path, error.message), "here",
           error.help);
    return false;
  }
  const u32 index = add_late_record(field, parts, path, node.span());
  if (policies::is_number(field.kind)) {
    store(at, table::LateNumber{.value = 0, .late = index, .reserved = 0});
  } else {
    store(at, table::LateString{.value = {}, .late = index, .reserved = 0});
  }
  return true;
}

void Encoder::encode_scalar(const FieldSpec& field, NodeRef node, std::string_view level,
                            const Place& place, const std::string& path, std::byte* at) {
  const auto wrong = [&](std::string label, std::string help) {
    refuse("extension-value", node.span(),
           fmt::format("`{}` is not {}", path, expected(field.kind)), std::move(label),
           std::move(help));
    store_absent(field, at);
  };
  const auto note = [&](std::string text) {
    if (place.out != nullptr) place.out->push_back({path, level, std::move(text), node.span()});
  };
  if (field.kind == FieldKind::Condition) {
    store(at, encode_condition(node, pools_, sink_));
    note(to_json(node));
    return;
  }
  if (field.kind == FieldKind::Schema) {
    store(at, pools_.schemas.add({pools_.strings.add(to_json(node))}).offset);
    note(to_json(node));
    return;
  }
  if (field.kind == FieldKind::Body) {
    store(at, pools_.strings.add(node.is_scalar() ? std::string(node.text()) : to_json(node)));
    note(node.is_scalar() ? std::string(node.text()) : to_json(node));
    return;
  }
  if (!node.is_scalar() || node.is_null()) {
    const bool unquoted_reference =
        node.is_map() && node.size() == 1 && (*node.entries().begin()).key.text().starts_with("$");
    wrong(unquoted_reference ? "a map, since the reference has no quotes"
                             : fmt::format("this is {}", kind_name(node.kind())),
          unquoted_reference ? "write it in quotes: '{$env.NAME}'" : "");
    return;
  }
  const std::string_view text = node.text();
  if (has_late_reference(text) && field.kind != FieldKind::Expression) {
    if (field.late) {
      if (encode_late(field, node, path, at)) note(std::string(text));
      return;
    }
    refuse("extension-value", node.span(), fmt::format("`{}` cannot be a reference", path),
           "its value is needed at compile time",
           "write the value, or set it per environment with --overlay");
    return;
  }
  if (policies::is_number(field.kind)) {
    const auto number = parse_number(field.kind, node);
    if (!number) {
      const bool bare = parse_count(text).has_value() && field.kind != FieldKind::Bool;
      wrong(bare ? "a number without unit" : fmt::format("`{}`", text), "");
      return;
    }
    if (*number < field.min || *number > field.max) {
      refuse("extension-value", node.span(),
             fmt::format("`{}` is out of range: it takes {}", path, range_text(field)),
             fmt::format("`{}`", text), "");
      store_absent(field, at);
      return;
    }
    store_number(field, *number, at);
    note(show_number(field.kind, *number));
    return;
  }
  ValueError error;
  switch (field.kind) {
    case FieldKind::Enum: {
      const auto word = std::ranges::find(field.words, text);
      if (word == field.words.end()) {
        refuse("extension-value", node.span(),
               fmt::format("`{}` is none of {}", path, fmt::join(field.words, ", ")),
               fmt::format("`{}`", text),
               did_you_mean(text, {field.words.begin(), field.words.end()}));
        store(at, u32{0});
        return;
      }
      store(at, static_cast<u32>(word - field.words.begin()));
      note(std::string(text));
      return;
    }
    case FieldKind::Name: {
      store(at, table::kNone);
      if (place.scope.upstreams == nullptr) return;
      const auto found = place.scope.upstreams->find(text);
      if (found == place.scope.upstreams->end()) {
        std::vector<std::string_view> names;
        for (const auto& [name, index] : *place.scope.upstreams) names.push_back(name);
        std::ranges::sort(names);
        refuse("extension-dangling", node.span(), fmt::format("there is no upstream `{}`", text),
               "not among the upstreams", did_you_mean(text, names));
        return;
      }
      store(at, found->second);
      note(std::string(text));
      return;
    }
    case FieldKind::Regex:
      store(at, encode_regex(text, false, true, node.span(), pools_, sink_));
      note(std::string(text));
      return;
    case FieldKind::Expression:
    case FieldKind::PathRewrite: {
      std::vector<table::ExpressionPart> parts;
      const AddLate add_late = [&](const std::vector<table::LatePart>& late_parts) {
        return add_late_record(field, late_parts, path, node.span());
      };
      if (!parse_expression(text, field.kind == FieldKind::PathRewrite, place.scope, pools_.strings,
                            add_late, parts, error)) {
        const u32 shift = node.quoted() ? 1 : 0;
        refuse(error.unsupported ? "extension-unsupported" : "extension-value",
               sub_span(node.span(), error.begin + shift, error.end + shift),
               fmt::format("`{}`: {}", path, error.message), "here", error.help);
        return;
      }
      store(at, pools_.expressions.add(parts));
      note(std::string(text));
      return;
    }
    case FieldKind::Network: {
      table::NetworkRecord record{};
      if (!parse_network(text, record.address, record.prefix_bits)) {
        wrong(fmt::format("`{}`", text), "");
        return;
      }
      store(at, pools_.networks.add({record}));
      note(std::string(text));
      return;
    }
    case FieldKind::Url: {
      std::string_view problem;
      const auto url = parse_http_url(text, problem);
      if (!url) {
        wrong(std::string(problem), "");
        return;
      }
      if (url->scheme == "https") {
        refuse("extension-unsupported", node.span(),
               fmt::format("`{}`: TLS to upstreams is not supported yet", path),
               "this version cannot verify certificates", "use http:// on a trusted network");
        return;
      }
      break;
    }
    case FieldKind::Address:
      if (!parse_host_port(text)) {
        wrong(fmt::format("`{}`", text), "write HOST:PORT, IPv6 in brackets");
        return;
      }
      break;
    case FieldKind::HeaderName:
      if (!is_token(text)) {
        wrong(fmt::format("`{}`", text), "field names are letters, digits and `-`");
        return;
      }
      break;
    default:
      break;
  }
  if (text.size() < field.min || text.size() > field.max) {
    refuse("extension-value", node.span(), fmt::format("`{}` is too long or too short", path),
           "here", "");
    return;
  }
  std::string stored(text);
  if (field.kind == FieldKind::HeaderName) {
    std::ranges::transform(stored, stored.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
  }
  const table::StringRef ref = pools_.strings.add(stored);
  if (field.late) {
    store(at, table::LateString{.value = ref, .late = table::kNone, .reserved = 0});
  } else {
    store(at, ref);
  }
  note(std::string(text));
}

}  // namespace gw::compiler
