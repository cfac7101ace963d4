// What the documents promise of each route, where the table holds it.
#pragma once
#include <boost/json/object.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "runtime/table/contracts.h"

namespace gw::admin {

/// Reads the section `contracts`, which is optional and may hold anything: what cannot be read is
/// an empty object. Each fragment is parsed once, and no more than kMostParsedBytes of them. What
/// is returned lives as long as this. One thread.
class Promises {
 public:
  static constexpr size_t kMostParsedBytes = 16u << 20;

  /// Cost: a pass over the section, for its digest.
  explicit Promises(const table::TableView& view);

  /// An Operation Object.
  const boost::json::object& operation(size_t route);

  /// Answers that a class gets in place of those that the operation declares, by status: its own,
  /// or what everybody gets ("": whoever is of no class). Null: it gets what is declared.
  const boost::json::object* view(size_t route, std::string_view client);
  /// Whether the view of the class makes them.
  bool has_own_view(size_t route, std::string_view client) const;
  /// Whether it gets others that are too large to be in the table.
  bool is_view_missing(size_t route, std::string_view client) const;

  /// An object, or what it refers to.
  const boost::json::object& resolved(const boost::json::value& value);
  /// The fragment that `object` refers to.
  static std::optional<u32> reference_of(const boost::json::object& object);
  const boost::json::value& fragment(u32 index);
  /// What the document calls it; empty where nothing refers to it.
  std::string_view name_of(u32 fragment) const;
  /// How many fragments were not read because of kMostParsedBytes.
  u32 left_out() const { return left_out_; }

 private:
  const table::ContractView* find_view(size_t route, std::string_view client) const;

  std::optional<table::Contracts> contracts_;
  std::unordered_map<u32, boost::json::value> parsed_;
  size_t left_bytes_ = kMostParsedBytes;
  u32 left_out_ = 0;
};

/// Members that may be missing or of another kind.
std::string_view text_member(const boost::json::object& object, std::string_view name);
bool is_true(const boost::json::object& object, std::string_view name);
/// Empty ones where there is none.
const boost::json::object& object_member(const boost::json::object& object, std::string_view name);
const boost::json::array& array_member(const boost::json::object& object, std::string_view name);

}  // namespace gw::admin
