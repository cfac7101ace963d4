// A fetch is what is asked for at a time: the document of keys, or with Discovery first the one
// that names it. That one is asked for anew each time, since an issuer may move its keys.
#include "runtime/jose/key_source.h"

#include <algorithm>

#include "runtime/http/fields.h"
#include "runtime/jose/json_document.h"
#include "runtime/table/table_file.h"

namespace gw::jose {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr u64 kFirstPauseMs = 1'000;  // after a failure; doubled by each further one
constexpr u64 kMaxPauseMs = 300'000;
constexpr milliseconds kHearInterval{1'000};
constexpr size_t kMaxDiscoveryBytes = 256 * 1024;
constexpr std::string_view kWellKnown = "/.well-known/openid-configuration";

i64 to_ms(net::TimePoint when) {
  return std::chrono::duration_cast<milliseconds>(when.time_since_epoch()).count();
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// delta-seconds (RFC 9111 section 1.2.2); what is too large is a day, what is none nothing.
std::optional<u64> delta_seconds(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  if (text.empty()) return std::nullopt;
  constexpr u64 kMost = seconds(KeySource::kMaxRefresh).count();
  u64 value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = std::min(value * 10 + static_cast<u64>(c - '0'), kMost);
  }
  return value;
}

bool is_allowed(const std::string& url, bool loopback_http) {
  const auto parsed = net::parse_fetch_url(url);
  return parsed && (parsed->tls || (loopback_http && net::is_loopback(*parsed)));
}

}  // namespace

std::string issuer_of(const KeySourceOptions& options) {
  if (!options.issuer.empty() || options.kind != KeySourceKind::Discovery) return options.issuer;
  std::string_view location = options.location;
  if (!location.ends_with(kWellKnown)) return {};
  location.remove_suffix(kWellKnown.size());
  return std::string(location);
}

seconds refresh_after(std::string_view cache_control, std::string_view age) {
  std::optional<u64> fresh;
  while (!cache_control.empty()) {
    const std::string_view directive = trim(cache_control.substr(0, cache_control.find(',')));
    cache_control.remove_prefix(std::min(cache_control.find(','), cache_control.size() - 1) + 1);
    const std::string_view name = trim(directive.substr(0, directive.find('=')));
    if (http::equal_fold(name, "no-store") || http::equal_fold(name, "no-cache")) fresh = 0;
    if (!http::equal_fold(name, "max-age") || fresh || name.size() == directive.size()) continue;
    fresh = delta_seconds(trim(directive.substr(directive.find('=') + 1)));
  }
  if (!fresh) return KeySource::kUsualRefresh;
  const u64 old = std::min(delta_seconds(trim(age)).value_or(0), *fresh);
  return std::max(seconds(*fresh - old), KeySource::kMinRefresh);
}

KeySource::KeySource(net::EventLoop& loop, Random& random, net::HttpFetcher& fetcher,
                     KeySourceOptions options)
    : loop_(loop),
      random_(random),
      fetcher_(fetcher),
      options_(std::move(options)),
      timer_(&KeySource::on_due, this),
      stale_timer_(&KeySource::on_stale, this),
      notify_(&KeySource::on_notify, this) {
  slot_->listen([this, alive = alive_] {
    loop_.post([this, alive] {
      if (*alive) key_missing();
    });
  });
}

KeySource::~KeySource() {
  *alive_ = false;
  slot_->listen({});
}

void KeySource::start() { begin(); }

void KeySource::on_due(void* context) { static_cast<KeySource*>(context)->begin(); }

void KeySource::on_notify(void* context) {
  auto* self = static_cast<KeySource*>(context);
  if (self->on_change) self->on_change();
}

void KeySource::begin() {
  if (fetching_) return;
  timer_.clear();
  switch (options_.kind) {
    case KeySourceKind::Inline: {
      std::string problem;
      if (take_document(options_.location, problem)) {
        settled_ = true;
        loop_.defer(notify_);
      } else {
        fail(problem);
        timer_.clear();  // it will not become better
      }
      return;
    }
    case KeySourceKind::File:
      read_file();
      return;
    case KeySourceKind::Jwks:
      fetch(options_.location, &KeySource::take_keys);
      return;
    case KeySourceKind::Discovery:
      fetch(options_.location, &KeySource::take_discovery);
      return;
  }
}

void KeySource::read_file() {
  const auto text = table::read_file(options_.location, kMaxKeyDocumentBytes);
  if (!text) {
    fail("the file cannot be read");
    return;
  }
  std::string problem;
  if (take_document(*text, problem)) {
    succeed(kFileRefresh);
  } else {
    fail(problem);
  }
}

void KeySource::fetch(const std::string& url, void (KeySource::*then)(const net::HttpReply&)) {
  if (!is_allowed(url, options_.loopback_http)) {
    fail("the URL of the keys is not https");
    return;
  }
  fetching_ = true;
  net::HttpCall call{.url = url};
  call.max_body_bytes = then == &KeySource::take_keys ? kMaxKeyDocumentBytes : kMaxDiscoveryBytes;
  call.tls = options_.tls;
  fetcher_.send(std::move(call), [this, alive = alive_, then](const net::HttpReply& reply) {
    if (!*alive) return;
    fetching_ = false;
    (this->*then)(reply);
  });
}

bool KeySource::is_answer(const net::HttpReply& reply) {
  if (!reply.problem.empty()) {
    fail(reply.problem);
    return false;
  }
  if (reply.status == 200) return true;
  const bool redirect = reply.status >= 300 && reply.status <= 399;
  fail(redirect ? "the issuer answers with a redirect" : "the issuer answers with an error");
  return false;
}

// OpenID Connect Discovery 1.0 section 4.3: the document must be of the issuer that was asked for,
// or one issuer could speak for another.
void KeySource::take_discovery(const net::HttpReply& reply) {
  if (!is_answer(reply)) return;
  const auto document = JsonDocument::parse(reply.body);
  if (!document || !document->root().is(JsonKind::Object)) {
    fail("the discovery document is not JSON");
    return;
  }
  const JsonValue issuer = document->root().find("issuer");
  const std::string wanted = issuer_of(options_);
  if (wanted.empty() || !issuer.is(JsonKind::String) || issuer.text() != wanted) {
    fail("the discovery document is of another issuer");
    return;
  }
  const JsonValue url = document->root().find("jwks_uri");
  if (!url.is(JsonKind::String)) {
    fail("the discovery document names no keys");
    return;
  }
  fetch(std::string(url.text()), &KeySource::take_keys);
}

void KeySource::take_keys(const net::HttpReply& reply) {
  if (!is_answer(reply)) return;
  std::string problem;
  if (take_document(reply.body, problem)) {
    succeed(refresh_after(reply.cache_control, reply.age));
  } else {
    fail(problem);
  }
}

// Equal bytes are the same keys: they keep their generation, and what was verified with them its
// place in caches.
bool KeySource::take_document(std::string_view document, std::string& problem) {
  if (keys_ != nullptr && document == document_) return true;
  KeySetNotes notes;
  auto keys = KeySet::parse(document, options_.keys, problem, &notes);
  if (keys == nullptr) return false;
  document_ = document;
  const size_t count = keys->size();
  set_keys(std::move(keys));
  tell({.kind = KeyEvent::Kind::Loaded, .keys = count, .notes = notes});
  return true;
}

void KeySource::succeed(seconds wait) {
  const bool first = !settled_;
  settled_ = true;
  const bool failed_before = failures_ != 0;
  failures_ = 0;
  stale_timer_.clear();
  // A tenth less or not so much, so that many gateways do not ask together.
  const auto wait_ms = static_cast<u64>(milliseconds(wait).count());
  const u64 jitter_ms = wait > kMinRefresh ? random_.next() % (wait_ms / 10 + 1) : 0;
  const u64 least_ms = static_cast<u64>(milliseconds(kMinRefresh).count());
  loop_.set_timer(timer_, loop_.now() + milliseconds(std::max(wait_ms - jitter_ms, least_ms)));
  slot_->wait_until(to_ms(missing_allowed_));  // an issuer may change its keys right behind it
  end_of_fetch();
  if (failed_before) tell({.kind = KeyEvent::Kind::Recovered});
  if (first) loop_.defer(notify_);
}

void KeySource::fail(std::string_view reason) {
  const bool first = !settled_;
  settled_ = true;
  u64 pause_ms = std::min(kFirstPauseMs << std::min(failures_, 16U), kMaxPauseMs);
  // A quarter more or less.
  pause_ms = pause_ms * 3 / 4 + random_.next() % (pause_ms / 2 + 1);
  loop_.set_timer(timer_, loop_.now() + milliseconds(pause_ms));
  if (failures_++ == 0) {
    if (keys_ != nullptr) loop_.set_timer(stale_timer_, loop_.now() + options_.stale);
    tell({.kind = KeyEvent::Kind::Failing, .reason = reason, .known = keys_ != nullptr});
  }
  let_hear();
  end_of_fetch();
  if (first) loop_.defer(notify_);
}

void KeySource::on_stale(void* context) {
  auto* self = static_cast<KeySource*>(context);
  self->document_.clear();
  self->set_keys(nullptr);
  self->tell({.kind = KeyEvent::Kind::Expired});
}

// Fetches that are due anyway are not hurried: after a failure the pause stands.
void KeySource::key_missing() {
  heard_ = slot_->asked();
  const bool in_vain = fetching_ || failures_ != 0 || options_.kind == KeySourceKind::Inline ||
                       loop_.now() < missing_allowed_;
  if (!in_vain) {
    missing_allowed_ = loop_.now() + kMissingInterval;
    begin();
  }
  let_hear();
  if (!fetching_) end_of_fetch();
}

// Who has asked after this fetch had ended waits on: his question is still on its way to this loop.
void KeySource::end_of_fetch() { slot_->answer(heard_); }

// Not sooner than in a while, so that what is in vain is not said by each request.
void KeySource::let_hear() {
  slot_->wait_until(to_ms(std::max(missing_allowed_, loop_.now() + kHearInterval)));
}

void KeySource::set_keys(std::shared_ptr<const KeySet> keys) {
  keys_ = std::move(keys);
  slot_->publish(keys_);
  loop_.defer(notify_);
}

void KeySource::tell(KeyEvent event) {
  if (options_.kind != KeySourceKind::Inline) event.location = options_.location;
  if (on_event) on_event(event);
}

}  // namespace gw::jose
