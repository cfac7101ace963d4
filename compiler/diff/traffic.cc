#include "compiler/diff/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"

namespace gw::compiler::diff {
namespace {

constexpr u32 kMostReasons = 3;

class Traffic {
 public:
  Traffic(const Side& old_side, const Side& new_side, const Matches& matches,
          WitnessMaker& witnesses, std::vector<Finding>& findings)
      : old_(old_side),
        new_(new_side),
        witnesses_(witnesses),
        findings_(findings),
        over_time_(old_side, new_side, differences_),
        beside_(new_side, new_side, differences_) {
    for (const Match& match : matches.pairs) {
      counterpart_[match.old_route] = match.new_route;
      former_[match.new_route] = match.old_route;
      methods_.insert(old_.subject(match.old_route)->method);
    }
    if (methods_.erase("*") > 0) methods_.insert({"DELETE", "GET", "PATCH", "POST", "PUT"});
  }

  void run(const Matches& matches) {
    for (const Match& match : matches.pairs) stays(match);
    for (const u32 route : matches.removed) follow(route);
    for (const u32 route : matches.added) arrives(route);
    for (const Match& match : matches.pairs) comes_from_others(match);
  }

 private:
  // Requests of an operation that is in both tables.
  void stays(const Match& match) {
    const Subject before = old_.subject(match.old_route);
    const Subject after = new_.subject(match.new_route);
    const bool same_place = before.method == after.method && before.host == after.host &&
                            shape_of(before.path) == shape_of(after.path);
    for (const Witness& witness : witnesses_.of(old_, match.old_route, &new_, match.new_route)) {
      const auto now = routed(new_, witness);
      if (now) {
        moved(match.old_route, now->route, witness);
      } else if (same_place) {
        lost(match, witness, "");
      }
      if (!same_place) lets_in(match.old_route, witness);
    }
  }

  // A parameter that takes more than before may take it from others.
  void comes_from_others(const Match& match) {
    const std::string& path = new_.subject(match.new_route)->path;
    const bool same_shape = shape_of(old_.subject(match.old_route)->path) == shape_of(path);
    if (same_shape && path.find('{') == path.npos) return;
    for (const Witness& witness : witnesses_.of(new_, match.new_route, &old_, match.old_route)) {
      arrived(match.new_route, witness);
      if (!same_shape) shuts_out(match.new_route, witness);
    }
  }

  void follow(u32 route) {
    for (const Witness& witness : witnesses_.of(old_, route)) {
      if (const auto now = routed(new_, witness)) moved(route, now->route, witness);
      lets_in(route, witness);
    }
  }

  void arrives(u32 route) {
    for (const Witness& witness : witnesses_.of(new_, route)) {
      arrived(route, witness);
      shuts_out(route, witness);
    }
  }

  // Who has a path has it for all methods: what others took there by one that it has not is
  // answered with 405.
  void shuts_out(u32 route, const Witness& witness) {
    for (const std::string& method : methods_) {
      Witness other = witness;
      other.method = method;
      const auto was = routed(old_, other);
      if (!was || !was->accepted || routed(new_, other)) continue;
      const auto now = counterpart_.find(was->route);
      if (now == counterpart_.end()) continue;  // it is gone, and that is told
      lost({.old_route = was->route, .new_route = now->second}, other,
           fmt::format(": `{}` has their path, for other methods", new_.subject(route)->id));
    }
  }

  // The other way round: where a template has gone, what it answered with 405 comes to others.
  void lets_in(u32 route, const Witness& witness) {
    for (const std::string& method : methods_) {
      Witness other = witness;
      other.method = method;
      const auto now = routed(new_, other);
      if (!now || !now->accepted || routed(old_, other)) continue;
      const auto was = former_.find(now->route);
      // A new one is told of, and so is one that has moved here itself.
      if (was == former_.end() || was->second == route) continue;
      gained({.old_route = was->second, .new_route = now->route}, route, other);
    }
  }

  // Once of an operation.
  void gained(const Match& match, u32 gone, const Witness& witness) {
    if (!gained_.insert(match.new_route).second) return;
    Finding finding = make_finding(
        "traffic-gained",
        fmt::format("{} was refused, and goes to `{}`: `{}` has left their path", witness.text(),
                    new_.subject(match.new_route)->id, old_.subject(gone)->id));
    finding.witness = witness.text();
    place(finding, match.old_route, match.new_route);
    findings_.push_back(std::move(finding));
  }

