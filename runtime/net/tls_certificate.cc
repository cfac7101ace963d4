#include "runtime/net/tls_certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace gw::net {
namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioHandle = std::unique_ptr<BIO, BioDeleter>;

BioHandle reader(const std::string& text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key with a passphrase cannot be used: nobody is there to be asked.
int no_passphrase(char*, int, int, void*) { return -1; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return text;
}

std::string text_of(const ASN1_STRING* string) {
  const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
  return {data, static_cast<size_t>(ASN1_STRING_length(string))};
}

std::string address_of(const ASN1_STRING* string) {
  char text[INET6_ADDRSTRLEN] = {};
  const int bytes = ASN1_STRING_length(string);
  if (bytes != 4 && bytes != 16) return {};
  ::inet_ntop(bytes == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(string), text, sizeof text);
  return text;
}

// A name with a NUL inside is two names to two readers; it is none here.
bool is_sound(const std::string& name) {
  return !name.empty() && name.find('\0') == std::string::npos;
}

struct NamesDeleter {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using NamesHandle = std::unique_ptr<GENERAL_NAMES, NamesDeleter>;

NamesHandle alternative_names(const X509& certificate) {
  return NamesHandle(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
}

std::string common_name(const X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::string last_problem(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text(what);
  if (reason != nullptr) text.append(" (").append(reason).append(")");
  ERR_clear_error();
  return text;
}

}  // namespace

bool load_certificate(const TlsCertificate& from, LoadedCertificate& out, std::string& problem) {
  ERR_clear_error();
  const BioHandle chain = reader(from.chain);
  out.leaf.reset(PEM_read_bio_X509_AUX(chain.get(), nullptr, &no_passphrase, nullptr));
  if (out.leaf == nullptr) {
    problem = last_problem("the certificate is not one in PEM");
    return false;
  }
  while (true) {
    X509Handle issuer(PEM_read_bio_X509(chain.get(), nullptr, &no_passphrase, nullptr));
    if (issuer == nullptr) break;
    out.issuers.push_back(std::move(issuer));
  }
  ERR_clear_error();  // the end of the text is an error to the reader
  const BioHandle key = reader(from.key);
  out.key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, &no_passphrase, nullptr));
  if (out.key == nullptr) {
    problem = last_problem("the key is not an unencrypted private key in PEM");
    return false;
  }
  if (X509_check_private_key(out.leaf.get(), out.key.get()) != 1) {
    problem = "the key does not belong to the certificate";
    ERR_clear_error();
    return false;
  }
  return true;
}

bool use_certificate(SSL_CTX& context, const LoadedCertificate& certificate, std::string& problem) {
  ERR_clear_error();
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (const X509Handle& issuer : certificate.issuers) sk_X509_push(chain, issuer.get());
  const int used =
      SSL_CTX_use_cert_and_key(&context, certificate.leaf.get(), certificate.key.get(), chain, 1);
  sk_X509_free(chain);
  if (used == 1) return true;
  problem = last_problem("the certificate cannot be used");
  return false;
}

bool trust(SSL_CTX& context, const std::string& pem, std::string& problem) {
  ERR_clear_error();
  if (pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(&context) == 1) return true;
    problem = last_problem("the system's certificates cannot be read");
    return false;
  }
  X509_STORE* store = SSL_CTX_get_cert_store(&context);
  const BioHandle text = reader(pem);
  size_t count = 0;
  while (true) {
    const X509Handle ca(PEM_read_bio_X509_AUX(text.get(), nullptr, &no_passphrase, nullptr));
    if (ca == nullptr) break;
    if (X509_STORE_add_cert(store, ca.get()) == 1) ++count;
  }
  ERR_clear_error();
  if (count > 0) return true;
  problem = "the CA file holds no certificate in PEM";
  return false;
}

std::vector<std::string> certificate_names(const X509& certificate) {
  std::vector<std::string> names;
  const NamesHandle alternatives = alternative_names(certificate);
  const int count = alternatives == nullptr ? 0 : sk_GENERAL_NAME_num(alternatives.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type != GEN_DNS) continue;
    std::string text = lower(text_of(name->d.dNSName));
    if (is_sound(text)) names.push_back(std::move(text));
  }
  if (alternatives == nullptr) {
    std::string name = lower(common_name(certificate));
    if (is_sound(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

CertificateFacts certificate_facts(const std::string& chain) {
  CertificateFacts facts;
  const BioHandle text = reader(chain);
  const X509Handle leaf(PEM_read_bio_X509_AUX(text.get(), nullptr, &no_passphrase, nullptr));
  ERR_clear_error();
  if (leaf == nullptr) return facts;
  const auto names = certificate_names(*leaf);
  if (!names.empty()) facts.name = names.front();
  std::tm begin{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(leaf.get()), &begin) == 1) {
    facts.begins_unix_s = ::timegm(&begin);
  }
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf.get()), &end) == 1) {
    facts.expires_unix_s = ::timegm(&end);
  }
  return facts;
}

std::unique_ptr<PeerCertificate> describe_peer(const SSL& ssl) {
  const X509* certificate = SSL_get0_peer_certificate(&ssl);
  if (certificate == nullptr) return nullptr;
  auto described = std::make_unique<PeerCertificate>();
  PeerCertificate& peer = *described;

  const BioHandle text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(text.get(), &data);
  peer.subject.assign(data, static_cast<size_t>(bytes));

  const NamesHandle names = alternative_names(*certificate);
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    std::string value;
    if (name->type == GEN_DNS) value = "DNS:" + text_of(name->d.dNSName);
    if (name->type == GEN_EMAIL) value = "email:" + text_of(name->d.rfc822Name);
    if (name->type == GEN_URI) value = "URI:" + text_of(name->d.uniformResourceIdentifier);
    if (name->type == GEN_IPADD) value = "IP:" + address_of(name->d.iPAddress);
    if (value.empty()) continue;
    peer.san += (peer.san.empty() ? "" : ",") + value;
  }

  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_bytes = 0;
  X509_digest(certificate, EVP_sha256(), digest, &digest_bytes);
  static constexpr char kHex[] = "0123456789abcdef";
  for (unsigned i = 0; i < digest_bytes; ++i) {
    peer.fingerprint.push_back(kHex[digest[i] >> 4]);
    peer.fingerprint.push_back(kHex[digest[i] & 15]);
  }
  return described;
}

}  // namespace gw::net
