#include "runtime/engine/split.h"

#include <xxhash.h>

#include "runtime/engine/expression.h"
#include "runtime/engine/share.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

// The first alternative that is there.
bool key_of(Exchange& exchange, const policies::ProxyRecord& record, std::string_view& value) {
  for (const table::Extent expression :
       exchange.table->view().policy_list<table::Extent>(record.split_key)) {
    if (evaluate(exchange, expression, value)) return true;
  }
  return false;
}

u32 draw_upstream(Exchange& exchange, const policies::ProxyRecord& record, Random& random) {
  const BoundTable& table = *exchange.table;
  const auto parts = table.view().policy_list<policies::SplitRecord>(record.split);
  for (const policies::SplitRecord& part : parts) {
    if (part.force == table::kNone || !holds(exchange, part.force)) continue;
    exchange.upstream_choice = UpstreamChoice::Condition;
    return part.upstream;
  }
  std::string_view key;
  const bool has_key = key_of(exchange, record, key);
  u64 left = kWholeShare;
  for (const policies::SplitRecord& part : parts) {
    const u64 share = table.number(part.share);
    if (share == 0) continue;
    const std::string_view name = table.text(table.view().upstreams()[part.upstream].name);
    // Its own draw: the shares of others do not move the values that it takes.
    const u64 draw = has_key ? XXH3_64bits_withSeed(key.data(), key.size(),
                                                    XXH3_64bits(name.data(), name.size()))
                             : random.next();
    if (is_within(draw, share, left)) {
      exchange.upstream_choice = UpstreamChoice::Share;
      return part.upstream;
    }
    left = left > share ? left - share : 0;
  }
  exchange.upstream_choice = UpstreamChoice::Rest;
  return record.upstream;
}

}  // namespace

u32 choose_upstream(Exchange& exchange, const policies::ProxyRecord& record, Random& random) {
  if (exchange.drawn_upstream == table::kNone) {
    exchange.drawn_upstream = draw_upstream(exchange, record, random);
  }
  return exchange.drawn_upstream;
}

}  // namespace gw::engine
