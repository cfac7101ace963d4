#include "runtime/http/proxy_protocol.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "runtime/http/forwarding.h"
#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;
using http::parse_proxy_header;
using http::ProxyHeader;
using http::write_proxy_header;
using State = ProxyHeader::State;

namespace {

std::string text_of(const PeerAddress& address) {
  char text[46];
  return std::string(http::address_text(address, text)) + " " + std::to_string(address.port);
}

PeerAddress address_of(const char* text, u16 port) {
  PeerAddress address;
  REQUIRE(http::parse_address(text, address));
  address.port = port;
  return address;
}

std::string version_2(char command, char family, const std::string& rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header.push_back(command);
  header.push_back(family);
  header.push_back(static_cast<char>(rest.size() >> 8));
  header.push_back(static_cast<char>(rest.size() & 255));
  return header + rest;
}

// A connection to a listener that asks for the header.
struct Entry {
  Entry() : gateway(&stub_run) {
    listener.proxy_protocol = true;
    ClientConnection connection;
    connection.stream = net::make_memory_stream(gateway.loop, peer);
    connection.peer = address_of("192.0.2.200", 5000);
    connection.local.port = 8080;
    connection.listener = {std::shared_ptr<void>(), &listener};
    client = std::make_unique<MemoryClient>(peer);
    gateway.host().start(std::move(connection));
  }
  MemoryGateway gateway;
  ListenerSettings listener;
  net::MemoryPeer peer;
  std::unique_ptr<MemoryClient> client;
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
const std::string kHeader1 = "PROXY TCP4 198.51.100.7 192.0.2.1 40000 443\r\n";

}  // namespace

TEST_CASE("proxy protocol: version 1", "[proxy-protocol]") {
  const ProxyHeader v4 = parse_proxy_header(kHeader1 + kGet);
  REQUIRE(v4.state == State::Complete);
  CHECK(v4.bytes == kHeader1.size());
  CHECK(v4.known);
  CHECK(text_of(v4.client) == "198.51.100.7 40000");
  const ProxyHeader v6 = parse_proxy_header("PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n");
  REQUIRE(v6.state == State::Complete);
  CHECK(text_of(v6.client) == "2001:db8::7 1");
  const ProxyHeader unknown = parse_proxy_header("PROXY UNKNOWN whatever this is\r\n");
  REQUIRE(unknown.state == State::Complete);
  CHECK_FALSE(unknown.known);
}

TEST_CASE("proxy protocol: version 2", "[proxy-protocol]") {
  const PeerAddress local4 = address_of("192.0.2.1", 443);
  for (const char* text : {"198.51.100.7", "2001:db8::7"}) {
    const PeerAddress client = address_of(text, 40000);
    const std::string header = write_proxy_header(2, client, local4);
    const ProxyHeader parsed = parse_proxy_header(header + kGet);
    REQUIRE(parsed.state == State::Complete);
    CHECK(parsed.bytes == header.size());
    CHECK(text_of(parsed.client) == text_of(client));
  }
  // LOCAL: a health check of the balancer itself; extensions behind the addresses are passed over.
  const ProxyHeader local = parse_proxy_header(version_2(0x20, 0x00, ""));
  CHECK(local.state == State::Complete);
  CHECK_FALSE(local.known);
  const std::string addresses("\xc6\x33\x64\x07\xc0\x00\x02\x01\x9c\x40\x01\xbb", 12);
  const ProxyHeader extended = parse_proxy_header(version_2(0x21, 0x11, addresses + "\x04xx"));
  REQUIRE(extended.state == State::Complete);
  CHECK(extended.bytes == 16 + 15);
  CHECK(text_of(extended.client) == "198.51.100.7 40000");
}

TEST_CASE("proxy protocol: what is written is read", "[proxy-protocol]") {
  for (const u32 version : {1U, 2U}) {
    for (const char* text : {"198.51.100.7", "2001:db8::7"}) {
      const PeerAddress client = address_of(text, 1234);
      const std::string header = write_proxy_header(version, client, client);
      const ProxyHeader parsed = parse_proxy_header(header);
      REQUIRE(parsed.state == State::Complete);
      CHECK(text_of(parsed.client) == text_of(client));
    }
  }
}

TEST_CASE("proxy protocol: addresses of two families are written as one", "[proxy-protocol]") {
  const PeerAddress v4 = address_of("198.51.100.7", 1234);
  const PeerAddress v6 = address_of("2001:db8::7", 443);
  CHECK(write_proxy_header(1, v4, v6) == "PROXY TCP6 ::ffff:198.51.100.7 2001:db8::7 1234 443\r\n");
  CHECK(write_proxy_header(1, v6, v4) == "PROXY TCP6 2001:db8::7 ::ffff:198.51.100.7 443 1234\r\n");
  for (const u32 version : {1U, 2U}) {
    CAPTURE(version);
    const ProxyHeader parsed = parse_proxy_header(write_proxy_header(version, v4, v6));
    REQUIRE(parsed.state == State::Complete);
    CHECK(text_of(parsed.client) == "198.51.100.7 1234");
  }
}

TEST_CASE("proxy protocol: a connection of nobody", "[proxy-protocol]") {
  const PeerAddress socket_file;
  for (const u32 version : {1U, 2U}) {
    CAPTURE(version);
    const std::string header = write_proxy_header(version);
    CHECK(write_proxy_header(version, socket_file, address_of("::1", 1)) == header);
    const ProxyHeader parsed = parse_proxy_header(header + kGet);
    REQUIRE(parsed.state == State::Complete);
    CHECK(parsed.bytes == header.size());
    CHECK_FALSE(parsed.known);
  }
}

TEST_CASE("proxy protocol: every part of a header is not enough", "[proxy-protocol]") {
  for (const std::string& header :
       {kHeader1, write_proxy_header(2, address_of("198.51.100.7", 1), address_of("::1", 2))}) {
    for (size_t bytes = 0; bytes < header.size(); ++bytes) {
      CAPTURE(bytes);
      CHECK(parse_proxy_header(header.substr(0, bytes)).state == State::NeedMore);
    }
  }
}

TEST_CASE("proxy protocol: what is none is refused", "[proxy-protocol]") {
  const std::string bad[] = {
      kGet,
      "PROXY TCP4 198.51.100.7 192.0.2.1 40000\r\n",
      "PROXY TCP4 198.51.100.7 192.0.2.1 40000 443 5\r\n",
      "PROXY TCP4 198.51.100.7  192.0.2.1 40000 443\r\n",
      "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
      "PROXY TCP6 198.51.100.7 192.0.2.1 1 2\r\n",
      "PROXY TCP4 198.51.100.7 192.0.2.1 65536 443\r\n",
      "PROXY TCP4 198.51.100.7 192.0.2.1 0x1 443\r\n",
      "PROXY TCP4 198.51.100.7 192.0.2.1 01 443\r\n",
      "PROXY TCP4 198.51.100 192.0.2.1 1 443\r\n",
      "PROXY UDP4 198.51.100.7 192.0.2.1 1 443\r\n",
      "PROXY " + std::string(107, 'x'),
      version_2(0x11, 0x11, std::string(12, 'x')),  // version 1 in binary
      version_2(0x22, 0x11, std::string(12, 'x')),  // no such command
      version_2(0x21, 0x11, std::string(11, 'x')),  // too short for its addresses
      version_2(0x21, 0x21, std::string(35, 'x')),
      version_2(0x21, 0x11, std::string(600, 'x')),  // longer than is read
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK(parse_proxy_header(text).state == State::Invalid);
  }
}

TEST_CASE("proxy protocol: the named client is the client, in pieces of any size",
          "[proxy-protocol]") {
  for (size_t piece = 1; piece < 100; piece += 7) {
    CAPTURE(piece);
    Entry entry;
    entry.peer.send_pieces(kHeader1 + kGet, piece);
    entry.gateway.loop.run();
    REQUIRE(entry.client->answers() == 1);
    CHECK(entry.client->answer(0).status() == 200);
    const std::string_view forwarded =
        entry.gateway.origin.at(0)->reader.messages.at(0).field("forwarded");
    CHECK(forwarded.starts_with("for=198.51.100.7;"));
  }
}

TEST_CASE("proxy protocol: a connection without a header is closed without a word",
          "[proxy-protocol]") {
  Entry entry;
  entry.peer.send(kGet);
  entry.gateway.loop.run();
  CHECK(entry.peer.closed());
  CHECK(entry.peer.total_received() == 0);
  CHECK(entry.gateway.origin.empty());
  CHECK(entry.gateway.host().counters.refused == 1);
}

TEST_CASE("proxy protocol: a header has the time of a head", "[proxy-protocol]") {
  Entry entry;
  entry.peer.send("PROXY ");
  entry.gateway.loop.advance(std::chrono::milliseconds(9'900));
  CHECK_FALSE(entry.peer.closed());
  entry.gateway.loop.advance(std::chrono::milliseconds(200));
  CHECK(entry.peer.closed());
}
