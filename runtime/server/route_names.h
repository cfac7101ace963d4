// Names of routes and upstreams for the logs, from the table that an exchange ran by.
#pragma once
#include "runtime/observe/access_log.h"

namespace gw::server {

class TableRouteNames final : public observe::RouteNames {
 public:
  std::string_view operation(const Exchange& exchange) const override;
  std::string_view path_template(const Exchange& exchange) const override;
  std::string_view upstream(const Exchange& exchange) const override;
  policies::PolicyId denying_policy(const Exchange& exchange) const override;
  Source source(const Exchange& exchange) const override;
  u32 secret_captures(const Exchange& exchange) const override;
};

}  // namespace gw::server
