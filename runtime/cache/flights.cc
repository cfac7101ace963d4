#include "runtime/cache/flights.h"

namespace gw::cache {

std::shared_ptr<const GrowingAnswer> Flight::growing() const {
  const std::lock_guard lock(mutex_);
  return growing_;
}

size_t Flight::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::shared_ptr<Flight> Flights::find(Part& part, const Key& key) {
  const auto [first, last] = part.flights.equal_range(key.low);
  for (auto at = first; at != last; ++at) {
    if (at->second->key_text_ == key.text) return at->second;
  }
  return nullptr;
}

std::shared_ptr<Flight> Flights::lead(Part& part, const Key& key) {
  auto flight = std::make_shared<Flight>(std::string(key.text), key.low);
  part.flights.emplace(key.low, flight);
  return flight;
}

Flights::Joined Flights::join(const Key& key, TimePoint now) {
  Part& part = part_of(key.low);
  const std::lock_guard lock(part.mutex);
  std::shared_ptr<Flight> flight = find(part, key);
  if (flight == nullptr) {
    const Lonely& lonely = part.lonely[key.low % part.lonely.size()];
    if (lonely.low == key.low && now < lonely.until) return {};
    return {Role::Leader, lead(part, key)};
  }
  if (flight->growing() != nullptr) return {Role::Reader, std::move(flight)};
  if (flight->waiting() >= kMostWaiting) return {};
  return {Role::Waiter, std::move(flight)};
}

std::shared_ptr<Flight> Flights::try_lead(const Key& key) {
  Part& part = part_of(key.low);
  const std::lock_guard lock(part.mutex);
  return find(part, key) == nullptr ? lead(part, key) : nullptr;
}

void Flights::publish(Flight& flight, std::shared_ptr<const GrowingAnswer> answer) {
  const std::lock_guard lock(flight.mutex_);
  flight.growing_ = std::move(answer);
  flight.waiting_.tell_all(News::Look);
}

void Flights::forget(Flight& flight, Ending ending, TimePoint now) {
  Part& part = part_of(flight.key_low_);
  const std::lock_guard lock(part.mutex);
  if (ending == Ending::NotStored) {
    part.lonely[flight.key_low_ % part.lonely.size()] = {flight.key_low_, now + kAloneFor};
  }
  const auto [first, last] = part.flights.equal_range(flight.key_low_);
  for (auto at = first; at != last; ++at) {
    if (at->second.get() != &flight) continue;
    part.flights.erase(at);
    return;
  }
}

void Flights::finish(Flight& flight, Ending ending, TimePoint now) {
  {
    const std::lock_guard lock(flight.mutex_);
    // Whoever waits for a head leads the next try under the same flight.
    const bool handed_on =
        ending == Ending::Died && !flight.growing_ && flight.waiting_.tell_first(News::Lead);
    if (handed_on) return;
    flight.over_ = true;
    flight.waiting_.tell_all(ending == Ending::NotStored ? News::Alone : News::Look);
  }
  forget(flight, ending, now);
}

Task<News> Flights::wait(Flight& flight, net::EventLoop& loop, Exchange& exchange, TimePoint due) {
  Waiter waiter(flight.mutex_, flight.waiting_, loop);
  {
    const std::lock_guard lock(flight.mutex_);
    if (flight.over_ || flight.growing_ != nullptr) co_return News::Look;
    flight.waiting_.add(waiter);
  }
  waiter.start(exchange, due);
  co_return co_await waiter;
}

bool Flights::take_bytes(u64 bytes, u64 limit_bytes) {
  u64 seen = growing_bytes_.load(std::memory_order_relaxed);
  while (seen + bytes <= limit_bytes) {
    if (growing_bytes_.compare_exchange_weak(seen, seen + bytes, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

}  // namespace gw::cache
