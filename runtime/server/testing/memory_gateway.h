// A gateway in memory: sessions, an engine, pools, clients and an origin on a fake loop.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/limits/local_counters.h"
#include "runtime/server/session_host.h"
#include "runtime/server/testing/wire_reader.h"
#include "runtime/upstream/pool_fetcher.h"
#include "runtime/upstream/testing/memory_connector.h"

namespace gw::server::testing {

/// A client's connection, and what it makes of the answers. Not to be moved.
class MemoryClient {
 public:
  explicit MemoryClient(net::MemoryPeer to) : peer(std::move(to)) { read_at_once(); }
  MemoryClient(const MemoryClient&) = delete;
  ~MemoryClient();

  /// Reads whatever comes (the default), or nothing.
  void read_at_once();
  void stop_reading();

  const WireMessage& answer(size_t index) const { return reader.messages.at(index); }
  size_t answers() const { return reader.complete(); }

  net::MemoryPeer peer;
  WireReader reader{WireReader::Kind::Responses};

 private:
  void take();
};

/// The origin's side of one connection of the pool.
class OriginConnection {
 public:
  explicit OriginConnection(net::MemoryPeer from) : peer(std::move(from)) {}
  OriginConnection(const OriginConnection&) = delete;
  net::MemoryPeer peer;
  WireReader reader{WireReader::Kind::Requests};
  size_t served = 0;  // complete requests that `answer` was called for
};

/// What the log would say of an exchange.
struct FinishedExchange {
  u16 status = 0;
  Error error;
  u64 request_bytes = 0;
  u64 response_bytes = 0;
  u32 tries = 0;
  size_t arena_bytes = 0;
  bool client_gone = false;
  bool to_head = false;  // the request was HEAD
  u8 version_major = 0;
};

class MemoryGateway final : public ExchangeObserver {
 public:
  /// One upstream with one target.
  explicit MemoryGateway(RunFunction run, const BoundTable* table = nullptr);
  /// Ends all clients and lets the time pass: whatever is stuck then ends the process.
  ~MemoryGateway();

  std::unique_ptr<MemoryClient> connect();
  /// The client's end of a new connection, for a client that speaks something else.
  net::MemoryPeer connect_peer(const ListenerSettings* listener = nullptr);
  /// No session, no connection, no coroutine is left. Lets the longest deadline pass.
  bool comes_to_rest();
  void finished(const Exchange& exchange) override;

  net::VirtualLoop loop;
  limits::LocalCounters counters{{.rate_bytes = 1 << 16,
                                  .quota_bytes = 1 << 16,
                                  .permit_bytes = 1 << 16,
                                  .shared_bytes = 1 << 12}};
  net::FaultPlan faults;  // of the clients' streams and the origin's
  SessionOptions options;
  upstream::testing::MemoryConnector connector;

  /// Called for each request that has come whole; the default sends `answer_text`.
  std::function<void(OriginConnection&, const WireMessage&)> answer;
  /// Called for whatever comes, before `answer`.
  std::function<void(OriginConnection&)> on_bytes;
  bool origin_reads = true;
  std::string answer_text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  std::vector<std::unique_ptr<OriginConnection>> origin;
  size_t requests() const;  // that the origin has seen whole

  std::vector<FinishedExchange> log;
  upstream::Pool& pool() { return *pool_; }
  SessionHost& host() { return *host_; }
  /// Bytes of the origin's answers that the gateway has read and not written to the client.
  u64 held_down(const MemoryClient& client) const;

  void origin_changed(OriginConnection& connection);

 private:
  struct FixedRandom final : Random {
    u64 next() override { return state = state * 6364136223846793005U + 1442695040888963407U; }
    u64 state = 1;
  };
  FixedRandom random_;
  std::shared_ptr<upstream::Pool> pool_;
  std::unique_ptr<upstream::PoolFetcher> fetcher_;
  std::unique_ptr<Generation> generation_;
  std::unique_ptr<SessionHost> host_;
  std::vector<net::MemoryPeer> client_peers_;
};

}  // namespace gw::server::testing
