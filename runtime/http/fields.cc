#include "runtime/http/fields.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace gw::http {
namespace {

constexpr std::string_view kNames[] = {"",
#define GW_FIELD(enumerator, name) name,
                                       GW_KNOWN_FIELDS(GW_FIELD)
#undef GW_FIELD
};
constexpr size_t kNameCount = std::size(kNames);
static_assert(kNameCount < 128);

constexpr std::array<char, 256> kLower = [] {
  std::array<char, 256> table{};
  for (u32 c = 0; c < 256; ++c) {
    table[c] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return table;
}();

constexpr char lower(char c) { return kLower[static_cast<u8>(c)]; }

// Open addressing over length and three characters, filled at compile time.
constexpr u32 kSlots = 256;

constexpr u32 slot_of(std::string_view name) {
  const auto byte = [&](size_t i) { return static_cast<u32>(static_cast<u8>(lower(name[i]))); };
  const size_t last = name.size() - 1;
  return (static_cast<u32>(name.size()) * 7 + byte(0) * 31 + byte(last) * 17 + byte(last / 2) * 5) %
         kSlots;
}

constexpr std::array<u8, kSlots> kIds = [] {
  std::array<u8, kSlots> ids{};
  for (size_t id = 1; id < kNameCount; ++id) {
    u32 slot = slot_of(kNames[id]);
    while (ids[slot] != 0) slot = (slot + 1) % kSlots;
    ids[slot] = static_cast<u8>(id);
  }
  return ids;
}();

constexpr u32 kFirstCapacity = 24;

bool same_name(const Field& field, FieldId id, std::string_view name) {
  if (field.removed || field.id != id) return false;
  return id != FieldId::Other || equal_fold(field.name, name);
}

}  // namespace

FieldId field_id(std::string_view name) {
  if (name.empty()) return FieldId::Other;
  for (u32 slot = slot_of(name); kIds[slot] != 0; slot = (slot + 1) % kSlots) {
    if (equal_fold(kNames[kIds[slot]], name)) return static_cast<FieldId>(kIds[slot]);
  }
  return FieldId::Other;
}

std::string_view field_name(FieldId id) { return kNames[static_cast<size_t>(id)]; }

bool equal_fold(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

void FieldList::add(FieldId id, std::string_view name, std::string_view value) {
  add(Field{name, value, id});
}

void FieldList::add(const Field& field) {
  if (count_ == capacity_) {
    const u32 capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
    Field* grown = arena_->allocate_array<Field>(capacity);
    std::copy(fields_, fields_ + count_, grown);
    fields_ = grown;
    capacity_ = capacity;
  }
  fields_[count_++] = field;
}

void FieldList::set(FieldId id, std::string_view value) {
  bool done = false;
  for (Field& field : *this) {
    if (!same_name(field, id, {})) continue;
    if (done) field.removed = true;
    field.value = value;
    field.checked = false;
    done = true;
  }
  if (!done) add(id, value);
}

void FieldList::set(std::string_view name, std::string_view value) {
  const FieldId id = field_id(name);
  if (id != FieldId::Other) {
    set(id, value);
    return;
  }
  bool done = false;
  for (Field& field : *this) {
    if (!same_name(field, id, name)) continue;
    if (done) field.removed = true;
    field.value = value;
    field.checked = false;
    done = true;
  }
  if (!done) add(id, name, value);
}

void FieldList::remove(FieldId id) {
  for (Field& field : *this) {
    if (field.id == id) field.removed = true;
  }
}

void FieldList::remove(std::string_view name) {
  const FieldId id = field_id(name);
  for (Field& field : *this) {
    if (same_name(field, id, name)) field.removed = true;
  }
}

const Field* FieldList::find(FieldId id) const {
  for (const Field& field : *this) {
    if (field.id == id && !field.removed) return &field;
  }
  return nullptr;
}

const Field* FieldList::find(std::string_view name) const {
  const FieldId id = field_id(name);
  for (const Field& field : *this) {
    if (same_name(field, id, name)) return &field;
  }
  return nullptr;
}

}  // namespace gw::http
