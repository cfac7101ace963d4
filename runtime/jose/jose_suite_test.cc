// Other people's vectors: Wycheproof and the examples of the JOSE cookbook.
#include <openssl/err.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cmake/source_dir.h"
#include "runtime/jose/base64url.h"
#include "runtime/jose/jws.h"
#include "runtime/jose/key.h"
#include "runtime/jose/signature.h"

using namespace gw;
using namespace gw::jose;

namespace {

namespace json = boost::json;

const std::filesystem::path kFolder = source_dir() + "/../shared/conformance";

json::value read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return json::parse(text.str());
}

bool is_there(const char* folder) {
  if (std::filesystem::exists(kFolder / folder)) return true;
  WARN("skipped: no " << folder);
  return false;
}

std::string from_hex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

AlgorithmSet all() {
  AlgorithmSet set;
  for (u32 i = 0; i < kAlgorithmCount; ++i) set.add(static_cast<Algorithm>(i));
  return set;
}

// The keys as an operator would give them: as secrets where the document has any.
std::shared_ptr<const KeySet> keys_of(const json::value& document) {
  const std::string text = json::serialize(document);
  std::string problem;
  KeySetOptions options{.secrets = text.find(R"("kty":"oct")") != std::string::npos,
                        .private_parts = true};
  return KeySet::parse(text, options, problem);
}

bool accepts(const json::value& key, std::string_view token) {
  const auto keys = keys_of(key);
  return keys != nullptr && verify_jws(token, *keys, all()).failure == Failure::None;
}

std::string_view text_of(const json::value& value) {
  const json::string& text = value.as_string();
  return {text.data(), text.size()};
}

const json::value& key_of(const json::object& group) {
  const json::value* shown = group.if_contains("public");
  return shown != nullptr ? *shown : group.at("private");
}

struct Outcome {
  int tests = 0;
  int valid = 0;
  int refused_valid = 0;
};

// `stricter`: numbers of valid tests that are refused here, and why that is right.
Outcome run_suite(const char* file, const char* member,
                  const std::map<i64, const char*>& stricter) {
  Outcome outcome;
  const json::value suite = read(kFolder / "wycheproof-jose" / file);
  for (const json::value& group : suite.at("testGroups").as_array()) {
    for (const json::value& test : group.at("tests").as_array()) {
      const json::value* token = test.as_object().if_contains(member);
      if (token == nullptr) continue;
      ++outcome.tests;
      const i64 id = test.at("tcId").as_int64();
      const std::string comment(text_of(test.at("comment")));
      CAPTURE(file, id, comment);
      const bool valid = text_of(test.at("result")) == "valid";
      const std::string text =
          token->is_string() ? std::string(text_of(*token)) : json::serialize(*token);
      const bool accepted = accepts(key_of(group.as_object()), text);
      CHECK(ERR_peek_error() == 0);
      outcome.valid += valid;
      if (stricter.contains(id)) {
        CHECK(valid);
        CHECK(!accepted);
        ++outcome.refused_valid;
      } else {
        CHECK(accepted == valid);
      }
    }
  }
  return outcome;
}

}  // namespace

TEST_CASE("wycheproof: JWS", "[jose][suite]") {
  if (!is_there("wycheproof-jose")) return;
  const Outcome outcome =
      run_suite("json_web_signature_test.json", "jws",
                {{347, "`alg` of the key is ES521, which does not exist"},
                 {350, "`alg` of the key is PS256, that of the token PS384"},
                 {351, "`alg` of the key is ES521, which does not exist"},
                 {372, "a question mark in the header, which is no base64url"}});
  CHECK(outcome.tests == 267);
  CHECK(outcome.valid == 32);
  CHECK(outcome.refused_valid == 4);
}

TEST_CASE("wycheproof: keys, and sets of keys", "[jose][suite]") {
  if (!is_there("wycheproof-jose")) return;
  CHECK(run_suite("json_web_key_test.json", "jws", {}).tests > 15);
  CHECK(run_suite("json_web_crypto_test.json", "jws", {}).tests > 20);
}

