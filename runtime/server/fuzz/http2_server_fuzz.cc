// Property: whatever a client sends over HTTP/2, in whatever pieces, the session ends; what the
// upstream gets is well formed for a strict reader of HTTP/1; what the client gets is HTTP/2.
// Input: four bytes that choose the pieces, the answer, the windows and the end; then the bytes,
// which follow the preface and SETTINGS unless the fourth byte says that they are all there is.
#include <cstdint>
#include <cstdio>
#include <string>

#include "runtime/server/http2_session.h"
#include "runtime/server/testing/http2_client.h"
#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

const std::string kAnswers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + std::string(70000, 'a'),
    "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbroken off",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
};
constexpr size_t kAnswerCount = sizeof kAnswers / sizeof kAnswers[0];
constexpr size_t kFirstThatCloses = 5;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4 || size > 200'000) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  MemoryGateway gateway(&stub_run);
  const size_t chosen = data[1] % kAnswerCount;
  const bool early = (data[1] & 0x40) != 0;
  gateway.answer = nullptr;
  gateway.on_bytes = [&](OriginConnection& connection) {
    const size_t due = early ? connection.reader.messages.size() : connection.reader.complete();
    for (; connection.served < due; ++connection.served) {
      if ((data[1] & 0x80) != 0) continue;  // never answers
      connection.peer.send(kAnswers[chosen]);
      if (chosen >= kFirstThatCloses) connection.peer.close();
    }
  };
  Http2Client client(gateway.connect_peer());
  client.opens_windows = (data[2] & 0x80) != 0;
  if ((data[2] & 0x7f) != 0) client.peer.set_window(16 * (data[2] & 0x7f));
  if ((data[3] & 32) == 0) client.greet();
  client.peer.send_pieces(bytes, data[0] == 0 ? bytes.size() + 1 : data[0]);
  if ((data[3] & 1) != 0) client.peer.finish();
  gateway.loop.run();
  if ((data[3] & 2) != 0) gateway.loop.advance(std::chrono::milliseconds(50));
  if ((data[3] & 64) != 0) gateway.loop.advance(std::chrono::seconds(61));
  if ((data[3] & 4) != 0) client.peer.reset();
  if ((data[3] & 8) != 0) gateway.host().drain();
  if ((data[3] & 16) != 0) gateway.host().abort();
  gateway.loop.run();
  const bool rests = gateway.comes_to_rest();
  GW_CHECK(rests);
  for (const auto& connection : gateway.origin) {
    if (!connection->reader.problem.empty()) {
      std::fprintf(stderr, "upstream got: %s\n", connection->reader.problem.c_str());
    }
    GW_CHECK(connection->reader.problem.empty());
  }
  // What does not begin with HTTP/2 is answered in HTTP/1.
  const bool speaks = gateway.host().counters.http2_connections > 0;
  if (speaks && !client.problem.empty()) {
    std::fprintf(stderr, "client got: %s\n", client.problem.c_str());
  }
  GW_CHECK(!speaks || client.problem.empty());
  return 0;
}
