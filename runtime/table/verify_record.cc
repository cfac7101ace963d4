#include "runtime/table/verify_record.h"

#include <algorithm>
#include <cstring>

#include "runtime/table/template_format.h"

namespace gw::table {
namespace {

using policies::FieldKind;
using policies::FieldSpec;

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

bool string_fits(StringRef ref, const RecordBounds& bounds) {
  if (ref.offset == kNone) return ref.bytes == 0;
  return fits(ref.offset, ref.bytes, bounds.strings);
}

bool verify_field(const FieldSpec& field, const std::byte* at, const RecordBounds& bounds,
                  u64& budget);

bool verify_fields(std::span<const FieldSpec> fields, const std::byte* record,
                   const RecordBounds& bounds, u64& budget) {
  for (const FieldSpec& field : fields) {
    if (!verify_field(field, record + field.offset, bounds, budget)) return false;
  }
  return true;
}

bool verify_elements(const FieldSpec& field, Extent extent, const RecordBounds& bounds,
                     u64& budget) {
  const u64 bytes = u64{extent.count} * field.size;
  if (extent.offset % 8 != 0 || !fits(extent.offset, bytes, bounds.policy_data.size()))
    return false;
  if (extent.count > budget) return false;
  budget -= extent.count;
  const bool plain = field.kind == FieldKind::List && field.fields[0].kind == FieldKind::Record;
  for (u32 i = 0; i < extent.count; ++i) {
    const std::byte* element = bounds.policy_data.data() + extent.offset + u64{i} * field.size;
    if (field.kind == FieldKind::Map && !string_fits(load<StringRef>(element), bounds))
      return false;
    if (plain ? !verify_fields(field.fields[0].fields, element, bounds, budget)
              : !verify_field(field.fields[0], element + field.fields[0].offset, bounds, budget)) {
      return false;
    }
  }
  return true;
}

bool verify_template(Extent extent, const RecordBounds& bounds, u64& budget) {
  const u64 bytes = u64{extent.count} * sizeof(TemplateNode);
  if (extent.offset % 8 != 0 || !fits(extent.offset, bytes, bounds.policy_data.size()) ||
      extent.count > kMaxTemplateNodes || extent.count > budget) {
    return false;
  }
  budget -= extent.count;
  for (u32 i = 0; i < extent.count; ++i) {
    const auto node = load<TemplateNode>(bounds.policy_data.data() + extent.offset +
                                         u64{i} * sizeof(TemplateNode));
    // That the ends nest is seen to when it is written.
    if (node.kind > kLastTemplateKind || node.end <= i || node.end > extent.count ||
        !string_fits(node.key, bounds) || !string_fits(node.text, bounds) ||
        !fits(node.value.offset, node.value.count, bounds.expressions)) {
      return false;
    }
  }
  return true;
}

bool verify_late(const FieldSpec& field, const std::byte* at, const RecordBounds& bounds) {
  const u32 late = load<u32>(at + offsetof(LateNumber, late));
  if (late != kNone) return late < bounds.late;
  if (is_number(field.kind)) {
    const u64 value = load<u64>(at);
    return value <= field.max;
  }
  return string_fits(load<StringRef>(at), bounds);
}

bool verify_field(const FieldSpec& field, const std::byte* at, const RecordBounds& bounds,
                  u64& budget) {
  if (field.late) return verify_late(field, at, bounds);
  const auto index_fits = [&](u64 count) {
    const u32 index = load<u32>(at);
    return index < count || (index == kNone && !field.required);
  };
  const auto extent_fits = [&](u64 count) {
    const auto extent = load<Extent>(at);
    return fits(extent.offset, extent.count, count);
  };
  switch (field.kind) {
    case FieldKind::Bool:
      return load<u32>(at) <= 1;
    case FieldKind::Count:
    case FieldKind::Percent:
      return load<u32>(at) <= field.max;
    case FieldKind::Status:
      return load<u32>(at) <= 599;
    case FieldKind::Bytes:
    case FieldKind::Duration:
    case FieldKind::Rate:
      return load<u64>(at) <= field.max;
    case FieldKind::Enum:
      return load<u32>(at) < field.words.size();
    case FieldKind::String:
    case FieldKind::HeaderName:
    case FieldKind::Url:
    case FieldKind::Address:
    case FieldKind::Pem:
    case FieldKind::Document:
    case FieldKind::ClaimPath:
    case FieldKind::Origin:
    case FieldKind::Body:
      return string_fits(load<StringRef>(at), bounds);
    case FieldKind::Network:
      return extent_fits(bounds.networks);
    case FieldKind::Expression:
    case FieldKind::PathRewrite:
      return extent_fits(bounds.expressions);
    case FieldKind::Condition:
      return index_fits(bounds.conditions);
    case FieldKind::Schema:
      return index_fits(bounds.schemas);
    case FieldKind::Program: {
      const u32 root = load<u32>(at);
      return root == kNone ||
             std::binary_search(bounds.programs.begin(), bounds.programs.end(), root);
    }
    case FieldKind::Regex:
      return index_fits(bounds.regexes);
    case FieldKind::Name:
      return index_fits(field.names == policies::NameSpace::Scheme ? bounds.schemes
                                                                   : bounds.upstreams);
    case FieldKind::Template:
      return verify_template(load<Extent>(at), bounds, budget);
    case FieldKind::List:
    case FieldKind::Map:
      return verify_elements(field, load<Extent>(at), bounds, budget);
    case FieldKind::Record:
      return verify_fields(field.fields, at, bounds, budget);
    case FieldKind::Union: {
      const u32 tag = load<u32>(at);
      if (tag > field.fields.size()) return false;
      if (tag == 0) return true;
      // Alternatives carry offsets into the record that holds the union.
      const FieldSpec& chosen = field.fields[tag - 1];
      return verify_field(chosen, at - field.offset + chosen.offset, bounds, budget);
    }
  }
  return false;
}

}  // namespace

bool verify_record(const policies::RecordSpec& spec, const std::byte* record,
                   const RecordBounds& bounds, u64& budget) {
  return verify_fields(spec.fields, record, bounds, budget);
}

}  // namespace gw::table
