// Answers that come out of the cache, and those that go into it on their way to the client.
#pragma once
#include "runtime/http/env.h"

namespace gw::engine {

/// Ends the use of the cache with the exchange.
class CacheHolder {
 public:
  CacheHolder(Exchange& exchange, Env& env) : exchange_(exchange), env_(env) {}
  ~CacheHolder() {
    if (exchange_.cache != nullptr) release();
  }
  CacheHolder(const CacheHolder&) = delete;
  CacheHolder& operator=(const CacheHolder&) = delete;

 private:
  void release();

  Exchange& exchange_;
  Env& env_;
};

/// Delivers what the look-up has left in exchange.response: a stored answer, or one that another
/// exchange is fetching.
Task<void> deliver_stored(Exchange& exchange, Env& env, Responder& responder);

/// Delivers an answer that was fetched and whose head is in exchange.response; keeps it where that
/// may be. The caller releases `fetched`. Otherwise as deliver_fetched().
Task<void> deliver_and_keep(Exchange& exchange, Env& env, Responder& responder, Fetched& fetched,
                            bool streams);

/// Makes `to` a copy of `from` as it stands behind the cache look-up, with all that it needs in its
/// own arena and in `certificate`, as the connection may close before. The table and its data must
/// be kept by the caller.
void copy_exchange(const Exchange& from, Exchange& to, PeerCertificate& certificate, TimePoint now);

}  // namespace gw::engine
