#include "compiler/diff/classify.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "runtime/base/check.h"

namespace gw::compiler::diff {
namespace {

constexpr std::string_view kRequestNarrowed = "requests that were accepted are refused";
constexpr std::string_view kRequestWidened = "more requests are accepted";
constexpr std::string_view kRequestChanged =
    "requests that were accepted are refused, and others accepted";
constexpr std::string_view kResponseWidened = "answers may hold what clients were not told of";
constexpr std::string_view kResponseNarrowed = "answers promise more than before";
constexpr std::string_view kResponseChanged = "answers hold something else than before";

constexpr auto kChanges = [] {
  std::array list{
#define GW_CHANGE(id, rank, reason) ChangeInfo{id, Class::rank, reason},
#define GW_NARROWS(aspect)                                          \
  ChangeInfo{"request-" aspect, Class::Breaking, kRequestNarrowed}, \
      ChangeInfo{"response-" aspect, Class::Compatible, kResponseNarrowed},
#define GW_WIDENS(aspect)                                            \
  ChangeInfo{"request-" aspect, Class::Compatible, kRequestWidened}, \
      ChangeInfo{"response-" aspect, Class::Breaking, kResponseWidened},
#define GW_BREAKS(aspect)                                          \
  ChangeInfo{"request-" aspect, Class::Breaking, kRequestChanged}, \
      ChangeInfo{"response-" aspect, Class::Breaking, kResponseChanged},
#include "compiler/diff/changes.def"
#undef GW_CHANGE
#undef GW_NARROWS
#undef GW_WIDENS
#undef GW_BREAKS
  };
  std::ranges::sort(list, {}, &ChangeInfo::id);
  return list;
}();

std::string fingerprint_of(const Finding& finding) {
  std::string text;
  const auto add = [&](std::string_view part) {
    text += part;
    text += '\0';
  };
  add(finding.id);
  add(finding.where);
  add(finding.message);
  add(finding.before);
  add(finding.after);
  for (const Subject& subject : finding.operations) {
    add(subject.id);
    add(place_of(subject));
  }
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

}  // namespace

std::string place_of(const Subject& subject) {
  const bool several = subject.host.find(',') != subject.host.npos;
  return fmt::format("{} {}{}", subject.method == "*" ? "any method" : subject.method,
                     several ? "{" + subject.host + "}" : subject.host, subject.path);
}

std::span<const ChangeInfo> change_list() { return kChanges; }

const ChangeInfo* find_change(std::string_view id) {
  const auto found = std::ranges::lower_bound(kChanges, id, {}, &ChangeInfo::id);
  return found != kChanges.end() && found->id == id ? &*found : nullptr;
}

Finding make_finding(std::string_view id, std::string message) {
  const ChangeInfo* info = find_change(id);
  GW_CHECK(info != nullptr);
  return {
      .id = info->id, .rank = info->rank, .message = std::move(message), .reason = info->reason};
}

void arrange(std::vector<Finding>& findings) {
  using Key =
      std::tuple<std::string_view, std::string, std::string, std::string, std::string, std::string>;
  std::map<Key, size_t> known;
  std::vector<Finding> merged;
  for (Finding& finding : findings) {
    const Key key{finding.id,     finding.where, finding.message,
                  finding.before, finding.after, finding.operations.empty() ? "" : "operations"};
    const auto [place, fresh] = known.try_emplace(key, merged.size());
    if (fresh) {
      merged.push_back(std::move(finding));
      continue;
    }
    Finding& first = merged[place->second];
    first.operations.insert(first.operations.end(), finding.operations.begin(),
                            finding.operations.end());
  }
  for (Finding& finding : merged) {
    if (!std::ranges::is_sorted(finding.operations)) std::ranges::sort(finding.operations);
    const auto repeated = std::ranges::unique(finding.operations);
    finding.operations.erase(repeated.begin(), repeated.end());
    finding.fingerprint = fingerprint_of(finding);
  }
  std::ranges::stable_sort(merged, [](const Finding& a, const Finding& b) {
    return std::tie(a.rank, a.id, a.operations, a.where, a.message, a.before, a.after) <
           std::tie(b.rank, b.id, b.operations, b.where, b.message, b.before, b.after);
  });
  findings = std::move(merged);
}

}  // namespace gw::compiler::diff
