// How records of a table are called.
#pragma once
#include <string_view>

#include "runtime/http/exchange.h"
#include "runtime/policies/policy_list.h"

namespace gw::observe {

/// Given by whoever knows the table. Views live as long as the exchange's table.
class RouteNames {
 public:
  virtual ~RouteNames() = default;
  virtual std::string_view operation(const Exchange& exchange) const = 0;
  virtual std::string_view path_template(const Exchange& exchange) const = 0;
  virtual std::string_view upstream(const Exchange& exchange) const = 0;
  /// The policy that has answered in the place of the action; None: the action was reached, or the
  /// cache had the answer.
  virtual policies::PolicyId denying_policy(const Exchange& exchange) const = 0;
  /// Where its operation is declared. Without a file: nobody knows.
  struct Source {
    std::string_view file;
    u32 line = 0;
  };
  virtual Source source(const Exchange& exchange) const {
    static_cast<void>(exchange);
    return {};
  }
  /// A bit for each of its captures whose value stands in no log.
  virtual u32 secret_captures(const Exchange& exchange) const {
    static_cast<void>(exchange);
    return 0;
  }
};

/// Of an exchange, whether it has its table or has let go of it. `names` may be null.
ExchangeNames names_of(const Exchange& exchange, const RouteNames* names);
/// Its table is about to go: keeps in its arena what names_of() says later.
void keep_names(Exchange& exchange, const RouteNames* names);

}  // namespace gw::observe
