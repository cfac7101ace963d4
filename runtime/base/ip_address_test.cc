#include "runtime/base/ip_address.h"

#include <catch2/catch.hpp>

using namespace gw;

TEST_CASE("ip address: what is a host name", "[base]") {
  const std::string label(63, 'a');
  for (const std::string& good :
       {std::string("a"), std::string("orders.internal"), std::string("_http._tcp.x-1.test."),
        label + ".b", std::string("10.0.0.1.test")}) {
    CAPTURE(good);
    CHECK(is_host_name(good));
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".a"), std::string("a..b"), std::string("a b"),
        std::string("10.0.0.1"), std::string("::1"), label + "a.b", std::string("a/b"),
        label + "." + label + "." + label + "." + label}) {
    CAPTURE(bad);
    CHECK_FALSE(is_host_name(bad));
  }
}

TEST_CASE("ip address: servers of names with and without port", "[base]") {
  const auto text = [](std::string_view from) -> std::string {
    const auto server = parse_server_address(from);
    return server ? format_ip(server->address) + " " + std::to_string(server->port) : "none";
  };
  CHECK(text("127.0.0.1") == "127.0.0.1 53");
  CHECK(text("127.0.0.1:5353") == "127.0.0.1 5353");
  CHECK(text("2001:db8::1") == "2001:db8::1 53");
  CHECK(text("[2001:db8::1]") == "2001:db8::1 53");
  CHECK(text("[2001:db8::1]:5353") == "2001:db8::1 5353");
  for (const char* bad : {"", "a.test", "127.0.0.1:0", "127.0.0.1:65536", "[127.0.0.1]:53", "[::1",
                          "127.0.0.1:", "[]:53", "1.2.3.4.5"}) {
    CAPTURE(bad);
    CHECK(text(bad) == "none");
  }
}
