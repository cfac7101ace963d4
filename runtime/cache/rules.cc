#include "runtime/cache/rules.h"

#include <algorithm>

namespace gw::cache {
namespace {

using http::FieldId;
using http::FieldList;

// Statuses whose answers may be kept without a word of the upstream, once a time is configured for
// good answers; those of errors have times of their own.
bool is_lasting(u16 status) {
  return status == 200 || status == 203 || status == 204 || status == 300 || status == 301 ||
         status == 308;
}

// Those that may be kept by a guess (RFC 9110 section 15.1).
bool is_heuristic(u16 status) {
  return is_lasting(status) || status == 404 || status == 405 || status == 410 || status == 414 ||
         status == 501;
}

i64 bounded_ms(u32 seconds) { return std::min(i64{seconds} * 1000, kMaxTimeMs); }

// Value of a field that must be there once.
std::optional<std::string_view> single(const FieldList& fields, FieldId id) {
  std::optional<std::string_view> value;
  for (const http::Field& field : fields) {
    if (field.removed || field.id != id) continue;
    if (value) return std::nullopt;
    value = field.value;
  }
  return value;
}

// Section 4.2.3.
i64 age_when_it_came(const FieldList& answer, const Moments& moments) {
  const i64 now_s = moments.answered_unix_ms / 1000;
  i64 apparent_ms = 0;
  if (const auto date = single(answer, FieldId::Date)) {
    if (const auto made = read_http_date(*date, now_s)) {
      apparent_ms = std::clamp((now_s - *made) * 1000, i64{0}, kMaxTimeMs);
    }
  }
  i64 told_ms = 0;
  if (const http::Field* age = answer.find(FieldId::Age)) {
    std::string_view rest = age->value;
    std::string_view first;
    if (next_element(rest, first)) told_ms = bounded_ms(read_delta_seconds(first).value_or(0));
  }
  return std::max(apparent_ms, told_ms + std::max(moments.delay_ms, i64{0}));
}

// What the answer itself says; nothing: nothing.
std::optional<i64> told_lifetime(const FieldList& answer, const Directives& says,
                                 const Moments& moments) {
  if (says.s_maxage) return bounded_ms(*says.s_maxage);
  if (says.max_age) return bounded_ms(*says.max_age);
  if (answer.find(FieldId::Expires) == nullptr) return std::nullopt;
  // A date that cannot be read, above all `0`, is in the past (section 5.3).
  const i64 now_s = moments.answered_unix_ms / 1000;
  const auto expires_text = single(answer, FieldId::Expires);
  const auto expires = expires_text ? read_http_date(*expires_text, now_s) : std::nullopt;
  if (!expires) return 0;
  i64 made = now_s;
  if (const auto date = single(answer, FieldId::Date)) {
    made = read_http_date(*date, now_s).value_or(now_s);
  }
  return std::clamp((*expires - made) * 1000, i64{0}, kMaxTimeMs);
}

std::optional<i64> guessed_lifetime(u16 status, const FieldList& answer, const Moments& moments) {
  if (!is_heuristic(status)) return std::nullopt;
  const auto text = single(answer, FieldId::LastModified);
  if (!text) return std::nullopt;
  const i64 now_s = moments.answered_unix_ms / 1000;
  const auto changed = read_http_date(*text, now_s);
  if (!changed || *changed >= now_s) return std::nullopt;
  return std::min((now_s - *changed) * 100, kMaxHeuristicMs);
}

bool has_validator(const FieldList& answer) {
  return answer.has(FieldId::Etag) || answer.has(FieldId::LastModified);
}

bool varies_on_all(const FieldList& answer) {
  for (const http::Field& field : answer) {
    if (field.removed || field.id != FieldId::Vary) continue;
    std::string_view rest = field.value;
    for (std::string_view name; next_element(rest, name);) {
      if (name == "*") return true;
    }
  }
  return false;
}

Refusal refusal_of(http::Method method, const FieldList& request, const Directives& asks,
                   u16 status, const FieldList& answer, const Directives& says,
                   const Wishes& wishes) {
  if (method != http::Method::Get) return Refusal::Method;
  if (status < 200 || status == 206 || status == 304 || answer.find("content-range") != nullptr) {
    return Refusal::Status;
  }
  // A status that is understood is what must-understand is about (section 5.2.2.3).
  const bool understood = says.must_understand &&
                          (is_heuristic(status) || status == 302 || status == 303 || status == 307);
  if (says.must_understand && !understood) return Refusal::NoStore;
  if (says.no_store && !understood) return Refusal::NoStore;
  if (wishes.client_bypass && asks.no_store) return Refusal::NoStore;
  if (says.is_private) return Refusal::Private;
  if (answer.has(FieldId::SetCookie)) return Refusal::SetCookie;
  if (varies_on_all(answer)) return Refusal::VaryAll;
  if (!wishes.for_everybody && has_credentials(request) && !is_for_everybody(says)) {
    return Refusal::Credentials;
  }
  return Refusal::None;
}

// Windows in which a stale answer is of use.
void settle_windows(const Directives& says, const Wishes& wishes, Freshness& out) {
  const bool must_ask = says.must_revalidate || says.proxy_revalidate || says.no_cache;
  if (wishes.override) {
    out.stale_while_revalidate_ms = wishes.stale_while_revalidate_ms;
    out.stale_if_error_ms = wishes.stale_if_error_ms;
    return;
  }
  if (must_ask) return;
  const auto window = [&](const std::optional<u32>& told, i64 wished_ms) {
    if (told) return bounded_ms(*told);
    return says.s_maxage ? 0 : wished_ms;
  };
  out.stale_while_revalidate_ms =
      window(says.stale_while_revalidate, wishes.stale_while_revalidate_ms);
  out.stale_if_error_ms = window(says.stale_if_error, wishes.stale_if_error_ms);
}

bool describes_body(FieldId id, std::string_view name) {
  return id == FieldId::ContentLength || id == FieldId::ContentEncoding ||
         id == FieldId::ContentType || http::equal_fold(name, "content-range");
}

bool is_named(const FieldList& fields, const http::Field& field) {
  return field.id == FieldId::Other ? fields.find(field.name) != nullptr : fields.has(field.id);
}

}  // namespace

bool has_credentials(const FieldList& request) {
  return request.has(FieldId::Authorization) || request.has(FieldId::Cookie);
}

bool is_for_everybody(const Directives& answer) {
  return answer.is_public || answer.s_maxage || answer.must_revalidate;
}

Verdict judge_answer(http::Method method, const FieldList& request, const Directives& asks,
                     u16 status, const FieldList& answer, const Moments& moments,
                     const Wishes& wishes) {
  const Directives says = read_directives(answer);
  Verdict verdict;
  verdict.refusal = refusal_of(method, request, asks, status, answer, says, wishes);
  if (verdict.refusal != Refusal::None) return verdict;
  Freshness& freshness = verdict.freshness;
  freshness.age_ms = age_when_it_came(answer, moments);
  std::optional<i64> lifetime = told_lifetime(answer, says, moments);
  // A configured time counts from now, however old the answer is.
  if (wishes.ttl_ms && (wishes.override || (!lifetime && !says.no_cache))) {
    lifetime = freshness.age_ms + *wishes.ttl_ms;
  }
  if (!lifetime && wishes.heuristic && !says.no_cache) {
    const auto guessed = guessed_lifetime(status, answer, moments);
    if (guessed) lifetime = *guessed;
  }
  const bool told = lifetime || says.no_cache;
  if (!told) {
    verdict.refusal = is_lasting(status) ? Refusal::NoTime : Refusal::Status;
    return verdict;
  }
  freshness.lifetime_ms = lifetime.value_or(0);
  freshness.always_ask = says.no_cache && !(wishes.override && wishes.ttl_ms);
  settle_windows(says, wishes, freshness);
  const bool of_use = (!freshness.always_ask && freshness.age_ms < freshness.lifetime_ms) ||
                      freshness.stale_while_revalidate_ms > 0 || freshness.stale_if_error_ms > 0 ||
                      has_validator(answer);
  if (!of_use) verdict.refusal = Refusal::NoTime;
  return verdict;
}

bool is_kept(const http::Field& field) {
  if (field.removed) return false;
  switch (field.id) {
    case FieldId::Age:
    case FieldId::Connection:
    case FieldId::KeepAlive:
    case FieldId::ProxyConnection:
    case FieldId::ProxyAuthenticate:
    case FieldId::TransferEncoding:
    case FieldId::Te:
    case FieldId::Trailer:
    case FieldId::Upgrade:
    case FieldId::ContentLength:
      return false;
    case FieldId::Other:
      return !http::equal_fold(field.name, "cache-status");
    default:
      return true;
  }
}

void update_fields(const FieldList& stored, const FieldList& fresh, FieldList& out) {
  for (const http::Field& field : stored) {
    if (!is_kept(field)) continue;
    if (!describes_body(field.id, field.name) && is_named(fresh, field)) continue;
    out.add(field);
  }
  for (const http::Field& field : fresh) {
    if (is_kept(field) && !describes_body(field.id, field.name)) out.add(field);
  }
}

Reuse judge_use(const Freshness& freshness, i64 age_ms, const Directives& asks,
                const Wishes& wishes) {
  if (wishes.client_bypass) {
    if (asks.no_cache || asks.no_store) return Reuse::Ask;
    if (asks.max_age && age_ms > i64{*asks.max_age} * 1000) return Reuse::Ask;
    const i64 left_ms = freshness.lifetime_ms - age_ms;
    if (asks.min_fresh && left_ms < i64{*asks.min_fresh} * 1000) return Reuse::Ask;
  }
  if (freshness.always_ask) return Reuse::Ask;
  if (age_ms < freshness.lifetime_ms) return Reuse::Fresh;
  const i64 stale_ms = age_ms - freshness.lifetime_ms;
  return stale_ms < freshness.stale_while_revalidate_ms ? Reuse::StaleOnce : Reuse::Ask;
}

bool may_cover_error(const Freshness& freshness, i64 age_ms) {
  if (freshness.always_ask) return false;
  return age_ms - freshness.lifetime_ms < freshness.stale_if_error_ms;
}

}  // namespace gw::cache
