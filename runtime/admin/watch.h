// Looks at the running gateway from time to time: keeps its history, and tells subscribers of
// events what has changed.
#pragma once
#include <map>
#include <string>
#include <utility>

#include "runtime/admin/event_feed.h"
#include "runtime/admin/history.h"
#include "runtime/admin/limit_history.h"
#include "runtime/net/event_loop.h"

namespace gw::admin {

struct AdminTarget;

/// How often targets and tables are looked at while somebody listens.
inline constexpr u32 kLookIntervalMs = 500;

/// On the loop of the admin interface; one thread.
class Watch {
 public:
  /// All outlive it.
  Watch(net::EventLoop& loop, AdminTarget& target);

  void start();
  /// Ends the events of all subscribers.
  void stop();

  const History& history() const { return history_; }
  const LimitHistory& limits() const { return limits_; }
  /// Null: there are enough subscribers.
  std::unique_ptr<EventBody> subscribe();

 private:
  using Target = std::pair<std::string, std::string>;  // upstream, address
  static void on_sample(void* context);
  static void on_look(void* context);
  void sample();
  void look_at_health(bool tell);
  void look_at_reloads(bool tell);

  net::EventLoop& loop_;
  AdminTarget& target_;
  History history_;
  LimitHistory limits_;
  EventFeed events_;
  std::map<Target, std::string_view> states_;  // when they were looked at last; static texts
  u64 reloads_ = 0;
  TimePoint sample_due_{};
  net::Timer sample_timer_;
  net::Timer look_timer_;
};

}  // namespace gw::admin
