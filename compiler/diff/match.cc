#include "compiler/diff/match.h"

#include <algorithm>
#include <map>
#include <string>

namespace gw::compiler::diff {
namespace {

constexpr u32 kUnmatched = ~u32{0};

// Literal segments that all templates begin with, but for their last one: the base path, as it
// seems.
std::string common_base(const Side& side) {
  if (side.route_count() == 0) return {};
  std::string base = side.text(side.route(0).template_);
  for (u32 i = 0; i < side.route_count(); ++i) {
    const std::string path = side.text(side.route(i).template_);
    size_t same = 0;
    while (same < base.size() && same < path.size() && base[same] == path[same]) ++same;
    // Whole segments, and no parameter.
    same = std::min({same, base.find('{'), path.find('{')});
    const bool whole = same == path.size() && same < base.size() && base[same] == '/';
    const size_t slash = whole ? same : base.substr(0, same).rfind('/');
    base.resize(slash == base.npos ? 0 : slash);
  }
  return base;
}

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
    const std::string old_base = common_base(old_);
    const std::string new_base = common_base(new_);
    if (old_base != new_base) {
      by([&](const Side& side, u32 route) {
        const table::RouteRecord& record = side.route(route);
        const std::string& base = &side == &old_ ? old_base : new_base;
        return side.text(record.method) + ' ' +
               shape_of(side.text(record.template_)).substr(base.size());
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

  const Side& old_;
  const Side& new_;
  std::vector<u32> new_of_old_;
  std::vector<bool> taken_;
};

}  // namespace

Matches match_operations(const Side& old_side, const Side& new_side) {
  return Matcher(old_side, new_side).run();
}

}  // namespace gw::compiler::diff
