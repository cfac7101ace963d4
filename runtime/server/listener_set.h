// The listening sockets of the process, and how they change with the table.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/net/tls_server.h"
#include "runtime/server/listener_options.h"
#include "runtime/server/worker.h"

namespace gw::server {

/// A listening socket that somebody else has opened: systemd, or the process before this one.
struct InheritedSocket {
  std::string address;  // as ListenerOptions has it
  UniqueDescriptor descriptor;
};

/// Owned by the gateway. One thread: the gateway's. A listener is known by its address: one that
/// stays in the next table keeps its sockets and its connections, and connections that come later
/// get its new settings.
class ListenerSet {
 public:
  explicit ListenerSet(const std::vector<std::unique_ptr<Worker>>& workers) : workers_(workers) {}
  ~ListenerSet();
  ListenerSet(const ListenerSet&) = delete;
  ListenerSet& operator=(const ListenerSet&) = delete;

  /// Taken in the place of new sockets, when a listener has their address.
  void inherit(std::vector<InheritedSocket> sockets);

  /// What is to become of the sockets. Moved into apply(), or destroyed: nothing has happened then.
  class Plan;
  /// Opens what is new and makes all TLS settings. Errors: AddressInvalid, TlsFailed; `problem`
  /// says which and why.
  Result<std::unique_ptr<Plan>> prepare(const std::vector<ListenerOptions>& wanted,
                                        std::string& problem);
  void apply(std::unique_ptr<Plan> plan);

  /// New handshakes of the listener at `index` use these certificates. False: they cannot be used
  /// (`problem`), and nothing changes.
  bool set_tls(size_t index, const net::TlsServerOptions& options, std::string& problem);
  size_t size() const { return listeners_.size(); }
  /// As they were wanted, in that order.
  const ListenerOptions& options(size_t index) const { return listeners_[index].options; }
  /// 0: a Unix socket.
  u16 port(size_t index) const { return listeners_[index].port; }
  /// Address with the port that it got.
  std::string address(size_t index) const;
  /// What there is now. Any thread.
  struct Shown {
    std::string address;
    bool tls = false;
    std::vector<net::CertificateFacts> certificates = {};
  };
  std::vector<Shown> shown() const;
  /// Sockets of all listeners, for another process. They stay the workers'.
  struct Socket {
    std::string address;
    int descriptor;
  };
  std::vector<Socket> sockets() const;
  /// The files of Unix sockets go when this does, unless another process has the sockets now.
  void leave_socket_files() { leave_files_ = true; }

 private:
  struct Open {
    u32 id = 0;
    ListenerOptions options;
    u16 port = 0;
    std::vector<int> descriptors;                                   // the workers own them
    std::vector<std::shared_ptr<const ListenerSettings>> settings;  // by worker
  };
  using TlsServers = std::vector<std::shared_ptr<net::TlsServer>>;

  Result<TlsServers> make_tls(const net::TlsServerOptions& options, std::string& problem) const;
  Result<void> open_sockets(const ListenerOptions& wanted, Plan& plan, Open& open);
  Result<void> open_own(const ListenerOptions& wanted, Plan& plan, Open& open);
  bool use_inherited(const ListenerOptions& wanted, Plan& plan, Open& open);
  bool has_port(u16 port) const;

  const std::vector<std::unique_ptr<Worker>>& workers_;
  std::shared_ptr<net::TicketKeys> tickets_ = std::make_shared<net::TicketKeys>();
  std::vector<InheritedSocket> inherited_;
  std::vector<Open> listeners_;
  u32 next_id_ = 1;
  bool leave_files_ = false;
  void show();
  mutable std::mutex mutex_;
  std::vector<Shown> shown_;  // guarded by the mutex
};

class ListenerSet::Plan {
 private:
  friend class ListenerSet;
  struct NewSocket {
    size_t worker;
    u32 listener;
    UniqueDescriptor descriptor;
  };
  std::vector<Open> listeners;     // as they will be
  std::vector<NewSocket> sockets;  // of listeners that are new
  std::vector<std::string> taken;  // addresses of inherited sockets that it uses
};

}  // namespace gw::server
