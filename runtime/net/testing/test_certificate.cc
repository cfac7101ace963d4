#include "runtime/net/testing/test_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "runtime/base/check.h"

namespace gw::net::testing {
namespace {

KeyHandle make_key(KeyType type) {
  EVP_PKEY* key = type == KeyType::Ecdsa ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
  GW_CHECK(key != nullptr);
  return KeyHandle(key);
}

void add_extension(X509& certificate, X509& issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  GW_CHECK(extension != nullptr);
  X509_add_ext(&certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

template <class Write>
std::string pem_of(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  GW_CHECK(write(bio) == 1);
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(bytes));
  BIO_free(bio);
  return text;
}

}  // namespace

TlsCertificate make_certificate(const CertificateOptions& options) {
  static long serial = 1000;
  const KeyHandle key = make_key(options.key);
  const X509Handle certificate(X509_new());
  X509& x509 = *certificate;
  X509_set_version(&x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(&x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(&x509), -7200);
  X509_gmtime_adj(X509_getm_notAfter(&x509), options.expired ? -3600 : 3600);
  X509_set_pubkey(&x509, key.get());
  X509_NAME* subject = X509_get_subject_name(&x509);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.subject.c_str()), -1,
                             -1, 0);
  LoadedCertificate issuer;
  std::string problem;
  if (options.issuer != nullptr) {
    GW_CHECK(load_certificate(*options.issuer, issuer, problem));
  }
  X509& signer = options.issuer != nullptr ? *issuer.leaf : x509;
  X509_set_issuer_name(&x509, X509_get_subject_name(&signer));
  add_extension(x509, signer, NID_basic_constraints,
                options.issuer != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
  std::string names;
  for (const std::string& name : options.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) add_extension(x509, signer, NID_subject_alt_name, names);
  EVP_PKEY* with = options.issuer != nullptr ? issuer.key.get() : key.get();
  GW_CHECK(X509_sign(&x509, with, EVP_sha256()) > 0);
  return {pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, &x509); }), pem_of([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace gw::net::testing
