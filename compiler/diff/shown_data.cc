#include "compiler/diff/shown_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>

namespace gw::compiler::diff {
namespace {

using Paths = std::vector<std::string>;

std::string_view take_token(std::string_view& path) {
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string_view first = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return first;
}

// Whether what `path` leads to lies on or below what `wide` leads to.
bool lies_within(std::string_view path, std::string_view wide) {
  while (!wide.empty()) {
    if (path.empty()) return false;
    const std::string_view wanted = take_token(wide);
    const std::string_view has = take_token(path);
    if (wanted != "*" && wanted != has) return false;
  }
  return true;
}

bool is_covered(std::string_view path, const Paths& paths) {
  return std::ranges::any_of(paths, [&](std::string_view wide) { return lies_within(path, wide); });
}

// Whether one of `paths` leads to a part of what `path` leads to, or to something around it.
bool meets(std::string_view path, const Paths& paths) {
  return std::ranges::any_of(paths, [&](std::string_view other) {
    std::string_view rest = path;
    while (!rest.empty() && !other.empty()) {
      const std::string_view one = take_token(rest);
      const std::string_view two = take_token(other);
      if (one != two && one != "*" && two != "*") return false;
    }
    return true;
  });
}

// What `pick` lets through, before `omit` takes from it.
bool is_picked(std::string_view path, const ShownData& shown) {
  return shown.all || is_covered(path, shown.picks);
}
bool is_partly_picked(std::string_view path, const ShownData& shown) {
  return shown.all || meets(path, shown.picks);
}

// Whether all below `path` stays where it is; what expressions put elsewhere does not count.
bool stays(std::string_view path, const ShownData& shown) {
  return is_picked(path, shown) && !meets(path, shown.omits);
}
bool partly_stays(std::string_view path, const ShownData& shown) {
  return is_partly_picked(path, shown) && !is_covered(path, shown.omits);
}

bool reads_all(const ShownData& shown) { return is_covered("", shown.reads); }

std::string list_of(const Paths& paths) {
  std::string out;
  for (const std::string& path : paths) {
    if (!out.empty()) out += ", ";
    out += path.empty() ? "the whole answer" : fmt::format("`{}`", path);
  }
  return out;
}

Paths those(const Paths& paths, const std::function<bool(const std::string&)>& wanted) {
  Paths out;
  std::ranges::copy_if(paths, std::back_inserter(out), wanted);
  return out;
}

class Comparison {
 public:
  Comparison(const ShownData& before, const ShownData& after) : before_(before), after_(after) {}

  std::vector<ShownChange> run() {
    bounds();
    picks();
    reads();
    omits();
    return std::move(changes_);
  }

 private:
  void tell(bool more, const Paths& paths, std::string_view what, std::string_view old_field,
            std::string_view new_field) {
    if (paths.empty()) return;
    changes_.push_back({.more = more,
                        .message = fmt::format("{} {}", list_of(paths), what),
                        .old_field = old_field,
                        .new_field = new_field});
  }

  // Without `pick` and `template` all is shown that is not taken away.
  void bounds() {
    if (before_.all == after_.all) return;
    if (after_.all && !reads_all(before_)) {
      const std::string rest =
          after_.omits.empty() ? "all is shown" : "all but " + list_of(after_.omits) + " is shown";
      changes_.push_back(
          {.more = true,
           .message = fmt::format("`response.body.{}` is gone: {}", before_.by, rest),
           .old_field = before_.by,
           .new_field = before_.by});
    }
    if (before_.all && !reads_all(after_)) {
      changes_.push_back(
          {.more = false,
           .message = fmt::format("`response.body.{}` is new: the rest is not shown", after_.by),
           .old_field = after_.by,
           .new_field = after_.by});
    }
  }

  void picks() {
    const Paths more = those(after_.picks, [&](const std::string& path) {
      return !is_picked(path, before_) && !is_covered(path, before_.reads);
    });
    tell(true, more, "shown as well", before_.by, "pick");
    const Paths less = those(before_.picks, [&](const std::string& path) {
      return !is_picked(path, after_) && !is_covered(path, after_.reads);
    });
    tell(false, less, "not shown any more", "pick", after_.by);
  }

  // What stays where it was is told of by `pick` and `omit`.
  void reads() {
    const Paths more = those(after_.reads, [&](const std::string& path) {
      return !is_covered(path, before_.reads) && !stays(path, before_) && !stays(path, after_);
    });
    tell(true, more, "shown as well", before_.by, source(after_));
    const Paths fresh = fresh_omits();
    const Paths less = those(before_.reads, [&](const std::string& path) {
      return !is_covered(path, after_.reads) && !partly_stays(path, after_) &&
             !is_covered(path, fresh);
    });
    tell(false, less, "not shown any more", source(before_), after_.by);
  }

  void omits() {
    const Paths more = those(before_.omits, [&](const std::string& path) {
      return !is_covered(path, after_.omits) && is_partly_picked(path, after_) &&
             !is_covered(path, before_.reads);
    });
    tell(true, more, "not taken away any more", "omit", "omit");
    const Paths less = those(fresh_omits(), [&](const std::string& path) {
      const bool was_shown = is_partly_picked(path, before_) || is_covered(path, before_.reads);
      return was_shown && !is_covered(path, after_.reads);
    });
    tell(false, less, "taken away", "omit", "omit");
  }

  Paths fresh_omits() const {
    return those(after_.omits,
                 [&](const std::string& path) { return !is_covered(path, before_.omits); });
  }

  static std::string_view source(const ShownData& shown) {
    return shown.by == "template" ? "template" : "set";
  }

  const ShownData& before_;
  const ShownData& after_;
  std::vector<ShownChange> changes_;
};

class RecordReader {
 public:
  explicit RecordReader(const Side& side) : side_(side), view_(side.view()) {}

  Paths paths(table::Extent list) const {
    Paths out;
    for (const table::StringRef path : view_.policy_list<table::StringRef>(list)) {
      out.push_back(side_.text(path));
    }
    std::ranges::sort(out);
    return out;
  }

  void add_reads(table::Extent nodes, Paths& out) const {
    for (const auto& node : view_.policy_list<table::TemplateNode>(nodes)) {
      for (const auto& part : view_.part(view_.expressions(), node.value)) {
        if (part.source != table::ExpressionSource::ResponseBody) continue;
        std::string pointer = side_.text(part.text);
        if (pointer.starts_with('/')) pointer.erase(0, 1);
        out.push_back(std::move(pointer));
      }
    }
  }

 private:
  const Side& side_;
  const table::TableView& view_;
};

void sort_out(Paths& paths) {
  std::ranges::sort(paths);
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
}

}  // namespace

ShownData shown_data_of(const Side& side, const policies::BodyRecord* record) {
  ShownData shown;
  if (record == nullptr) return shown;
  const RecordReader reader(side);
  if (record->whole.count != 0) {
    // It takes the place of all other changes.
    shown.all = false;
    shown.by = "template";
    reader.add_reads(record->whole, shown.reads);
    sort_out(shown.reads);
    return shown;
  }
  shown.picks = reader.paths(record->pick);
  shown.omits = reader.paths(record->omit);
  for (const auto& set : side.view().policy_list<policies::BodySetRecord>(record->set)) {
    reader.add_reads(set.value, shown.reads);
  }
  sort_out(shown.reads);
  shown.all = shown.picks.empty();
  if (!shown.all) shown.by = "pick";
  return shown;
}

std::vector<ShownChange> shown_changes(const ShownData& before, const ShownData& after) {
  return Comparison(before, after).run();
}

}  // namespace gw::compiler::diff
