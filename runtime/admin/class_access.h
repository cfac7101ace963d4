// Which operations of a table a class of clients can call at all.
#pragma once
#include <string_view>
#include <vector>

#include "runtime/table/view.h"

namespace gw::admin {

/// The counterpart of compiler/publish/class_access over records: whether `allow` and `deny` let
/// clients of one class through. One thread.
class ClassAccess {
 public:
  /// Both outlive it.
  ClassAccess(const table::TableView& view, std::string_view client)
      : view_(view), client_(client), known_(view.plans().size()) {}

  /// False: whoever is of the class is refused, whatever the request is. Tests of anything but the
  /// class are taken to hold or not, as the request likes. A few nanoseconds for a plan that has
  /// been asked for before.
  bool may_call(const table::RouteRecord& route);

 private:
  bool lets_through(const table::PlanRecord& plan) const;

  const table::TableView& view_;
  const std::string_view client_;
  std::vector<u8> known_;  // by plan: 0: not asked yet, 1: yes, 2: no
};

/// The plan of a class: its own where the operation has a view for it.
const table::PlanRecord& plan_of(const table::TableView& view, const table::RouteRecord& route,
                                 std::string_view client);

}  // namespace gw::admin
