#include "runtime/upstream/health_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/descriptor_shortage.h"
#include "runtime/http/http1_head.h"
#include "runtime/http/proxy_protocol.h"
#include "runtime/net/tls_client.h"
#include "runtime/upstream/ask_head.h"
#include "runtime/upstream/send_ahead.h"
#include "runtime/upstream/start_tls.h"
#include "runtime/upstream/stream_deadline.h"

namespace gw::upstream {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSweep{50};
constexpr milliseconds kLongestBegin{250};

std::string request_text(const HealthOptions& options, const TargetConfig& target) {
  const bool is_path = target.address.starts_with("unix:");
  std::string_view host = target.address;
  if (is_path) {
    host = "localhost";
  } else if (!target.server_name.empty()) {
    host = target.server_name;
  } else if (!target.authority.empty()) {
    host = target.authority;
  }
  return fmt::format(
      "GET {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: gwctl-health\r\nAccept: */*\r\n"
      "Connection: close\r\n\r\n",
      target.path_prefix, options.path, host);
}

bool is_good(const HealthOptions& options, u16 status) {
  if (options.statuses.empty()) return status >= 200 && status <= 299;
  return std::ranges::find(options.statuses, status) != options.statuses.end();
}

}  // namespace

// One target of one upstream.
class HealthChecker::Check {
 public:
  Check(HealthChecker& owner, const UpstreamConfig& config, const TargetConfig& target)
      : owner_(owner),
        upstream_(config.name),
        options_(config.health),
        proxy_version_(config.proxy_version),
        target_(target),
        tls_options_(config.tls),
        state_(config.state),
        timer_(&Check::on_timer, this),
        identity_(identity_of(config, target)) {}

  static std::string identity_of(const UpstreamConfig& config, const TargetConfig& target) {
    std::string all = fmt::format(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", config.name, config.proxy_version,
        target.address, target.tls, target.server_name, target.path_prefix, config.health.path,
        config.health.tcp, config.health.interval_ms, config.health.timeout_ms,
        config.health.healthy, config.health.unhealthy, static_cast<const void*>(config.tls.get()),
        static_cast<const void*>(target.state.get()));
    for (const u16 status : config.health.statuses) all += fmt::format("|{}", status);
    return all;
  }
  const std::string& identity() const { return identity_; }
  TargetState* state() const { return target_.state.get(); }
  void use_addresses(const TargetConfig& target) { target_.addresses = target.addresses; }

  void begin(u32 within_ms) {
    begun_ = true;
    ask_in(owner_.random_.next() % std::clamp(within_ms, 1U, options_.interval_ms));
  }
  bool has_begun() const { return begun_; }

  void stop() {
    stopped_ = true;
    timer_.clear();
    if (stream_ != nullptr) stream_->cancel();
  }
  bool at_rest() const {
    return task_.done() &&
           (stream_ == nullptr || (!stream_->reading.pending && !stream_->writing.pending));
  }

  void set_healthy(bool healthy, std::string_view reason) {
    TargetState& state = *target_.state;
    if (state.healthy.load(std::memory_order_relaxed) == healthy) return;
    if (healthy) state.recovered_ms.store(to_ms(owner_.loop_.now()), std::memory_order_relaxed);
    state.healthy.store(healthy, std::memory_order_relaxed);
    state_->changed();
    state_->tell({.kind = healthy ? HealthChange::Kind::Healthy : HealthChange::Kind::Unhealthy,
                  .upstream = upstream_,
                  .target = target_.address,
                  .reason = reason});
  }

 private:
  static void on_timer(void* context) {
    auto* self = static_cast<Check*>(context);
    if (!self->at_rest()) {  // a stream that is still closing
      self->ask_in(self->options_.interval_ms);
      return;
    }
    self->stream_.reset();
    self->task_ = self->ask();
    self->task_.start();
  }

  void ask_in(u64 delay_ms) {
    if (stopped_) return;
    owner_.loop_.set_timer(timer_, owner_.loop_.now() + milliseconds(delay_ms));
  }

  Task<void> ask() {
    std::string reason;
    const bool good = co_await probe(reason);
    if (stream_ != nullptr) stream_->close(false);
    if (!stopped_) {
      if (!std::exchange(says_nothing_, false)) conclude(good, reason);
      // A tenth more or less, so that the checks of many gateways do not fall together.
      const u64 tenth = std::max(options_.interval_ms / 10, 1U);
      ask_in(options_.interval_ms - tenth + owner_.random_.next() % (2 * tenth + 1));
    }
  }

  Task<bool> probe(std::string& reason) {
    const TimePoint due = owner_.loop_.now() + milliseconds(options_.timeout_ms);
    auto connected = co_await owner_.connector_.connect(target_, due);
    if (!connected) {
      reason = connected.error().what;
      says_nothing_ = is_shortage(connected.error().sys);
      co_return false;
    }
    stream_ = std::move(*connected);
    if (proxy_version_ != 0) {
      const std::string header = http::write_proxy_header(proxy_version_);
      const auto sent = co_await send_ahead(*stream_, header, owner_.loop_, due);
      if (!sent) {
        reason = sent.error().what;
        co_return false;
      }
    }
    if (target_.tls) {
      const bool secured = co_await secure(due, reason);
      if (!secured) co_return false;
    }
    if (options_.tcp) co_return true;
    const StreamDeadline deadline(owner_.loop_, *stream_, due);
    const bool good = co_await exchange(reason);
    if (deadline.passed()) reason = "no answer in time";
    co_return good && !deadline.passed();
  }

