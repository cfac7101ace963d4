// SIGTERM and SIGINT: who hears them.
#pragma once
#include <pthread.h>
#include <signal.h>

namespace gw::server {

inline sigset_t stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  return signals;
}

/// While it lives the calling thread, and every thread that is started by it, does not hear the
/// signals; they wait for sigwait(). One thread that is left out is enough for the process to be
/// ended by the second signal instead of being told.
class BlockedStopSignals {
 public:
  BlockedStopSignals() {
    const sigset_t signals = stop_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~BlockedStopSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedStopSignals(const BlockedStopSignals&) = delete;
  BlockedStopSignals& operator=(const BlockedStopSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace gw::server
