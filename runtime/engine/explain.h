// Why a request goes where it goes: the routes that came near, and why each lost.
#pragma once
#include <string>
#include <vector>

#include "runtime/http/exchange.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {

/// A route whose template fits the path of a request.
struct Candidate {
  u32 route = 0;
  bool chosen = false;
  std::string reason;  // why it was chosen or lost
};

/// All routes whose template fits exchange.request.path, the chosen one first, after run(). This
/// looks at every route, one by one: for people, not for serving. Since it does not share code with
/// the router, it is also a check on it.
std::vector<Candidate> explain_candidates(const Exchange& exchange);

/// Whether `path` (normalised) fits the template. `kinds` gets one character per segment: `l`
/// literal, `p` partial, `v` parameter, `c` catch-all.
bool template_fits(std::string_view template_text, std::string_view path, std::string& kinds);

}  // namespace gw::engine
