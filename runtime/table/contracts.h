// The section `contracts` of a table, checked when somebody wants to read it.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/table/contract_format.h"
#include "runtime/table/view.h"

namespace gw::table {

/// Views into a verified table, which must outlive it. Cheap to copy; any thread.
class Contracts {
 public:
  /// verify() looks at none of this section, since nobody who serves does; here every offset and
  /// index is checked. Texts are not: whoever reads them has a parser. Errors: TableCorrupt, and
  /// TableFeature for a table without the section or with one of a later version.
  static Result<Contracts> open(const TableView& view);

  std::span<const ContractDocument> documents() const { return documents_; }
  /// By index of the route.
  std::span<const ContractRoute> routes() const { return routes_; }
  std::span<const ContractFragment> fragments() const { return fragments_; }
  /// In order of their routes.
  std::span<const ContractView> views() const { return views_; }
  /// What a class gets of a route; null: what all get.
  const ContractView* find_view(size_t route, std::string_view client) const;
  std::string_view text(Extent extent) const { return texts_.substr(extent.offset, extent.count); }

 private:
  std::span<const ContractDocument> documents_;
  std::span<const ContractRoute> routes_;
  std::span<const ContractFragment> fragments_;
  std::span<const ContractView> views_;
  std::string_view texts_;
};

/// Reads the numbers of `places` one by one.
class PlaceReader {
 public:
  PlaceReader(std::string_view bytes, const SourceRef& begin) : rest_(bytes), line_(begin.line) {}
  /// The place of the next value; line 0: not known.
  struct Place {
    u32 line = 0;
    u32 column = 0;
  };
  Place next();

 private:
  u64 number();
  std::string_view rest_;
  u32 line_;
};

}  // namespace gw::table
