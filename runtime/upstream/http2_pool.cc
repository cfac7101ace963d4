#include "runtime/upstream/http2_pool.h"

#include <algorithm>
#include <coroutine>

namespace gw::upstream {

struct Http2Pool::Waiter {
  std::coroutine_handle<> handle;
  bool in_time = true;

  static void on_due(void* context) {
    auto* self = static_cast<Waiter*>(context);
    self->in_time = false;
    if (self->handle) std::exchange(self->handle, {}).resume();
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { handle = waiter; }
  void await_resume() const noexcept {}
};

Http2Pool::~Http2Pool() { GW_CHECK(shut_down()); }

void Http2Pool::sweep(Target& target) {
  std::erase_if(target.connections, [](const auto& connection) {
    return !connection->is_open() && connection->at_rest();
  });
}

Http2Stream* Http2Pool::take(u32 target) {
  sweep(targets_[target]);
  for (const auto& connection : targets_[target].connections) {
    if (connection->has_room()) return &connection->open_stream();
  }
  return nullptr;
}

bool Http2Pool::has_room(u32 target) const {
  return std::ranges::any_of(targets_[target].connections,
                             [](const auto& connection) { return connection->has_room(); });
}

void Http2Pool::put_back(Http2Stream& stream) {
  Http2Connection& connection = stream.connection();
  stream.finish();
  connection.settle();
}

void Http2Pool::retire_one(u32 target) {
  for (const auto& connection : targets_[target].connections) {
    if (!connection->has_room()) continue;
    connection->retire();
    return;
  }
}

bool Http2Pool::retire_idle() {
  for (Target& target : targets_) {
    for (const auto& connection : target.connections) {
      if (!connection->is_idle()) continue;
      connection->retire();
      return true;
    }
  }
  return false;
}

Http2Stream* Http2Pool::add(std::unique_ptr<net::ByteStream> stream, u32 target,
                            const Http2Options& options) {
  auto made = std::make_unique<Http2Connection>(loop_, pool_, std::move(stream), target, options);
  Http2Connection& connection = *made;
  targets_[target].connections.push_back(std::move(made));
  Http2Stream& first = connection.open_stream();
  connection.start();
  return &first;
}

Task<bool> Http2Pool::wait(u32 target, TimePoint due) {
  Waiter waiter;
  net::Timer timer(&Waiter::on_due, &waiter);
  loop_.set_timer(timer, due);
  targets_[target].waiters.push_back(&waiter);
  co_await waiter;
  std::erase(targets_[target].waiters, &waiter);
  co_return waiter.in_time;
}

void Http2Pool::end_connecting(u32 target) {
  targets_[target].connecting = false;
  std::vector<Waiter*> waiters = targets_[target].waiters;
  for (Waiter* waiter : waiters) {
    // One that was woken before may have ended another's wait.
    if (std::ranges::find(targets_[target].waiters, waiter) == targets_[target].waiters.end())
      continue;
    if (waiter->handle) std::exchange(waiter->handle, {}).resume();
  }
}

u32 Http2Pool::hand_over(u32 target, const std::function<bool(const net::ByteStream&)>& may_go,
                         Http2Pool& heir, u32 its_target) {
  u32 count = 0;
  for (auto& connection : targets_[target].connections) {
    if (!connection->is_open() || connection->is_going_away()) continue;
    if (!may_go(connection->stream())) {
      connection->retire();
      continue;
    }
    connection->move_to(heir.pool_, its_target);
    heir.targets_[its_target].connections.push_back(std::move(connection));
    ++count;
  }
  std::erase(targets_[target].connections, nullptr);
  return count;
}

bool Http2Pool::shut_down() {
  bool none_left = true;
  for (Target& target : targets_) {
    for (size_t i = 0; i < target.connections.size(); ++i) target.connections[i]->retire();
    sweep(target);
    none_left &= target.connections.empty() && !target.connecting;
  }
  return none_left;
}

}  // namespace gw::upstream
