#include "compiler/diff/match.h"

#include <algorithm>
#include <map>
#include <string>

namespace gw::compiler::diff {
namespace {

constexpr u32 kUnmatched = ~u32{0};

constexpr size_t kMaxGuessed = 300;  // operations without a counterpart that are looked at

class Matcher {
 public:
  Matcher(const Side& old_side, const Side& new_side)
      : old_(old_side),
        new_(new_side),
        new_of_old_(old_side.route_count(), kUnmatched),
        taken_(new_side.route_count(), false) {}

  Matches run() {
    const auto place = [](const Side& side, u32 route) {
      const table::RouteRecord& record = side.route(route);
      return side.text(record.method) + ' ' + side.text(record.host) +
             shape_of(side.text(record.template_));
    };
    const auto id = [](const Side& side, u32 route) { return side.text(side.route(route).id); };
    // Several operations of one shape are told apart by their schemas: by identity, if they can be.
    by([&](const Side& side, u32 route) { return place(side, route) + ' ' + id(side, route); });
    by([&](const Side& side, u32 route) {
      return place(side, route) + ' ' + side.text(side.route(route).template_);
    });
    by(place);
    by(id);
    if (const auto moved = base_change()) {
      by([&](const Side& side, u32 route) {
        const std::string& base = &side == &old_ ? moved->before : moved->after;
        const std::string path = side.text(side.route(route).template_);
        // What is not below the base is matched by nothing.
        if (!path.starts_with(base)) return std::to_string(route) + (&side == &old_ ? " old" : "");
        return side.text(side.route(route).method) + ' ' + shape_of(path.substr(base.size()));
      });
    }
    Matches out;
    for (u32 i = 0; i < new_of_old_.size(); ++i) {
      if (new_of_old_[i] == kUnmatched) {
        out.removed.push_back(i);
      } else {
        out.pairs.push_back({i, new_of_old_[i]});
      }
    }
    for (u32 i = 0; i < taken_.size(); ++i) {
      if (!taken_[i]) out.added.push_back(i);
    }
    return out;
  }

 private:
  template <class Key>
  void by(Key key) {
    std::multimap<std::string, u32> waiting;
    for (u32 i = 0; i < taken_.size(); ++i) {
      if (!taken_[i]) waiting.emplace(key(new_, i), i);
    }
    for (u32 i = 0; i < new_of_old_.size(); ++i) {
      if (new_of_old_[i] != kUnmatched) continue;
      const auto found = waiting.lower_bound(key(old_, i));  // the first of equal ones
      if (found == waiting.end() || found->first != key(old_, i)) continue;
      new_of_old_[i] = found->second;
      taken_[found->second] = true;
      waiting.erase(found);
    }
  }

  // The one change of literal segments at the beginning of paths that would explain most of what
  // has no counterpart yet; nothing when it explains little.
  std::optional<BasePaths> base_change() const {
    std::vector<u32> left;
    std::vector<u32> right;
    for (u32 i = 0; i < new_of_old_.size(); ++i) {
      if (new_of_old_[i] == kUnmatched) left.push_back(i);
    }
    for (u32 i = 0; i < taken_.size(); ++i) {
      if (!taken_[i]) right.push_back(i);
    }
    if (left.size() > kMaxGuessed || right.size() > kMaxGuessed) return std::nullopt;
    std::map<std::pair<std::string, std::string>, u32> votes;
    for (const u32 a : left) {
      for (const u32 b : right) {
        const table::RouteRecord& before = old_.route(a);
        const table::RouteRecord& after = new_.route(b);
        if (old_.text(before.method) != new_.text(after.method)) continue;
        const auto bases =
            base_paths(shape_of(old_.text(before.template_)), shape_of(new_.text(after.template_)));
        if (!bases) continue;
        // One short end that is the same may be chance.
        const auto rest = old_.text(before.template_).substr(bases->before.size());
        const bool long_end = std::ranges::count(rest, '/') > 1;
        votes[{bases->before, bases->after}] += long_end ? 2 : 1;
      }
    }
    std::optional<BasePaths> best;
    u32 most = 1;
    for (const auto& [bases, count] : votes) {
      if (count <= most) continue;
      most = count;
      best = BasePaths{bases.first, bases.second};
    }
    return best;
  }

  const Side& old_;
  const Side& new_;
  std::vector<u32> new_of_old_;
  std::vector<bool> taken_;
};

}  // namespace

std::optional<BasePaths> base_paths(const std::string& before, const std::string& after) {
  size_t common = 0;
  size_t cut = 0;  // the longest end that both have, from a slash on
  while (common < before.size() && common < after.size() &&
         before[before.size() - 1 - common] == after[after.size() - 1 - common]) {
    ++common;
    if (before[before.size() - common] == '/') cut = common;
  }
  if (cut == 0) return std::nullopt;
  BasePaths out{before.substr(0, before.size() - cut), after.substr(0, after.size() - cut)};
  const auto literal = [](const std::string& text) { return text.find('{') == text.npos; };
  if (!literal(out.before) || !literal(out.after)) return std::nullopt;
  return out;
}

Matches match_operations(const Side& old_side, const Side& new_side) {
  return Matcher(old_side, new_side).run();
}

}  // namespace gw::compiler::diff