  // What was refused before has not been taken from anybody.
  void arrived(u32 route, const Witness& witness) {
    const auto was = routed(old_, witness);
    if (was && was->accepted) moved(was->route, route, witness);
  }

  // Once of an operation.
  void lost(const Match& match, const Witness& witness, const std::string& why) {
    if (!lost_.insert(match.old_route).second) return;
    Finding finding =
        make_finding("traffic-lost", "no operation takes these requests any more" + why);
    finding.witness = witness.text();
    place(finding, match.old_route, match.new_route);
    findings_.push_back(std::move(finding));
  }

  void moved(u32 was, u32 is, const Witness& witness) {
    const auto counterpart = counterpart_.find(was);
    if (counterpart != counterpart_.end() && counterpart->second == is) return;
    if (!told_.emplace(was, is).second) return;
    const bool exposed = !PolicyCompare::requirements_of(old_, was).open &&
                         PolicyCompare::requirements_of(new_, is).open;
    const std::string less = exposed ? std::string() : protects_less(was, is);
    const std::string from = old_.subject(was)->id;
    const std::string to = new_.subject(is)->id;
    std::string message =
        fmt::format("{} went to `{}`, and goes to `{}`", witness.text(), from, to);
    if (exposed) message += ", which asks for no credentials";
    if (!less.empty()) message += fmt::format(", which protects less: {}", less);
    Finding finding = make_finding(exposed         ? "traffic-exposed"
                                   : !less.empty() ? "traffic-weakened"
                                                   : "traffic-moved",
                                   std::move(message));
    finding.witness = witness.text();
    finding.before = from;
    finding.after = to;
    place(finding, was, is);
    findings_.push_back(std::move(finding));
  }

  // In what the operation that takes the requests protects less than the one that had them; "" in
  // nothing. What the two are for may differ, so that data and caches say nothing.
  std::string protects_less(u32 was, u32 is) {
    differences_.clear();
    // What has changed for all is told of by itself: one that is still there stands beside the
    // other.
    const auto counterpart = counterpart_.find(was);
    const bool stays = counterpart != counterpart_.end();
    PolicyCompare& pair = stays ? beside_ : over_time_;
    const Match match{.old_route = stays ? counterpart->second : was, .new_route = is};
    pair.security(match);
    if (!old_.contracts_only() && !new_.contracts_only()) pair.operation(match);
    const auto of_data = [](std::string_view id) {
      return id == "data-exposed" || id.starts_with("cache-") || id == "limit-key-changed";
    };
    // Limits of two operations have names of their own.
    const bool has_other_limit = std::ranges::any_of(
        differences_, [](const Finding& finding) { return finding.id == "limit-added"; });
    std::string out;
    u32 told = 0;
    for (const Finding& finding : differences_) {
      if (finding.rank != Class::Security || of_data(finding.id)) continue;
      if (finding.id == "limit-removed" && has_other_limit) continue;
      if (finding.id == "validation-loosened" && has_nothing_to_validate(is)) continue;
      if (++told > kMostReasons) continue;
      out += (out.empty() ? "" : "; ") + finding.message;
    }
    if (told > kMostReasons) out += fmt::format("; and {} more", told - kMostReasons);
    return out;
  }

  // Without a body there are parameters alone; where they may be anything, there is no step that
  // looks at them.
  bool has_nothing_to_validate(u32 route) const {
    return !new_.contracts().operation(route).get("requestBody");
  }

  void place(Finding& finding, u32 was, u32 is) const {
    finding.old_place = old_.place(old_.route(was).source);
    finding.new_place = new_.place(new_.route(is).source);
    finding.operations = {old_.subject(was), new_.subject(is)};
  }

  const Side& old_;
  const Side& new_;
  WitnessMaker& witnesses_;
  std::vector<Finding>& findings_;
  std::vector<Finding> differences_;  // between two operations that are not the same
  PolicyCompare over_time_;
  PolicyCompare beside_;
  std::map<u32, u32> counterpart_;  // of an old route
  std::map<u32, u32> former_;       // the other way round
  std::set<std::pair<u32, u32>> told_;
  std::set<u32> lost_;             // of old routes, those that are told of
  std::set<u32> gained_;           // of new routes
  std::set<std::string> methods_;  // of old routes that are still there
};

}  // namespace

void compare_traffic(const Side& old_side, const Side& new_side, const Matches& matches,
                     WitnessMaker& witnesses, std::vector<Finding>& findings) {
  Traffic(old_side, new_side, matches, witnesses, findings).run(matches);
}

}  // namespace gw::compiler::diff
