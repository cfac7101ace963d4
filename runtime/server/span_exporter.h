// Sends spans to a collector: OTLP over HTTP, in JSON (opentelemetry.io/docs/specs/otlp).
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/net/event_loop.h"
#include "runtime/net/http_fetcher.h"
#include "runtime/observe/span_queue.h"

namespace gw::server {

struct CollectorOptions {
  std::string url;  // of traces; empty: spans are thrown away
  std::string service;
  std::vector<std::pair<std::string, std::string>> fields =
      {};                                                 // of each request; may hold secrets
  std::shared_ptr<const net::TlsClientOptions> tls = {};  // null: the system's authorities
};

/// One request at a time, each of up to kBatch spans, at least each second while there are any. An
/// answer of 429, 502, 503 or 504, and none at all, is tried again after growing pauses, kTries
/// times; any other but 2xx loses the spans. Said in the log when it begins to fail, and when it no
/// longer does. One thread, that of `loop`.
class SpanExporter {
 public:
  static constexpr u32 kBatch = 1024;
  static constexpr u32 kTries = 5;

  /// All outlive it.
  SpanExporter(net::EventLoop& loop, net::HttpFetcher& http, observe::SpanQueue& queue);

  /// From the next batch on.
  void use(CollectorOptions options);
  /// What there is, is sent once more; true: nothing is left, or time is over. Call it again
  /// otherwise.
  bool finish();

 private:
  void look();
  void send();
  void take_reply(const net::HttpReply& reply);
  void tell(bool failing, std::string_view reason);
  static void on_due(void* context);

  net::EventLoop& loop_;
  net::HttpFetcher& http_;
  observe::SpanQueue& queue_;
  CollectorOptions options_;
  std::string instance_;
  observe::SpanQueue::Batch batch_;  // that is being sent, or is to be sent again
  u32 tries_ = 0;
  bool sending_ = false;
  bool failing_ = false;
  bool finishing_ = false;
  net::TimePoint finish_until_{};
  net::Timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // replies may come after the end
};

}  // namespace gw::server
