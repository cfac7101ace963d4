#include "runtime/jose/jwt.h"

#include <algorithm>

#include "runtime/http/fields.h"

namespace gw::jose {
namespace {

constexpr i64 kNever = 253'402'300'799'000;  // as far as date_ms goes

// RFC 7515 section 4.1.9: `application/` is left out where there is no other slash.
bool is_type(std::string_view type, std::string_view wanted) {
  static constexpr std::string_view kPrefix = "application/";
  const auto bare = [](std::string_view text) {
    if (http::equal_fold(text.substr(0, kPrefix.size()), kPrefix)) {
      text.remove_prefix(kPrefix.size());
    }
    return text;
  };
  return http::equal_fold(bare(type), bare(wanted));
}

bool is_text(JsonValue value, std::string_view text) {
  return value.is(JsonKind::String) && value.text() == text;
}

bool has_audience(JsonValue audience, const std::vector<std::string>& wanted) {
  const auto is_wanted = [&](JsonValue value) {
    return std::ranges::any_of(wanted, [&](const auto& text) { return is_text(value, text); });
  };
  if (!audience.is(JsonKind::Array)) return is_wanted(audience);
  for (JsonValue item = audience.first(); item.present(); item = item.next()) {
    if (is_wanted(item)) return true;
  }
  return false;
}

Failure check_dates(const Claims& claims, const JwtRules& rules, i64 now_ms, i64& valid_until_ms) {
  const i64 skew_ms = i64{rules.clock_skew_s} * 1000;
  valid_until_ms = kNever;
  if (const JsonValue value = claims.find("exp"); value.present()) {
    const auto expires_ms = date_ms(value);
    if (!expires_ms) return Failure::ClaimsInvalid;
    valid_until_ms = std::min(*expires_ms + skew_ms, kNever);
    if (now_ms >= valid_until_ms) return Failure::Expired;
  } else if (rules.require_expiry) {
    return Failure::ExpiryMissing;
  }
  if (const JsonValue value = claims.find("nbf"); value.present()) {
    const auto begins_ms = date_ms(value);
    if (!begins_ms) return Failure::ClaimsInvalid;
    if (now_ms < *begins_ms - skew_ms) return Failure::NotYetValid;
  }
  if (const JsonValue value = claims.find("iat"); value.present()) {
    const auto issued_ms = date_ms(value);
    if (!issued_ms) return Failure::ClaimsInvalid;
    if (now_ms < *issued_ms - skew_ms) return Failure::IssuedInFuture;
  }
  return Failure::None;
}

bool has_value(JsonValue value, const std::vector<std::string>& wanted) {
  const auto is_wanted = [&](JsonValue scalar) {
    return scalar.is_scalar() && std::ranges::find(wanted, scalar.text()) != wanted.end();
  };
  if (!value.is(JsonKind::Array)) return is_wanted(value);
  for (JsonValue item = value.first(); item.present(); item = item.next()) {
    if (is_wanted(item)) return true;
  }
  return false;
}

// 1.0 is an integer (JSON Schema 2020-12 section 6.1.1), but no identifier is written so.
bool is_integer(JsonValue value) {
  return value.is(JsonKind::Number) &&
         value.text().find_first_not_of("-0123456789") == std::string_view::npos;
}

bool has_type(JsonValue value, ClaimType type) {
  switch (type) {
    case ClaimType::String:
      return value.is(JsonKind::String);
    case ClaimType::Integer:
      return is_integer(value);
    case ClaimType::Number:
      return value.is(JsonKind::Number);
    case ClaimType::Boolean:
      return value.is(JsonKind::True) || value.is(JsonKind::False);
    case ClaimType::Array:
      return value.is(JsonKind::Array);
    case ClaimType::Object:
      return value.is(JsonKind::Object);
  }
  return false;
}

Failure check_rules(const Claims& claims, const std::vector<ClaimRule>& rules) {
  for (const ClaimRule& claim : rules) {
    const JsonValue value = claims.at(claim.pointer);
    if (!value.present() || value.is(JsonKind::Null)) {
      if (claim.required) return Failure::ClaimMissing;
      continue;
    }
    if (claim.type && !has_type(value, *claim.type)) return Failure::ClaimWrong;
    if (!claim.values.empty() && !has_value(value, claim.values)) return Failure::ClaimWrong;
  }
  return Failure::None;
}

}  // namespace

Failure check_claims(const Claims& claims, std::string_view type, const JwtRules& rules, i64 now_ms,
                     i64& valid_until_ms) {
  if (!rules.type.empty() && !is_type(type, rules.type)) return Failure::TypeWrong;
  if (!rules.issuer.empty() && !is_text(claims.find("iss"), rules.issuer)) {
    return Failure::IssuerWrong;
  }
  if (!rules.audiences.empty() && !has_audience(claims.find("aud"), rules.audiences)) {
    return Failure::AudienceWrong;
  }
  const Failure failure = check_dates(claims, rules, now_ms, valid_until_ms);
  return failure == Failure::None ? check_rules(claims, rules.claims) : failure;
}

JwtResult verify_jwt(std::string_view token, const KeySet& keys, const JwtRules& rules,
                     i64 now_ms) {
  JwtResult out;
  const VerifiedJws jws = verify_jws(token, keys, rules.algorithms, rules.limits);
  out.failure = jws.failure;
  if (out.failure != Failure::None) return out;
  ClaimsPtr claims = Claims::parse(jws.payload);
  if (!claims) {
    out.failure = Failure::ClaimsInvalid;
    return out;
  }
  out.failure = check_claims(*claims, jws.type, rules, now_ms, out.valid_until_ms);
  if (out.failure == Failure::None) out.claims = std::move(claims);
  return out;
}

}  // namespace gw::jose
