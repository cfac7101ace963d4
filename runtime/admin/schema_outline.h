// Schemas for people: what a value consists of, as a tree of lines.
#pragma once
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/admin/promises.h"

namespace gw::admin {

/// Makes outlines of the schemas of one answer, which share a bound on their size. A line has what
/// is known of: `name`, `property` (whether it is the name of one), `type`, `of` (what the document
/// calls the schema), `required`, `format`, `bounds`, `values`, `description`, `children`, `cut`
/// (why there is not more). `allOf` is merged into one line. One thread.
class SchemaOutliner {
 public:
  static constexpr u32 kMostDepth = 10;
  static constexpr u32 kMostLines = 400;         // of one schema
  static constexpr size_t kMostWork = 4u << 20;  // bytes and keys of all
  static constexpr size_t kMostText = 1000;      // bytes of a description
  static constexpr size_t kMostValues = 50;      // of an enumeration

  explicit SchemaOutliner(Promises& promises) : promises_(promises) {}

  /// A schema is an object or a truth value; of anything else nothing is known.
  boost::json::object outline(const boost::json::value& schema);

 private:
  struct Child {
    std::string name;
    const boost::json::value* schema;  // null: nothing is said of it
    bool is_property;
    bool required;
  };
  struct Merged;

  boost::json::object line(const boost::json::value* schema, u32 depth);
  boost::json::array lines(const std::vector<Child>& children, u32 depth);
  void merge(const boost::json::value& schema, u32 depth, Merged& out);
  void merge_object(const boost::json::object& schema, u32 depth, Merged& out);
  void merge_reference(u32 fragment, u32 depth, Merged& out);
  void add_children(const boost::json::object& schema, Merged& out);
  bool spend(size_t work);

  Promises& promises_;
  std::vector<u32> path_;  // fragments that are open
  u32 lines_ = 0;
  size_t left_ = kMostWork;
};

/// `text`, or its beginning and `…`, in whole characters of UTF-8.
std::string clipped(std::string_view text, size_t most_bytes);

}  // namespace gw::admin
