#include "compiler/xgw/effective.h"

#include <algorithm>

namespace gw::compiler {
namespace {

using policies::FieldKind;
using policies::FieldSpec;

bool is_mapping(FieldKind kind) { return kind == FieldKind::Record || kind == FieldKind::Map; }

// The spec of an entry `name` of a record or map; null for an unknown one.
const FieldSpec* entry_spec(const FieldSpec& spec, std::string_view name) {
  if (spec.kind == FieldKind::Map) return &spec.fields[0];
  for (const FieldSpec& field : spec.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

// A field of these says `off` or `false` and means it.
bool has_off_value(const FieldSpec& field, NodeRef value) {
  const bool is_false = value && value.kind() == NodeKind::Bool;
  return field.kind == FieldKind::Bool || (field.kind == FieldKind::Template && is_false) ||
         std::ranges::find(field.words, "off") != field.words.end();
}

std::string off_reason(NodeRef node) {
  const NodeRef reason = node.get("off");
  return reason && reason.is_scalar() ? std::string(reason.text()) : std::string();
}

void lay_entry(const FieldSpec& spec, Merge merge, NodeRef key, std::string_view name,
               NodeRef value, std::string_view level, const std::string& path, Effective& base,
               std::vector<Removal>& removals) {
  const auto found = std::ranges::find(base.entries, name, &Effective::Entry::name);
  if (is_off(value)) {
    const FieldSpec* field = entry_spec(spec, name);
    const bool is_value = field != nullptr && has_off_value(*field, value);
    if (!is_value) {
      removals.push_back({path + "." + std::string(name), value.span(), off_reason(value)});
      if (found != base.entries.end()) base.entries.erase(found);
      return;
    }
  }
  const FieldSpec* field = entry_spec(spec, name);
  Effective fresh;
  Effective& target = found != base.entries.end() ? found->value : fresh;
  if (field != nullptr) {
    overlay(*field, merge, value, level, path + "." + std::string(name), target, removals);
  } else {
    target = {.node = value, .level = level, .is_map = false, .entries = {}};
  }
  if (found != base.entries.end()) {
    found->key = key;
  } else {
    base.entries.push_back({key, name, std::move(fresh)});
  }
}

}  // namespace

const Effective* Effective::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::name);
  return found == entries.end() ? nullptr : &found->value;
}

Span Effective::span() const {
  if (node) return node.span();
  for (const Entry& entry : entries) {
    if (entry.key) return entry.key.span();
    if (const Span span = entry.value.span(); span.valid()) return span;
  }
  return {};
}

bool is_off(NodeRef node) {
  if (!node) return false;
  if (node.kind() == NodeKind::Bool) return !node.boolean();
  if (node.is_string() && !node.quoted()) return node.text() == "off";
  return node.is_map() && node.size() == 1 && static_cast<bool>(node.get("off"));
}

Effective effective_record(const policies::RecordSpec& spec, NodeRef node, std::string_view level) {
  const FieldSpec field{.name = spec.name,
                        .kind = FieldKind::Record,
                        .fields = spec.fields,
                        .size = spec.bytes,
                        .shorthand = spec.shorthand};
  Effective value;
  std::vector<Removal> removals;
  overlay(field, Merge::Replace, node, level, std::string(spec.name), value, removals);
  return value;
}

void overlay(const FieldSpec& spec, Merge merge, NodeRef node, std::string_view level,
             const std::string& path, Effective& base, std::vector<Removal>& removals) {
  if (is_off(node) && !has_off_value(spec, node)) {
    removals.push_back({path, node.span(), off_reason(node)});
    base = {};
    return;
  }
  if (merge == Merge::Add) {
    base.is_map = true;
    base.entries.push_back({NodeRef{}, {}, {.node = node, .level = level, .entries = {}}});
    return;
  }
  if (!is_mapping(spec.kind)) {
    base = {.node = node, .level = level, .is_map = false, .entries = {}};
    return;
  }
  if (merge == Merge::Replace || !base.is_map) {
    base = {.node = node, .level = level, .is_map = true, .entries = {}};
  } else {
    base.node = node;
    base.level = level;
  }
  if (!node.is_map()) {
    if (spec.shorthand.empty()) {
      base.is_map = false;  // the decoder says what was expected
      return;
    }
    lay_entry(spec, merge, NodeRef{}, spec.shorthand, node, level, path, base, removals);
    return;
  }
  for (const auto [key, value] : node.entries()) {
    lay_entry(spec, merge, key, key.text(), value, level, path, base, removals);
  }
}

}  // namespace gw::compiler
