#include "runtime/policies/cache/shared_fetch.h"

#include <algorithm>
#include <memory>
#include <new>

#include "runtime/cache/growing_body.h"
#include "runtime/policies/cache/answer.h"
#include "runtime/policies/cache/record.h"

namespace gw::policies {
namespace {

using cache::GrowingBody;
using cache::GrowingSource;
using cache::Outcome;
using cache::Use;

constexpr size_t kPieceBytes = 64 * 1024;

// `rest`: see GrowingSource. False: its beginning is gone already.
bool open_source(Exchange& exchange, Env& env, const cache::GrowingAnswer& growing,
                 http::BodySource* rest) {
  void* memory = exchange.arena.allocate(sizeof(GrowingSource), alignof(GrowingSource));
  auto* source = new (memory) GrowingSource(growing.body, *env.cache->loop, exchange, rest);
  exchange.cache->source = source;
  if (source->entered()) return true;
  stop_reading(exchange);
  return false;
}

// The answer of use.growing is whole.
bool store_grown(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  std::shared_ptr<cache::Entry> entry =
      cache::completed_entry(*use.growing->entry, use.growing->body->whole());
  if (!env.cache->store.put(entry, use.ticket)) return false;
  use.entry = std::move(entry);  // the fields of the answer are those of use.growing
  return true;
}

Error ended_early(const Exchange& exchange) {
  if (exchange.client_gone) return {.code = Errc::Cancelled, .what = "fetch was given up"};
  return {.code = Errc::UpstreamTimeout,
          .origin = Origin::Upstream,
          .what = "body did not come in time"};
}

// Nobody else can join: the fetch is over when those who read have gone, even while the upstream is
// silent. By then the exchange may have ended, and its memory may be another's.
void end_when_abandoned(Exchange& exchange, Env& env) {
  const std::shared_ptr<GrowingBody> body = exchange.cache->growing->body;
  const auto give_up = [&exchange, weak = std::weak_ptr(body)] {
    // As long as it grows the exchange fills it, on this thread.
    const std::shared_ptr<GrowingBody> of = weak.lock();
    if (of == nullptr || !of->is_growing()) return;
    exchange.fetch_is_shared = false;
    exchange.cancel_all();
  };
  body->when_abandoned([loop = env.cache->loop, give_up] { loop->post(give_up); });
}

// Returns what is to be told of the fetch.
Task<cache::Ending> fill(Exchange& exchange, Env& env, http::BodySource& from) {
  GrowingBody& body = *exchange.cache->growing->body;
  GrowingBody::Growth before = GrowingBody::Growth::Kept;
  for (;;) {
    const bool room = co_await body.wait_for_room(*env.cache->loop, exchange, exchange.deadline);
    if (!room) {
      body.fail(ended_early(exchange));
      co_return cache::Ending::NotStored;
    }
    const Result<http::BodyChunk> piece = co_await from.next(kPieceBytes);
    if (!piece) {
      body.fail(piece.error());
      co_return cache::Ending::Died;
    }
    const GrowingBody::Growth growth = body.append(piece->bytes);
    if (piece->end) {
      body.finish();
      const bool whole = growth == GrowingBody::Growth::Kept && piece->trailers == nullptr;
      const bool stored = whole && store_grown(exchange, env);
      co_return stored ? cache::Ending::Stored : cache::Ending::NotStored;
    }
    if (growth == GrowingBody::Growth::Overflown) co_return cache::Ending::NotStored;
    if (growth == before) continue;
    before = growth;
    // Nobody can join any more, and the next ones are not to try.
    end_flight(exchange, env, cache::Ending::NotStored);
    end_when_abandoned(exchange, env);
  }
}

// What may be given out of the store may be given out before it is there, and nothing else
// (RFC 9111 section 4).
bool may_be_joined(const Exchange& exchange, const Env& env, const cache::GrowingAnswer& growing) {
  const Use& use = *exchange.cache;
  const cache::Entry& entry = *growing.entry;
  if (!cache::fits(entry, exchange.request.fields)) return false;
  if (env.cache->store.was_purged_since(entry, growing.ticket)) return false;
  const i64 age_ms = entry.age_ms(env.clock.now());
  return cache::judge_use(entry.freshness, age_ms, use.asks, use.wishes) == cache::Reuse::Fresh;
}

}  // namespace

bool read_along(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  std::shared_ptr<const cache::GrowingAnswer> growing = use.flight->growing();
  if (growing == nullptr || !may_be_joined(exchange, env, *growing)) return false;
  if (!open_source(exchange, env, *growing, nullptr)) return false;
  use.growing = std::move(growing);
  use.entry = use.growing->entry;
  write_stored_answer(exchange, *use.entry, env, Outcome::Hit, use.growing->body->length());
  if (exchange.response.status == 304) stop_reading(exchange);
  return true;
}

void grow(Exchange& exchange, Env& env, std::shared_ptr<cache::Entry> entry,
          http::BodySource& from) {
  Use& use = *exchange.cache;
  std::optional<u64> length;
  if (exchange.response.framing == http::Framing::Length) {
    length = exchange.response.content_length;
  }
  use.growing = std::make_shared<const cache::GrowingAnswer>(cache::GrowingAnswer{
      .entry = entry,
      .body = std::make_shared<GrowingBody>(length, use.record->choice.max_body),
      .ticket = use.ticket});
  use.entry = entry;
  use.stores = true;
  open_source(exchange, env, *use.growing, &from);
  if (use.leads) env.cache->flights.publish(*use.flight, use.growing);
  write_stored_answer(exchange, *entry, env, Outcome::Miss, length);
}

Task<void> fill_growing(Exchange& exchange, Env& env, http::BodySource& from) {
  env.cache->filling.push_back(&exchange);
  exchange.fetch_is_shared = true;
  const cache::Ending ending = co_await fill(exchange, env, from);
  std::erase(env.cache->filling, &exchange);
  exchange.fetch_is_shared = false;
  end_flight(exchange, env, ending);
}

void stop_reading(Exchange& exchange) noexcept {
  if (http::BodySource* source = std::exchange(exchange.cache->source, nullptr)) {
    source->~BodySource();
  }
}

void end_flight(Exchange& exchange, Env& env, cache::Ending ending) {
  Use& use = *exchange.cache;
  if (!std::exchange(use.leads, false)) return;
  env.cache->flights.finish(*use.flight, ending, env.clock.now());
}

}  // namespace gw::policies
