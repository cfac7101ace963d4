#include "runtime/server/span_exporter.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <string_view>

#include "runtime/base/log.h"
#include "runtime/base/wall_clock.h"
#include "runtime/cache/retry_after.h"
#include "runtime/observe/span_text.h"

namespace gw::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInterval{1000};
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kFinish{2000};
constexpr u32 kTimeoutMs = 10'000;

bool may_be_sent_again(const net::HttpReply& reply) {
  if (!reply.problem.empty()) return true;
  return reply.status == 429 || (reply.status >= 502 && reply.status <= 504);
}

bool is_taken(const net::HttpReply& reply) {
  return reply.problem.empty() && reply.status >= 200 && reply.status < 300;
}

// As far as one may wait; 0: none is asked.
milliseconds asked_pause(const net::HttpReply& reply, i64 now_ms) {
  constexpr milliseconds kMost{60'000};
  const auto asked = cache::read_retry_after(reply.retry_after, now_ms);
  return std::min(asked.value_or(milliseconds(0)), kMost);
}

// Of a batch that was taken in part (OTLP, "Partial Success"); the number is a text in JSON of
// protocol buffers, and some write it plainly. What is no such answer has taken all.
u32 rejected_spans(const net::HttpReply& reply, u32 sent) {
  if (reply.body.find("partialSuccess") == std::string::npos) return 0;
  boost::json::error_code malformed;
  const boost::json::value answer = boost::json::parse(reply.body, malformed);
  const auto* count =
      malformed ? nullptr : answer.find_pointer("/partialSuccess/rejectedSpans", malformed);
  if (count == nullptr) return 0;
  u64 rejected = 0;
  if (count->is_string()) {
    const std::string_view text = count->get_string();
    std::from_chars(text.data(), text.data() + text.size(), rejected);
  } else if (count->is_int64() && count->get_int64() > 0) {
    rejected = static_cast<u64>(count->get_int64());
  }
  return static_cast<u32>(std::min<u64>(rejected, sent));
}

}  // namespace

SpanExporter::SpanExporter(net::EventLoop& loop, net::HttpFetcher& http, observe::SpanQueue& queue)
    : loop_(loop),
      http_(http),
      queue_(queue),
      instance_(fmt::format("{}-{}", ::getpid(), unix_now_ms())),
      timer_(&SpanExporter::on_due, this) {}

void SpanExporter::use(CollectorOptions options) {
  options_ = std::move(options);
  if (!options_.url.empty() && timer_.due() == net::TimePoint::max() && !sending_) {
    loop_.set_timer(timer_, loop_.now() + kInterval);
  }
}

void SpanExporter::on_due(void* context) { static_cast<SpanExporter*>(context)->look(); }

void SpanExporter::look() {
  if (sending_) return;
  if (batch_.count == 0) batch_ = queue_.take(kBatch);
  if (batch_.count == 0) {
    if (!options_.url.empty() && !finishing_) loop_.set_timer(timer_, loop_.now() + kInterval);
    return;
  }
  if (options_.url.empty()) {
    // All of them: nobody is left to take the rest.
    do {
      queue_.count_lost(batch_.count);
      batch_ = queue_.take(kBatch);
    } while (batch_.count != 0);
    return;
  }
  send();
}

void SpanExporter::send() {
  sending_ = true;
  ++tries_;
  net::HttpCall call{.url = options_.url, .fields = options_.fields};
  call.fields.emplace_back("Content-Type", "application/json");
  call.post = observe::trace_request(options_.service, instance_, batch_.spans);
  call.max_body_bytes = 64 * 1024;
  call.timeout_ms = finishing_ ? static_cast<u32>(kFinish.count()) : kTimeoutMs;
  call.tls = options_.tls;
  http_.send(std::move(call), [this, alive = std::weak_ptr<bool>(alive_)](net::HttpReply reply) {
    if (!alive.expired()) take_reply(reply);
  });
}

void SpanExporter::take_reply(const net::HttpReply& reply) {
  sending_ = false;
  if (is_taken(reply)) {
    const u32 rejected = rejected_spans(reply, batch_.count);
    tell(rejected != 0, "the collector rejects spans");
    queue_.count_exported(batch_.count - rejected);
    queue_.count_lost(rejected);
    batch_ = {};
    tries_ = 0;
    // More may have come meanwhile than one batch holds.
    const bool more = queue_.waiting() >= kBatch || finishing_;
    loop_.set_timer(timer_, loop_.now() + (more ? milliseconds(0) : kInterval));
    return;
  }
  tell(true,
       reply.problem.empty() ? fmt::format("status {}", reply.status) : std::string(reply.problem));
  if (may_be_sent_again(reply) && tries_ < kTries && !finishing_) {
    const milliseconds pause = kFirstPause * (1U << (tries_ - 1));
    loop_.set_timer(timer_, loop_.now() + std::max(pause, asked_pause(reply, loop_.unix_ms())));
    return;
  }
  queue_.count_lost(std::exchange(batch_, {}).count);
  tries_ = 0;
  loop_.set_timer(timer_, loop_.now() + kInterval);
}

// Once for a time that it fails, not once a second. The URL may hold a secret; it is not told.
void SpanExporter::tell(bool failing, std::string_view reason) {
  if (failing == failing_) return;
  failing_ = failing;
  if (failing) {
    log(LogLevel::Warning, "span_export", {{"state", "failing"}, {"reason", reason}});
  } else {
    log(LogLevel::Info, "span_export", {{"state", "recovered"}});
  }
}

bool SpanExporter::finish() {
  if (!finishing_) {
    finishing_ = true;
    finish_until_ = loop_.now() + kFinish;
    timer_.clear();
    look();
  }
  const bool left = sending_ || batch_.count != 0 || queue_.waiting() != 0;
  if (left && loop_.now() < finish_until_) return false;
  timer_.clear();
  alive_ = std::make_shared<bool>(true);  // a reply is nobody's any more
  return true;
}

}  // namespace gw::server
