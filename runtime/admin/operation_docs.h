// One operation for those who call it.
#pragma once
#include <boost/json/object.hpp>
#include <string_view>

#include "runtime/admin/promises.h"
#include "runtime/admin/schema_outline.h"

namespace gw::admin {

/// The operations of one answer.
class OperationDocs {
 public:
  /// As clients of the class meet them; empty: as they are declared. All outlive it.
  OperationDocs(const table::TableView& view, std::string_view client)
      : view_(view), client_(client), promises_(view), outliner_(promises_) {}

  /// What the documents promise of a route, and the policies that apply.
  boost::json::object operation(size_t route);

 private:
  boost::json::object operation_json(size_t route);
  boost::json::array policies(const table::RouteRecord& route,
                              const boost::json::object& operation);
  boost::json::array parameters(const boost::json::object& operation);
  boost::json::value request_body(const boost::json::object& operation);
  boost::json::array responses(size_t route, const boost::json::object& operation);
  boost::json::object response(std::string_view status, const boost::json::object& response);
  boost::json::array headers(const boost::json::object& response);
  boost::json::array content(const boost::json::object& holder);
  boost::json::value outline(const boost::json::object& holder);

  const table::TableView& view_;
  const std::string_view client_;
  Promises promises_;
  SchemaOutliner outliner_;
};

}  // namespace gw::admin
