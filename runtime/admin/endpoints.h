// What the admin interface can be asked: the list of its endpoints. specs/admin.yaml describes it.
#pragma once
#include <span>
#include <string>

#include "runtime/admin/admin_call.h"
#include "runtime/server/gateway.h"
#include "runtime/server/main_loop.h"
#include "runtime/server/reloader.h"
#include "runtime/trust/explain_tokens.h"

namespace gw::admin {

/// The running gateway. All outlive the interface.
struct AdminTarget {
  server::Gateway& gateway;
  server::Reloader& reloader;
  server::MainLoop& main_loop;
  trust::ExplainTokens& explain_tokens;
  i64 started_unix_ms = 0;
  std::function<bool()> ending;                             // it takes no new requests any more
  std::function<std::string(const std::string&)> takeover;  // to a socket's path; "" or the problem
  std::function<bool()> handing_over;                       // any thread
  std::function<void()> drains_changed;                     // on the main thread
};

/// On which thread an endpoint's function runs.
enum class RunsOn : u8 {
  Admin,  // at once
  Main,   // with the changes of the gateway, one after the other
};
/// Who gets an answer, where tokens are asked for: each may what those before it may.
enum class Access : u8 {
  Anybody,  // it says nothing of the gateway but how it is
  Reader,
  Operator,
};
inline constexpr std::string_view kEventsPath = "/v1/events";  // answered without end
struct Endpoint {
  std::string_view method;
  std::string_view path;
  Access access;
  RunsOn runs_on;
  bool asks_workers;  // call.workers is filled before
  void (*answer)(AdminTarget& target, AdminCall& call);
  std::string_view parameters = {};  // of its query, separated by commas; pages take any
  // Changes what the process of a takeover has been told already: refused while one is under way.
  bool handed_over = false;
  bool takes_table = false;  // the body is call.sent_table; empty: there was none
};
std::span<const Endpoint> endpoints();

/// Refuses a call whose query has a parameter that its endpoint does not take: misspelled, it would
/// be without effect. False: it has been refused.
bool check_parameters(const Endpoint& endpoint, AdminCall& call);

/// A problem (RFC 9457) as the answer. `detail` tells the operator what to do.
void refuse(AdminCall& call, u16 status, std::string_view title, std::string_view detail);

}  // namespace gw::admin
