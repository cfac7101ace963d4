#include "compiler/diff/sunset.h"

#include <fmt/format.h>

#include "runtime/schema/formats.h"

namespace gw::compiler::diff {
namespace {

constexpr size_t kDateBytes = 10;

// For people; what is no text as JSON.
std::string written(Value value) { return value.is_string() ? value.text() : value.canonical(); }

SunsetChange change(std::string_view aspect, std::string message, const Sunset& before,
                    const Sunset& after) {
  return {aspect, std::move(message), before.value, after.value};
}

// Of two dates that are announced, one of which cannot be read.
std::optional<SunsetChange> compare_unreadable(const Sunset& before, const Sunset& after) {
  if (before.is_unreadable() && after.is_unreadable() &&
      written(before.value) == written(after.value)) {
    return std::nullopt;
  }
  return change("sunset-unreadable",
                fmt::format("its sunset was {} and is {}", shown(before), shown(after)), before,
                after);
}

}  // namespace

std::string shown(const Sunset& sunset) {
  return sunset.is_unreadable() ? fmt::format("`{}` (no date)", written(sunset.value))
                                : sunset.date;
}

Sunset sunset_of(Value object) {
  Sunset sunset{.deprecated = object.get("deprecated").is_true()};
  if (!sunset.deprecated) return sunset;
  sunset.value = object.get("x-sunset");
  if (!sunset.value.is_string()) return sunset;
  const std::string text = sunset.value.text();
  if (schema::is_date(text) || schema::is_date_time(text)) sunset.date = text.substr(0, kDateBytes);
  return sunset;
}

std::optional<SunsetChange> compare_sunsets(Value old_object, Value new_object) {
  const Sunset before = sunset_of(old_object);
  const Sunset after = sunset_of(new_object);
  if (!after.deprecated) return std::nullopt;
  if (before.value && !after.value) {
    return change("sunset-removed",
                  fmt::format("its sunset was {}, and is not announced any more", shown(before)),
                  before, after);
  }
  if (!before.value && after.is_unreadable()) {
    return change("sunset-unreadable", fmt::format("its sunset is {}", shown(after)), before,
                  after);
  }
  if (!before.value && after.value) {
    // Together with the deprecation it is no news of its own.
    if (!before.deprecated) return std::nullopt;
    return change("sunset-added", fmt::format("its sunset is {}", after.date), before, after);
  }
  if (before.is_unreadable() || after.is_unreadable()) return compare_unreadable(before, after);
  if (before.date == after.date) return std::nullopt;
  return change(after.date < before.date ? "sunset-earlier" : "sunset-later",
                fmt::format("its sunset was {} and is {}", before.date, after.date), before, after);
}

}  // namespace gw::compiler::diff
