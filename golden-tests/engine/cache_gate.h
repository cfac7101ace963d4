// A gateway with a cache, in memory: many exchanges at a time on a fake loop, an origin that
// answers by a function, at once or when it is told to.
#pragma once
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "golden-tests/engine/compiled_table.h"
#include "runtime/cache/memory_store.h"
#include "runtime/cache/use.h"
#include "runtime/engine/offline.h"
#include "runtime/engine/offline_refresher.h"
#include "runtime/http/forwarding.h"
#include "runtime/limits/local_counters.h"
#include "runtime/net/virtual_loop.h"

namespace gw {

/// A request as the origin sees it.
struct OriginRequest {
  std::string method;
  std::string target;
  std::vector<engine::OfflineField> fields;
  std::string field(std::string_view name) const;
};
struct OriginAnswer {
  u16 status = 200;
  std::vector<engine::OfflineField> fields = {};
  std::string body = {};
  Errc failure = Errc::None;
  bool in_pieces = false;  // the body comes by OriginBody, when the test says so
  bool length_known = true;
};

/// A body that comes piece by piece.
class OriginBody final : public http::BodySource {
 public:
  Task<Result<http::BodyChunk>> next(size_t max_bytes) override;
  bool must_wait() const override { return pieces.empty(); }
  /// Resumes whoever waits.
  void push(std::string piece, bool last);
  void fail_now();

 private:
  struct Awaiter {
    OriginBody& body;
    bool await_ready() const { return !body.pieces.empty() || body.failed; }
    void await_suspend(std::coroutine_handle<> handle) { body.waiting = handle; }
    void await_resume() const {}
  };
  struct Piece {
    std::string text;
    bool last = false;
  };
  std::deque<Piece> pieces;
  std::string current;
  bool failed = false;
  std::coroutine_handle<> waiting;
};

class ScriptedOrigin final : public Fetcher {
 public:
  Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                           http::BodySource* body, const FetchOptions& options,
                           Responder* responder, Fetched& out) override;
  void release(Fetched& out) noexcept override;
  /// Those that wait go on, the first `most` of them.
  void let_go(size_t most = ~size_t{0});

  std::function<OriginAnswer(const OriginRequest&)> answer;
  bool holds = false;  // requests wait for let_go()
  std::vector<OriginRequest> seen;
  std::string upstream_of_last;                    // name of the upstream that was asked last
  std::deque<std::unique_ptr<OriginBody>> bodies;  // of answers in pieces, in order
  size_t open = 0;

 private:
  struct Held final : CancelListener {
    std::coroutine_handle<> handle;
    bool is_cancelled = false;
    ScriptedOrigin* origin = nullptr;
    void cancelled() noexcept override;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> to) { handle = to; }
    void await_resume() const {}
  };
  std::deque<Held*> held_;
  std::vector<std::unique_ptr<http::MemoryBody>> memory_;
};

class CacheGate;

/// One request and its answer.
struct Visit {
  Exchange exchange;
  engine::MemoryResponder responder;
  Task<void> task;
  cache::Outcome outcome() const { return exchange.cache_outcome; }
  bool done() const { return task.done(); }
  std::string field(std::string_view name) const {
    const std::string* value = responder.field(name);
    return value == nullptr ? "(none)" : *value;
  }
  const std::string& body() const { return responder.body; }
  u16 status() const { return responder.status; }
  void leave() {
    exchange.client_gone = true;
    exchange.cancel_all();
  }
};

class CacheGate final {
 public:
  explicit CacheGate(std::shared_ptr<const BoundTable> table, u64 bytes = u64{1} << 24);
  ~CacheGate();

  void publish(std::shared_ptr<const BoundTable> table);
  /// Runs to its end; fails the test when it has none.
  Visit& get(const std::string& target, const std::vector<engine::OfflineField>& fields = {});
  Visit& send(const char* method, const std::string& target,
              const std::vector<engine::OfflineField>& fields = {});
  /// Runs as far as it goes.
  Visit& begin(const char* method, const std::string& target,
               const std::vector<engine::OfflineField>& fields = {});
  void advance(std::chrono::milliseconds by) { loop.advance(by); }

  net::VirtualLoop loop;
  cache::MemoryStore store;
  cache::Flights flights;
  cache::CacheEnv cache{store, flights};
  cache::CacheCounters counters;
  ScriptedOrigin origin;
  std::vector<std::unique_ptr<Visit>> visits;

 private:
  limits::LocalCounters limits_{{.rate_bytes = 1 << 16,
                                 .quota_bytes = 1 << 16,
                                 .permit_bytes = 1 << 16,
                                 .shared_bytes = 1 << 12}};
  std::vector<std::shared_ptr<const BoundTable>> tables_;
  std::vector<std::shared_ptr<const LiveData>> live_;
  engine::FixedRandom random_;
  engine::NullObserver observer_;
  engine::OfflinePasswords passwords_;
  IdentityServices services_{1, passwords_};
  std::vector<std::unique_ptr<IdentityEnv>> identities_;
  Env env_{loop, random_, origin, observer_};
  engine::OfflineRefresher refresher_{loop, env_};
};

}  // namespace gw
