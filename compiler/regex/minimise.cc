// Hopcroft's partition refinement, and the blob.
#include <algorithm>
#include <cstring>
#include <map>

#include "compiler/regex/determinise.h"
#include "runtime/table/dfa.h"

namespace gw::compiler::regex {
namespace {

/// Refinable partition of 0..n-1: `elements` grouped by block.
class Partition {
 public:
  explicit Partition(u32 count) : elements_(count), place_(count), block_of_(count) {
    for (u32 i = 0; i < count; ++i) elements_[i] = place_[i] = i;
    blocks_.push_back({0, count, 0});
  }

  void mark(u32 element) {
    Block& block = blocks_[block_of_[element]];
    if (place_[element] < block.begin + block.marked) return;
    if (block.marked == 0) touched_.push_back(block_of_[element]);
    const u32 to = block.begin + block.marked++;
    const u32 other = elements_[to];
    std::swap(elements_[to], elements_[place_[element]]);
    std::swap(place_[other], place_[element]);
  }

  /// Splits every block of which some but not all elements are marked; the smaller part becomes
  /// the new block. Calls on_split(old, made).
  template <class OnSplit>
  void split(OnSplit on_split) {
    for (const u32 id : touched_) {
      const Block block = blocks_[id];
      blocks_[id].marked = 0;
      const u32 size = block.end - block.begin;
      if (block.marked == size) continue;
      const u32 middle = block.begin + block.marked;
      const u32 made = static_cast<u32>(blocks_.size());
      if (block.marked * 2 <= size) {
        blocks_.push_back({block.begin, middle, 0});
        blocks_[id].begin = middle;
      } else {
        blocks_.push_back({middle, block.end, 0});
        blocks_[id].end = middle;
      }
      for (u32 i = blocks_[made].begin; i < blocks_[made].end; ++i) block_of_[elements_[i]] = made;
      on_split(id, made);
    }
    touched_.clear();
  }

  u32 block_of(u32 element) const { return block_of_[element]; }
  u32 block_count() const { return static_cast<u32>(blocks_.size()); }
  std::vector<u32> members(u32 block) const {
    return {elements_.begin() + blocks_[block].begin, elements_.begin() + blocks_[block].end};
  }

