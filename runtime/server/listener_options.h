// What a listener is to be, as the control thread has it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/net/tls_server.h"
#include "runtime/table/bound_table.h"

namespace gw::server {

struct ListenerOptions {
  ListenerOptions() = default;
  ListenerOptions(std::string text) : address(std::move(text)) {}  // NOLINT: as an address
  ListenerOptions(const char* text) : address(text) {}             // NOLINT: as an address

  std::string address;  // `host:port` or `unix:/path`; port 0 takes a free one
  std::optional<net::TlsServerOptions> tls;
  bool http2 = true;
  bool proxy_protocol = false;
  u16 redirect_port = 0;                  // 0: requests are served
  std::string strict_transport_security;  // value of the field; empty: none
  std::string live_path;                  // that the listener answers by itself; empty: none
  std::string ready_path;                 // the same
};

/// The listeners of a table. `addresses` (serve --listen) replace them: plain ones. Where there are
/// neither, one at `by_default`; "": 127.0.0.1:8080.
std::vector<ListenerOptions> listener_options(const BoundTable& table,
                                              const std::vector<std::string>& addresses,
                                              const std::string& by_default);

/// TLS settings of the table's listener `index`, with references resolved anew, for certificates
/// that have changed on disk. Error: ReferenceInvalid; `problem` says which and why.
Result<net::TlsServerOptions> reread_tls(const BoundTable& table, size_t index,
                                         const ReferenceSource& references, std::string& problem);
/// Files that the TLS settings of listener `index` come from.
std::vector<std::string> tls_files(const BoundTable& table, size_t index);

}  // namespace gw::server
