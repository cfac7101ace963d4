#include "compiler/xgw/encode.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/xgw/field_value.h"
#include "compiler/xgw/node_json.h"
#include "compiler/xgw/value.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using policies::FieldKind;
using policies::FieldSpec;

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
    case FieldKind::Rate:
      return !is_map && !is_list && parse_number(alternative.kind, value.node).has_value();
    default:
      return !is_map && !is_list;
  }
}

}  // namespace

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
    // A field of a later version may be what takes its place.
    const bool has_later = std::ranges::any_of(value.entries, [&](const Effective::Entry& entry) {
      return std::ranges::find(later_, entry.name) != later_.end();
    });
    if (field.required && value.present() && !has_later) {
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
    if (field.kind == FieldKind::Rate) number = parse_rate(field.fallback);
    if (!number) number = field.fallback == "true" ? 1 : parse_count(field.fallback).value_or(0);
    store_number(field, *number, at);
  } else if (field.kind == FieldKind::Enum) {
    const auto word = std::ranges::find(field.words, field.fallback);
    store(at, static_cast<u32>(word - field.words.begin()));
  } else if (field.kind == FieldKind::ClaimPath) {
    store(at, pools_.strings.add(claim_pointer(field.fallback)));
  } else if (field.late) {
    store(at,
          table::LateString{
              .value = pools_.strings.add(field.fallback), .late = table::kNone, .reserved = 0});
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
      if (value.of_view) {
        EncodeScope scope = place.scope;
        scope.messages.of_view = true;
        encode_scalar(field, value.node, value.level, {scope, place.out}, path, at);
        return;
      }
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
  // Of several expressions the first that is there counts: each may be absent.
  EncodeScope scope = place.scope;
  scope.may_be_absent = true;
  for (size_t i = 0; i < items.size(); ++i) {
    std::byte* to = bytes.data() + i * field.size;
    std::vector<Removal> removals;
    Effective item;
    overlay(element, Merge::Replace, items[i], value.level, path, item, removals);
    const std::string name = fmt::format("{}[{}]", path, i);
    const Place inner{scope, nullptr};
    encode_field(element, item, inner, name, to + element.offset, to);
  }
  const u32 offset = bytes.empty() ? 0 : pools_.policy_data.add(bytes);
  store(at, table::Extent{offset, static_cast<u32>(items.size())});
  if (place.out != nullptr && value.node) {
    place.out->push_back({path, value.level, to_json(value.node), value.node.span()});
  }
}

void Encoder::check_written_header(std::string_view name, Span span) {
  static constexpr std::string_view kOfConnection[] = {
      "connection",       "content-length",    "http2-settings", "keep-alive",
      "proxy-connection", "transfer-encoding", "upgrade"};
  const auto same = [name](std::string_view known) { return equal_ignoring_case(name, known); };
  if (std::ranges::none_of(kOfConnection, same)) return;
  refuse("extension-value", span, fmt::format("`{}` cannot be written by a document", name),
         "belongs to one connection, and the gateway writes it", "remove it");
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
      const bool is_source = path.ends_with(".rename") || path.ends_with(".copy");
      if (!is_source) check_written_header(entry.name, key_span);
      std::string lower = lower_case(entry.name);
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

}  // namespace gw::compiler
