#include "runtime/cache/memory_store.h"

#include <algorithm>

namespace gw::cache {
namespace {

// Marks of purges only grow.
void raise(std::atomic<u64>& mark, u64 value) {
  u64 seen = mark.load(std::memory_order_relaxed);
  while (seen < value && !mark.compare_exchange_weak(seen, value, std::memory_order_acq_rel)) {
  }
}

u64 ghost_of(const Entry& entry) { return entry.key_low ^ (entry.key_high * 31); }

}  // namespace

MemoryStore::MemoryStore(u64 limit_bytes) : limit_(limit_bytes) {}

MemoryStore::~MemoryStore() {
  for (Part& part : parts_) {
    for (const auto& [hash, slots] : part.slots) {
      for (const Slot* slot : slots) delete slot;
    }
  }
}

void MemoryStore::set_limit(u64 limit_bytes) {
  limit_.store(limit_bytes, std::memory_order_relaxed);
  make_room();
}

Found MemoryStore::find(const Key& key, const http::FieldList& request) {
  Part& part = part_of(key.place);
  Found found;
  const std::lock_guard lock(part.mutex);
  const auto known = part.slots.find({key.low, key.high});
  if (known == part.slots.end()) return found;
  Slot* best = nullptr;
  u32 best_quality = 0;
  for (Slot* slot : known->second) {
    const Entry& entry = *slot->entry;
    if (entry.key_text != key.text) continue;
    found.others = true;
    if (!fits(entry, request)) continue;
    const u32 quality = accepted_quality(request, entry.coding);
    const bool better = best == nullptr || quality > best_quality ||
                        (quality == best_quality && entry.stored_at >= best->entry->stored_at);
    if (!better) continue;
    best = slot;
    best_quality = quality;
  }
  if (best == nullptr) return found;
  best->uses = static_cast<u8>(std::min<u32>(best->uses + 1U, kMostUses));
  found.entry = best->entry;
  return found;
}

bool MemoryStore::was_purged_since(const Entry& entry, u64 ticket) const {
  if (all_purged_.load(std::memory_order_acquire) > ticket) return true;
  return std::ranges::any_of(entry.tags, [&](u64 tag) {
    return tag_purged_[tag % kPurgeMarks].load(std::memory_order_acquire) > ticket;
  });
}

// Whoever reads slowly keeps alive what has left the store; that, too, has a bound.
bool MemoryStore::has_room(u64 bytes) const {
  const u64 limit = limit_.load(std::memory_order_relaxed);
  return alive_->load(std::memory_order_relaxed) + bytes <= limit + limit / 2;
}

bool MemoryStore::put(std::shared_ptr<Entry> entry, u64 ticket) {
  const u64 bytes = entry->bytes();
  if (bytes > most_of_one() || !has_room(bytes)) return false;
  used_.fetch_add(bytes, std::memory_order_relaxed);
  make_room();
  Part& part = part_of(entry->place);
  const std::lock_guard lock(part.mutex);
  if (was_purged_since(*entry, ticket)) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  entry->account = alive_;
  alive_->fetch_add(bytes, std::memory_order_relaxed);
  add(part, std::move(entry));
  return true;
}

MemoryStore::Slot* MemoryStore::slot_of(Part& part, const Entry& entry) {
  const auto known = part.slots.find({entry.key_low, entry.key_high});
  if (known == part.slots.end()) return nullptr;
  const auto slot = std::ranges::find_if(
      known->second, [&](const Slot* one) { return one->entry.get() == &entry; });
  return slot == known->second.end() ? nullptr : *slot;
}

bool MemoryStore::put_variant(const Entry& entry, std::shared_ptr<const EncodedVariant> variant) {
  const u64 bytes = variant->bytes();
  if (!has_room(bytes)) return false;
  used_.fetch_add(bytes, std::memory_order_relaxed);
  make_room();
  Part& part = part_of(entry.place);
  const std::lock_guard lock(part.mutex);
  Slot* slot = slot_of(part, entry);
  const bool wanted = slot != nullptr && entry.encoded.find(variant->coding) == nullptr &&
                      slot->bytes + bytes <= most_of_one();
  if (!wanted) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  alive_->fetch_add(bytes, std::memory_order_relaxed);
  slot->bytes += bytes;
  (slot->in_main ? part.main : part.small).bytes += bytes;
  ++part.variants;
  ++part.variants_stored;
  part.variant_bytes += bytes;
  entry.encoded.set(std::move(variant));
  return true;
}

void MemoryStore::add(Part& part, std::shared_ptr<Entry> entry) {
  std::vector<Slot*>& slots = part.slots[{entry->key_low, entry->key_high}];
  bool known = false;  // what replaces another keeps its place in the queues
  u8 uses = 0;
  Slot* oldest = nullptr;
  size_t variants = 0;
  for (Slot* slot : slots) {
    if (slot->entry->key_text != entry->key_text) continue;
    ++variants;
    if (oldest == nullptr || slot->entry->stored_at < oldest->entry->stored_at) oldest = slot;
    if (!same_variant(*slot->entry, *entry)) continue;
    known = slot->in_main;
    uses = slot->uses;
    oldest = slot;
    variants = kMostVariants;
    break;
  }
  auto* slot = new Slot;
  slot->bytes = entry->bytes();
  slot->uses = uses;
  slot->in_main = known || part.ghost_set.contains(ghost_of(*entry));
  slot->entry = std::move(entry);
  slots.push_back(slot);
  if (variants >= kMostVariants) remove(part, oldest);
  Queue& queue = slot->in_main ? part.main : part.small;
  queue.slots.push_front(slot);
  queue.bytes += slot->bytes;
  slot->place = queue.slots.begin();
  slot->tags.resize(slot->entry->tags.size());
  for (size_t i = 0; i < slot->tags.size(); ++i) {
    TagLink& link = slot->tags[i];
    TagLink*& head = part.tags[slot->entry->tags[i]];
    link = {.slot = slot, .next = head, .at = nullptr};
    if (head != nullptr) head->at = &link.next;
    head = &link;
    link.at = &head;
  }
  ++part.stored;
  part.variants += slot->entry->encoded.count();
  part.variant_bytes += slot->entry->encoded.bytes();
}

void MemoryStore::remove(Part& part, Slot* slot) {
  Queue& queue = slot->in_main ? part.main : part.small;
  queue.slots.erase(slot->place);
  queue.bytes -= slot->bytes;
  for (size_t i = 0; i < slot->tags.size(); ++i) {
    TagLink& link = slot->tags[i];
    *link.at = link.next;
    if (link.next != nullptr) link.next->at = link.at;
    const auto list = part.tags.find(slot->entry->tags[i]);
    if (list != part.tags.end() && list->second == nullptr) part.tags.erase(list);
  }
  const auto known = part.slots.find({slot->entry->key_low, slot->entry->key_high});
  std::erase(known->second, slot);
  part.variants -= slot->entry->encoded.count();
  part.variant_bytes -= slot->entry->encoded.bytes();
  if (known->second.empty()) part.slots.erase(known);
  used_.fetch_sub(slot->bytes, std::memory_order_relaxed);
  delete slot;
}

void MemoryStore::remember(Part& part, u64 ghost) {
  if (!part.ghost_set.insert(ghost).second) return;
  part.ghosts.push_back(ghost);
  const size_t most = std::max<size_t>(part.main.slots.size(), 64);
  while (part.ghosts.size() > most) {
    part.ghost_set.erase(part.ghosts.front());
    part.ghosts.pop_front();
  }
}

// False: the part is empty.
bool MemoryStore::evict_one(Part& part) {
  for (;;) {
    const bool from_small =
        !part.small.slots.empty() &&
        (part.main.slots.empty() || part.small.bytes * 10 > part.small.bytes + part.main.bytes);
    Queue& queue = from_small ? part.small : part.main;
    if (queue.slots.empty()) return false;
    Slot* slot = queue.slots.back();
    const bool stays = from_small ? slot->uses > 1 : slot->uses > 0;
    if (!stays) {
      if (from_small) remember(part, ghost_of(*slot->entry));
      remove(part, slot);
      ++part.evicted;
      return true;
    }
    slot->uses = from_small ? 0 : static_cast<u8>(slot->uses - 1);
    part.main.slots.splice(part.main.slots.begin(), queue.slots, slot->place);
    queue.bytes -= slot->bytes;
    part.main.bytes += slot->bytes;
    slot->in_main = true;
  }
}

void MemoryStore::make_room() {
  size_t empty = 0;
  while (used_.load(std::memory_order_relaxed) > limit_.load(std::memory_order_relaxed) &&
         empty < kParts) {
    Part& part = parts_[hand_.fetch_add(1, std::memory_order_relaxed) % kParts];
    const std::lock_guard lock(part.mutex);
    empty = evict_one(part) ? 0 : empty + 1;
  }
}

void MemoryStore::mark_purge(u64 tag) {
  raise(tag_purged_[tag % kPurgeMarks], sequence_.fetch_add(1, std::memory_order_acq_rel) + 1);
}

u64 MemoryStore::purge_tag_in(Part& part, u64 tag) {
  const std::lock_guard lock(part.mutex);
  u64 gone = 0;
  for (auto list = part.tags.find(tag); list != part.tags.end(); list = part.tags.find(tag)) {
    remove(part, list->second->slot);
    ++gone;
  }
  part.purged += gone;
  return gone;
}

u64 MemoryStore::purge_tag(u64 tag) {
  mark_purge(tag);
  u64 gone = 0;
  for (Part& part : parts_) gone += purge_tag_in(part, tag);
  return gone;
}

u64 MemoryStore::purge_place(u64 place) {
  mark_purge(place);
  return purge_tag_in(part_of(place), place);
}

u64 MemoryStore::purge_all() {
  raise(all_purged_, sequence_.fetch_add(1, std::memory_order_acq_rel) + 1);
  u64 gone = 0;
  for (Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    for (Queue* queue : {&part.small, &part.main}) {
      for (; !queue->slots.empty(); ++gone, ++part.purged) remove(part, queue->slots.back());
    }
  }
  return gone;
}

u64 MemoryStore::purge_matching(const std::function<bool(std::string_view)>& matches) {
  // Which tags are concerned is not known: nothing that is under way comes in.
  raise(all_purged_, sequence_.fetch_add(1, std::memory_order_acq_rel) + 1);
  u64 gone = 0;
  for (Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    for (Queue* queue : {&part.small, &part.main}) {
      for (auto at = queue->slots.begin(); at != queue->slots.end();) {
        Slot* slot = *at++;
        if (!matches(slot->entry->key_text)) continue;
        remove(part, slot);
        ++gone;
        ++part.purged;
      }
    }
  }
  return gone;
}

StoreCounts MemoryStore::counts() const {
  StoreCounts counts;
  counts.limit_bytes = limit_.load(std::memory_order_relaxed);
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    counts.entries += part.small.slots.size() + part.main.slots.size();
    counts.bytes += part.small.bytes + part.main.bytes;
    counts.stored += part.stored;
    counts.evicted += part.evicted;
    counts.purged += part.purged;
    counts.variants += part.variants;
    counts.variant_bytes += part.variant_bytes;
    counts.variants_stored += part.variants_stored;
  }
  return counts;
}

}  // namespace gw::cache
