#include "runtime/upstream/testing/fetch_bench.h"

namespace gw::upstream::testing {

Task<Result<http::BodyChunk>> PushedBody::next(size_t) {
  Wait wait{*this};
  co_await wait;
  if (cancelled_) co_return fail(Error{.code = Errc::Cancelled, .what = "pushed"});
  ready_ = false;
  if (error_ != Errc::None) {
    co_return fail(Error{.code = error_, .origin = Origin::Downstream, .what = "pushed"});
  }
  handed_out_ = std::move(piece_);
  http::BodyChunk chunk;
  chunk.bytes = as_bytes(handed_out_);
  chunk.end = end_;
  co_return chunk;
}

void PushedBody::wake() {
  if (waiter_) std::exchange(waiter_, {}).resume();
}

void PushedBody::cancel() noexcept {
  cancelled_ = true;
  wake();
}

void PushedBody::push(std::string piece, bool end) {
  piece_ = std::move(piece);
  end_ = end;
  ready_ = true;
  wake();
}

void PushedBody::break_off(Errc code) {
  error_ = code;
  ready_ = true;
  wake();
}

Fetching::Fetching(FetchBench& owner, const char* method) : bench_(owner) {
  exchange.request.method_text = method;
  exchange.request.method = http::parse_method(method);
  exchange.request.authority = "origin.test";
  exchange.request.path = "/";
  options.connect_timeout_ms = 1000;
  options.try_timeout_ms = 2000;
  options.idle_timeout_ms = 3000;
  options.replay_safe = http::is_idempotent(exchange.request.method);
}

Fetching::~Fetching() { GW_CHECK(task_.done()); }

void Fetching::start(http::BodySource* request_body, bool read_body) {
  task_ = fetch(request_body, read_body);
  task_.start();
  bench_.loop.run();
}

Task<void> Fetching::fetch(http::BodySource* request_body, bool read_body) {
  Fetched fetched(exchange.arena);
  auto outcome = co_await bench_.fetcher->fetch(exchange, exchange.request, request_body, options,
                                                nullptr, fetched);
  if (!outcome) {
    error = outcome.error();
    retry_after_seconds = fetched.retry_after_seconds;
    co_return;
  }
  status = fetched.head.status;
  while (read_body && fetched.body != nullptr && !complete) {
    auto piece = co_await fetched.body->next(16 * 1024);
    if (!piece) {
      error = piece.error();
      break;
    }
    body += as_text(piece->bytes);
    complete = piece->end;
    if (piece->trailers == nullptr) continue;
    for (const http::Field& field : *piece->trailers) {
      trailers.append(field.name).append(": ").append(field.value).append("\n");
    }
  }
  complete |= fetched.body == nullptr;
  bench_.fetcher->release(fetched);
}

FetchBench::FetchBench(UpstreamConfig config) : connector(loop) {
  pool = std::make_shared<Pool>(loop, random_, connector, std::move(config));
  fetcher = std::make_unique<PoolFetcher>(loop, std::vector<std::shared_ptr<Pool>>{pool});
  on_request = [this](net::MemoryPeer& peer, size_t) {
    peer.take();
    peer.send(answer);
  };
  connector.on_accept = [this](net::MemoryPeer peer) {
    origin.push_back(std::make_unique<net::MemoryPeer>(std::move(peer)));
    net::MemoryPeer* mine = origin.back().get();
    const size_t number = origin.size() - 1;
    mine->on_change([this, mine, number] {
      if (!mine->received().empty() && on_request) on_request(*mine, number);
    });
  };
}

FetchBench::~FetchBench() {
  loop.run();
  old_fetchers.push_back(std::move(fetcher));
  for (const auto& old : old_fetchers) old->pools()[0]->shut_down();
  loop.run();
  for (const auto& old : old_fetchers) GW_CHECK(old->pools()[0]->shut_down());
  for (auto& peer : origin) peer->on_change(nullptr);
}

void FetchBench::replace_targets(std::vector<TargetConfig> targets) {
  UpstreamConfig config = pool->config();
  config.targets = std::move(targets);
  attach_new_state(config);  // the same, with what is new
  auto heir = std::make_shared<Pool>(loop, random_, connector, std::move(config));
  pool->succeed_by(heir);
  pool = std::move(heir);
  old_fetchers.push_back(std::move(fetcher));
  fetcher = std::make_unique<PoolFetcher>(loop, std::vector<std::shared_ptr<Pool>>{pool});
}

std::unique_ptr<Fetching> FetchBench::get(const char* method) {
  auto fetching = std::make_unique<Fetching>(*this, method);
  fetching->start(nullptr);
  return fetching;
}

UpstreamConfig config_of(size_t count) {
  UpstreamConfig config;
  config.name = "origin";
  for (size_t i = 0; i < count; ++i) {
    config.targets.emplace_back();
    config.targets.back().address = "t" + std::to_string(i) + ":80";
  }
  return config;
}

}  // namespace gw::upstream::testing
