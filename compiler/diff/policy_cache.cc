// Caches: who may be given what was fetched for whom has a direction; times have none.
#include <fmt/format.h>

#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "runtime/base/units.h"
#include "runtime/policies/cache/record.h"

namespace gw::compiler::diff {
namespace {

using policies::CacheCaller;
using policies::CacheRecord;

// What the compiler derives from the document.
bool is_derived(std::string_view field) {
  return field == "prefix" || field == "operation" || field.starts_with("query") ||
         field.starts_with("inputs") || field == "wholeQuery" || field == "mode" ||
         field == "caller";
}

std::string written(std::string_view field) {
  constexpr std::string_view kInner = "cache.";
  return std::string(field.starts_with(kInner) ? field.substr(kInner.size()) : field);
}

std::string memory_text(u32 kib) {
  if (kib == table::kNone) return "0B";
  return kib == 0 ? "64MiB" : format_bytes(u64{kib} * 1024);
}

}  // namespace

void PolicyCompare::cache() {
  const auto serving = [](const Side& side, const std::vector<const table::StepRecord*>& steps) {
    const CacheRecord* found = nullptr;
    for (const table::StepRecord* step : steps) {
      const auto& record = side.view().policy_record<CacheRecord>(step->record);
      // The other kind follows from the operations beside it.
      if (record.mode == static_cast<u32>(policies::CacheMode::Serve)) found = &record;
    }
    return found;
  };
  const u16 id = static_cast<u16>(policies::PolicyId::Cache);
  const auto old_steps = steps_of(old_, old_plan_, id);
  const auto new_steps = steps_of(new_, new_plan_, id);
  const CacheRecord* was = serving(old_, old_steps);
  const CacheRecord* is = serving(new_, new_steps);
  if (was == nullptr && is == nullptr) return;
  const auto caller = [](const CacheRecord* record) {
    return record == nullptr ? CacheCaller::Nobody : static_cast<CacheCaller>(record->caller);
  };
  const bool shares = caller(is) == CacheCaller::Shared;
  if (shares && caller(was) != CacheCaller::Shared) {
    add("cache-shared", "`cache.shared` is on: all callers are given the same answers",
        "cache.shared");
  }
  if (was == nullptr || is == nullptr) {
    add(is != nullptr ? "cache-added" : "cache-removed",
        is != nullptr ? "`cache` is new" : "`cache` is gone", "cache");
    return;
  }
  const Fields before = step_fields(old_, *old_steps[0], old_route_);
  const Fields after = step_fields(new_, *new_steps[0], new_route_);
  std::set<std::string> names;
  for (const auto& [name, value] : before) names.insert(name);
  for (const auto& [name, value] : after) names.insert(name);
  for (const std::string& name : names) {
    const std::string field = written(name);
    if (is_derived(name) || text_of(before, name) == text_of(after, name)) continue;
    if (field == "shared") {
      if (!shares) add("cache-changed", "`cache.shared` is off", "cache.shared");
      continue;
    }
    const auto old_value = before.find(name);
    const auto new_value = after.find(name);
    add_change(field.starts_with("identity") || field.starts_with("key") ? "cache-identity-changed"
                                                                         : "cache-changed",
               "cache." + field, old_value == before.end() ? nullptr : &old_value->second,
               new_value == after.end() ? nullptr : &new_value->second);
  }
}

void PolicyCompare::cache_memory(const table::GatewayRecord& before,
                                 const table::GatewayRecord& after) {
  if (before.cache_kib == after.cache_kib) return;
  where_ = "gateway";
  at_gateway_key("cacheMemory");
  Finding& finding = add(
      "cache-changed", fmt::format("`cacheMemory` was {} and is {}", memory_text(before.cache_kib),
                                   memory_text(after.cache_kib)));
  finding.before = memory_text(before.cache_kib);
  finding.after = memory_text(after.cache_kib);
}

}  // namespace gw::compiler::diff
