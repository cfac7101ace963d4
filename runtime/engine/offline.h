// The outside world without sockets: for `gwctl explain`, offline tests and unit tests of the
// engine. The same run() as in the server.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/identity/services.h"

namespace gw::engine {

/// Stands still until advanced. Tasks that sleep go on when their time has come, in order.
class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  i64 unix_ms() const override { return unix_ms_; }
  Task<void> sleep_until(TimePoint when) override;

  void set_unix_ms(i64 unix_ms) { unix_ms_ = unix_ms; }
  /// Moves the time and wakes who waited for it.
  void advance(std::chrono::milliseconds by);
  size_t sleeping() const { return sleepers_.size(); }

 private:
  struct Sleeper {
    TimePoint due;
    std::coroutine_handle<> handle;
  };
  struct Awaiter {
    FakeClock& clock;
    TimePoint due;
    bool await_ready() const { return due <= clock.now_; }
    void await_suspend(std::coroutine_handle<> handle) { clock.sleepers_.push_back({due, handle}); }
    void await_resume() const {}
  };
  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
  i64 unix_ms_ = 0;
  std::vector<Sleeper> sleepers_;
};

class FixedRandom final : public Random {
 public:
  u64 next() override { return state_ = state_ * 6364136223846793005u + 1442695040888963407u; }

 private:
  u64 state_ = 1;
};

/// Field names and values as text.
struct OfflineField {
  std::string name;
  std::string value;
};

/// Keeps what an exchange answers.
class MemoryResponder final : public Responder {
 public:
  Task<Result<void>> inform(const http::ResponseHead& head) override;
  void head(const http::ResponseHead& head) override;
  Task<Result<void>> data(Bytes bytes) override;
  Task<Result<void>> end(Bytes last, const http::FieldList* trailers) override;
  void reset() noexcept override { was_reset = true; }
  bool head_sent() const override { return status != 0; }
  bool client_gone() const override { return false; }

  const std::string* field(std::string_view name) const;
  /// What `body` stands for: decoded, when the head names one of our codings.
  std::string plain_body() const;

  u16 status = 0;
  std::vector<u16> informed;
  std::vector<OfflineField> fields;
  std::string body;
  bool ended = false;
  bool was_reset = false;
};

/// What a scripted upstream answers to one fetch.
struct ScriptedAnswer {
  u16 status = 200;
  std::vector<OfflineField> fields = {};
  std::string body = {};
  Errc failure = Errc::None;           // instead of an answer
  std::chrono::milliseconds after{0};  // on the clock, at most the deadline of the fetch
  bool drop_on_reuse = false;          // the first time: as a stale pooled connection would
  u64 target_token = 0;                // of the target that answered
};

/// Keeps the requests that were sent and answers them from a script; 200 without body when the
/// script is used up.
class ScriptedFetcher final : public Fetcher {
 public:
  struct Sent {
    u32 upstream = 0;
    std::string method;
    std::string target;
    std::vector<OfflineField> fields;
    std::string body;
    FetchOptions options;  // its causes lie in the table
  };
  explicit ScriptedFetcher(Clock& clock) : clock_(clock) {}

  Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                           http::BodySource* body, const FetchOptions& options,
                           Responder* responder, Fetched& out) override;
  void release(Fetched& out) noexcept override;

  std::vector<ScriptedAnswer> script;  // in order
  std::vector<Sent> sent;
  u32 released = 0;

 private:
  Clock& clock_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<http::MemoryBody>> bodies_;
};

/// Hashes at once.
class OfflinePasswords final : public PasswordChecker {
 public:
  Task<Verdict> check(std::string_view hash, std::string_view password) override;
};

class NullObserver final : public ExchangeObserver {
 public:
  void finished(const Exchange&) override { ++count; }
  u32 count = 0;
};

/// Fills exchange.request from text. `target` is the origin form. False with `problem` set when
/// the path would be refused by the server.
bool make_request(Exchange& exchange, std::string_view method, std::string_view target,
                  const std::vector<OfflineField>& fields, std::string& problem);

}  // namespace gw::engine
