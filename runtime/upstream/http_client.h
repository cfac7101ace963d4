// Small requests over HTTP/1.1, with TLS, by the control side.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/net/dns_client.h"
#include "runtime/net/event_loop.h"
#include "runtime/net/http_fetcher.h"
#include "runtime/net/tls_client.h"
#include "runtime/upstream/connector.h"

namespace gw::upstream {

/// Each call looks up the name, connects, asks and reads the whole answer within its timeout, on a
/// connection of its own. Certificates are verified against the host of the URL. Redirects are
/// answers like others, 1xx are none, proxies are not used, and bodies are taken as they are
/// (no coding is offered). Too many at a time fail at once.
///
/// One per process, on a loop of the control side: one thread. `loop`, `dns` and `connector`
/// outlive it. stop() has said true before it is destroyed.
class HttpClient final : public net::HttpFetcher {
 public:
  static constexpr size_t kMaxUnderWay = 256;

  HttpClient(net::EventLoop& loop, net::DnsClient& dns, Connector& connector);
  ~HttpClient() override;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void send(net::HttpCall call, Done done) override;
  /// Ends what is under way; nobody is told. True: nothing is left; call it again otherwise.
  bool stop();

 private:
  class Request;
  net::TlsClient* tls_of(const std::shared_ptr<const net::TlsClientOptions>& options);
  void sweep();
  static void on_sweep(void* context);

  net::EventLoop& loop_;
  net::DnsClient& dns_;
  Connector& connector_;
  std::map<std::shared_ptr<const net::TlsClientOptions>, std::unique_ptr<net::TlsClient>> tls_;
  std::vector<std::unique_ptr<Request>> requests_;
  net::Deferred finished_;  // some have ended
  net::Timer sweep_timer_;  // some have ended and are not at rest
};

}  // namespace gw::upstream
