#include "runtime/cache/entry.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace gw::cache {
namespace {

using http::FieldId;
using http::FieldList;

// Of an entry in the tables of a store, beyond what it holds itself.
constexpr size_t kOverheadBytes = 256;

bool same_name(const http::Field& field, FieldId id, std::string_view name) {
  if (field.removed || field.id != id) return false;
  return id != FieldId::Other || http::equal_fold(field.name, name);
}

// All lines of one field as one value (RFC 9110 section 5.3).
bool joined_value(const FieldList& fields, FieldId id, std::string_view name, std::string& out) {
  bool there = false;
  out.clear();
  for (const http::Field& field : fields) {
    if (!same_name(field, id, name)) continue;
    if (there) out += ", ";
    out += field.value;
    there = true;
  }
  return there;
}

bool has_value(const FieldList& fields, const VaryField& wanted) {
  const http::Field* first = nullptr;
  bool several = false;
  for (const http::Field& field : fields) {
    if (!same_name(field, wanted.id, wanted.name)) continue;
    several = first != nullptr;
    if (several) break;
    first = &field;
  }
  if (first == nullptr) return wanted.absent;
  if (wanted.absent) return false;
  if (!several) return first->value == wanted.value;
  std::string joined;
  joined_value(fields, wanted.id, wanted.name, joined);
  return joined == wanted.value;
}

}  // namespace

// Puts all texts of an entry into one block.
class EntryMaker {
 public:
  explicit EntryMaker(Entry& entry) : entry_(entry) {}

  void add_field(const http::Field& field) {
    entry_.fields.push_back(field);
    bytes_ += field.name.size() + field.value.size();
  }
  void add_vary(FieldId id, std::string_view name, const FieldList& request) {
    VaryField vary{.id = id, .name = name, .value = {}, .absent = false};
    std::string value;
    vary.absent = !joined_value(request, id, name, value);
    values_.push_back(std::move(value));
    entry_.varies.push_back(vary);
    bytes_ += name.size() + values_.back().size();
  }

  void add_vary(const VaryField& vary) {
    values_.emplace_back(vary.value);
    entry_.varies.push_back(vary);
    bytes_ += vary.name.size() + vary.value.size();
  }

  // All views move into the entry.
  void finish() {
    for (size_t i = 0; i < values_.size(); ++i) entry_.varies[i].value = values_[i];
    entry_.text_ = std::make_unique_for_overwrite<char[]>(std::max<size_t>(bytes_, 1));
    entry_.text_bytes_ = bytes_;
    to_ = entry_.text_.get();
    for (http::Field& field : entry_.fields) {
      field.name = keep(field.name);
      field.value = keep(field.value);
      field.checked = true;
      if (field.id == FieldId::ContentEncoding) entry_.coding = field.value;
      if (field.id == FieldId::Etag) entry_.validators.etag = field.value;
      if (field.id == FieldId::LastModified) entry_.validators.last_modified = field.value;
    }
    for (VaryField& vary : entry_.varies) {
      vary.name = keep(vary.name);
      vary.value = keep(vary.value);
    }
  }

 private:
  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    std::memcpy(to_, text.data(), text.size());
    const std::string_view kept(to_, text.size());
    to_ += text.size();
    return kept;
  }

  Entry& entry_;
  std::vector<std::string> values_;  // of the fields in Vary
  size_t bytes_ = 0;
  char* to_ = nullptr;
};

namespace {

// False: there are too many.
bool add_varies(const EntryParts& parts, Entry& entry, EntryMaker& maker) {
  for (const http::Field& field : *parts.answer) {
    if (field.removed || field.id != FieldId::Vary) continue;
    std::string_view rest = field.value;
    for (std::string_view name; next_element(rest, name);) {
      const FieldId id = http::field_id(name);
      if (id == FieldId::AcceptEncoding) continue;
      const auto is_name = [&](std::string_view other) { return http::equal_fold(other, name); };
      if (std::ranges::any_of(parts.constant, is_name)) continue;
      if (std::ranges::any_of(entry.varies, is_name, &VaryField::name)) continue;
      if (entry.varies.size() == kMaxVaryNames) return false;
      maker.add_vary(id, name, *parts.request);
    }
  }
  return true;
}

// An order, so that two lists can be compared.
void sort_varies(Entry& entry) {
  std::ranges::sort(entry.varies, [](const VaryField& a, const VaryField& b) {
    return std::ranges::lexicographical_compare(a.name, b.name, [](char x, char y) {
      const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
      return lower(x) < lower(y);
    });
  });
}

}  // namespace

Entry::~Entry() {
  if (account != nullptr) account->fetch_sub(bytes(), std::memory_order_relaxed);
}

size_t Entry::bytes() const {
  const size_t body_bytes = body == nullptr ? 0 : body->size;
  return sizeof(Entry) + kOverheadBytes + key_text.size() + text_bytes_ + body_bytes +
         fields.size() * sizeof(http::Field) + varies.size() * sizeof(VaryField) +
         tags.size() * 5 * sizeof(u64) + encoded.bytes();
}

