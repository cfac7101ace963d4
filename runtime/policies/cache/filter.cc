// A request meets the cache twice: look_up() before anything is sent, and keep_answer() when an
// answer has come. In between stands the fetch, which one of several exchanges may make for all.
#include "runtime/policies/cache/filter.h"

#include <algorithm>
#include <charconv>
#include <new>

#include "runtime/engine/answer.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/whole_body.h"
#include "runtime/policies/cache/answer.h"
#include "runtime/policies/cache/key.h"
#include "runtime/policies/cache/shared_fetch.h"
#include "runtime/policies/cache/variant.h"
#include "runtime/policies/cache/vary.h"
#include "runtime/policies/policy_list.h"

namespace gw::policies {
namespace {

using cache::Forward;
using cache::Outcome;
using cache::Use;
using http::FieldId;
using std::chrono::milliseconds;

// After a failed try a stale answer is given out for so long before the next one.
constexpr milliseconds kQuietAfterFailure{1'000};
// Of bodies that are coming in, of the store's memory.
constexpr u64 kGrowingShare = 2;

i64 steady_ms(TimePoint time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

Use& make_use(Exchange& exchange, Env& env, const CacheRecord& record) {
  void* memory = exchange.arena.allocate(sizeof(Use), alignof(Use));
  Use* use = new (memory) Use;
  exchange.cache = use;
  use->record = &record;
  use->env = env.cache;
  const CacheChoice& choice = record.choice;
  use->wishes.stale_while_revalidate_ms = static_cast<i64>(choice.stale_while_revalidate);
  use->wishes.stale_if_error_ms = static_cast<i64>(choice.stale_if_error);
  use->wishes.override = choice.override_upstream != 0;
  use->wishes.heuristic = choice.heuristic != 0;
  use->wishes.client_bypass = choice.client_bypass != 0;
  use->wishes.for_everybody = static_cast<CacheCaller>(record.caller) != CacheCaller::Nobody;
  return *use;
}

// Times that go by the status of an answer.
std::optional<i64> ttl_of(const Exchange& exchange, const CacheChoice& choice, u16 status) {
  const bool good = status == 200 || status == 203 || status == 204 || status == 300 ||
                    status == 301 || status == 308;
  if (good) {
    if (choice.ttl == 0) return std::nullopt;
    return static_cast<i64>(choice.ttl);
  }
  const bool keepable =
      status == 404 || status == 405 || status == 410 || status == 414 || status == 501;
  if (choice.negative_kind == 1 && keepable) return static_cast<i64>(choice.negative_ttl);
  if (choice.negative_kind != 2) return std::nullopt;
  const table::TableView& view = exchange.table->view();
  for (const auto& negative : view.policy_list<CacheNegativeRecord>(choice.negative)) {
    const std::string_view text = view.text(negative.status);
    u16 written = 0;
    std::from_chars(text.data(), text.data() + text.size(), written);
    if (written == status) return static_cast<i64>(negative.ttl);
  }
  return std::nullopt;
}

bool is_unsafe(http::Method method) {
  return method != http::Method::Get && method != http::Method::Head &&
         method != http::Method::Options && method != http::Method::Trace;
}

// Conditions that only the origin can judge.
bool has_precondition(const http::FieldList& fields) {
  return fields.find("if-match") != nullptr || fields.find("if-unmodified-since") != nullptr;
}

void pass_by(Exchange& exchange, Forward forward) {
  exchange.cache->forward = forward;
  exchange.cache_outcome = Outcome::Bypass;
}

// Whether a condition of `respond` or `redirect` holds, which come behind the look-up: what is
// stored is not the answer to such a request.
bool is_answered_here(Exchange& exchange) {
  return std::ranges::any_of(engine::steps_of(exchange), [&](const table::StepRecord& step) {
    return static_cast<Phase>(step.phase) == Phase::Action && step.condition != table::kNone &&
           engine::holds(exchange, step.condition);
  });
}

Use& begin(Exchange& exchange, Env& env, const CacheRecord& record) {
  Use& use = make_use(exchange, env, record);
  const http::RequestHead& request = exchange.request;
  const bool reads = request.method == http::Method::Get || request.method == http::Method::Head;
  use.ticket = env.cache->store.ticket();
  if (!reads || static_cast<CacheMode>(record.mode) == CacheMode::Invalidate) {
    use.invalidates = is_unsafe(request.method);
    if (use.invalidates) use.tags = make_cache_tags(exchange, record);
    use.forward = reads ? Forward::Bypass : Forward::Method;
    return use;
  }
  if (is_answered_here(exchange)) return use;
  use.asks = cache::read_directives(request.fields);
  if (!make_cache_key(exchange, env.random, record, use.key) || exchange.request_body != nullptr ||
      has_precondition(request.fields)) {
    pass_by(exchange, Forward::Bypass);
    return use;
  }
  use.serves = true;
  use.tags = make_cache_tags(exchange, record);
  return use;
}

Verdict reply(Exchange& exchange, Env& env, const cache::EntryPtr& entry, Outcome outcome) {
  Use& use = *exchange.cache;
  use.entry = entry;
  write_stored_answer(exchange, *entry, env, outcome, entry->body->size);
  return Verdict::Reply;
}

Verdict reply_not_cached(Exchange& exchange) {
  engine::answer_problem(exchange, 504);
  exchange.cache_outcome = Outcome::Miss;
  write_cache_status(exchange, false, 0, false);
  return Verdict::Reply;
}

// A new answer for an old one that is given out meanwhile. False: nobody can fetch it.
bool refresh(Exchange& exchange, Env& env, const cache::EntryPtr& entry) {
  if (env.cache->refresher == nullptr) return false;
  std::shared_ptr<cache::Flight> flight = env.cache->flights.try_lead(exchange.cache->key);
  if (flight == nullptr) return true;  // it is under way
  if (env.cache->refresher->refresh(exchange, flight, entry)) {
    if (env.cache->counters != nullptr) ++env.cache->counters->refreshes;
  } else {
    env.cache->flights.finish(*flight, cache::Ending::Died, env.clock.now());
  }
  return true;
}

// Credentials that the key does not know: what is stored may not be for whoever has them.
bool is_withheld(const Exchange& exchange, const cache::Entry& entry) {
  const Use& use = *exchange.cache;
  if (use.wishes.for_everybody || !cache::has_credentials(exchange.request.fields)) return false;
  http::FieldList fields(exchange.response.fields.arena());
  for (const http::Field& field : entry.fields) {
    if (field.id == FieldId::CacheControl) fields.add(field);
  }
  return !cache::is_for_everybody(cache::read_directives(fields));
}

// What can be given out of the store at once. Continue: the upstream is to be asked.
Verdict answer_at_once(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  const cache::Found found = env.cache->store.find(use.key, exchange.request.fields);
  use.entry = nullptr;
  use.forward = found.others ? Forward::VaryMiss : Forward::UriMiss;
  if (found.entry == nullptr || is_withheld(exchange, *found.entry)) return Verdict::Continue;
  const cache::Entry& entry = *found.entry;
  const i64 age_ms = entry.age_ms(env.clock.now());
  switch (cache::judge_use(entry.freshness, age_ms, use.asks, use.wishes)) {
    case cache::Reuse::Fresh:
      return reply(exchange, env, found.entry, Outcome::Hit);
    case cache::Reuse::StaleOnce:
      if (refresh(exchange, env, found.entry)) {
        return reply(exchange, env, found.entry, Outcome::Stale);
      }
      break;
    case cache::Reuse::Ask:
      break;
  }
  const bool quiet =
      entry.quiet_until_ms.load(std::memory_order_relaxed) > steady_ms(env.clock.now());
  if (quiet && cache::may_cover_error(entry.freshness, age_ms)) {
    return reply(exchange, env, found.entry, Outcome::Stale);
  }
  use.entry = found.entry;
  const bool fresh = age_ms < entry.freshness.lifetime_ms && !entry.freshness.always_ask;
  use.forward = fresh ? Forward::Request : Forward::Stale;
  return Verdict::Continue;
}

// Whether the exchange may fetch for others, and wait for what they fetch.
bool shares_fetch(const Exchange& exchange, const Env& env) {
  const Use& use = *exchange.cache;
  if (use.alone || env.cache->loop == nullptr || use.record->choice.coalesce == 0) return false;
  if (exchange.request.method != http::Method::Get) return false;
  if (exchange.request.fields.has(FieldId::Range)) return false;
  return use.wishes.for_everybody || !cache::has_credentials(exchange.request.fields);
}

Verdict decide(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  if (use.gone) {
    engine::answer_problem(exchange, 504);
    exchange.error = Error{.code = Errc::Cancelled, .what = "client has gone"};
    return Verdict::Reply;
  }
  // Whoever has waited finds the answer in the store, or on its way there.
  if (use.flight != nullptr && !use.leads) {
    if (read_along(exchange, env)) return Verdict::Reply;
    use.alone = use.alone || use.flight->growing() != nullptr;
    use.flight = nullptr;
  }
  if (answer_at_once(exchange, env) == Verdict::Reply) {
    end_flight(exchange, env, cache::Ending::Stored);  // of one that was handed on
    return Verdict::Reply;
  }
  if (use.asks.only_if_cached) return reply_not_cached(exchange);
  exchange.cache_outcome = Outcome::Miss;
  use.ticket = env.cache->store.ticket();
  if (use.leads || !shares_fetch(exchange, env)) return Verdict::Continue;
  cache::Flights::Joined joined = env.cache->flights.join(use.key, env.clock.now());
  use.flight = std::move(joined.flight);
  switch (joined.role) {
    case cache::Role::Leader:
      use.leads = true;
      // The one before may have ended between the look and the joining.
      if (answer_at_once(exchange, env) != Verdict::Reply) return Verdict::Continue;
      end_flight(exchange, env, cache::Ending::Stored);
      return Verdict::Reply;
    case cache::Role::Waiter:
      return Verdict::Wait;
    case cache::Role::Reader:
      use.collapsed = true;
      if (read_along(exchange, env)) return Verdict::Reply;
      break;
    case cache::Role::Alone:
      break;
  }
  use.flight = nullptr;
  use.alone = true;
  return Verdict::Continue;
}

void invalidate(Exchange& exchange, Env& env, const http::FieldList& answer) {
  const Use& use = *exchange.cache;
  cache::Store& store = env.cache->store;
  // The first is the place, the second the operation, which is not meant.
  if (use.tags.empty()) return;
  store.purge_place(use.tags[0]);
  for (size_t i = 2; i < use.tags.size(); ++i) store.purge_tag(use.tags[i]);
  for (const FieldId id : {FieldId::Location, FieldId::Other}) {
    const http::Field* field =
        id == FieldId::Other ? answer.find("content-location") : answer.find(id);
    u64 place = 0;
    if (field != nullptr && place_of_reference(exchange, field->value, place)) {
      store.purge_place(place);
    }
  }
}

// A stored answer in place of an error of the upstream, where it may stand in.
bool cover(Exchange& exchange, Env& env, u16 status) {
  Use& use = *exchange.cache;
  if (use.entry == nullptr || !use.serves) return false;
  const i64 age_ms = use.entry->age_ms(env.clock.now());
  if (!cache::may_cover_error(use.entry->freshness, age_ms)) return false;
  use.entry->quiet_until_ms.store(steady_ms(env.clock.now() + kQuietAfterFailure),
                                  std::memory_order_relaxed);
  use.forward_status = status;
  end_flight(exchange, env, cache::Ending::Stored);  // those who wait find the same
  reply(exchange, env, use.entry, Outcome::Stale);
  return true;
}

cache::Moments moments_of(const Exchange& exchange, const Env& env) {
  const auto delay = env.clock.now() - exchange.cache->asked;
  return {.answered_unix_ms = env.clock.unix_ms(),
          .delay_ms = std::chrono::duration_cast<milliseconds>(delay).count()};
}

// The upstream says that what is stored still holds.
bool take_confirmation(Exchange& exchange, Env& env, const Fetched& fetched) {
  Use& use = *exchange.cache;
  const cache::Entry& old = *use.entry;
  // A 304 for another version than the one that was asked about confirms nothing.
  const http::Field* etag = fetched.head.fields.find(FieldId::Etag);
  if (etag != nullptr && !old.validators.etag.empty() &&
      !cache::weakly_equal(etag->value, old.validators.etag)) {
    return false;
  }
  http::FieldList stored(exchange.arena);
  for (const http::Field& field : old.fields) stored.add(field);
  http::FieldList fields(exchange.arena);
  cache::update_fields(stored, fetched.head.fields, fields);
  cache::Wishes wishes = use.wishes;
  wishes.ttl_ms = ttl_of(exchange, use.record->choice, old.status);
  // The age of a confirmed answer is that of its confirmation.
  if (!fetched.head.fields.has(FieldId::Date)) fields.remove(FieldId::Date);
  // One that a cache on the way has given is as old as it says (RFC 9111 section 4.2.3).
  if (const http::Field* age = fetched.head.fields.find(FieldId::Age)) fields.add(*age);
  const cache::Verdict verdict =
      cache::judge_answer(http::Method::Get, exchange.request.fields, use.asks, old.status, fields,
                          moments_of(exchange, env), wishes);
  std::shared_ptr<cache::Entry> entry =
      cache::renewed_entry(old, fields, verdict.freshness, env.clock.now());
  use.forward = Forward::Stale;
  use.forward_status = 304;
  use.stores = verdict.refusal == cache::Refusal::None && env.cache->store.put(entry, use.ticket);
  end_flight(exchange, env, use.stores ? cache::Ending::Stored : cache::Ending::NotStored);
  reply(exchange, env, entry, Outcome::Revalidated);
  return true;
}

// Tags that the answer brings along.
std::span<const u64> all_tags(Exchange& exchange) {
  const Use& use = *exchange.cache;
  u64* const tags = exchange.arena.allocate_array<u64>(cache::kMaxTags + 1);
  size_t count = 0;
  const auto add = [&](u64 tag) {
    if (count <= cache::kMaxTags) tags[count++] = tag;
  };
  for (const u64 tag : use.tags) add(tag);
  for (const http::Field& field : exchange.response.fields) {
    if (field.removed || !http::equal_fold(field.name, "surrogate-key")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const size_t space = rest.find(' ');
      const std::string_view name = rest.substr(0, space);
      rest = space == rest.npos ? std::string_view{} : rest.substr(space + 1);
      if (!name.empty()) add(cache::tag_of(cache::TagKind::Named, name));
    }
  }
  return {tags, count};
}

// The entry without its body, where the answer may be kept; null otherwise.
std::shared_ptr<cache::Entry> make_kept(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  cache::Wishes wishes = use.wishes;
  wishes.ttl_ms = ttl_of(exchange, use.record->choice, exchange.response.status);
  const cache::Verdict verdict = cache::judge_answer(
      exchange.request.method, exchange.request.fields, use.asks, exchange.response.status,
      exchange.response.fields, moments_of(exchange, env), wishes);
  if (verdict.refusal != cache::Refusal::None) return nullptr;
  ConstantFields constant;
  if (!vary_is_known(exchange, constant)) return nullptr;
  const std::span<const u64> tags = all_tags(exchange);
  if (tags.size() > cache::kMaxTags) return nullptr;
  cache::EntryParts parts;
  parts.key = use.key;
  parts.status = exchange.response.status;
  parts.answer = &exchange.response.fields;
  parts.request = &exchange.request.fields;
  parts.constant = {constant.names.data(), constant.count};
  parts.tags = tags;
  parts.freshness = verdict.freshness;
  parts.stored_at = env.clock.now();
  return cache::make_entry(parts);
}

// What passes by the store: the client's own conditions, which the upstream did not see, and what
// became of it.
void finish_head(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  const http::FieldList& fields = exchange.response.fields;
  const cache::Validators validators{.etag = fields.value(FieldId::Etag),
                                     .last_modified = fields.value(FieldId::LastModified)};
  const i64 unix_s = env.clock.unix_ms() / 1000;
  if (use.conditional && exchange.response.status == 200 &&
      cache::has_it_already(exchange.request.fields, validators, unix_s)) {
    make_not_modified(exchange);
  }
  write_cache_status(exchange, false, 0, false);
}

// The whole body is here: it is copied into the store, and given out from there.
Keeping keep_whole(Exchange& exchange, Env& env, std::shared_ptr<cache::Entry> entry,
                   const http::BodyChunk& whole) {
  Use& use = *exchange.cache;
  entry->body = cache::copy_body(whole.bytes);
  use.stores = env.cache->store.put(entry, use.ticket);
  end_flight(exchange, env, use.stores ? cache::Ending::Stored : cache::Ending::NotStored);
  use.entry = entry;
  write_stored_answer(exchange, *entry, env, Outcome::Miss, entry->body->size);
  return Keeping::Stored;
}

}  // namespace

Verdict look_up(Exchange& exchange, Env& env, const CacheRecord& record) {
  if (env.cache == nullptr) return Verdict::Continue;
  if (exchange.cache == nullptr) begin(exchange, env, record);
  return exchange.cache->serves ? decide(exchange, env) : Verdict::Continue;
}

Task<void> wait_for_answer(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  use.collapsed = true;
  const cache::News news =
      co_await env.cache->flights.wait(*use.flight, *env.cache->loop, exchange, exchange.deadline);
  switch (news) {
    case cache::News::Look:
      break;
    case cache::News::Lead:
      use.leads = true;
      break;
    case cache::News::Cancelled:
      use.gone = true;
      break;
    case cache::News::Alone:
    case cache::News::TimedOut:
      use.alone = true;
      break;
  }
}

void prepare_fetch(Exchange& exchange, Env& env) {
  Use& use = *exchange.cache;
  use.asked = env.clock.now();
  if (!use.serves) return;
  http::FieldList& fields = exchange.upstream_request.fields;
  if (exchange.request.method != http::Method::Get || fields.has(FieldId::Range)) return;
  // What is stored must be whole, whatever this client has already.
  use.conditional = fields.has(FieldId::IfNoneMatch) || fields.has(FieldId::IfModifiedSince);
  fields.remove(FieldId::IfNoneMatch);
  fields.remove(FieldId::IfModifiedSince);
  if (use.entry == nullptr) return;
  const cache::Validators& validators = use.entry->validators;
  if (!validators.etag.empty()) fields.set(FieldId::IfNoneMatch, validators.etag);
  if (!validators.last_modified.empty()) {
    fields.set(FieldId::IfModifiedSince, validators.last_modified);
  }
  use.asks_about = !validators.etag.empty() || !validators.last_modified.empty();
}

bool cover_failure(Exchange& exchange, Env& env) {
  if (exchange.cache->invalidates) {
    // The request may have had its effect.
    const http::FieldList none(exchange.arena);
    invalidate(exchange, env, none);
  }
  return cover(exchange, env, 0);
}

bool answer_from_stored(Exchange& exchange, Env& env, const Fetched& fetched) {
  Use& use = *exchange.cache;
  use.forward_status = fetched.head.status;
  if (use.invalidates && fetched.head.status < 400) invalidate(exchange, env, fetched.head.fields);
  if (use.asks_about && fetched.head.status == 304) {
    if (take_confirmation(exchange, env, fetched)) return true;
  }
  return fetched.head.status >= 500 && cover(exchange, env, fetched.head.status);
}

Keeping keep_answer(Exchange& exchange, Env& env, Fetched& fetched) {
  Use& use = *exchange.cache;
  std::shared_ptr<cache::Entry> entry;
  if (use.serves) entry = make_kept(exchange, env);
  const u64 most = use.record->choice.max_body;
  const bool too_long =
      exchange.response.framing == http::Framing::Length && exchange.response.content_length > most;
  http::BodyChunk whole;
  const bool has_whole = entry != nullptr && !too_long &&
                         (fetched.body == nullptr || fetched.body->take_buffered(whole));
  const bool can_grow = entry != nullptr && !too_long && env.cache->loop != nullptr;
  if (has_whole && whole.bytes.size() <= most && whole.trailers == nullptr) {
    return keep_whole(exchange, env, std::move(entry), whole);
  }
  if (has_whole) {
    // It has been taken out of its source: it goes on from memory.
    fetched.body = engine::resume_body(exchange.arena, {whole.bytes, whole.trailers}, nullptr);
  } else if (can_grow) {
    const u64 share = env.cache->store.limit_bytes() / kGrowingShare;
    const u64 bytes = exchange.response.framing == http::Framing::Length
                          ? exchange.response.content_length
                          : most;
    if (env.cache->flights.take_bytes(bytes, share)) {
      use.growing_bytes = bytes;
      grow(exchange, env, std::move(entry), *fetched.body);
      return Keeping::Grows;
    }
  }
  end_flight(exchange, env, cache::Ending::NotStored);
  finish_head(exchange, env);
  return Keeping::PassOn;
}

void begin_refresh(Exchange& exchange, Env& env, const CacheRecord& record,
                   std::shared_ptr<cache::Flight> flight, const cache::EntryPtr& entry) {
  Use& use = make_use(exchange, env, record);
  use.serves = make_cache_key(exchange, env.random, record, use.key);
  use.tags = make_cache_tags(exchange, record);
  use.ticket = env.cache->store.ticket();
  use.entry = entry;
  use.flight = std::move(flight);
  use.leads = true;
  use.refreshes = true;
  use.forward = Forward::Stale;
}

void release_cache(Exchange& exchange, Env& env) noexcept {
  Use* use = exchange.cache;
  if (use == nullptr) return;
  end_flight(exchange, env, cache::Ending::Died);
  end_variant(*use);
  if (use->growing_bytes != 0) env.cache->flights.give_bytes(use->growing_bytes);
  if (cache::CacheCounters* counters = env.cache->counters; counters != nullptr) {
    if (use->serves && !use->refreshes) {
      ++counters->outcomes[static_cast<size_t>(exchange.cache_outcome)];
      if (use->collapsed) ++counters->collapsed;
    }
  }
  stop_reading(exchange);
  use->~Use();
  exchange.cache = nullptr;
}

}  // namespace gw::policies
