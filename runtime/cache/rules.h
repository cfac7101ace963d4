// When an answer may be kept, for how long, and when it may be given out again: RFC 9111 for a
// shared cache, RFC 5861. Plain functions of what the messages and the configuration say.
//
// Where the RFC leaves it open, what users of nginx and Varnish expect:
//  - what the upstream says comes before the configured time, unless `override` is set; no-store
//    and private are obeyed in any case;
//  - clients cannot make the cache ask the upstream (no-cache, max-age) unless `clientBypass` is
//    set; only-if-cached is always obeyed, since it can only spare the upstream;
//  - answers that set cookies are never kept;
//  - a request with credentials that are not part of the key is answered from the cache only when
//    the stored answer says that it is for everybody (section 3.5), and cookies count as
//    credentials;
//  - a window of the answer itself for stale use comes before s-maxage, which otherwise forbids it
//    as proxy-revalidate does (section 5.2.2.10): both are the upstream's words, and the window is
//    the more specific one.
#pragma once
#include <optional>

#include "runtime/cache/directives.h"
#include "runtime/http/fields.h"
#include "runtime/http/message.h"

namespace gw::cache {

/// Longest time that anything is kept: 10 years, so that sums cannot overflow.
inline constexpr i64 kMaxTimeMs = i64{10} * 366 * 86'400 * 1000;
/// Of what Last-Modified alone suggests (section 4.2.2): a tenth of its age, at most a day.
inline constexpr i64 kMaxHeuristicMs = i64{86'400} * 1000;

/// What the configuration says about an answer, in milliseconds.
struct Wishes {
  std::optional<i64> ttl_ms;  // of an answer with this status
  i64 stale_while_revalidate_ms = 0;
  i64 stale_if_error_ms = 0;
  bool override = false;       // these hold, whatever the upstream says of times
  bool heuristic = false;      // guess from Last-Modified
  bool client_bypass = false;  // clients may ask for a fresh answer
  bool for_everybody = false;  // the caller is part of the key, or does not matter
};

/// How old an answer may get. Times in milliseconds, ages counted from when the origin made it.
struct Freshness {
  i64 age_ms = 0;       // when it came
  i64 lifetime_ms = 0;  // fresh while its age is below
  i64 stale_while_revalidate_ms = 0;
  i64 stale_if_error_ms = 0;
  bool always_ask = false;  // no-cache: never without asking, however young
};

/// Why an answer is not kept.
enum class Refusal : u8 {
  None,
  Method,
  Status,   // 206, 304, or one that nobody gave a time to
  NoStore,  // or the client's, where clients count
  Private,
  SetCookie,
  VaryAll,
  Credentials,
  NoTime,  // nothing says how long, and there is nothing to ask with
};

struct Verdict {
  Refusal refusal = Refusal::None;
  Freshness freshness = {};
};

/// When a request was sent and answered.
struct Moments {
  i64 answered_unix_ms = 0;
  i64 delay_ms = 0;  // from sending it to the head of the answer
};

/// Whether the request has Authorization or cookies.
bool has_credentials(const http::FieldList& request);

/// Whether an answer with this head may be kept (section 3), and how long it is fresh (section
/// 4.2). `request` as the client sent it, `asks` what its Cache-Control says.
Verdict judge_answer(http::Method method, const http::FieldList& request, const Directives& asks,
                     u16 status, const http::FieldList& answer, const Moments& moments,
                     const Wishes& wishes);

/// The head of a stored answer after a 304 (section 3.2): fields of the 304 take the place of those
/// of the same name, but for what describes the stored body. Adds to `out`; all views are those of
/// the two lists.
void update_fields(const http::FieldList& stored, const http::FieldList& fresh,
                   http::FieldList& out);
/// Fields that are not kept: hop-by-hop, Age and Cache-Status, which are said anew each time.
bool is_kept(const http::Field& field);

/// What may be done with a stored answer.
enum class Reuse : u8 {
  Fresh,      // give it out
  StaleOnce,  // give it out, and ask the upstream meanwhile
  Ask,        // ask first
};
/// `age_ms`: of now.
Reuse judge_use(const Freshness& freshness, i64 age_ms, const Directives& asks,
                const Wishes& wishes);
/// Whether it may be given out where the upstream fails.
bool may_cover_error(const Freshness& freshness, i64 age_ms);

/// Whether a request with these credentials may have an answer that was stored for somebody else.
bool is_for_everybody(const Directives& answer);

}  // namespace gw::cache
