// The passes, in the order in which they run. pipeline.cc calls them; each is a file of its own.
#pragma once
#include "compiler/passes/module.h"

namespace gw::compiler {

/// Upstreams, listeners and root settings to records. In: gateway loaded.
void lower_gateway(Module& module);
/// Consumers to their section. In: gateway loaded.
void lower_consumers(Module& module);
/// Parameter names and greediness of each operation's template; reports those that disagree.
void collect_captures(Module& module);
/// Effective fields of each operation to plans and settings. In: lower_gateway, collect_captures.
void lower_operations(Module& module);
/// Rules about who may call: what is public, what is weaker than it looks. In: lower_operations.
void check_security(Module& module);
/// Upstreams that a failure or a listener gets the better of: no health checks, credentials in
/// plain text, breakers that cannot open. In: lower_operations.
void check_upstreams(Module& module);
/// Header fields that clients write: trusted by upstreams, or repeated in answers. In:
/// lower_operations.
void check_headers(Module& module);
/// What operations take: bodies against their limit, properties and defaults that nobody looks at.
/// In: lower_operations.
void check_bodies(Module& module);
/// Paths of transformations and views against the schemas, and how they are written. In:
/// lower_operations.
void check_body_paths(Module& module);
/// Pointers of expressions into bodies, against what is declared of those. In: lower_operations.
void check_body_fields(Module& module);
/// Fields that compositions use, what they put together and how long it takes, against what is
/// declared. In: lower_operations.
void check_compose(Module& module);
/// Secrets in answers whose compressed length tells of them (BREACH). In: lower_operations.
void check_breach(Module& module);
/// Credentials that the access log is asked for. In: lower_operations.
void check_access_log(Module& module);
/// Answers that the gateway gives by itself, against what the document declares. In:
/// lower_operations.
void check_answers(Module& module);
/// Schemas of request bodies that are dear to judge or have no value. In: lower_operations.
void check_schemas(Module& module);
/// Security schemes that service documents name and nobody declares.
void check_schemes(Module& module);
/// `x-gw` of parameters, security schemes and responses.
void check_places(Module& module);
/// The router, with findings about overlaps. In: collect_captures.
void build_router(Module& module);
/// Rules that look at the whole: timeouts, unused upstreams, secrets, look-alike routes.
void check_gateway(Module& module);
void check_probes(Module& module);
/// Patterns and formats of schemas that could not be enforced. In: build_router, which reports
/// those it uses.
void check_patterns(Module& module);
/// Route records, files, notes; makes `table` complete.
void finish_table(Module& module);
/// Takes waived findings out of the sink and reports waivers that are unused or expired. Last.
void apply_waivers(Module& module);

}  // namespace gw::compiler
