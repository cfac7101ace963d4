#include "runtime/observe/route_names.h"

namespace gw::observe {
namespace {

std::string_view policy_name(policies::PolicyId id) {
  if (id == policies::PolicyId::None) return {};
  const policies::PolicyInfo* policy = policies::find_policy(static_cast<u16>(id));
  return policy == nullptr ? std::string_view() : policy->name;
}

}  // namespace

ExchangeNames names_of(const Exchange& exchange, const RouteNames* names) {
  if (exchange.detached) return exchange.names;
  if (names == nullptr) return {};
  const RouteNames::Source source = names->source(exchange);
  return {.operation = names->operation(exchange),
          .path_template = names->path_template(exchange),
          .upstream = names->upstream(exchange),
          .consumer = exchange.identity.consumer_name,
          .policy = policy_name(names->denying_policy(exchange)),
          .source_file = source.file,
          .source_line = source.line,
          .secret_captures = names->secret_captures(exchange)};
}

void keep_names(Exchange& exchange, const RouteNames* names) {
  ExchangeNames known = names_of(exchange, names);
  for (std::string_view* text : {&known.operation, &known.path_template, &known.upstream,
                                 &known.consumer, &known.source_file}) {
    *text = exchange.arena.copy(*text);
  }
  for (PartRecord& part : exchange.parts) {
    part.name = exchange.arena.copy(part.name);
    part.upstream = exchange.arena.copy(part.upstream);
  }
  exchange.names = known;  // the name of a policy is the program's own
}

}  // namespace gw::observe
