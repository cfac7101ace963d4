#include "runtime/engine/cached.h"

#include "runtime/cache/use.h"
#include "runtime/engine/deliver.h"
#include "runtime/engine/failed_fetch.h"
#include "runtime/policies/cache/filter.h"
#include "runtime/policies/cache/shared_fetch.h"

namespace gw::engine {

void CacheHolder::release() { policies::release_cache(exchange_, env_); }

Task<void> deliver_stored(Exchange& exchange, Env& env, Responder& responder) {
  if (exchange.cache->source == nullptr) {
    co_await deliver_local(exchange, env, responder);
    co_return;
  }
  Fetched fetched(exchange.arena);
  fetched.body = exchange.cache->source;
  co_await deliver_fetched(exchange, env, responder, fetched, false);
  if (exchange.error.code == Errc::None || responder.head_sent()) co_return;
  if (exchange.error.origin != Origin::Upstream) co_return;
  // Whoever fetches has failed before anything was passed on: that is told as if we had.
  const Error broken = exchange.error;
  answer_failed_fetch(exchange, broken, 0);
  co_await deliver_local(exchange, env, responder);
}

Task<void> deliver_and_keep(Exchange& exchange, Env& env, Responder& responder, Fetched& fetched,
                            bool streams) {
  switch (policies::keep_answer(exchange, env, fetched)) {
    case policies::Keeping::Stored:
      co_await deliver_local(exchange, env, responder);
      co_return;
    case policies::Keeping::PassOn:
      if (exchange.response.status == 304) fetched.body = nullptr;
      co_await deliver_fetched(exchange, env, responder, fetched, streams);
      co_return;
    case policies::Keeping::Grows:
      break;
  }
  http::BodySource& from = *fetched.body;
  Task<void> filling = policies::fill_growing(exchange, env, from);
  filling.start();
  fetched.body = exchange.cache->source;
  if (exchange.response.status == 304) {
    policies::stop_reading(exchange);
    fetched.body = nullptr;
  }
  co_await deliver_fetched(exchange, env, responder, fetched, false);
  // Whoever reads no more must not be waited for.
  policies::stop_reading(exchange);
  // The client may be done, or gone, before the answer is whole: the others are not.
  co_await filling.join();
}

void copy_exchange(const Exchange& from, Exchange& to, PeerCertificate& certificate,
                   TimePoint now) {
  Arena& arena = to.arena;
  http::copy_head(from.request, to.request);
  to.table = from.table;
  to.live = from.live;
  to.peer = from.peer;
  to.client = from.client;
  to.client_text = arena.copy(from.client_text);
  to.peer_text = arena.copy(from.peer_text);
  to.local = from.local;
  to.tls = from.tls;
  if (from.client_certificate != nullptr) {
    certificate = *from.client_certificate;
    to.client_certificate = &certificate;
  }
  to.forwarding = from.forwarding;
  to.request_id = arena.copy(from.request_id);
  to.route = from.route;
  to.plan = from.plan;
  to.capture_count = from.capture_count;
  for (u32 i = 0; i < from.capture_count; ++i) to.captures[i] = from.captures[i];
  to.last_step = from.last_step;
  to.upstream_choice = from.upstream_choice;
  to.drawn_upstream = from.drawn_upstream;
  to.identity = from.identity;
  to.client_class = from.client_class;
  to.depth = from.depth;
  to.started = now;
  if (from.deadline != TimePoint::max()) to.deadline = now + (from.deadline - from.started);
}

}  // namespace gw::engine
