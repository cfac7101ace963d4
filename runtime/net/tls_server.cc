#include "runtime/net/tls_server.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

namespace gw::net {
namespace {

// Mozilla's intermediate profile, version 5.7, without finite-field Diffie-Hellman, which needs
// parameters of its own and which no client of the profile depends on.
constexpr const char* kIntermediateCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";

constexpr unsigned char kHttp2[] = "\x02h2\x08http/1.1";
constexpr unsigned char kHttp1[] = "\x08http/1.1";

Unexpected<Error> refused() {
  return fail(Error{.code = Errc::TlsFailed, .what = "TLS settings cannot be used"});
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypt) {
  auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const int outcome = keys->use(name, iv, cipher, mac, encrypt != 0);
  // A ticket of TLS 1.3 is used once (RFC 8446 appendix C.4): each one that is good is renewed.
  const bool renew = outcome == 1 && encrypt == 0 && SSL_version(ssl) == TLS1_3_VERSION;
  return renew ? 2 : outcome;
}

bool set_client_certificates(SSL_CTX& context, const TlsServerOptions& options,
                             std::string& problem) {
  if (options.client_certificate == ClientCertificate::None) return true;
  if (options.client_ca.empty()) {
    problem = "client certificates are asked for, but no CA is given that they lead to";
    return false;
  }
  if (!trust(context, options.client_ca, problem)) return false;
  // Clients choose among their certificates by these names; some show none without them.
  const STACK_OF(X509_OBJECT)* trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(&context));
  for (int i = 0; i < sk_X509_OBJECT_num(trusted); ++i) {
    X509* ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i));
    if (ca != nullptr) SSL_CTX_add_client_CA(&context, ca);
  }
  const bool required = options.client_certificate == ClientCertificate::Required;
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return true;
}

}  // namespace

Result<std::unique_ptr<TlsServer>> TlsServer::make(const TlsServerOptions& options,
                                                   std::shared_ptr<TicketKeys> tickets,
                                                   std::string& problem) {
  std::unique_ptr<TlsServer> server(new TlsServer());
  server->tickets_ = std::move(tickets);
  server->http2_ = options.http2;
  if (options.certificates.empty()) {
    problem = "no certificate is given";
    return refused();
  }
  for (const TlsCertificate& certificate : options.certificates) {
    if (!server->add_certificate(options, certificate, problem)) return refused();
  }
  std::sort(server->names_.begin(), server->names_.end(), [](const Name& a, const Name& b) {
    return a.text != b.text ? a.text < b.text : a.wildcard < b.wildcard;
  });
  return server;
}

// A certificate for the same names as one before it joins its context: OpenSSL then chooses by key
// type. Of two that share only some names, the earlier one has them.
bool TlsServer::add_certificate(const TlsServerOptions& options, const TlsCertificate& certificate,
                                std::string& problem) {
  LoadedCertificate loaded;
  if (!load_certificate(certificate, loaded, problem)) return false;
  const std::vector<std::string> names = certificate_names(*loaded.leaf);
  u32 context = static_cast<u32>(contexts_.size());
  for (u32 i = 0; i < contexts_.size(); ++i) {
    if (certificate_names(*SSL_CTX_get0_certificate(contexts_[i].get())) == names) context = i;
  }
  if (context == contexts_.size()) {
    SslContext made = make_context(options, problem);
    if (made == nullptr) return false;
    contexts_.push_back(std::move(made));
  }
  if (!use_certificate(*contexts_[context], loaded, problem)) return false;
  for (const std::string& name : names) {
    const bool wildcard = name.starts_with("*.");
    const std::string text = wildcard ? name.substr(2) : name;
    const bool known = std::any_of(names_.begin(), names_.end(), [&](const Name& other) {
      return other.text == text && other.wildcard == wildcard;
    });
    if (!known) names_.push_back(Name{text, context, wildcard});
  }
  return true;
}

SslContext TlsServer::make_context(const TlsServerOptions& options, std::string& problem) {
  SslContext made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  const char* ciphers = options.ciphers.empty() ? kIntermediateCiphers : options.ciphers.c_str();
  if (SSL_CTX_set_cipher_list(context, ciphers) != 1) {
    problem = "`ciphers` names none that OpenSSL knows";
    ERR_clear_error();
    return nullptr;
  }
  SSL_CTX_set1_groups_list(context, kGroups);
  SSL_CTX_set_min_proto_version(
      context, options.min_version == TlsVersion::Tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Sessions live in tickets only: nothing to share between workers but their keys.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_app_data(context, tickets_.get());
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &on_ticket);
  // A session is taken up again only where it was made: behind the same demand for certificates.
  unsigned char id[EVP_MAX_MD_SIZE];
  unsigned id_bytes = 0;
  const std::string demand =
      std::to_string(static_cast<int>(options.client_certificate)) + options.client_ca;
  EVP_Digest(demand.data(), demand.size(), id, &id_bytes, EVP_sha256(), nullptr);
  SSL_CTX_set_session_id_context(context, id, std::min(id_bytes, 32U));
  SSL_CTX_set_tlsext_servername_callback(context, &TlsServer::on_name);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  SSL_CTX_set_alpn_select_cb(context, &TlsServer::on_alpn, this);
  if (!set_client_certificates(*context, options, problem)) return nullptr;
  return made;
}

SslHandle TlsServer::accept() {
  SslHandle ssl(SSL_new(contexts_.front().get()));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  return ssl;
}

// Exact names before wildcards, which stand for one label (RFC 9525 section 6.3).
u32 TlsServer::choose(std::string_view host) const {
  const auto find = [&](std::string_view text, bool wildcard) -> const Name* {
    auto at =
        std::lower_bound(names_.begin(), names_.end(), text,
                         [](const Name& name, std::string_view key) { return name.text < key; });
    for (; at != names_.end() && at->text == text; ++at) {
      if (at->wildcard == wildcard) return &*at;
    }
    return nullptr;
  };
  if (const Name* exact = find(host, false)) return exact->context;
  const size_t dot = host.find('.');
  if (dot == std::string_view::npos || dot == 0) return 0;
  const Name* wildcard = find(host.substr(dot + 1), true);
  return wildcard == nullptr ? 0 : wildcard->context;
}

bool TlsServer::serves(const SSL& ssl, std::string_view host) const {
  const char* name = SSL_get_servername(&ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr || contexts_.size() == 1) return true;
  return choose(host) == choose(lower(name));
}

int TlsServer::on_name(SSL* ssl, int*, void* self) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const auto* server = static_cast<TlsServer*>(self);
  std::string host = lower(name);
  if (host.ends_with('.')) host.pop_back();
  const u32 context = server->choose(host);
  if (context != 0) SSL_set_SSL_CTX(ssl, server->contexts_[context].get());
  return SSL_TLSEXT_ERR_OK;
}

// The server's order decides; a client that asks for others only is told so (RFC 7301 section 3.2).
int TlsServer::on_alpn(SSL*, const unsigned char** out, unsigned char* out_bytes,
                       const unsigned char* in, unsigned in_bytes, void* self) {
  const bool http2 = static_cast<TlsServer*>(self)->http2_;
  const unsigned char* offered = http2 ? kHttp2 : kHttp1;
  const auto bytes = static_cast<unsigned>((http2 ? sizeof kHttp2 : sizeof kHttp1) - 1);
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_bytes, offered, bytes, in, in_bytes) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace gw::net
