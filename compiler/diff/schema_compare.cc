#include "compiler/diff/schema_compare.h"

#include <algorithm>

#include "compiler/diff/classify.h"
#include "compiler/diff/pair_compare.h"
#include "runtime/base/check.h"

namespace gw::compiler::diff {
namespace {

constexpr size_t kMaxPairs = 500'000;
constexpr size_t kMaxPathBytes = 400;

std::vector<Value> sorted(std::vector<Value> parts) {
  std::ranges::sort(parts);
  return parts;
}

}  // namespace

u32 SchemaComparison::index_of(const SchemaSet& old_schema, const SchemaSet& new_schema,
                               Direction direction, bool text, const std::string& path) {
  const Key key{sorted(old_schema.parts), old_schema.or_null, sorted(new_schema.parts),
                new_schema.or_null,       direction,          text};
  const auto [known, fresh] = known_.try_emplace(key, static_cast<u32>(pairs_.size()));
  if (!fresh) return known->second;
  std::string shown = !new_schema.name.empty()   ? new_schema.name
                      : !old_schema.name.empty() ? old_schema.name
                                                 : path;
  if (shown.size() > kMaxPathBytes) shown = shown.substr(0, kMaxPathBytes) + "...";
  pairs_.push_back({old_schema, new_schema, direction, text, std::move(shown)});
  return known->second;
}

u32 SchemaComparison::compare(const SchemaSet& old_schema, const SchemaSet& new_schema,
                              Direction direction, bool text, const std::string& path) {
  u32 next = static_cast<u32>(pairs_.size());
  const u32 root = index_of(old_schema, new_schema, direction, text, path);
  if (root < next) return root;
  const u32 first = next;
  for (; next < pairs_.size(); ++next) {
    if (pairs_.size() > kMaxPairs) {
      complete_ = false;
      break;
    }
    PairCompare(*this, next).run();
  }
  spread(first);
  return root;
}

// What lies below matters to what is above; circles need several rounds.
void SchemaComparison::spread(u32 first) {
  std::vector<std::vector<u32>> parents(pairs_.size() - first);
  std::vector<u32> waiting;
  for (u32 i = first; i < pairs_.size(); ++i) {
    for (const u32 below : pairs_[i].children) {
      if (below >= first) {
        parents[below - first].push_back(i);
      } else if (pairs_[below].matters) {
        pairs_[i].matters = true;
      }
    }
    pairs_[i].matters = pairs_[i].matters || !pairs_[i].changes.empty();
    if (pairs_[i].matters) waiting.push_back(i);
  }
  while (!waiting.empty()) {
    const u32 at = waiting.back();
    waiting.pop_back();
    for (const u32 parent : parents[at - first]) {
      if (pairs_[parent].matters) continue;
      pairs_[parent].matters = true;
      waiting.push_back(parent);
    }
  }
}

std::vector<u32> SchemaComparison::reached(u32 root) {
  std::vector<u32> out;
  if (!pairs_[root].matters) return out;
  seen_.resize(pairs_.size(), 0);
  ++walk_;
  seen_[root] = walk_;
  std::vector<u32> waiting{root};
  while (!waiting.empty()) {
    const u32 at = waiting.back();
    waiting.pop_back();
    if (!pairs_[at].changes.empty()) out.push_back(at);
    for (const u32 below : pairs_[at].children) {
      if (!pairs_[below].matters || seen_[below] == walk_) continue;
      seen_[below] = walk_;
      waiting.push_back(below);
    }
  }
  std::ranges::sort(out);
  return out;
}

PairCompare::PairCompare(SchemaComparison& all, u32 index)
    : all_(all),
      index_(index),
      old_(all.pairs_[index].old_schema),
      new_(all.pairs_[index].new_schema),
      direction_(all.pairs_[index].direction),
      text_(all.pairs_[index].text),
      path_(all.pairs_[index].path) {}

void PairCompare::run() {
  annotations();
  type_lists();
  if (!types()) return;
  format();
  enumeration();
  constant();
  bounds();
  multiple_of();
  pattern();
  content();
  properties();
  additional_properties();
  pattern_properties();
  items();
  contains();
  dependent_required();
  schema_map("dependentSchemas", "dependent-schema-added", "dependent-schema-removed",
             "dependent schema");
  schema_keyword("propertyNames", "property-names-added", "property-names-removed", "{names}");
  schema_keyword("contentSchema", "content-schema-added", "content-schema-removed", "{content}");
  conditions();
  unevaluated("unevaluatedProperties");
  unevaluated("unevaluatedItems");
  negation();
  discriminator();
  alternatives("oneOf");
  alternatives("anyOf");
}

SchemaChange& PairCompare::add_plain(std::string_view id, std::string message, Place before,
                                     Place after) {
  const ChangeInfo* info = find_change(id);
  GW_CHECK(info != nullptr);
  std::vector<SchemaChange>& changes = all_.pairs_[index_].changes;
  changes.push_back({.id = info->id,
                     .message = std::move(message),
                     .old_place = std::move(before),
                     .new_place = std::move(after)});
  return changes.back();
}

SchemaChange& PairCompare::add(std::string_view aspect, std::string message, Place before,
                               Place after) {
  const std::string id =
      (direction_ == Direction::Request ? "request-" : "response-") + std::string(aspect);
  return add_plain(id, std::move(message), std::move(before), std::move(after));
}

void PairCompare::child(const SchemaSet& before, const SchemaSet& after, const std::string& step,
                        bool text) {
  const u32 below = all_.index_of(before, after, direction_, text, path_ + step);
  all_.pairs_[index_].children.push_back(below);
}

// What clients cannot send, or never get, cannot break them.
bool PairCompare::ignored(const std::vector<Value>& schemas) const {
  return is_set(schema_set(schemas), direction_ == Direction::Request ? "readOnly" : "writeOnly");
}

std::string shown(Value value) {
  constexpr size_t kLongest = 120;
  std::string text = value.is_string() ? value.text() : value.canonical();
  if (text.size() <= kLongest) return text;
  size_t end = kLongest;  // not within a character
  while (end > 0 && (static_cast<u8>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace gw::compiler::diff
