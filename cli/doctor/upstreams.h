// Whether names of upstreams, issuers and collectors resolve, and whether somebody listens where
// they lead.
#pragma once
#include <chrono>
#include <string>
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

/// A server that the gateway itself asks or tells, beside its upstreams.
struct OtherServer {
  std::string check;   // as Finding::check
  std::string url;     // http or https
  Verdict verdict;     // when it cannot be reached
  std::string effect;  // what comes of that
};

/// The same of these: of a name that has several addresses one is enough.
void judge_servers(const std::vector<OtherServer>& servers,
                   const std::vector<ServerAddress>& resolvers, std::chrono::milliseconds patience,
                   Findings& out);

}  // namespace gw::cli::doctor
