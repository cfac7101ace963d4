#include "runtime/net/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace gw::net {
namespace {

constexpr unsigned char kHttp2[] = "\x02h2\x08http/1.1";
constexpr unsigned char kHttp1[] = "\x08http/1.1";
constexpr size_t kMaxSessions = 64;

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

Unexpected<Error> refused() {
  return fail(Error{.code = Errc::TlsFailed, .what = "TLS settings cannot be used"});
}

}  // namespace

Result<std::unique_ptr<TlsClient>> TlsClient::make(const TlsClientOptions& options,
                                                   std::string& problem) {
  std::unique_ptr<TlsClient> client(new TlsClient());
  client->verify_ = options.verify;
  client->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = client->context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_app_data(context, client.get());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, &TlsClient::on_session);
  const bool http2 = options.http2;
  SSL_CTX_set_alpn_protos(context, http2 ? kHttp2 : kHttp1,
                          static_cast<unsigned>((http2 ? sizeof kHttp2 : sizeof kHttp1) - 1));
  if (options.verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (!trust(*context, options.ca, problem)) return refused();
  }
  if (!options.identity.chain.empty()) {
    LoadedCertificate identity;
    if (!load_certificate(options.identity, identity, problem) ||
        !use_certificate(*context, identity, problem)) {
      return refused();
    }
  }
  return client;
}

TlsClient::~TlsClient() {
  for (const Kept& kept : sessions_) SSL_SESSION_free(kept.session);
}

SslHandle TlsClient::connect(const std::string& host) {
  SslHandle ssl(SSL_new(context_.get()));
  if (ssl == nullptr) return ssl;
  SSL_set_connect_state(ssl.get());
  if (is_address(host)) {  // an address is checked as one, and never sent as a name (RFC 6066)
    const bool named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) == 1;
    if (verify_ && !named) return nullptr;
  } else {
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
    if (verify_) {
      SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      // Without a name any certificate would do.
      if (host.empty() || SSL_set1_host(ssl.get(), host.c_str()) != 1) return nullptr;
    }
  }
  for (const Kept& kept : sessions_) {
    if (kept.host == host) SSL_set_session(ssl.get(), kept.session);
  }
  return ssl;
}

// OpenSSL gives us a reference when we say that we keep it.
int TlsClient::on_session(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const char* host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (host == nullptr) return 0;
  const auto at = std::find_if(self->sessions_.begin(), self->sessions_.end(),
                               [&](const Kept& kept) { return kept.host == host; });
  if (at != self->sessions_.end()) {
    SSL_SESSION_free(at->session);
    at->session = session;
    return 1;
  }
  if (self->sessions_.size() >= kMaxSessions) return 0;
  self->sessions_.push_back(Kept{host, session});
  return 1;
}

}  // namespace gw::net