 private:
  struct Block {
    u32 begin = 0;
    u32 end = 0;
    u32 marked = 0;
  };
  std::vector<u32> elements_;
  std::vector<u32> place_;
  std::vector<u32> block_of_;
  std::vector<Block> blocks_;
  std::vector<u32> touched_;
};

Partition refine(const DfaTable& dfa) {
  const u32 states = dfa.state_count();
  const u32 classes = dfa.class_count;
  // Predecessors by (state, class), as one array with starts.
  std::vector<u32> starts(size_t{states} * classes + 1, 0);
  for (u32 s = 0; s < states; ++s) {
    for (u32 c = 0; c < classes; ++c) {
      ++starts[size_t{dfa.next[size_t{s} * classes + c]} * classes + c + 1];
    }
  }
  for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  std::vector<u32> fill(starts.begin(), starts.end() - 1);
  std::vector<u32> from(size_t{states} * classes);
  for (u32 s = 0; s < states; ++s) {
    for (u32 c = 0; c < classes; ++c) {
      from[fill[size_t{dfa.next[size_t{s} * classes + c]} * classes + c]++] = s;
    }
  }

  Partition partition(states);
  for (u32 s = 0; s < states; ++s) {
    if (dfa.accepts[s]) partition.mark(s);
  }
  std::vector<u32> work = {0};
  std::vector<bool> queued = {true};
  const auto on_split = [&](u32, u32 made) {
    queued.resize(made + 1, false);
    // The smaller part suffices, whether or not the larger one is queued already.
    queued[made] = true;
    work.push_back(made);
  };
  partition.split(on_split);
  while (!work.empty()) {
    const u32 splitter = work.back();
    work.pop_back();
    queued[splitter] = false;
    const std::vector<u32> members = partition.members(splitter);
    for (u32 c = 0; c < classes; ++c) {
      for (const u32 s : members) {
        const size_t at = size_t{s} * classes + c;
        for (u32 i = starts[at]; i < starts[at + 1]; ++i) partition.mark(from[i]);
      }
      partition.split(on_split);
    }
  }
  return partition;
}

/// Merges classes whose columns are equal.
DfaTable merge_classes(const DfaTable& dfa) {
  const u32 states = dfa.state_count();
  std::map<std::vector<u32>, u32> columns;
  std::vector<u32> merged_of(dfa.class_count);
  std::vector<u32> kept;
  for (u32 c = 0; c < dfa.class_count; ++c) {
    std::vector<u32> column(states);
    for (u32 s = 0; s < states; ++s) column[s] = dfa.next[size_t{s} * dfa.class_count + c];
    const auto [it, added] =
        columns.try_emplace(std::move(column), static_cast<u32>(columns.size()));
    if (added) kept.push_back(c);
    merged_of[c] = it->second;
  }
  DfaTable out;
  out.start = dfa.start;
  out.accepts = dfa.accepts;
  out.class_count = static_cast<u32>(kept.size());
  for (u32 byte = 0; byte < 256; ++byte) {
    out.class_of[byte] = static_cast<u8>(merged_of[dfa.class_of[byte]]);
  }
  for (u32 s = 0; s < states; ++s) {
    for (const u32 c : kept) out.next.push_back(dfa.next[size_t{s} * dfa.class_count + c]);
  }
  return out;
}

bool loops(const DfaTable& dfa, u32 state) {
  for (u32 c = 0; c < dfa.class_count; ++c) {
    if (dfa.next[size_t{state} * dfa.class_count + c] != state) return false;
  }
  return true;
}

}  // namespace

DfaTable minimise(const DfaTable& dfa) {
  const Partition partition = refine(dfa);
  // Blocks are numbered by a walk from the start, so that equal languages give equal bytes.
  std::vector<u32> number(partition.block_count(), ~u32{0});
  std::vector<u32> sample;
  const auto visit = [&](u32 state) {
    u32& id = number[partition.block_of(state)];
    if (id == ~u32{0}) {
      id = static_cast<u32>(sample.size());
      sample.push_back(state);
    }
    return id;
  };
  DfaTable out;
  out.class_of = dfa.class_of;
  out.class_count = dfa.class_count;
  out.start = visit(dfa.start);
  for (size_t i = 0; i < sample.size(); ++i) {
    const u32 state = sample[i];
    out.accepts.push_back(dfa.accepts[state]);
    for (u32 c = 0; c < dfa.class_count; ++c) {
      out.next.push_back(visit(dfa.next[size_t{state} * dfa.class_count + c]));
    }
  }
  return merge_classes(out);
}

std::vector<std::byte> write_dfa(const DfaTable& dfa) {
  const u32 states = dfa.state_count();
  u32 dead = ~u32{0};
  u32 absorbing = ~u32{0};
  for (u32 s = 0; s < states; ++s) {
    if (loops(dfa, s)) (dfa.accepts[s] ? absorbing : dead) = s;
  }
  // Order: dead (always there), others, accepting, absorbing.
  std::vector<u32> order = {dead};
  for (u32 s = 0; s < states; ++s) {
    if (!dfa.accepts[s] && s != dead) order.push_back(s);
  }
  const u32 first_accept = static_cast<u32>(order.size());
  for (u32 s = 0; s < states; ++s) {
    if (dfa.accepts[s] && s != absorbing) order.push_back(s);
  }
  if (absorbing != ~u32{0}) order.push_back(absorbing);
  std::vector<u32> renamed(states, 0);
  for (u32 i = 1; i < order.size(); ++i) renamed[order[i]] = i;

  DfaHeader header;
  header.state_count = static_cast<u32>(order.size());
  header.start = renamed[dfa.start];
  header.first_accept = first_accept;
  header.class_count = static_cast<u16>(dfa.class_count);
  while ((u32{1} << header.row_shift) < dfa.class_count) ++header.row_shift;
  const bool wide = order.size() > 0x10000;
  header.flags = static_cast<u8>((wide ? kDfaWide : 0) | (absorbing != ~u32{0} ? kDfaAbsorbs : 0));
  const size_t entry_bytes = wide ? 4 : 2;
  const size_t entries = order.size() << header.row_shift;
  header.total_bytes =
      static_cast<u32>((kDfaTransitionsOffset + entries * entry_bytes + 7) & ~size_t{7});

  std::vector<std::byte> blob(header.total_bytes);
  std::memcpy(blob.data(), &header, sizeof header);
  std::memcpy(blob.data() + kDfaClassMapOffset, dfa.class_of.data(), 256);
  for (size_t i = 1; i < order.size(); ++i) {
    for (u32 c = 0; c < dfa.class_count; ++c) {
      const u32 to = renamed[dfa.next[size_t{order[i]} * dfa.class_count + c]];
      const size_t at = (i << header.row_shift) + c;
      std::memcpy(blob.data() + kDfaTransitionsOffset + at * entry_bytes, &to, entry_bytes);
    }
  }
  return blob;
}

}  // namespace gw::compiler::regex
