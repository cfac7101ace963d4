#include "runtime/server/testing/memory_gateway.h"

#include "runtime/server/http1_session.h"

namespace gw::server::testing {

MemoryClient::~MemoryClient() { peer.on_change(nullptr); }

void MemoryClient::take() {
  reader.feed(peer.take());
  if (peer.got_end()) reader.end();
}

void MemoryClient::read_at_once() {
  peer.on_change([this] { take(); });
  take();
}

void MemoryClient::stop_reading() { peer.on_change(nullptr); }

MemoryGateway::MemoryGateway(RunFunction run, const BoundTable* table) : connector(loop) {
  connector.faults = &faults;
  upstream::UpstreamConfig config;
  config.name = "origin";
  config.targets.emplace_back();
  config.targets.back().address = "origin.test:80";
  pool_ = std::make_shared<upstream::Pool>(loop, random_, connector, config);
  std::vector<std::shared_ptr<upstream::Pool>> pools{pool_};
  fetcher_ = std::make_unique<upstream::PoolFetcher>(loop, std::move(pools));
  generation_ = std::make_unique<Generation>(table, loop, random_, *fetcher_, *this);
  generation_->env.counters = &counters;
  host_ = std::make_unique<SessionHost>(loop, random_, options, run);
  host_->current = generation_.get();
  answer = [this](OriginConnection& connection, const WireMessage&) {
    connection.peer.send(answer_text);
  };
  connector.on_accept = [this](net::MemoryPeer peer) {
    origin.push_back(std::make_unique<OriginConnection>(std::move(peer)));
    OriginConnection* connection = origin.back().get();
    connection->peer.on_change([this, connection] { origin_changed(*connection); });
  };
}

MemoryGateway::~MemoryGateway() {
  GW_CHECK(comes_to_rest());
  for (auto& connection : origin) {
    connection->peer.on_change(nullptr);
    connection->peer.on_read(nullptr);
  }
  for (auto& peer : client_peers_) {
    peer.on_change(nullptr);
    peer.on_read(nullptr);
  }
}

std::unique_ptr<MemoryClient> MemoryGateway::connect() {
  return std::make_unique<MemoryClient>(connect_peer());
}

net::MemoryPeer MemoryGateway::connect_peer(const ListenerSettings* listener) {
  net::MemoryPeer peer;
  auto stream = net::make_memory_stream(loop, peer, &faults);
  client_peers_.push_back(peer);
  PeerAddress address;
  address.bytes[10] = address.bytes[11] = 0xff;
  address.bytes[12] = 192;
  address.bytes[14] = 2;
  address.bytes[15] = 7;
  ClientConnection connection;
  connection.stream = std::move(stream);
  connection.peer = address;
  connection.local.port = 8080;
  connection.listener = {std::shared_ptr<void>(), listener};  // the caller owns it
  host_->start(std::move(connection));
  return peer;
}

bool MemoryGateway::comes_to_rest() {
  for (auto& peer : client_peers_) {
    if (!peer.closed()) peer.close();
  }
  // Longer than any deadline of the options, of the pool and of the stub.
  loop.advance(std::chrono::minutes(20));
  for (int i = 0; i < 4 && host_->open_sessions() > 0; ++i) loop.advance(std::chrono::minutes(20));
  if (host_->open_sessions() > 0) return false;
  const bool empty = pool_->shut_down();
  loop.run();
  return empty || pool_->shut_down();
}

void MemoryGateway::finished(const Exchange& exchange) {
  FinishedExchange line;
  line.status = exchange.response.status;
  line.error = exchange.error;
  line.request_bytes = exchange.request_bytes;
  line.response_bytes = exchange.response_bytes;
  line.tries = exchange.try_count;
  line.arena_bytes = exchange.arena.held_bytes();
  line.client_gone = exchange.client_gone;
  line.version_major = exchange.request.version_major;
  line.to_head = exchange.request.method == http::Method::Head;
  log.push_back(line);
}

size_t MemoryGateway::requests() const {
  size_t count = 0;
  for (const auto& connection : origin) count += connection->reader.complete();
  return count;
}

u64 MemoryGateway::held_down(const MemoryClient& client) const {
  u64 read = 0;
  for (const auto& connection : origin) read += connection->peer.total_read();
  return read - std::min(read, client.peer.total_received());
}

void MemoryGateway::origin_changed(OriginConnection& connection) {
  if (origin_reads) connection.reader.feed(connection.peer.take());
  if (on_bytes) on_bytes(connection);
  while (connection.served < connection.reader.complete()) {
    const WireMessage request = connection.reader.messages[connection.served++];
    if (answer) answer(connection, request);
  }
}

}  // namespace gw::server::testing
