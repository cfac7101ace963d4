// A client and an origin whose bytes are looked at raw, with the real compiler, engine and sessions
// between them, in memory.
#pragma once
#include <memory>
#include <string>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/http/env.h"
#include "runtime/server/testing/memory_gateway.h"
#include "runtime/table/bound_table.h"

namespace gw {

inline std::shared_ptr<const BoundTable> table_of_streams(const std::string& defaults) {
  const std::string text =
      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
      "x-gw:\n  upstreams: {origin: {targets: [{url: 'http://origin.test'}]}}\n"
      "  defaults: {upstream: origin" +
      defaults +
      "}\n"
      "paths:\n  /events:\n    get: {operationId: events, responses: {'200': {description: d, "
      "content: {'text/event-stream; charset=utf-8': {}}}}}\n"
      "  /{rest+}:\n    x-gw: {anyMethod: {}}\n";
  return compiled_table(text);
}

inline const std::string kAsk =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: chat\r\n";
// The answer to that key in RFC 6455 section 1.3.
inline const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

struct Switched {
  explicit Switched(const std::string& defaults = ", upgrade: websocket")
      : table(table_of_streams(defaults)), gateway(&run, table.get()) {
    gateway.origin_reads = false;
    gateway.answer = nullptr;
    client = gateway.connect();
    client->stop_reading();
  }
  // Asks, and lets the origin answer `answer`.
  void open(const std::string& request = kAsk + "\r\n", const std::string& answer = kSwitch) {
    client->peer.send(request);
    gateway.loop.run();
    if (gateway.origin.empty()) return;
    asked = origin().take();
    origin().send(answer);
    gateway.loop.run();
    head = client->peer.take();
  }
  net::MemoryPeer& origin() { return gateway.origin.at(0)->peer; }

  std::shared_ptr<const BoundTable> table;
  server::testing::MemoryGateway gateway;
  std::unique_ptr<server::testing::MemoryClient> client;
  std::string asked;
  std::string head;
};

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace gw
