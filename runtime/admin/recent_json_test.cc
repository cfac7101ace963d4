#include "runtime/admin/recent_json.h"

#include <catch2/catch.hpp>

using namespace gw;
using gw::admin::explain;
using observe::RecentRequest;

TEST_CASE("recent: what a policy has decided is said with its limit", "[recent]") {
  RecentRequest request;
  request.status = 503;
  request.decided_by = policies::PolicyId::RateLimit;
  request.limit = "scarce";
  CHECK(explain(request) == "The policy rate_limit has answered, by its limit scarce.");
}

TEST_CASE("recent: tries are told with the last one's end", "[recent]") {
  RecentRequest request;
  request.status = 503;
  request.error = Errc::ConnectFailed;
  request.detail = "connect";
  request.upstream = "users";
  request.target = "127.0.0.1:9001";
  request.tries = 3;
  request.tries_us = 4'500;
  request.last_error = Errc::ConnectFailed;
  CHECK(explain(request) ==
        "No connection to the upstream could be made (connect). 3 tries at upstream users took "
        "4.5 ms; the last, at 127.0.0.1:9001: no connection to the upstream could be made.");
}

TEST_CASE("recent: an upstream that answers 500 has done so itself", "[recent]") {
  RecentRequest request;
  request.status = 500;
  request.upstream = "users";
  request.target = "127.0.0.1:9001";
  request.tries = 1;
  request.tries_us = 1'000;
  request.last_status = 500;
  CHECK(explain(request) ==
        "The upstream itself has answered so. 1 try at upstream users took 1.0 ms; the last, at "
        "127.0.0.1:9001: answered 500.");
}

TEST_CASE("recent: a circuit that is open lets nothing through", "[recent]") {
  RecentRequest request;
  request.status = 503;
  request.error = Errc::CircuitOpen;
  request.upstream = "users";
  CHECK(explain(request) ==
        "The circuit breaker of the upstream is open. No target of upstream users was tried.");
}

TEST_CASE("recent: an error without words is called by its name", "[recent]") {
  RecentRequest request;
  request.status = 500;
  request.error = Errc::Internal;
  CHECK(explain(request) == "It ended with internal.");
}
