// The comparison from top to bottom: which operation is which, where it is called, who may call it,
// what is promised, what is done, where requests go.
#include "compiler/diff/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "compiler/diff/classify.h"
#include "compiler/diff/contract_compare.h"
#include "compiler/diff/match.h"
#include "compiler/diff/policy_compare.h"
#include "compiler/diff/sunset.h"
#include "compiler/diff/traffic.h"
#include "compiler/diff/witness.h"

namespace gw::compiler::diff {
namespace {

class Comparer {
 public:
  Comparer(const Side& old_side, const Side& new_side, const std::string& today,
           std::vector<Finding>& findings)
      : old_(old_side),
        new_(new_side),
        today_(today),
        findings_(findings),
        contracts_(old_side, new_side, today, findings),
        policies_(old_side, new_side, findings) {}

  void run() {
    const Matches matches = match_operations(old_, new_);
    const bool with_policies = !old_.contracts_only() && !new_.contracts_only();
    for (const Match& match : matches.pairs) {
      places(match);
      policies_.security(match);
      contracts_.operation(match);
      contracts_.documents(match);
      if (with_policies) {
        policies_.operation(match);
      } else {
        policies_.documented_schemes(match);
      }
    }
    for (const u32 route : matches.removed) removed(route);
    for (const u32 route : matches.added) added(route);
    contracts_.finish();
    if (with_policies) policies_.gateway(matches);
    if (old_.has_router() && new_.has_router()) {
      compare_traffic(old_, new_, matches, witnesses_, findings_);
    }
  }

 private:
  Finding& add(std::string_view id, std::string message, std::optional<u32> old_route,
               std::optional<u32> new_route) {
    Finding finding = make_finding(id, std::move(message));
    if (old_route) finding.old_place = old_.place(old_.route(*old_route).source);
    if (new_route) finding.new_place = new_.place(new_.route(*new_route).source);
    finding.operations = {new_route ? new_.subject(*new_route) : old_.subject(*old_route)};
    findings_.push_back(std::move(finding));
    return findings_.back();
  }

  // Where an operation is called.
  void places(const Match& match) {
    const Subject before = old_.subject(match.old_route);
    const Subject after = new_.subject(match.new_route);
    const auto change = [&](std::string_view id, std::string message, const std::string& was,
                            const std::string& is) -> Finding& {
      Finding& finding = add(id, std::move(message), match.old_route, match.new_route);
      finding.before = was;
      finding.after = is;
      return finding;
    };
    const bool derived = before.id.find('/') != before.id.npos;  // from method and path
    if (before.id != after.id && !(derived && after.id.find('/') != after.id.npos)) {
      change("operation-id-changed",
             fmt::format("it was called `{}` and is called `{}`", before.id, after.id), before.id,
             after.id);
    }
    if (before.method != after.method) {
      change("operation-method-changed",
             fmt::format("the method was {} and is {}", before.method, after.method), before.method,
             after.method);
    }
    if (shape_of(before.path) != shape_of(after.path)) {
      const auto bases = base_paths(before.path, after.path);
      std::string message =
          bases ? fmt::format("the base path was `{}` and is `{}`",
                              bases->before.empty() ? "/" : bases->before,
                              bases->after.empty() ? "/" : bases->after)
                : fmt::format("the path was `{}` and is `{}`", before.path, after.path);
      Finding& finding =
          change("operation-path-changed", std::move(message), bases ? bases->before : before.path,
                 bases ? bases->after : after.path);
      finding.witness = witness_that_fails(match);
    }
    hosts(match, before.host, after.host);
  }

