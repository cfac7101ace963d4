#include "runtime/observe/route_names.h"

namespace gw::observe {

ExchangeNames names_of(const Exchange& exchange, const RouteNames* names) {
  if (exchange.detached) return exchange.names;
  if (names == nullptr) return {};
  return {names->operation(exchange), names->path_template(exchange), names->upstream(exchange),
          exchange.identity.consumer_name};
}

void keep_names(Exchange& exchange, const RouteNames* names) {
  const ExchangeNames known = names_of(exchange, names);
  exchange.names = {exchange.arena.copy(known.operation), exchange.arena.copy(known.path_template),
                    exchange.arena.copy(known.upstream), exchange.arena.copy(known.consumer)};
}

}  // namespace gw::observe
