// The same tests over HTTP, against a gateway that runs.
#pragma once
#include <memory>
#include <string>

#include "cli/testing/gateway.h"
#include "cli/testing/run_suite.h"

namespace gw::cli::tests {

struct LiveOptions {
  std::string url;  // http://HOST:PORT or https://HOST:PORT
  std::string ca;   // a file in PEM with the roots that certificates must lead to; "": the system's
};

/// Requests are sent to the URL. `Host` is the one that a request names; else the host of the URL,
/// where the document names it or names none, and its first one otherwise. Over TLS certificates
/// are always verified, for the host that the request names if the document does, too, and for the
/// default otherwise; that name is SNI, too. What needs the run's own keys, clock or upstreams is
/// refused by name. `gateway` outlives the backend. Null: `problem` says why, also where nobody
/// listens.
std::unique_ptr<Backend> make_live_backend(const LiveOptions& options, const Gateway& gateway,
                                           std::string& problem);

}  // namespace gw::cli::tests
