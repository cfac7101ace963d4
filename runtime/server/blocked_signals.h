// The signals that the gateway hears: who hears them.
#pragma once
#include <pthread.h>
#include <signal.h>

namespace gw::server {

/// They end the gateway.
inline sigset_t stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  return signals;
}

/// All of them: SIGHUP reloads, SIGUSR1 opens log files anew.
inline sigset_t heard_signals() {
  sigset_t signals = stop_signals();
  ::sigaddset(&signals, SIGHUP);
  ::sigaddset(&signals, SIGUSR1);
  return signals;
}

/// While it lives the calling thread, and every thread that is started by it, does not hear the
/// signals; they wait for who asks for them. One thread that is left out is enough for the process
/// to be ended by the second signal instead of being told.
class BlockedSignals {
 public:
  BlockedSignals() {
    const sigset_t signals = heard_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace gw::server
