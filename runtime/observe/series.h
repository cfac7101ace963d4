// Counts by name: of an operation, an upstream, a client class. They outlive the tables that name
// them, so that a reload starts nothing anew.
#pragma once
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/types.h"

namespace gw::observe {

template <typename Counts>
struct Series {
  explicit Series(std::string_view of) : name(of) {}
  const std::string name;
  Counts counts;
  u32 uses = 0;  // tables that have asked for it and live; of the thread that counts
  // What admin/history has seen of it last; of the thread that samples. Here, so that it needs no
  // memory of its own for each operation.
  mutable u64 sampled = 0;
};

/// Made by the one thread that counts; read by any.
template <typename Counts>
class SeriesMap {
 public:
  /// What is kept beyond the names of the table in use, before what nobody uses is forgotten.
  static constexpr size_t kSpare = 1024;

  /// Adds a use, which give() ends. `named`: how many names the table of the caller has. Takes a
  /// lock, and allocates for a new name: for the first time that a table meets it.
  Series<Counts>& take(std::string_view name, size_t named) {
    const std::lock_guard lock(mutex_);
    auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      if (all_.size() >= 2 * named + kSpare) forget_unused();
      all_.push_back(std::make_shared<Series<Counts>>(name));
      found = by_name_.emplace(all_.back()->name, all_.back().get()).first;
    }
    ++found->second->uses;
    return *found->second;
  }
  void give(Series<Counts>& series) noexcept { --series.uses; }

  /// Any thread; the lock is held for the copying of pointers.
  std::vector<std::shared_ptr<const Series<Counts>>> all() const {
    const std::lock_guard lock(mutex_);
    return {all_.begin(), all_.end()};
  }

 private:
  void forget_unused() {
    std::erase_if(all_, [this](const auto& series) {
      if (series->uses != 0) return false;
      by_name_.erase(series->name);
      return true;
    });
  }

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Series<Counts>>> all_;
  std::unordered_map<std::string_view, Series<Counts>*> by_name_;  // into all_
};

/// One use of a series, or none. As long-lived as its map at most; one thread.
template <typename Counts>
class SeriesUse {
 public:
  SeriesUse() = default;
  SeriesUse(SeriesMap<Counts>& map, std::string_view name, size_t named)
      : map_(&map), series_(&map.take(name, named)) {}
  ~SeriesUse() {
    if (series_ != nullptr) map_->give(*series_);
  }
  SeriesUse(SeriesUse&& other) noexcept
      : map_(other.map_), series_(std::exchange(other.series_, nullptr)) {}
  SeriesUse& operator=(SeriesUse&& other) noexcept {
    std::swap(map_, other.map_);
    std::swap(series_, other.series_);
    return *this;
  }
  /// Null: none.
  Counts* counts() const { return series_ == nullptr ? nullptr : &series_->counts; }

 private:
  SeriesMap<Counts>* map_ = nullptr;
  Series<Counts>* series_ = nullptr;
};

/// The series of one table by the index of its records: found once, by name, and then by index.
/// One thread. Memory: a word per record, of which untouched pages cost nothing.
template <typename Counts>
class TableSeries {
 public:
  TableSeries(SeriesMap<Counts>& map, size_t count) : map_(map), count_(count) {
    series_ = static_cast<Series<Counts>**>(std::calloc(count + 1, sizeof(Series<Counts>*)));
    GW_CHECK(series_ != nullptr);
  }
  ~TableSeries() {
    for (size_t i = 0; i < count_; ++i) {
      if (series_[i] != nullptr) map_.give(*series_[i]);
    }
    std::free(static_cast<void*>(series_));
  }
  TableSeries(const TableSeries&) = delete;
  TableSeries& operator=(const TableSeries&) = delete;

  size_t size() const { return count_; }
  /// `name()` is called once for each index.
  template <typename Name>
  Counts& at(size_t index, Name name) {
    GW_CHECK(index < count_);
    Series<Counts>*& series = series_[index];
    if (series == nullptr) series = &map_.take(name(), count_);
    return series->counts;
  }

 private:
  SeriesMap<Counts>& map_;
  const size_t count_;
  Series<Counts>** series_;
};

}  // namespace gw::observe
