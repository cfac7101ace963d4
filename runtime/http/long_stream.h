// Exchanges that may go on for long, so that they can be ended before their time.
#pragma once
#include "runtime/http/exchange.h"

namespace gw {

class LongStreams;

/// An exchange that streams, for as long as this lives: in a list, by which it can be told to end.
/// One thread.
class LongStream {
 public:
  /// `list` (null: nobody will tell it) and `exchange` outlive this.
  LongStream(LongStreams* list, Exchange& exchange);
  ~LongStream() { unlink(); }
  LongStream(const LongStream&) = delete;
  LongStream& operator=(const LongStream&) = delete;

 private:
  friend class LongStreams;
  void end();
  void unlink();

  Exchange& exchange_;
  LongStream* next_ = nullptr;
  LongStream** at_ = nullptr;  // what points to this
};

/// Those that run by one table on one worker. One thread.
class LongStreams {
 public:
  LongStreams() = default;
  LongStreams(const LongStreams&) = delete;
  LongStreams& operator=(const LongStreams&) = delete;

  /// Sets `stream_ended` of each exchange and cancels what it waits for; how it ends is the
  /// engine's to decide. Those that begin later find it set. How many there were.
  u32 end_all();

 private:
  friend class LongStream;
  LongStream* first_ = nullptr;
  bool over_ = false;
};

}  // namespace gw
