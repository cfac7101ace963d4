// Paths that a listener answers by itself, over HTTP/1 and HTTP/2 in memory.
#include "runtime/server/probe.h"

#include "runtime/policies/listener/record.h"
#include "runtime/server/testing/http2_fixture.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

ListenerSettings probed() {
  ListenerSettings settings;
  settings.live_path = "/healthz";
  settings.ready_path = "/readyz";
  return settings;
}

std::string request(const std::string& method, const std::string& target) {
  return method + " " + target + " HTTP/1.1\r\nHost: any.example\r\n\r\n";
}

}  // namespace

TEST_CASE("probe: a listener answers its paths, and nobody else hears of it", "[session][probe]") {
  const ListenerSettings settings = probed();
  MemoryGateway gateway(&stub_run);
  MemoryClient client(gateway.connect_peer(&settings));
  client.peer.send(request("GET", "/healthz") + request("GET", "/readyz?verbose") +
                   request("GET", "/users/7"));
  gateway.loop.run();
  REQUIRE(client.answers() == 3);
  CHECK(client.answer(0).status() == 200);
  CHECK(client.answer(0).body == "ok\n");
  CHECK(client.answer(0).field("content-type") == "text/plain; charset=utf-8");
  CHECK(client.answer(0).field("cache-control") == "no-store");
  CHECK(client.answer(1).body == "ready\n");
  CHECK(client.answer(2).body == "hello");
  CHECK(gateway.requests() == 1);
  CHECK(gateway.log.size() == 1);
}

TEST_CASE("probe: HEAD is answered without a body, and other methods are refused",
          "[session][probe]") {
  const ListenerSettings settings = probed();
  MemoryGateway gateway(&stub_run);
  MemoryClient client(gateway.connect_peer(&settings));
  client.reader.heads = {true, false, false};
  client.peer.send(request("HEAD", "/healthz") +
                   "POST /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" +
                   request("GET", "/healthz"));
  gateway.loop.run();
  REQUIRE(client.answers() == 3);
  CHECK(client.answer(0).status() == 200);
  CHECK(client.answer(0).field("content-length") == "3");
  CHECK(client.answer(1).status() == 405);
  CHECK(client.answer(1).field("allow") == "GET, HEAD");
  CHECK(client.answer(1).body.empty());
  CHECK(client.answer(2).body == "ok\n");
  CHECK(gateway.log.empty());
}

TEST_CASE("probe: every spelling of the path is one, and no other path", "[session][probe]") {
  const ListenerSettings settings = probed();
  for (const char* target :
       {"/healthz/", "/Healthz", "//healthz", "/healthz/a", "/a/healthz", "/healthz%3F", "/"}) {
    CAPTURE(target);
    MemoryGateway gateway(&stub_run);
    MemoryClient client(gateway.connect_peer(&settings));
    client.peer.send(request("GET", target));
    gateway.loop.run();
    CHECK(gateway.log.size() == 1);
  }
  for (const char* target : {"/%68ealthz", "/a/../healthz", "/./healthz"}) {
    CAPTURE(target);
    MemoryGateway gateway(&stub_run);
    MemoryClient client(gateway.connect_peer(&settings));
    client.peer.send(request("GET", target));
    gateway.loop.run();
    REQUIRE(client.answers() == 1);
    CHECK(client.answer(0).body == "ok\n");
    CHECK(gateway.log.empty());
  }
  SECTION("a listener without probes has none") {
    const ListenerSettings plain;
    MemoryGateway gateway(&stub_run);
    MemoryClient client(gateway.connect_peer(&plain));
    client.peer.send(request("GET", "/healthz"));
    gateway.loop.run();
    CHECK(gateway.log.size() == 1);
  }
}

TEST_CASE("probe: a gateway that drains is alive and not ready", "[session][probe]") {
  const ListenerSettings settings = probed();
  MemoryGateway gateway(&stub_run);
  MemoryClient one(gateway.connect_peer(&settings));
  MemoryClient other(gateway.connect_peer(&settings));
  gateway.loop.run();
  gateway.host().drain();
  one.peer.send(request("GET", "/readyz"));
  other.peer.send(request("GET", "/healthz"));
  gateway.loop.run();
  REQUIRE(one.answers() == 1);
  CHECK(one.answer(0).status() == 503);
  CHECK(one.answer(0).body == "draining\n");
  CHECK(one.answer(0).field("connection") == "close");
  REQUIRE(other.answers() == 1);
  CHECK(other.answer(0).status() == 200);
}

