#include "runtime/http/forwarding.h"

#include <catch2/catch.hpp>

using namespace gw;
using namespace gw::http;

namespace {

AddressRange range(std::string_view text) {
  auto parsed = parse_address_range(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

ForwardingOptions trusting(std::initializer_list<std::string_view> proxies) {
  ForwardingOptions options;
  for (const std::string_view proxy : proxies) options.trusted_proxies.push_back(range(proxy));
  return options;
}

struct Given {
  std::string_view name;
  std::string_view value;
};

/// A request from `peer` with these fields.
struct Request {
  Request(std::string_view peer, std::initializer_list<Given> fields) {
    REQUIRE(parse_address(peer, exchange.peer));
    exchange.peer_text = peer;
    exchange.local.port = 8080;
    exchange.request.scheme = "http";
    exchange.request.authority = "shop.example";
    exchange.request.version_major = exchange.request.version_minor = 1;
    for (const Given& field : fields) exchange.request.fields.add(field.name, field.value);
  }

  std::string client(const ForwardingOptions& options) {
    identify_client(exchange, options, 1, 2);
    return std::string(exchange.client_text);
  }

  /// All values of a field of the upstream request, separated by `|`.
  std::string sent(const ForwardingOptions& options, std::string_view name) {
    identify_client(exchange, options, 1, 2);
    FieldList fields(exchange.arena);
    for (const Field& field : exchange.request.fields) fields.add(field);
    add_forwarding_fields(exchange, options, fields);
    std::string out;
    for (const Field& field : fields) {
      if (field.removed || !equal_fold(field.name, name)) continue;
      out += (out.empty() ? "" : "|") + std::string(field.value);
    }
    return out;
  }

  Exchange exchange;
};

}  // namespace

TEST_CASE("forwarding: the client is the last address that no trusted proxy has", "[http]") {
  struct Case {
    std::string_view peer;
    std::string_view forwarded_for;
    std::string_view client;
  };
  const ForwardingOptions options = trusting({"10.0.0.0/8", "2001:db8::/32", "192.0.2.1"});
  for (const Case& c : {
           Case{"10.1.2.3", "203.0.113.9", "203.0.113.9"},
           Case{"10.1.2.3", "198.51.100.1, 203.0.113.9", "203.0.113.9"},
           Case{"10.1.2.3", "198.51.100.1, 203.0.113.9, 10.9.9.9 ,192.0.2.1", "203.0.113.9"},
           Case{"10.1.2.3", "10.0.0.7", "10.0.0.7"},              // trusted all the way
           Case{"10.1.2.3", "", "10.1.2.3"},                      // nobody says anything
           Case{"10.1.2.3", "203.0.113.9, unknown", "10.1.2.3"},  // unreadable: nobody vouches
           Case{"10.1.2.3", "203.0.113.9:4711", "10.1.2.3"},
           Case{"10.1.2.3", "2001:db8::7, 2001:db9::7", "2001:db9::7"},
           Case{"2001:db8:1::1", "203.0.113.9", "203.0.113.9"},
           Case{"203.0.113.9", "198.51.100.1", "203.0.113.9"},  // a stranger forges it
           Case{"11.0.0.1", "198.51.100.1", "11.0.0.1"},
           Case{"192.0.2.2", "198.51.100.1", "192.0.2.2"},
       }) {
    CAPTURE(c.peer, c.forwarded_for);
    Request request(c.peer, {{"x-forwarded-for", c.forwarded_for}});
    CHECK(request.client(options) == c.client);
  }
  // Several fields are one list, and without trusted proxies nobody is believed.
  Request two("10.1.2.3", {{"x-forwarded-for", "198.51.100.1"}, {"X-Forwarded-For", "10.0.0.7"}});
  CHECK(two.client(options) == "198.51.100.1");
  CHECK(two.client({}) == "10.1.2.3");
}

TEST_CASE("forwarding: fields of a trusted proxy are added to, those of others replaced",
          "[http]") {
  const auto request = [](std::string_view peer) {
    return std::make_unique<Request>(
        peer, std::initializer_list<Given>{{"x-forwarded-for", "203.0.113.9"},
                                           {"x-forwarded-proto", "https"},
                                           {"x-forwarded-host", "outer.example"},
                                           {"x-forwarded-port", "443"},
                                           {"forwarded", "for=203.0.113.9;proto=https"},
                                           {"via", "1.1 outer"},
                                           {"x-real-ip", "6.6.6.6"},
                                           {"x-request-id", "id-1"}});
  };
  struct Case {
    std::string_view name;
    std::string_view of_trusted;
    std::string_view of_stranger;
  };
  const ForwardingOptions options = trusting({"10.0.0.0/8"});
  for (const Case& c : {
           Case{"x-forwarded-for", "203.0.113.9, 10.1.2.3", "198.51.100.1"},
           Case{"x-forwarded-proto", "https", "http"},
           Case{"x-forwarded-host", "outer.example", "shop.example"},
           Case{"x-forwarded-port", "443", "8080"},
           Case{"forwarded",
                "for=203.0.113.9;proto=https, for=10.1.2.3;host=\"shop.example\";proto=http",
                "for=198.51.100.1;host=\"shop.example\";proto=http"},
           Case{"via", "1.1 outer, 1.1 gwctl", "1.1 outer, 1.1 gwctl"},
           Case{"x-real-ip", "6.6.6.6", ""},
           Case{"x-request-id", "id-1", "id-1"},
       }) {
    CAPTURE(c.name);
    CHECK(request("10.1.2.3")->sent(options, c.name) == c.of_trusted);
    CHECK(request("198.51.100.1")->sent(options, c.name) == c.of_stranger);
  }
  CHECK(Request("2001:db8::1", {}).sent(options, "forwarded") ==
        "for=\"[2001:db8::1]\";host=\"shop.example\";proto=http");
}

TEST_CASE("forwarding: a request id is taken over or made", "[http]") {
  const std::string made = "00000000000000010000000000000002";
  struct Case {
    std::string id;
    std::string expected;
  };
  for (const Case& c :
       {Case{"a-B_9.z", "a-B_9.z"}, Case{"", made}, Case{"a b", made}, Case{"x\"y", made},
        Case{std::string(128, 'a'), std::string(128, 'a')}, Case{std::string(129, 'a'), made}}) {
    CAPTURE(c.id);
    Request request("192.0.2.7", {{"x-request-id", c.id}});
    CHECK(request.sent({}, "x-request-id") == c.expected);
  }
}

TEST_CASE("forwarding: blocks of addresses", "[http]") {
  struct Case {
    std::string_view block;
    std::string_view inside;
    std::string_view outside;
  };
  for (const Case& c : {
           Case{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
           Case{"192.0.2.128/25", "192.0.2.129", "192.0.2.127"},
           Case{"192.0.2.7", "192.0.2.7", "192.0.2.6"},
           Case{"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
           Case{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
           Case{"::/0", "2001:db8::1", ""},
       }) {
    CAPTURE(c.block);
    PeerAddress address;
    REQUIRE(parse_address(c.inside, address));
    CHECK(contains(range(c.block), address));
    if (!c.outside.empty()) {
      REQUIRE(parse_address(c.outside, address));
      CHECK_FALSE(contains(range(c.block), address));
    }
  }
  for (const std::string_view bad : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "::/129", "a/8",
                                     "10.0.0.0/8x", "10.0.0.0/-1", "10.0.0.0/ 8", "[::1]"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_address_range(bad).has_value());
  }
}
