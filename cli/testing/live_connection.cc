// OpenSSL on a blocking socket: tests are few and wait for each answer. What is trusted and which
// name is asked for is decided where upstreams are connected to, too (net/tls_client); here a
// refusal gets its words, since "handshake failed" would not tell an old certificate from a wrong
// root.
#include "cli/testing/live_connection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace gw::cli::tests {
namespace {

constexpr time_t kPatienceS = 30;

void bound_waits(int socket) {
  const timeval patience{.tv_sec = kPatienceS, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}
constexpr std::string_view kNothingCame = "nothing came for 30 s";

// Who the certificate says it is for; a common name is none where there are other names.
std::string names_of(X509& certificate) {
  const auto names = net::certificate_names(certificate);
  return names.empty() ? "no name" : fmt::format("`{}`", fmt::join(names, "`, `"));
}

std::string day_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown day";
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// `error` is what OpenSSL has against `certificate`, one of the chain that was shown.
std::string describe(int error, X509& certificate, const std::string& wanted) {
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("name mismatch: its certificate is for {}, not for `{}`",
                         names_of(certificate), wanted);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("expired: the certificate for {} ended on {}", names_of(certificate),
                         day_of(X509_get0_notAfter(&certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("not valid yet: the certificate for {} begins on {}",
                         names_of(certificate), day_of(X509_get0_notBefore(&certificate)));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return fmt::format(
          "unknown issuer: none of the roots vouches for the certificate for {} "
          "({}); --ca FILE names an own root",
          names_of(certificate), X509_verify_cert_error_string(error));
    default:
      return fmt::format("its certificate is refused: {}", X509_verify_cert_error_string(error));
  }
}

std::string last_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "the connection was closed" : reason;
}

}  // namespace

LiveConnection::~LiveConnection() {
  // The peer need not wait for more of us; its own goodbye is not waited for.
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool LiveConnection::open(const std::string& host, u16 port, net::TlsClient* tls,
                          const std::string& name) {
  return connect(host, port) && (tls == nullptr || shake_hands(*tls, name));
}

bool LiveConnection::fail_with(std::string problem) {
  problem_ = std::move(problem);
  return false;
}

bool LiveConnection::connect(const std::string& host, u16 port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int looked_up = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (looked_up != 0) {
    return fail_with(fmt::format("cannot reach {}:{}: {}", host, port, ::gai_strerror(looked_up)));
  }
  int error = ECONNREFUSED;
  for (const addrinfo* one = found; one != nullptr && !socket_; one = one->ai_next) {
    socket_.reset(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, 0));
    if (socket_) bound_waits(socket_.get());  // that for a connection as well
    if (!socket_ || ::connect(socket_.get(), one->ai_addr, one->ai_addrlen) != 0) {
      error = errno;
      socket_.reset();
    }
  }
  ::freeaddrinfo(found);
  if (!socket_) {
    return fail_with(fmt::format("cannot reach {}:{}: {}", host, port, std::strerror(error)));
  }
  return true;
}

// Called for each certificate of the chain; changes no verdict.
int LiveConnection::on_certificate(int accepted, X509_STORE_CTX* store) {
  if (accepted == 1) return 1;
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<LiveConnection*>(SSL_get_app_data(ssl));
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  const int error = X509_STORE_CTX_get_error(store);
  self->refusal_ = certificate != nullptr ? describe(error, *certificate, self->name_)
                                          : X509_verify_cert_error_string(error);
  return 0;
}

bool LiveConnection::shake_hands(net::TlsClient& tls, const std::string& name) {
  name_ = name;
  ssl_ = tls.connect(name);
  if (ssl_ == nullptr) return fail_with("TLS: no memory");
  SSL_set_session(ssl_.get(), nullptr);  // nothing of one request reaches the next
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, &LiveConnection::on_certificate);
  ERR_clear_error();
  SSL_set_fd(ssl_.get(), socket_.get());
  const int outcome = SSL_connect(ssl_.get());
  if (outcome == 1) return true;
  const int kind = SSL_get_error(ssl_.get(), outcome);
  std::string why = refusal_;
  if (why.empty()) why = kind == SSL_ERROR_WANT_READ ? std::string(kNothingCame) : last_reason();
  ERR_clear_error();
  ssl_.reset();
  return fail_with(fmt::format("TLS as `{}` has failed: {}", name, why));
}

void LiveConnection::write(std::string_view text) {
  while (!text.empty()) {
    ssize_t bytes = 0;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      size_t written = 0;
      const int outcome = SSL_write_ex(ssl_.get(), text.data(), text.size(), &written);
      bytes = outcome == 1 ? static_cast<ssize_t>(written) : -1;
    } else {
      bytes = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (bytes < 0 && errno == EINTR) continue;
    }
    if (bytes <= 0) return;
    text.remove_prefix(static_cast<size_t>(bytes));
  }
}

bool LiveConnection::read_more(std::string& into) {
  char buffer[16 * 1024];
  size_t bytes = 0;
  const bool more = ssl_ != nullptr ? read_tls(buffer, sizeof buffer, bytes)
                                    : read_plain(buffer, sizeof buffer, bytes);
  into.append(buffer, bytes);
  return more;
}

bool LiveConnection::read_tls(char* to, size_t room, size_t& bytes) {
  ERR_clear_error();
  const int outcome = SSL_read_ex(ssl_.get(), to, room, &bytes);
  if (outcome == 1) return true;
  bytes = 0;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_ZERO_RETURN:
      return false;
    case SSL_ERROR_WANT_READ:
      return fail_with(std::string(kNothingCame));
    default:
      return fail_with(fmt::format("TLS was cut off: {}", last_reason()));
  }
}

bool LiveConnection::read_plain(char* to, size_t room, size_t& bytes) {
  ssize_t received = 0;
  do {
    received = ::recv(socket_.get(), to, room, 0);
  } while (received < 0 && errno == EINTR);
  if (received > 0) {
    bytes = static_cast<size_t>(received);
    return true;
  }
  if (received == 0) return false;
  return fail_with(errno == EAGAIN ? std::string(kNothingCame) : std::strerror(errno));
}

}  // namespace gw::cli::tests
