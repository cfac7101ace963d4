// How many tokens per second one thread verifies, beside the bare signature by OpenSSL
// (EVP_DigestVerify with a new context each time, as its manual shows it), and with the token
// cache. The token is an ordinary access token of about 400 bytes of claims. Run: jose_bench
// [seconds each]
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/random.h"
#include "runtime/jose/base64url.h"
#include "runtime/jose/jwt.h"
#include "runtime/jose/signing_key.h"
#include "runtime/jose/token_cache.h"

namespace {

using namespace gw;
using namespace gw::jose;
using Clock = std::chrono::steady_clock;

constexpr i64 kNow = 1'700'000'000'000;
constexpr size_t kTokens = 1000;

// Microseconds of one run, the best of several rounds: what else the machine does makes it longer
// only. What is to be compared takes turns.
class Stopwatch {
 public:
  template <class F>
  void round(F run) {
    constexpr int kRuns = 40;
    const auto start = Clock::now();
    for (int i = 0; i < kRuns; ++i) run();
    const double us =
        std::chrono::duration<double, std::micro>(Clock::now() - start).count() / kRuns;
    best_us_ = best_us_ == 0 ? us : std::min(best_us_, us);
  }
  double us() const { return best_us_; }

 private:
  double best_us_ = 0;
};

std::string payload_of(size_t number) {
  return fmt::format(
      R"({{"iss":"https://idp.example/realms/shop","sub":"248289761001-{}","aud":["shop","orders"],)"
      R"("exp":1700003600,"iat":1699999900,"nbf":1699999900,"jti":"0d1c3bd0-5a3b-4ad2-9f0e-{:08}",)"
      R"("azp":"web","scope":"openid profile users:read orders:write","realm_access":{{"roles":)"
      R"(["user","support","offline_access"]}},"tenant":"acme","email":"jane@acme.example"}})",
      number, number);
}

void bare_verify(EVP_PKEY* key, std::string_view text, std::string_view signature, bool edwards) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, edwards ? nullptr : EVP_sha256(), nullptr, key);
  const int good = EVP_DigestVerify(
      context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
      reinterpret_cast<const unsigned char*>(text.data()), text.size());
  GW_CHECK(good == 1);
  EVP_MD_CTX_free(context);
}

std::string der_signature(EVP_PKEY* key, std::string_view text, bool edwards) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string out(1024, 0);
  size_t bytes = out.size();
  EVP_DigestSignInit(context, nullptr, edwards ? nullptr : EVP_sha256(), nullptr, key);
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &bytes,
                 reinterpret_cast<const unsigned char*>(text.data()), text.size());
  EVP_MD_CTX_free(context);
  out.resize(bytes);
  return out;
}

void measure(Algorithm algorithm, int rounds) {
  const SigningKey key = SigningKey::make(algorithm);
  std::string problem;
  const auto keys = KeySet::parse(key_set_of({key.jwk("a"), key.jwk("b")}), {}, problem);
  const std::string header =
      fmt::format(R"({{"alg":"{}","typ":"at+jwt","kid":"b"}})", algorithm_name(algorithm));
  const std::string token = key.token(algorithm, header, payload_of(0));
  JwtRules rules;
  rules.algorithms = {algorithm};
  rules.issuer = "https://idp.example/realms/shop";
  rules.audiences = {"shop"};
  rules.type = "at+jwt";
  const std::string text = token.substr(0, token.rfind('.'));
  const bool edwards = is_eddsa(algorithm);
  const std::string signature = der_signature(key.handle(), text, edwards);
  Stopwatch bare;
  Stopwatch ours;
  for (int i = 0; i < rounds; ++i) {
    bare.round([&] { bare_verify(key.handle(), text, signature, edwards); });
    ours.round([&] { GW_CHECK(verify_jwt(token, *keys, rules, kNow).failure == Failure::None); });
  }
  std::printf("%-6s openssl %9.0f/s  %6.1f us   verify_jwt %9.0f/s  %6.1f us   ratio %.2f\n",
              std::string(algorithm_name(algorithm)).c_str(), 1e6 / bare.us(), bare.us(),
              1e6 / ours.us(), ours.us(), ours.us() / bare.us());
}

void measure_cache(int rounds) {
  const SigningKey key = SigningKey::make(Algorithm::Es256);
  TokenCache cache({.entries = 2 * kTokens}, Xoshiro().next());
  std::vector<std::string> tokens;
  for (size_t i = 0; i < kTokens; ++i) {
    tokens.push_back(key.token(Algorithm::Es256, R"({"alg":"ES256","kid":"b"})", payload_of(i)));
    cache.insert(tokens.back(), {1, 1}, Claims::parse(payload_of(i)), kNow + 1000);
  }
  size_t next = 0;
  const std::string payload = payload_of(0);
  Stopwatch hit;
  Stopwatch parse;
  for (int i = 0; i < rounds * 10; ++i) {
    hit.round([&] {
      next = (next + 577) % kTokens;
      GW_CHECK(static_cast<bool>(cache.find(tokens[next], {1, 1}, kNow)));
    });
    parse.round([&] { GW_CHECK(static_cast<bool>(Claims::parse(payload))); });
  }
  std::printf("cache  hit, %zu tokens of %zu bytes, %.1f KiB each: %.0f/s  %.0f ns\n", kTokens,
              tokens[0].size(), static_cast<double>(cache.held_bytes()) / kTokens / 1024,
              1e6 / hit.us(), 1e3 * hit.us());
  std::printf("claims parse of %zu bytes: %.2f us\n", payload.size(), parse.us());
}

// What the control thread is held up by when an issuer publishes as much as it may.
void measure_documents() {
  for (const Algorithm algorithm : {Algorithm::Rs256, Algorithm::Es256, Algorithm::Es512}) {
    const std::string key = SigningKey::make(algorithm).jwk("k");
    std::string text = key;
    for (size_t i = 1; i < kMaxKeys; ++i) text += "," + key;
    std::string problem;
    const auto start = Clock::now();
    const auto keys = KeySet::parse(R"({"keys":[)" + text + "]}", {}, problem);
    GW_CHECK(keys != nullptr);
    std::printf("%-6s document of %zu keys, %zu KiB: %.1f ms\n",
                std::string(algorithm_name(algorithm)).c_str(), keys->size(), text.size() / 1024,
                std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 400;
  for (const Algorithm algorithm : {Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa}) {
    measure(algorithm, rounds);
  }
  measure_cache(rounds);
  measure_documents();
  return 0;
}
