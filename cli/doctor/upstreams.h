// Whether names of upstreams resolve, and whether somebody listens where they lead.
#pragma once
#include <chrono>
#include <vector>

#include "cli/doctor/finding.h"
#include "runtime/base/ip_address.h"
#include "runtime/upstream/cluster.h"

namespace gw::cli::doctor {

/// Looks names up as the gateway does, by `resolvers` (empty: the system's), and opens a TCP
/// connection to the first address of each target, all at once; nothing is sent. Each of the two
/// takes `patience` at most. An upstream none of whose targets can be reached fails; one of several
/// is a warning.
void judge_upstreams(const std::vector<upstream::UpstreamConfig>& upstreams,
                     const std::vector<ServerAddress>& resolvers,
                     std::chrono::milliseconds patience, Findings& out);

}  // namespace gw::cli::doctor
