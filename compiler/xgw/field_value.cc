#include "compiler/xgw/field_value.h"

#include "runtime/base/units.h"

namespace gw::compiler {

using policies::FieldKind;
using policies::FieldSpec;

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
      return "an address such as `0.0.0.0:8080` or `unix:/run/gw.sock`";
    case FieldKind::Pem:
      return "a reference to a file in PEM";
    case FieldKind::Document:
      return "a reference to a file";
    case FieldKind::ClaimPath:
      return "a claim, such as `$jwt.sub`";
    case FieldKind::Rate:
      return "a rate, such as `100/min`";
    case FieldKind::Origin:
      return "an origin, such as `https://shop.example`";
    case FieldKind::Network:
      return "an address or a CIDR block";
    case FieldKind::Template:
      return "a JSON value, with runtime expressions";
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
  const auto show = [&](u64 value) { return policies::show_number(field.kind, value); };
  if (field.max == ~u64{0}) return "at least " + show(field.min);
  return show(field.min) + " to " + show(field.max);
}

std::optional<u64> parse_number(FieldKind kind, NodeRef node) {
  if (kind != FieldKind::Bool) return policies::parse_number(kind, node.text());
  if (node.kind() != NodeKind::Bool) return std::nullopt;
  return node.boolean() ? 1 : 0;
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

}  // namespace gw::compiler