  Task<bool> secure(TimePoint due, std::string& reason) {
    if (tls_ == nullptr) {
      static const net::TlsClientOptions kDefault;
      auto made = net::TlsClient::make(tls_options_ == nullptr ? kDefault : *tls_options_, reason);
      if (!made) co_return false;
      tls_ = *std::move(made);
    }
    const auto secured = co_await start_tls(stream_, *tls_, target_.server_name, owner_.loop_, due);
    if (!secured) reason = secured.error().what;
    co_return secured.has_value();
  }

  Task<bool> exchange(std::string& reason) {
    const std::string request = request_text(options_, target_);
    std::string received;
    const auto head_bytes = co_await ask_head(*stream_, request, received);
    if (!head_bytes) {
      reason = head_bytes.error().what;
      co_return false;
    }
    co_return judge(std::string_view(received).substr(0, *head_bytes), reason);
  }

  bool judge(std::string_view head, std::string& reason) {
    Arena arena;
    http::ResponseHead response(arena);
    http::ResponseWire wire;
    if (!http::parse_response_head(head, http::Method::Get, response, wire)) {
      reason = "the answer is not HTTP";
      return false;
    }
    if (is_good(options_, response.status)) return true;
    reason = fmt::format("status {}", response.status);
    return false;
  }

  void conclude(bool good, std::string_view reason) {
    TargetState& state = *target_.state;
    const bool first = !state.checked;
    state.checked = true;
    in_a_row_ = good == last_good_ ? in_a_row_ + 1 : 1;
    last_good_ = good;
    const bool enough = in_a_row_ >= (good ? options_.healthy : options_.unhealthy);
    // Of a target that nobody knows yet the first answer tells.
    if (enough || first) set_healthy(good, good ? "checks pass" : reason);
    if (first && owner_.on_first) owner_.on_first();
  }

  HealthChecker& owner_;
  const std::string upstream_;
  const HealthOptions options_;
  const u32 proxy_version_;
  TargetConfig target_;
  std::shared_ptr<const net::TlsClientOptions> tls_options_;
  std::shared_ptr<UpstreamState> state_;
  std::unique_ptr<net::TlsClient> tls_;
  std::unique_ptr<net::ByteStream> stream_;
  net::Timer timer_;
  const std::string identity_;
  Task<void> task_;
  u32 in_a_row_ = 0;
  bool last_good_ = true;
  bool begun_ = false;
  bool stopped_ = false;
  bool says_nothing_ = false;  // the last probe, for want of a descriptor here
};

HealthChecker::HealthChecker(net::EventLoop& loop, Random& random, Connector& connector)
    : loop_(loop),
      random_(random),
      connector_(connector),
      sweep_timer_(&HealthChecker::on_sweep, this) {}

HealthChecker::~HealthChecker() { GW_CHECK(checks_.empty() && leaving_.empty()); }

void HealthChecker::watch(const std::vector<UpstreamConfig>& upstreams) {
  std::vector<std::unique_ptr<Check>> wanted;
  for (const UpstreamConfig& config : upstreams) {
    if (!config.health.asks()) continue;
    for (const TargetConfig& target : config.targets) {
      if (target.weight == 0) continue;
      const std::string identity = Check::identity_of(config, target);
      const auto same = [&](const auto& check) {
        return check != nullptr && check->identity() == identity;
      };
      if (std::ranges::any_of(wanted, same)) continue;  // the same address twice
      const auto known = std::ranges::find_if(checks_, same);
      if (known != checks_.end()) {
        (*known)->use_addresses(target);
        wanted.push_back(std::move(*known));
        continue;
      }
      wanted.push_back(std::make_unique<Check>(*this, config, target));
    }
  }
  for (auto& check : checks_) {
    if (check == nullptr) continue;
    check->stop();
    const auto same_target = [&](const auto& other) { return other->state() == check->state(); };
    if (std::ranges::none_of(wanted, same_target)) check->set_healthy(true, "no longer checked");
    leaving_.push_back(std::move(check));
  }
  checks_ = std::move(wanted);
  begin_new();
  sweep();
}

// The first ones soon, since a table may wait for them, but many not at once.
void HealthChecker::begin_new() {
  const auto is_new = [](const auto& check) { return !check->has_begun(); };
  const auto count = std::ranges::count_if(checks_, is_new);
  const u32 within_ms = static_cast<u32>(std::min<std::ptrdiff_t>(count, kLongestBegin.count()));
  for (const auto& check : checks_) {
    if (is_new(check)) check->begin(within_ms);
  }
}

bool HealthChecker::knows_all(const std::vector<UpstreamConfig>& upstreams) {
  return std::ranges::all_of(upstreams, [](const UpstreamConfig& config) {
    return !config.health.asks() ||
           std::ranges::all_of(config.targets, [](const TargetConfig& target) {
             return target.weight == 0 || target.state->checked;
           });
  });
}

void HealthChecker::sweep() {
  std::erase_if(leaving_, [](const auto& check) { return check->at_rest(); });
  if (!leaving_.empty()) loop_.set_timer(sweep_timer_, loop_.now() + kSweep);
}

void HealthChecker::on_sweep(void* context) { static_cast<HealthChecker*>(context)->sweep(); }

bool HealthChecker::stop() {
  for (auto& check : checks_) {
    check->stop();
    leaving_.push_back(std::move(check));
  }
  checks_.clear();
  std::erase_if(leaving_, [](const auto& check) { return check->at_rest(); });
  return leaving_.empty();
}

}  // namespace gw::upstream
