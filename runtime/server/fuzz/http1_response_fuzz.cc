// Property: whatever bytes an upstream answers, in whatever pieces, the exchange ends; the client
// gets well-formed answers, never more than it has asked for, and a body that passes for whole is
// the one that a strict reader finds in the bytes.
// Input: four bytes that choose the pieces, the requests, the window and the end; then the bytes.
#include <cstdint>
#include <cstdio>
#include <string>

#include "runtime/server/testing/memory_gateway.h"
#include "runtime/server/testing/stub_run.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

const std::string kRequests[] = {
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
};
constexpr size_t kRequestCount = sizeof kRequests / sizeof kRequests[0];

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4 || size > 100'000) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  const size_t which = data[1] % kRequestCount;
  const bool twice = (data[1] & 0x80) != 0 && which != 3;
  const bool closes = (data[3] & 1) != 0;
  std::string answered;
  WireReader reader(WireReader::Kind::Responses);
  bool ended = false;
  {
    MemoryGateway gateway(&stub_run);
    gateway.answer = nullptr;
    gateway.on_bytes = [&](OriginConnection& connection) {
      if (connection.served > 0 || connection.reader.messages.empty()) return;
      connection.served = 1;
      connection.peer.send_pieces(bytes, data[0] == 0 ? bytes.size() + 1 : data[0]);
      if (closes) connection.peer.close();
    };
    auto client = gateway.connect();
    if (data[2] != 0) client->peer.set_window(data[2]);
    client->peer.on_change([&] { answered += client->peer.take(); });
    client->peer.send(kRequests[which] + (twice ? kRequests[which] : ""));
    gateway.loop.run();
    if (which == 3) client->peer.send("0\r\n\r\n");
    if ((data[3] & 2) != 0) gateway.loop.advance(std::chrono::milliseconds(50));
    if ((data[3] & 4) != 0) client->peer.close();
    const bool rests = gateway.comes_to_rest();
    GW_CHECK(rests);
    ended = client->peer.got_end() && !client->peer.got_reset();
    for (const auto& connection : gateway.origin) GW_CHECK(connection->reader.problem.empty());
    for (const FinishedExchange& line : gateway.log) reader.heads.push_back(line.to_head);
    client->peer.on_change(nullptr);
  }
  reader.feed(answered);
  if (ended) reader.end();
  if (!reader.problem.empty()) std::fprintf(stderr, "client got: %s\n", reader.problem.c_str());
  GW_CHECK(reader.problem.empty());

  const WireMessage* first = nullptr;
  size_t finals = 0;
  for (const WireMessage& answer : reader.messages) {
    if (answer.status() / 100 == 1) continue;
    if (finals++ == 0) first = &answer;
  }
  GW_CHECK(finals <= (twice ? 2U : 1U));
  if (first == nullptr || !first->complete || first->until_close) return 0;
  if (first->field("content-type") == "application/problem+json") return 0;
  WireReader strict(WireReader::Kind::Responses);
  strict.heads.push_back(which == 1);
  strict.feed(bytes);
  if (closes) strict.end();
  for (const WireMessage& answer : strict.messages) {
    if (answer.status() / 100 == 1 || !answer.complete) continue;
    // Bytes behind the answer may be nonsense; the answer itself is what both agree on.
    GW_CHECK(first->status() == answer.status());
    GW_CHECK(first->body == answer.body);
    break;
  }
  return 0;
}
