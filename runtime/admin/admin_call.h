// One request to the admin interface and its answer, without the HTTP around it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/admin/event_feed.h"
#include "runtime/base/types.h"
#include "runtime/server/worker.h"
#include "runtime/table/table_file.h"

namespace gw::admin {

class Watch;

struct AdminCall {
  std::string method;
  std::string path;
  std::string query;   // raw
  std::string accept;  // field of the request
  std::string body;
  table::ArrivingTable sent_table;  // in its place, where an endpoint takes one: sent or named
  /// What the workers say; those that did not answer in time are left out.
  std::vector<server::WorkerReport> workers;
  bool needs_token = false;           // the interface asks for one
  const bool* client_gone = nullptr;  // of the exchange
  Watch* watch = nullptr;             // of the interface; for what runs on its thread

  u16 status = 200;
  std::string_view content_type = "application/json";  // static storage
  std::string etag;                                    // "": none
  std::string_view allow;                              // methods, of a 405; static storage
  std::string answer;
  std::shared_ptr<const table::TableFile> table;  // the answer in its place, as it lies; null: none
  std::unique_ptr<EventBody> events;  // the answer in its place, without end; null: none
  std::string_view policy;  // Content-Security-Policy, in static storage; "": nothing is allowed
};

/// The first parameter `name` of the query, as it stands there.
std::optional<std::string_view> query_parameter(const AdminCall& call, std::string_view name);

}  // namespace gw::admin
