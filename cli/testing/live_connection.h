// One connection of `gwctl test --live`: TCP, with TLS where the URL says https.
#pragma once
#include <string>
#include <string_view>

#include "runtime/base/unique_descriptor.h"
#include "runtime/net/tls_client.h"

namespace gw::cli::tests {

/// Blocks, for 30 s at most wherever it waits for the peer. One thread. SIGPIPE must be ignored, as
/// the program does: OpenSSL writes without MSG_NOSIGNAL.
class LiveConnection {
 public:
  LiveConnection() = default;
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;
  ~LiveConnection();

  /// False: problem(). `tls`: null for plain text, outlives the connection; otherwise `name` is
  /// sent as SNI and must be in a valid certificate. No request is sent before that is proved.
  bool open(const std::string& host, u16 port, net::TlsClient* tls, const std::string& name);
  /// Stops early where the peer has closed: its answer may be there all the same.
  void write(std::string_view text);
  /// Appends what comes next. False: nothing more comes.
  bool read_more(std::string& into);
  /// What went wrong, for the person who runs the tests; "": open() was true, and the end that
  /// read_more() met was the peer's own. TLS that ends without close_notify is none, since
  /// anybody on the way could have made it (RFC 8446 section 6.1).
  const std::string& problem() const { return problem_; }

 private:
  bool connect(const std::string& host, u16 port);
  bool shake_hands(net::TlsClient& tls, const std::string& name);
  bool fail_with(std::string problem);
  bool read_tls(char* to, size_t room, size_t& bytes);
  bool read_plain(char* to, size_t room, size_t& bytes);
  static int on_certificate(int accepted, X509_STORE_CTX* store);

  UniqueDescriptor socket_;
  net::SslHandle ssl_;
  std::string name_;     // that the certificate must have
  std::string refusal_;  // what is wrong with the certificate
  std::string problem_;
};

}  // namespace gw::cli::tests
