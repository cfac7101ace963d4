// The same tests over HTTP, against a gateway that runs.
#pragma once
#include <memory>
#include <string>

#include "cli/testing/run_suite.h"

namespace gw::cli::tests {

/// `url`: http://HOST:PORT. Requests that name no Host are sent to `host`, or to that of the URL
/// where it is empty. What needs the run's own keys, clock or upstreams is refused by name. Null:
/// `problem` says why.
std::unique_ptr<Backend> make_live_backend(const std::string& url, const std::string& host,
                                           std::string& problem);

}  // namespace gw::cli::tests
