#include "compiler/passes/lower_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "compiler/passes/passes.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

constexpr u64 kAll = 10'000;  // hundredths of a percent

std::string_view text_of(const Pools& pools, table::StringRef ref) {
  return std::string_view(pools.strings.bytes()).substr(ref.offset, ref.bytes);
}

class SplitLowerer {
 public:
  SplitLowerer(Module& module, const Effective& fields, policies::ProxyRecord& proxy,
               std::vector<u32>& used)
      : module_(module), pools_(module.table.pools), fields_(fields), proxy_(proxy), used_(used) {}

  void lower(const UpstreamChoice& choice) {
    const auto shares = list_of<UpstreamShare>(pools_, choice.split);
    const auto forces = list_of<UpstreamForce>(pools_, choice.force);
    std::vector<policies::SplitRecord> records;
    u64 sum = 0;
    for (const UpstreamShare& share : shares) {
      const auto index = find("split", share.name);
      if (!index) continue;
      records.push_back({.upstream = *index, .force = table::kNone, .share = share.share});
      sum += share.share.late == table::kNone ? share.share.value : 0;
    }
    if (sum > kAll) {
      refuse("extension-value", span_of("split"),
             "the shares of `upstream.split` are more than all",
             fmt::format("{} together", format_percent(static_cast<u32>(sum))),
             "what they leave goes to `name`");
    }
    for (const UpstreamForce& force : forces) add_force(force, records);
    if (records.empty()) {
      if (choice.key.count != 0) {
        refuse("extension-conflict", span_of("key"), "`upstream.key` has no effect without `split`",
               "nothing is drawn by it", "add `split: {NAME: 5%}`, or remove it");
      }
      return;
    }
    std::ranges::sort(records, {}, [&](const policies::SplitRecord& record) {
      return text_of(pools_, module_.table.upstreams[record.upstream].name);
    });
    proxy_.split = store_list(pools_, records);
    proxy_.split_key = choice.key;
  }

  void lower_mirrors(table::Extent extent) {
    std::vector<policies::MirrorRecord> records;
    for (const MirrorChoice& choice : list_of<MirrorChoice>(pools_, extent)) {
      const auto index = find("mirror", choice.name);
      if (!index) continue;
      records.push_back(
          {.upstream = *index, .reserved = 0, .share = choice.share, .max_body = choice.max_body});
    }
    std::ranges::sort(records, {}, [&](const policies::MirrorRecord& record) {
      return text_of(pools_, module_.table.upstreams[record.upstream].name);
    });
    proxy_.mirrors = store_list(pools_, records);
  }

 private:
  // The main upstream may have a condition, too: against the shares of the others.
  void add_force(const UpstreamForce& force, std::vector<policies::SplitRecord>& records) {
    const auto index = find("force", force.name);
    if (!index) return;
    const auto known = std::ranges::find(records, *index, &policies::SplitRecord::upstream);
    if (known != records.end()) {
      known->force = force.condition;
      return;
    }
    if (*index != proxy_.upstream) {
      refuse("extension-dangling", entry_span("force", text_of(pools_, force.name)),
             fmt::format("`{}` takes no part in this split", text_of(pools_, force.name)),
             "a condition for what is not there",
             fmt::format("add `split: {{{}: 0%}}`", text_of(pools_, force.name)));
      return;
    }
    records.push_back({.upstream = *index, .force = force.condition, .share = {}});
  }

  std::optional<u32> find(std::string_view field, table::StringRef ref) {
    const std::string_view name = text_of(pools_, ref);
    const auto found = module_.upstream_index.find(name);
    if (found != module_.upstream_index.end()) {
      if (found->second == proxy_.upstream && field == "split") {
        refuse("extension-conflict", entry_span(field, name),
               fmt::format("`{}` is the upstream that has the rest", name), "it needs no share",
               "remove it");
        return std::nullopt;
      }
      used_.push_back(found->second);
      return found->second;
    }
    std::vector<std::string_view> names;
    for (const auto& [known, index] : module_.upstream_index) names.push_back(known);
    std::ranges::sort(names);
    refuse("extension-dangling", entry_span(field, name),
           fmt::format("there is no upstream `{}`", name), "not among the upstreams",
           did_you_mean(name, names));
    return std::nullopt;
  }

  const Effective* part(std::string_view field) const {
    if (field == "mirror") return fields_.find("mirror");
    const Effective* upstream = fields_.find("upstream");
    return upstream == nullptr ? nullptr : upstream->find(field);
  }
  Span span_of(std::string_view field) const {
    const Effective* found = part(field);
    return found == nullptr ? Span{} : found->span();
  }
  Span entry_span(std::string_view field, std::string_view name) const {
    const Effective* found = part(field);
    if (found == nullptr) return {};
    for (const Effective::Entry& entry : found->entries) {
      if (entry.name == name && entry.key) return entry.key.span();
    }
    return found->span();
  }
  void refuse(std::string_view rule, Span span, std::string message, std::string label,
              std::string help) {
    report(module_, rule, Severity::Error, span, std::move(message), std::move(label),
           std::move(help));
  }

  Module& module_;
  Pools& pools_;
  const Effective& fields_;
  policies::ProxyRecord& proxy_;
  std::vector<u32>& used_;
};

}  // namespace

void lower_split(Module& module, const Effective& fields, const OperationRecord& record,
                 policies::ProxyRecord& proxy, std::vector<u32>& used) {
  SplitLowerer lowerer(module, fields, proxy, used);
  const Effective* upstream = fields.find("upstream");
  if (upstream != nullptr && upstream->present()) lowerer.lower(record.upstream);
  const Effective* mirror = fields.find("mirror");
  if (mirror != nullptr && mirror->present()) lowerer.lower_mirrors(record.mirror);
}

}  // namespace gw::compiler