size_t EncodedVariant::bytes() const {
  return sizeof(EncodedVariant) + 2 * sizeof(Body) + body->size +
         (plain == nullptr ? 0 : plain->size);
}

void EncodedVariants::set(std::shared_ptr<const EncodedVariant> variant) {
  const auto index = static_cast<size_t>(variant->coding);
  held_[index] = std::move(variant);
  seen_[index].store(held_[index].get(), std::memory_order_release);
}

void EncodedVariants::share(const EncodedVariants& from) {
  for (size_t i = 0; i < held_.size(); ++i) {
    // What is seen was written before, and is not written again.
    if (from.find(static_cast<encoding::Coding>(i)) != nullptr) set(from.held_[i]);
  }
}

size_t EncodedVariants::count() const {
  return static_cast<size_t>(std::ranges::count_if(
      seen_, [](const auto& one) { return one.load(std::memory_order_acquire) != nullptr; }));
}

size_t EncodedVariants::bytes() const {
  size_t bytes = 0;
  for (const auto& one : seen_) {
    const EncodedVariant* variant = one.load(std::memory_order_acquire);
    if (variant != nullptr) bytes += variant->bytes();
  }
  return bytes;
}

Key make_key(std::string_view text, u64 place) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {.low = hash.low64, .high = hash.high64, .place = place, .text = text};
}

u64 tag_of(TagKind kind, std::string_view text) {
  return XXH3_64bits_withSeed(text.data(), text.size(), static_cast<u64>(kind) + 1);
}

u64 place_of(std::string_view authority, std::string_view path) {
  const u64 host = XXH3_64bits_withSeed(authority.data(), authority.size(), 0);
  return XXH3_64bits_withSeed(path.data(), path.size(), host ^ static_cast<u64>(TagKind::Place));
}

std::shared_ptr<Body> copy_body(Bytes bytes) {
  auto body = std::make_shared<Body>();
  body->bytes = std::make_unique_for_overwrite<std::byte[]>(std::max<size_t>(bytes.size(), 1));
  body->size = bytes.size();
  std::ranges::copy(bytes, body->bytes.get());
  return body;
}

std::shared_ptr<Entry> make_entry(const EntryParts& parts) {
  auto entry = std::make_shared<Entry>();
  EntryMaker maker(*entry);
  for (const http::Field& field : *parts.answer) {
    if (is_kept(field)) maker.add_field(field);
  }
  if (!add_varies(parts, *entry, maker)) return nullptr;
  maker.finish();
  sort_varies(*entry);
  entry->key_text = parts.key.text;
  entry->key_low = parts.key.low;
  entry->key_high = parts.key.high;
  entry->place = parts.key.place;
  entry->status = parts.status;
  entry->body = parts.body;
  entry->tags.assign(parts.tags.begin(), parts.tags.end());
  entry->freshness = parts.freshness;
  entry->stored_at = parts.stored_at;
  return entry;
}

namespace {

// What stays the same when the fields do not.
void copy_rest(const Entry& from, Entry& to) {
  to.key_text = from.key_text;
  to.key_low = from.key_low;
  to.key_high = from.key_high;
  to.place = from.place;
  to.status = from.status;
  to.tags = from.tags;
}

}  // namespace

std::shared_ptr<Entry> completed_entry(const Entry& old, std::shared_ptr<const Body> body) {
  auto entry = std::make_shared<Entry>();
  EntryMaker maker(*entry);
  for (const http::Field& field : old.fields) maker.add_field(field);
  for (const VaryField& vary : old.varies) maker.add_vary(vary);
  maker.finish();
  copy_rest(old, *entry);
  entry->body = std::move(body);
  entry->freshness = old.freshness;
  entry->stored_at = old.stored_at;
  return entry;
}

std::shared_ptr<Entry> renewed_entry(const Entry& old, const FieldList& fields,
                                     const Freshness& freshness, TimePoint now) {
  auto entry = std::make_shared<Entry>();
  EntryMaker maker(*entry);
  for (const http::Field& field : fields) {
    if (is_kept(field)) maker.add_field(field);
  }
  // The request that was answered by 304 is one that the old answer fits.
  for (const VaryField& vary : old.varies) maker.add_vary(vary);
  maker.finish();
  copy_rest(old, *entry);
  entry->body = old.body;
  entry->encoded.share(old.encoded);
  entry->freshness = freshness;
  entry->stored_at = now;
  return entry;
}

bool fits(const Entry& entry, const FieldList& request) {
  for (const VaryField& vary : entry.varies) {
    if (!has_value(request, vary)) return false;
  }
  return accepted_quality(request, entry.coding) != 0;
}

bool same_variant(const Entry& a, const Entry& b) {
  return a.coding == b.coding &&
         std::ranges::equal(a.varies, b.varies, [](const VaryField& x, const VaryField& y) {
           return http::equal_fold(x.name, y.name) && x.absent == y.absent && x.value == y.value;
         });
}

}  // namespace gw::cache