TEST_CASE("wycheproof: the signatures under JWS", "[jose][suite]") {
  if (!is_there("wycheproof-jose")) return;
  const std::pair<const char*, Algorithm> rows[] = {
      {"ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::Es256},
      {"ecdsa_secp384r1_sha384_p1363_test.json", Algorithm::Es384},
      {"ecdsa_secp521r1_sha512_p1363_test.json", Algorithm::Es512},
      {"ed25519_test.json", Algorithm::EdDsa},
      {"ed25519_test.json", Algorithm::Ed25519},
      {"rsa_pss_2048_sha256_mgf1_32_test.json", Algorithm::Ps256},
      {"rsa_signature_2048_sha256_test.json", Algorithm::Rs256}};
  int tests = 0;
  for (const auto& [file, algorithm] : rows) {
    const json::value suite = read(kFolder / "wycheproof-jose/primitives" / file);
    for (const json::value& group : suite.at("testGroups").as_array()) {
      std::string problem;
      const auto keys = KeySet::parse(text_of(group.at("publicKeyPem")), {}, problem);
      CAPTURE(file, problem);
      REQUIRE(keys != nullptr);
      for (const json::value& test : group.at("tests").as_array()) {
        CAPTURE(test.at("tcId").as_int64());
        const bool good =
            verify_signature(*keys->candidates(algorithm, nullptr).keys[0], algorithm,
                             from_hex(text_of(test.at("msg"))), from_hex(text_of(test.at("sig"))));
        const std::string_view result = text_of(test.at("result"));
        // "acceptable": a missing NULL in the padding, which older implementations made.
        CHECK(good == (result == "valid"));
        ++tests;
      }
    }
  }
  CHECK(tests == 262 + 280 + 318 + 2 * 151 + 108 + 259);
}

TEST_CASE("wycheproof: HMAC", "[jose][suite]") {
  if (!is_there("wycheproof-jose")) return;
  const std::pair<const char*, Algorithm> rows[] = {{"hmac_sha256_test.json", Algorithm::Hs256},
                                                    {"hmac_sha512_test.json", Algorithm::Hs512}};
  int tests = 0;
  for (const auto& [file, algorithm] : rows) {
    const json::value suite = read(kFolder / "wycheproof-jose/primitives" / file);
    for (const json::value& group : suite.at("testGroups").as_array()) {
      const bool whole =
          static_cast<size_t>(group.at("tagSize").as_int64()) == least_secret_bytes(algorithm) * 8;
      for (const json::value& test : group.at("tests").as_array()) {
        CAPTURE(file, test.at("tcId").as_int64());
        std::string problem;
        const auto keys = KeySet::of_secret(from_hex(text_of(test.at("key"))), "", problem);
        if (keys == nullptr || keys->candidates(algorithm, nullptr).count == 0) continue;
        const bool good =
            verify_signature(*keys->candidates(algorithm, nullptr).keys[0], algorithm,
                             from_hex(text_of(test.at("msg"))), from_hex(text_of(test.at("tag"))));
        CHECK(good == (whole && text_of(test.at("result")) == "valid"));  // none that is cut off
        ++tests;
      }
    }
  }
  CHECK(tests > 200);
}

TEST_CASE("wycheproof: no JWE is taken", "[jose][suite]") {
  if (!is_there("wycheproof-jose")) return;
  int tests = 0;
  for (const char* file :
       {"json_web_encryption_test.json", "json_web_crypto_test.json", "json_web_key_test.json"}) {
    const json::value suite = read(kFolder / "wycheproof-jose" / file);
    for (const json::value& group : suite.at("testGroups").as_array()) {
      for (const json::value& test : group.at("tests").as_array()) {
        const json::value* token = test.as_object().if_contains("jwe");
        if (token == nullptr) continue;
        ++tests;
        CAPTURE(file, test.at("tcId").as_int64());
        const std::string text =
            token->is_string() ? std::string(text_of(*token)) : json::serialize(*token);
        CHECK(!accepts(key_of(group.as_object()), text));
        std::string problem;
        const auto keys = KeySet::of_secret(std::string(64, 'k'), "", problem);
        CHECK(verify_jws(text, *keys, all()).failure != Failure::None);
      }
    }
  }
  CHECK(tests > 80);
}

TEST_CASE("cookbook: every JWS in compact form is accepted", "[jose][suite]") {
  if (!is_there("jose-cookbook")) return;
  int accepted = 0;
  for (const char* folder : {"jws", "curve25519"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(kFolder / "jose-cookbook" / folder)) {
      if (entry.path().extension() != ".json") continue;
      CAPTURE(entry.path().filename().string());
      const json::value example = read(entry.path());
      if (!example.as_object().contains("signing")) continue;  // encrypted
      const json::value* output = example.as_object().if_contains("output");
      if (output == nullptr || !output->as_object().contains("compact")) continue;
      std::string token(text_of(output->at("compact")));
      const json::value& input = example.at("input");
      if (const size_t gap = token.find(".."); gap != std::string::npos) {
        CHECK(!accepts(input.at("key"), token));
        token.insert(gap + 1, base64url_encode(text_of(input.at("payload"))));  // RFC 7515, F
      }
      CHECK(accepts(input.at("key"), token));
      ++accepted;
      std::string changed = token;
      changed[changed.find('.') + 2] ^= 1;
      CHECK(!accepts(input.at("key"), changed));
    }
  }
  CHECK(accepted == 6);
}

TEST_CASE("cookbook: what is not in compact form, or not encoded, is refused", "[jose][suite]") {
  if (!is_there("jose-cookbook")) return;
  int refused = 0;
  for (const char* folder : {"jws", "rfc7797", "jwe"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(kFolder / "jose-cookbook" / folder)) {
      if (entry.path().extension() != ".json") continue;
      CAPTURE(entry.path().filename().string());
      const json::value example = read(entry.path());
      const json::object& output = example.at("output").as_object();
      const json::value* found = example.at("input").as_object().if_contains("key");
      const json::value keys = found == nullptr ? json::value(json::object{}) : *found;
      const json::value set = keys.is_array() ? json::value{{"keys", keys}} : keys;
      for (const auto& [form, value] : output) {
        if (form == "compact" && std::string_view(folder) == "jws") continue;
        const std::string text =
            value.is_string() ? std::string(text_of(value)) : json::serialize(value);
        CHECK(!accepts(set, text));
        ++refused;
      }
    }
  }
  CHECK(refused > 30);
}
