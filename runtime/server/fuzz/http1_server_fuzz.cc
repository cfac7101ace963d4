// Property: whatever bytes a client sends, in whatever pieces, the session ends; what the upstream
// gets is well formed for a strict reader of its own, and a gateway that is sent it forwards the
// same once more; what the client gets is well formed too.
// Input: four bytes that choose the pieces, the answer, the window and the end; then the bytes.
#include <cstdint>
#include <cstdio>
#include <string>

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
    "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbroken off",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
};
constexpr size_t kAnswerCount = sizeof kAnswers / sizeof kAnswers[0];

std::string text_of(const WireMessage& request) {
  std::string text = request.start_line + "\r\n";
  for (const WireField& field : request.fields) {
    if (field.name == "Content-Length" || field.name == "Transfer-Encoding") continue;
    text += field.name + ": " + field.value + "\r\n";
  }
  if (request.chunked || !request.field("content-length").empty()) {
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return text + "\r\n" + request.body;
}

// What was forwarded, sent to a gateway again, comes out as it was.
void check_again(const WireMessage& request) {
  // HTTP/1.0 may name no host; the empty one that is sent then is refused of HTTP/1.1.
  if (request.field("host").empty()) return;
  // With its own fields added a head may pass the limits.
  const std::string text = text_of(request);
  if (request.fields.size() > 90 || text.size() - request.body.size() > 8000) return;
  MemoryGateway gateway(&stub_run);
  auto client = gateway.connect();
  client->peer.send(text);
  gateway.loop.run();
  if (gateway.requests() != 1) std::fprintf(stderr, "refused again: %s\n", text.c_str());
  GW_CHECK(gateway.requests() == 1);
  const WireMessage& seen = gateway.origin.at(0)->reader.messages.at(0);
  GW_CHECK(seen.start_line == request.start_line);
  GW_CHECK(seen.field("host") == request.field("host"));
  GW_CHECK(seen.body == request.body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4 || size > 100'000) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  std::string answered;
  WireReader reader(WireReader::Kind::Responses);
  std::vector<WireMessage> forwarded;
  {
    MemoryGateway gateway(&stub_run);
    const std::string& answer = kAnswers[data[1] % kAnswerCount];
    const bool early = (data[1] & 0x40) != 0;
    const bool closes = data[1] % kAnswerCount >= 4;
    gateway.answer = nullptr;
    gateway.on_bytes = [&](OriginConnection& connection) {
      const size_t due = early ? connection.reader.messages.size() : connection.reader.complete();
      for (; connection.served < due; ++connection.served) {
        if ((data[1] & 0x80) != 0) continue;  // never answers
        connection.peer.send(answer);
        if (closes) connection.peer.close();
      }
    };
    auto client = gateway.connect();
    if (data[2] != 0) client->peer.set_window(data[2]);
    client->peer.on_change([&] { answered += client->peer.take(); });
    client->peer.send_pieces(bytes, data[0] == 0 ? bytes.size() + 1 : data[0]);
    if ((data[3] & 1) != 0) client->peer.finish();
    gateway.loop.run();
    if ((data[3] & 2) != 0) gateway.loop.advance(std::chrono::milliseconds(50));
    if ((data[3] & 4) != 0) client->peer.reset();
    if ((data[3] & 8) != 0) gateway.host().drain();
    if ((data[3] & 16) != 0) gateway.host().abort();
    const bool rests = gateway.comes_to_rest();
    GW_CHECK(rests);
    for (const FinishedExchange& line : gateway.log) reader.heads.push_back(line.to_head);
    for (const auto& connection : gateway.origin) {
      if (!connection->reader.problem.empty()) {
        std::fprintf(stderr, "upstream got: %s\n", connection->reader.problem.c_str());
      }
      GW_CHECK(connection->reader.problem.empty());
      for (const WireMessage& request : connection->reader.messages) {
        if (request.complete) forwarded.push_back(request);
      }
    }
    client->peer.on_change(nullptr);
  }
  reader.feed(answered);
  if (!reader.problem.empty()) std::fprintf(stderr, "client got: %s\n", reader.problem.c_str());
  GW_CHECK(reader.problem.empty());
  for (const WireMessage& request : forwarded) check_again(request);
  return 0;
}
