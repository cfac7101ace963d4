// oneOf and anyOf: which alternatives stay, come and go.
//
// Alternatives have no names, so they are told by what they are: the component that they refer to,
// their text, their title; of those that are left one on each side is taken for the same, changed.
#include <algorithm>

#include "compiler/diff/pair_compare.h"

namespace gw::compiler::diff {
namespace {

struct Alternative {
  Value value;
  std::string name;  // of the component, or the title; "" none
  std::string text;
  bool matched = false;
};

std::vector<Alternative> alternatives_of(const SchemaSet& set, std::string_view keyword_name) {
  std::vector<Alternative> out;
  for (const Value list : keyword(set, keyword_name)) {
    for (const Value item : list.items()) {
      Alternative& alternative = out.emplace_back();
      alternative.value = item;
      const SchemaSet schema = schema_set(item);
      alternative.name = schema.name;
      if (alternative.name.empty()) {
        const Value title = first_keyword(schema, "title");
        if (title.is_string()) alternative.name = title.text();
      }
      // References are numbers, which say nothing in another table.
      alternative.text = item.refers() ? "#" + schema.name : item.canonical();
    }
  }
  return out;
}

std::string label(const Alternative& alternative, size_t index) {
  return alternative.name.empty() ? fmt::format("#{}", index + 1) : alternative.name;
}

}  // namespace

void PairCompare::alternatives(std::string_view name) {
  if (std::ranges::find(type_lists_, name) != type_lists_.end()) return;
  std::vector<Alternative> before = alternatives_of(old_, name);
  std::vector<Alternative> after = alternatives_of(new_, name);
  if (before.empty() && after.empty()) return;
  const Place old_at = place_or(first_keyword(old_, name), old_place());
  const Place new_at = place_or(first_keyword(new_, name), new_place());
  if (before.empty() || after.empty()) {
    const bool is = before.empty();
    add(is ? "alternatives-added" : "alternatives-removed",
        fmt::format(fmt::runtime(is ? "it must fit alternatives of `{}`"
                                    : "`{}` and its alternatives are gone"),
                    name),
        old_at, new_at);
    return;
  }
  const auto pair_up = [&](auto&& same) {
    for (Alternative& was : before) {
      if (was.matched) continue;
      for (size_t i = 0; i < after.size(); ++i) {
        if (after[i].matched || !same(was, after[i])) continue;
        was.matched = after[i].matched = true;
        child(schema_set(was.value), schema_set(after[i].value), "|" + label(after[i], i));
        break;
      }
    }
  };
  pair_up([](const Alternative& a, const Alternative& b) { return a.text == b.text; });
  pair_up([](const Alternative& a, const Alternative& b) {
    return !a.name.empty() && a.name == b.name;
  });
  const auto left = [](const std::vector<Alternative>& list) {
    return std::ranges::count(list, false, &Alternative::matched);
  };
  if (left(before) == 1 && left(after) == 1) {
    pair_up([](const Alternative& a, const Alternative& b) {
      return a.name.empty() || b.name.empty();  // two names are two things
    });
  }
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].matched) continue;
    add("alternative-removed",
        fmt::format("the alternative `{}` of `{}` is gone", label(before[i], i), name),
        before[i].value.place(), new_at);
  }
  for (size_t i = 0; i < after.size(); ++i) {
    if (after[i].matched) continue;
    add("alternative-added",
        fmt::format("the alternative `{}` of `{}` is new", label(after[i], i), name), old_at,
        after[i].value.place());
  }
}

}  // namespace gw::compiler::diff
