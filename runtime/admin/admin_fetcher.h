// The admin interface in the place of an upstream: answers requests by its endpoints.
#pragma once
#include <string>

#include "runtime/admin/endpoints.h"
#include "runtime/admin/watch.h"
#include "runtime/http/env.h"
#include "runtime/net/event_loop.h"

namespace gw::admin {

/// Workers that have not answered by then are left out of a status.
inline constexpr std::chrono::milliseconds kWorkersAnswer{1000};

/// What requests must bring as bearer. "" for `orders`: nothing; for `reading`: there is none.
struct AdminTokens {
  std::string orders;   // gives them, and reads
  std::string reading;  // gets what endpoints let a Reader have
};

/// On the loop of the admin interface; one thread. What runs on the main thread is waited for.
class AdminFetcher final : public Fetcher {
 public:
  /// All outlive it. `is_local`: callers come by a Unix socket, from this host.
  AdminFetcher(net::EventLoop& loop, AdminTarget& target, Watch& watch, const AdminTokens& tokens,
               bool is_local)
      : loop_(loop), target_(target), watch_(watch), tokens_(tokens), is_local_(is_local) {}

  Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                           http::BodySource* body, const FetchOptions& options,
                           Responder* responder, Fetched& out) override;
  void release(Fetched& out) noexcept override;

 private:
  struct Answer;
  Task<void> answer(AdminCall& call, const http::RequestHead& request, http::BodySource* body);
  Task<bool> take_body(const Endpoint& endpoint, AdminCall& call, http::BodySource* body);
  Access access_of(const http::RequestHead& request) const;

  net::EventLoop& loop_;
  AdminTarget& target_;
  Watch& watch_;
  const AdminTokens& tokens_;
  const bool is_local_;
};

/// The engine of the admin interface: fetches from env.fetcher, and passes the answer on.
Task<void> run_admin(Exchange& exchange, Env& env, Responder& responder);

}  // namespace gw::admin
