// A question to an upstream beside the request itself: to an issuer, to an authorizer.
#pragma once
#include <chrono>
#include <memory>

#include "runtime/http/env.h"

namespace gw::engine {

/// Fill call().upstream_request (and local_body, its body), then send(). What came back is valid as
/// long as this lives. The client's leaving ends it. It belongs to the trace of the request, whose
/// `traceparent` and `tracestate` it carries; its tries are spans of that.
class SideCall {
 public:
  /// `purpose`: a word for its spans.
  SideCall(Exchange& parent, Env& env, std::string_view purpose, u32 upstream,
           std::chrono::milliseconds timeout);

  Exchange& call() { return *call_; }
  /// True: there is an answer, its body read up to `max_body_bytes`.
  Task<bool> send(size_t max_body_bytes);
  const http::ResponseHead& head() const { return fetched_.head; }
  std::string_view body() const { return body_; }

 private:
  void carry_trace();

  Env& env_;
  const std::string_view purpose_;
  std::unique_ptr<Exchange> call_;
  FetchOptions options_;
  Fetched fetched_;
  std::string_view body_;
};

}  // namespace gw::engine
