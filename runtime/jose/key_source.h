// Keeping the keys of one issuer up to date.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "runtime/http/env.h"
#include "runtime/jose/key_set.h"
#include "runtime/jose/key_slot.h"
#include "runtime/net/event_loop.h"
#include "runtime/net/http_fetcher.h"

namespace gw::jose {

enum class KeySourceKind : u8 {
  Inline,     // `location` is the document
  File,       // its path; looked at again every minute
  Jwks,       // its URL
  Discovery,  // URL of the document that names it (OpenID Connect Discovery 1.0, RFC 8414)
};

struct KeySourceOptions {
  KeySourceKind kind = KeySourceKind::Jwks;
  std::string location;
  /// With Discovery: what `issuer` of the document must be. "": what comes before
  /// `/.well-known/openid-configuration` in `location`.
  std::string issuer = {};
  bool loopback_http = false;  // http will do for URLs of this machine; https otherwise
  KeySetOptions keys = {};
  std::chrono::milliseconds stale = std::chrono::hours(24);  // how long keys outlive their issuer
  std::shared_ptr<const net::TlsClientOptions> tls = {};  // of the issuer; null: usual authorities
};
/// The issuer that tokens must name: `issuer`, or what Discovery makes of `location`. May be empty.
std::string issuer_of(const KeySourceOptions& options);

/// Something for the log. Texts are static or outlive the call.
struct KeyEvent {
  enum class Kind : u8 {
    Loaded,     // other keys than before, or the first
    Failing,    // `reason`; `known`: the last ones go on being used
    Recovered,  //
    Expired,    // the issuer has been away for too long: there are no keys any more
  };
  Kind kind = Kind::Loaded;
  std::string_view location = {};  // empty for Inline
  std::string_view reason = {};
  bool known = false;
  size_t keys = 0;
  KeySetNotes notes = {};
};

/// Fetches the keys in the background, again when they have become old: after Cache-Control's
/// max-age, between kMinRefresh and kMaxRefresh. A failure (no answer, another status than 200,
/// redirects included, another issuer, no usable key) leaves the last good keys for `stale` and is
/// tried again after growing pauses with jitter. A token whose key is not known has them fetched at
/// once, but at most once per kMissingInterval, and not beside another fetch. Who waits for that is
/// let go when the fetch ends, whatever it has brought, or at once when there is none.
///
/// One thread, that of `loop`, which is the control side's; keys reach workers by slot(). `loop`,
/// `random` and `fetcher` outlive it.
class KeySource {
 public:
  static constexpr std::chrono::seconds kMinRefresh{60};
  static constexpr std::chrono::seconds kUsualRefresh{600};
  static constexpr std::chrono::hours kMaxRefresh{24};
  static constexpr std::chrono::seconds kFileRefresh{60};
  static constexpr std::chrono::minutes kMissingInterval{5};

  KeySource(net::EventLoop& loop, Random& random, net::HttpFetcher& fetcher,
            KeySourceOptions options);
  ~KeySource();
  KeySource(const KeySource&) = delete;
  KeySource& operator=(const KeySource&) = delete;

  /// Once. Inline keys and files are there when it returns, if they are good.
  void start();
  /// There are keys now.
  bool ready() const { return keys_ != nullptr; }
  /// The first fetch has had an outcome, good or bad: nothing is gained by waiting longer.
  bool settled() const { return settled_; }
  const std::shared_ptr<const KeySet>& keys() const { return keys_; }
  const std::shared_ptr<KeySlot>& slot() const { return slot_; }
  const KeySourceOptions& options() const { return options_; }

  /// On the loop's thread; workers say it to the slot.
  void key_missing();

  /// There are keys now, or none any more, or it is settled. Not within start().
  std::function<void()> on_change;
  std::function<void(const KeyEvent& event)> on_event;

 private:
  static void on_due(void* context);
  static void on_stale(void* context);
  static void on_notify(void* context);

  void begin();
  void fetch(const std::string& url, void (KeySource::*then)(const net::HttpReply& reply));
  bool is_answer(const net::HttpReply& reply);
  void take_discovery(const net::HttpReply& reply);
  void take_keys(const net::HttpReply& reply);
  void read_file();
  bool take_document(std::string_view document, std::string& problem);
  void succeed(std::chrono::seconds wait);
  void fail(std::string_view reason);
  void let_hear();
  void end_of_fetch();
  void set_keys(std::shared_ptr<const KeySet> keys);
  void tell(KeyEvent event);

  net::EventLoop& loop_;
  Random& random_;
  net::HttpFetcher& fetcher_;
  const KeySourceOptions options_;
  std::shared_ptr<const KeySet> keys_;
  std::shared_ptr<KeySlot> slot_ = std::make_shared<KeySlot>();
  std::string document_;  // that keys_ are of
  bool settled_ = false;
  bool fetching_ = false;
  u32 failures_ = 0;  // in a row
  u64 heard_ = 0;     // of those who asked, by KeySlot::asked()
  net::TimePoint missing_allowed_{};
  net::Timer timer_;
  net::Timer stale_timer_;
  net::Deferred notify_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // replies may come after the end
};

/// How long an answer says that it is fresh (RFC 9111 sections 4.2.1 and 5.2.2), within the bounds
/// of KeySource.
std::chrono::seconds refresh_after(std::string_view cache_control, std::string_view age);

}  // namespace gw::jose
