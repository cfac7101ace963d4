// What has happened to one request, and why: the same words for one that was only thought of
// (`gwctl explain`) and for one that was served (live.h).
#pragma once
#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runtime/engine/offline.h"
#include "runtime/table/bound_table.h"

namespace gw::explain {

/// What is known of an exchange that has run.
struct Facts {
  std::shared_ptr<const BoundTable> table;
  Exchange& exchange;
  Random& random;
  const engine::ScriptedFetcher::Sent* sent = nullptr;  // first request to an upstream; null: none
  u16 status = 0;                                       // of the answer, as the next two
  const std::vector<engine::OfflineField>* fields = nullptr;
  std::string body = {};
  /// It has been served. Targets that were asked are told in the place of those that might be, and
  /// values of fields that the gateway has set itself are not: they may be secrets.
  bool live = false;
};

/// For people and their tools; the members are those of `gwctl explain --json`. Looks at every
/// route of the table, one by one.
boost::json::object explain(const Facts& facts);

}  // namespace gw::explain