TEST_CASE("probe: a gateway that leaves is not ready, and serves on", "[session][probe]") {
  const ListenerSettings settings = probed();
  MemoryGateway gateway(&stub_run);
  MemoryClient client(gateway.connect_peer(&settings));
  client.peer.send(request("GET", "/readyz"));
  gateway.loop.run();
  gateway.host().leave();
  MemoryClient later(gateway.connect_peer(&settings));
  for (MemoryClient* one : {&client, &later}) {
    one->peer.send(request("GET", "/readyz") + request("GET", "/healthz") +
                   request("GET", "/users/7"));
  }
  gateway.loop.run();
  CHECK(client.answer(0).status() == 200);
  REQUIRE(later.answers() == 3);
  REQUIRE(client.answers() == 4);
  for (const auto& [one, first] : {std::pair{&client, 1u}, std::pair{&later, 0u}}) {
    CHECK(one->answer(first).status() == 503);
    CHECK(one->answer(first).body == "draining\n");
    CHECK(one->answer(first).field("connection").empty());
    CHECK(one->answer(first + 1).status() == 200);
    CHECK(one->answer(first + 2).body == "hello");
    CHECK(one->answer(first + 2).field("connection").empty());
  }
}

TEST_CASE("probe: a listener that redirects answers its probes", "[session][probe]") {
  ListenerSettings settings = probed();
  settings.redirect_port = 443;
  MemoryGateway gateway(&stub_run);
  MemoryClient client(gateway.connect_peer(&settings));
  client.peer.send(request("GET", "/readyz") + request("GET", "/users/7"));
  gateway.loop.run();
  REQUIRE(client.answers() == 2);
  CHECK(client.answer(0).status() == 200);
  CHECK(client.answer(1).status() == 308);
}

TEST_CASE("probe: streams of HTTP/2 are answered alike", "[http2][probe]") {
  const ListenerSettings settings = probed();
  MemoryGateway gateway(&stub_run);
  Http2Client client(gateway.connect_peer(&settings));
  client.greet({});
  gateway.loop.run();
  const auto ask = [&](i32 id, const std::string& method, const std::string& path) {
    HeaderFields fields = get_fields({}, path);
    fields[0].second = method;
    client.peer.send(Http2Client::raw(h2::kHeaders, h2::kEndStream | h2::kEndHeaders,
                                      static_cast<u32>(id), client.block(fields)));
    gateway.loop.run();
  };
  ask(1, "GET", "/healthz");
  CHECK(client.answer(1).status() == 200);
  CHECK(client.answer(1).body == "ok\n");
  ask(3, "HEAD", "/readyz");
  CHECK(client.answer(3).status() == 200);
  CHECK(client.answer(3).body.empty());
  CHECK(client.answer(3).ended);
  ask(5, "DELETE", "/readyz");
  CHECK(client.answer(5).status() == 405);
  CHECK(gateway.log.empty());
  ask(7, "GET", "/users/7");
  CHECK(client.answer(7).body == "hello");
  CHECK(gateway.log.size() == 1);
  gateway.host().leave();
  ask(9, "GET", "/readyz");
  CHECK(client.answer(9).status() == 503);
  ask(11, "GET", "/users/7");  // no GOAWAY has come
  CHECK(client.answer(11).body == "hello");
}

TEST_CASE("probe: paths are plain", "[probe]") {
  for (const char* good : {"/healthz", "/a/b.c", "/-/ready", "/_~!$&'()*+,;=:@"}) {
    CAPTURE(good);
    CHECK(policies::is_probe_path(good));
  }
  for (const char* bad : {"", "/", "healthz", "/a/", "//a", "/a//b", "/.", "/..", "/a/../b", "/a?b",
                          "/a#b", "/%61", "/a b", "/\xc3\xa4", "/a\n", "/{a}"}) {
    CAPTURE(bad);
    CHECK_FALSE(policies::is_probe_path(bad));
  }
}
