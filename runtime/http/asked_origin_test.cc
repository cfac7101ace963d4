// What the client has asked for, by proxies that are trusted and by others.
#include "runtime/http/asked_origin.h"

#include <catch2/catch.hpp>
#include <string>

using namespace gw;
using namespace gw::http;

namespace {

constexpr std::string_view kProxy = "10.1.2.3";

struct Given {
  std::string_view name;
  std::string_view value;
};

// `SCHEME AUTHORITY` of a request that came from `peer` by http, to shop.internal:8080.
std::string asked(std::string_view peer, std::initializer_list<Given> fields) {
  ForwardingOptions options;
  options.trusted_proxies.push_back(parse_address_range("10.0.0.0/8").value());
  options.trusted_proxies.push_back(parse_address_range("2001:db8::/32").value());
  Exchange exchange;
  REQUIRE(parse_address(peer, exchange.peer));
  exchange.request.scheme = "http";
  exchange.request.authority = "shop.internal:8080";
  for (const Given& field : fields) exchange.request.fields.add(field.name, field.value);
  const AskedOrigin origin = asked_origin(exchange, options);
  return std::string(origin.scheme) + ' ' + std::string(origin.authority);
}

std::string forwarded(std::string_view value) { return asked(kProxy, {{"forwarded", value}}); }

constexpr auto kOwn = "http shop.internal:8080";

}  // namespace

TEST_CASE("asked origin: a trusted proxy is believed, and nobody else", "[http]") {
  for (const std::string_view peer : {"10.1.2.3", "203.0.113.9"}) {
    CAPTURE(peer);
    const bool trusted = peer == kProxy;
    CHECK(asked(peer, {{"x-forwarded-for", "198.51.100.1"},
                       {"x-forwarded-proto", "https"},
                       {"x-forwarded-host", "shop.example"}}) ==
          (trusted ? "https shop.example" : kOwn));
    CHECK(asked(peer, {{"forwarded", "for=198.51.100.1;proto=https;host=shop.example"}}) ==
          (trusted ? "https shop.example" : kOwn));
  }
  // Each by itself; without any of them the request stands.
  CHECK(asked(kProxy, {{"x-forwarded-proto", "HTTPS"}}) == "https shop.internal:8080");
  CHECK(asked(kProxy, {{"x-forwarded-host", "shop.example:8443"}}) == "http shop.example:8443");
  CHECK(asked(kProxy, {{"x-forwarded-for", "198.51.100.1"}}) == kOwn);
  CHECK(asked(kProxy, {}) == kOwn);
  Exchange exchange;
  exchange.request.scheme = "https";
  exchange.request.fields.add("x-forwarded-proto", "http");
  CHECK(asked_origin(exchange, {}).scheme == "https");  // no proxy is trusted
}

TEST_CASE("asked origin: of a list the entry of the client that is believed", "[http]") {
  // What stands before the last untrusted address was written by the client.
  CHECK(asked(kProxy, {{"x-forwarded-for", "192.0.2.66, 198.51.100.1"},
                       {"x-forwarded-proto", "https, http"},
                       {"x-forwarded-host", "evil.example, shop.example"}}) == "http shop.example");
  CHECK(asked(kProxy, {{"x-forwarded-for", "192.0.2.66, 198.51.100.1, 10.0.0.7"},
                       {"x-forwarded-proto", "wss"},
                       {"x-forwarded-proto", "https, http"},
                       {"x-forwarded-host", "evil.example, shop.example, shop.inner"}}) ==
        "https shop.example");
  // Proxies that put their own in place of a list, or pass on the first.
  CHECK(asked(kProxy, {{"x-forwarded-for", "198.51.100.1, 10.0.0.7"},
                       {"x-forwarded-proto", "https"},
                       {"x-forwarded-host", "shop.example"}}) == "https shop.example");
  // Nobody vouches for what stands before an address that cannot be read.
  for (const std::string_view list :
       {"198.51.100.1, unknown", "198.51.100.1, , 10.0.0.7", "198.51.100.1, unknown, 10.0.0.7"}) {
    CAPTURE(list);
    CHECK(asked(kProxy, {{"x-forwarded-for", list}, {"x-forwarded-proto", "https, http"}}) == kOwn);
  }
}

TEST_CASE("asked origin: what is no scheme or no host is not believed", "[http]") {
  for (const std::string_view value : {"", "ftp", "https;", "https http", "\"https\""}) {
    CAPTURE(value);
    CHECK(asked(kProxy, {{"x-forwarded-proto", value}}) == kOwn);
  }
  for (const std::string_view value : {"", "a b", "user@shop.example", "shop.example:x",
                                       "shop.example:70000", "shop.example/path", "[::1"}) {
    CAPTURE(value);
    CHECK(asked(kProxy, {{"x-forwarded-host", value}}) == kOwn);
  }
  CHECK(asked(kProxy, {{"x-forwarded-host", "[2001:db9::1]:443"}}) == "http [2001:db9::1]:443");
}

TEST_CASE("asked origin: elements of Forwarded from the last one on", "[http]") {
  CHECK(forwarded("For=192.0.2.66;Proto=https;Host=evil.example, for=198.51.100.1;proto=http;"
                  "host=\"shop.example:81\"") == "http shop.example:81");
  CHECK(forwarded("for=198.51.100.1;proto=https;host=shop.example, for=10.0.0.7;host=inner") ==
        "https shop.example");
  CHECK(forwarded("proto=https, for=\"[2001:db8::1]:4711\"") == "https shop.internal:8080");
  CHECK(forwarded("proto=https, for=\"10.0.0.7:80\";host=inner") == "https inner");
  // Somebody who is not trusted, or hides.
  for (const std::string_view from : {"for=\"[2001:db9::1]\"", "for=unknown", "for=_hidden",
                                      "by=10.0.0.7", "host=shop.internal:8080", ""}) {
    CAPTURE(from);
    CHECK(forwarded("proto=https, " + std::string(from)) == kOwn);
  }
  CHECK(forwarded("proto=https;for=198.51.100.1;;ext=\"a,b;proto=http\"") ==
        "https shop.internal:8080");
  for (const std::string_view value :
       {"proto", "proto=", "proto=https;for", "=https;proto=https", "proto=\"https",
        "proto=\"htt\\ps\"", "pro to=https", "proto=https;for=\"", "proto=https, for=10.0.0.7 x"}) {
    CAPTURE(value);
    CHECK(forwarded(value) == kOwn);
  }
}

TEST_CASE("asked origin: Forwarded of a proxy that speaks X-Forwarded is not its own", "[http]") {
  for (const std::string_view name : {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}) {
    CAPTURE(name);
    const std::string_view value = name == "x-forwarded-host" ? "shop.internal:8080" : "http";
    CHECK(asked(kProxy, {{name, value}, {"forwarded", "proto=https;host=evil.example"}}) == kOwn);
  }
  // A quotation mark in a list that has none does not hide it.
  CHECK(asked(kProxy, {{"x-forwarded-for", "\", 198.51.100.1"},
                       {"forwarded", "proto=https;host=evil.example"}}) == kOwn);
}
