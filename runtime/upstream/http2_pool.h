// The HTTP/2 connections of one pool.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/upstream/http2_connection.h"

namespace gw::upstream {

/// As few connections as do: another one only when all are at their target's limit of streams, or
/// have said good-bye. One thread.
class Http2Pool {
 public:
  Http2Pool(net::EventLoop& loop, Pool& pool, size_t targets)
      : loop_(loop), pool_(pool), targets_(targets) {}
  ~Http2Pool();
  Http2Pool(const Http2Pool&) = delete;
  Http2Pool& operator=(const Http2Pool&) = delete;

  /// A stream of a connection that has room, or null.
  Http2Stream* take(u32 target);
  /// The same of a new connection on `stream`.
  Http2Stream* add(std::unique_ptr<net::ByteStream> stream, u32 target,
                   const Http2Options& options);

  /// Whether take() would find one.
  bool has_room(u32 target) const;
  /// Undoes take().
  void put_back(Http2Stream& stream);
  /// Ends a connection to `target`: what runs goes on, nothing new begins.
  void retire_one(u32 target);
  /// Ends a connection without streams. False: there is none.
  bool retire_idle();

  bool is_connecting(u32 target) const { return targets_[target].connecting; }
  void begin_connecting(u32 target) { targets_[target].connecting = true; }
  /// Wakes all that wait().
  void end_connecting(u32 target);
  /// Until end_connecting(). False: `due` has passed first.
  Task<bool> wait(u32 target, TimePoint due);

  /// Gives the connections to `target` that take requests and that `may_go` away to `heir`, as ones
  /// to `its_target`, with the streams that they have; the others end with their streams. Returns
  /// how many went.
  u32 hand_over(u32 target, const std::function<bool(const net::ByteStream&)>& may_go,
                Http2Pool& heir, u32 its_target);

  /// Closes what has no streams and frees what is at rest. True: nothing is left.
  bool shut_down();

 private:
  struct Waiter;
  struct Target {
    std::vector<std::unique_ptr<Http2Connection>> connections;
    std::vector<Waiter*> waiters;
    bool connecting = false;
  };
  static void sweep(Target& target);

  net::EventLoop& loop_;
  Pool& pool_;
  std::vector<Target> targets_;
};

}  // namespace gw::upstream
