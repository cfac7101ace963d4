// The admin interface: a listener, a loop and a thread of its own beside the data plane.
#pragma once
#include <memory>
#include <string>
#include <thread>

#include "runtime/admin/admin_fetcher.h"
#include "runtime/server/listener.h"
#include "runtime/server/session_host.h"

namespace gw::admin {

struct AdminAddress {
  std::string address;  // `unix:/path` or `host:port`
  AdminTokens tokens;   // of TCP there are orders with a token only
};

/// Where the admin interface is when nobody says: a socket in the user's runtime directory.
std::string default_admin_address();

/// Opened before the gateway starts, so that a socket which cannot be had prevents the start;
/// begins to answer with start().
class AdminServer {
 public:
  /// A Unix socket is made with mode 0600, in a directory that is made with 0700 when it is
  /// missing. Over TCP there is no interface without a token. `inherited` (-1: none) is the socket
  /// of the process before; it is used when it is at `address`. Errors: AddressInvalid, with errno
  /// or without.
  static Result<std::unique_ptr<AdminServer>> open(const AdminAddress& address,
                                                   UniqueDescriptor inherited = {});
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// `target` outlives stop().
  void start(AdminTarget& target);
  /// Ends all connections, then the thread. The main loop must have ended before. Idempotent.
  void stop();
  /// The file of the socket belongs to another process now.
  void leave_socket_file() { leave_file_ = true; }
  /// For the process that comes next. After start() it is its thread's.
  int descriptor() const { return shared_descriptor_; }
  /// With the port that it got.
  const std::string& address() const { return address_; }

 private:
  struct Serving;
  AdminServer(std::string address, AdminTokens tokens, UniqueDescriptor descriptor);

  std::string address_;
  const AdminTokens tokens_;
  UniqueDescriptor descriptor_;  // until start()
  const int shared_descriptor_;
  std::unique_ptr<Serving> serving_;
  bool leave_file_ = false;
};

}  // namespace gw::admin
