#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/testing/gateway.h"
#include "runtime/jose/base64url.h"
#include "runtime/policies/scheme/record.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using jose::Algorithm;
using policies::SchemeKind;

constexpr std::string_view kKeyId = "gwctl-test";
constexpr i64 kLifeSeconds = 3600;

// The one that costs least first.
constexpr Algorithm kPreferred[] = {
    Algorithm::Ed25519, Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256, Algorithm::Hs384,
    Algorithm::Hs512,   Algorithm::Es384, Algorithm::Es512, Algorithm::Ed448, Algorithm::Rs256,
    Algorithm::Ps256,   Algorithm::Rs384, Algorithm::Ps384, Algorithm::Rs512, Algorithm::Ps512};

void set_default(json::object& claims, std::string_view name, json::value value) {
  const json::value* given = claims.if_contains(name);
  if (given == nullptr) {
    claims[name] = std::move(value);
  } else if (given->is_null()) {
    claims.erase(name);
  }
}

}  // namespace

TokenSigner::TokenSigner(const table::TableView& view, LiveData& data) {
  for (u32 i = 0; i < data.schemes.size(); ++i) {
    SchemeData& scheme = data.schemes[i];
    rules_.push_back(scheme.rules);
    SchemeKey& use = schemes_.emplace_back();
    if (static_cast<SchemeKind>(view.schemes()[i].kind) != SchemeKind::Jwt) continue;
    scheme.keys = nullptr;
    scheme.slot = nullptr;
    for (const Algorithm algorithm : kPreferred) {
      if (!scheme.rules.algorithms.has(algorithm)) continue;
      auto known = keys_.find(algorithm);
      if (known == keys_.end()) {
        known = keys_.emplace(algorithm, jose::SigningKey::make(algorithm)).first;
      }
      use = {algorithm, &known->second};
      jose::KeySetOptions options;
      options.secrets = jose::is_hmac(algorithm);
      std::string problem;
      scheme.keys =
          jose::KeySet::parse(jose::key_set_of({known->second.jwk(kKeyId)}), options, problem);
      GW_CHECK(scheme.keys != nullptr);
      break;
    }
  }
}

json::object TokenSigner::complete(u32 scheme, const json::object& given, i64 now_ms) const {
  const jose::JwtRules& rules = rules_[scheme];
  json::object claims = given;
  const i64 now = now_ms / 1000;
  if (!rules.issuer.empty()) set_default(claims, "iss", json::value(rules.issuer));
  if (!rules.audiences.empty()) set_default(claims, "aud", json::value(rules.audiences.front()));
  set_default(claims, "iat", now);
  set_default(claims, "exp", now + kLifeSeconds);
  return claims;
}

std::string TokenSigner::sign(u32 scheme, const json::object& given, i64 now_ms) const {
  const std::string payload = json::serialize(complete(scheme, given, now_ms));
  const SchemeKey& use = schemes_[scheme];
  if (use.key == nullptr) return "opaque-" + jose::base64url_encode(payload);
  const std::string& type = rules_[scheme].type;
  const std::string header =
      fmt::format(R"({{"alg":"{}","kid":"{}","typ":"{}"}})", jose::algorithm_name(use.algorithm),
                  kKeyId, type.empty() ? "JWT" : type);
  return use.key->token(use.algorithm, header, payload);
}

}  // namespace gw::cli::tests