  void hosts(const Match& match, const std::string& before, const std::string& after) {
    if (before == after) return;
    std::vector<std::string> lost;
    std::vector<std::string> gained;
    const auto was = items_of(before);
    const auto is = items_of(after);
    std::ranges::set_difference(was, is, std::back_inserter(lost));
    std::ranges::set_difference(is, was, std::back_inserter(gained));
    if (before.empty()) {
      add("operation-host-removed", fmt::format("it is served at `{}` only", after),
          match.old_route, match.new_route);
      return;
    }
    if (after.empty()) {
      add("operation-host-added", "it is served at every host", match.old_route, match.new_route);
      return;
    }
    for (const std::string& host : lost) {
      add("operation-host-removed", fmt::format("it is not served at `{}` any more", host),
          match.old_route, match.new_route)
          .before = host;
    }
    for (const std::string& host : gained) {
      add("operation-host-added", fmt::format("it is served at `{}`", host), match.old_route,
          match.new_route)
          .after = host;
    }
  }

  void removed(u32 route) {
    const Sunset sunset = sunset_of(old_.contracts().operation(route));
    std::string_view id = "operation-removed";
    std::string announced;
    if (sunset.is_unreadable()) {
      announced = fmt::format(", and its sunset is {}", shown(sunset));
    } else if (sunset.is_after(today_)) {
      id = "operation-removed-before-sunset";
      announced = fmt::format(" before its sunset, {}", sunset.date);
    } else if (sunset.deprecated) {
      id = "operation-removed-deprecated";
      announced = ", as it was announced";
      if (sunset.value) announced += fmt::format(" for {}", sunset.date);
    }
    add(id, fmt::format("`{}` is gone{}", place_of(old_.subject(route)), announced), route, {})
        .witness = witness_of(route);
  }

  // A request that an operation of the old table takes; "" when none was found.
  std::string witness_of(u32 route) {
    if (!old_.has_router()) return {};
    const std::vector<Witness> witnesses = witnesses_.of(old_, route);
    return witnesses.empty() ? std::string() : witnesses[0].text();
  }

  // One that the operation does not take at its new place; "" where none is known.
  std::string witness_that_fails(const Match& match) {
    if (!old_.has_router()) return {};
    if (!new_.has_router()) return witness_of(match.old_route);
    for (const Witness& witness : witnesses_.of(old_, match.old_route)) {
      const auto now = routed(new_, witness);
      if (!now || now->route != match.new_route || !now->accepted) return witness.text();
    }
    return {};
  }

  void added(u32 route) {
    const bool open = PolicyCompare::requirements_of(new_, route).open && asks_somebody(old_);
    add(open ? "operation-public-added" : "operation-added",
        fmt::format("`{}` is new{}", place_of(new_.subject(route)),
                    open ? ", and asks for no credentials" : ""),
        {}, route);
  }

  // Where nobody is ever asked, one more public operation is nothing to warn of.
  bool asks_somebody(const Side& side) {
    if (!asks_) {
      asks_ = false;
      for (u32 i = 0; i < side.route_count() && !*asks_; ++i) {
        asks_ = !PolicyCompare::requirements_of(side, i).open;
      }
    }
    return *asks_;
  }

  const Side& old_;
  const Side& new_;
  const std::string& today_;
  std::vector<Finding>& findings_;
  ContractCompare contracts_;
  PolicyCompare policies_;
  WitnessMaker witnesses_;
  std::optional<bool> asks_;
};

}  // namespace

Comparison compare(const Input& old_input, const Input& new_input, const std::string& today) {
  Comparison out;
  const auto old_side = Side::open(old_input, out.problem);
  if (old_side == nullptr) return out;
  const auto new_side = Side::open(new_input, out.problem);
  if (new_side == nullptr) return out;
  for (const Input* input : {&old_input, &new_input}) {
    if (!input->contracts_only) continue;
    out.remarks.push_back(fmt::format(
        "of {} only {}contracts are compared: {}", input->name,
        input->has_router ? "routes and " : "",
        input->has_router ? "it has no `x-gw`" : "it has no `x-gw`, and does not compile"));
  }
  Comparer(*old_side, *new_side, today, out.findings).run();
  arrange(out.findings);
  return out;
}

}  // namespace gw::compiler::diff
