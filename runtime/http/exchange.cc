#include "runtime/http/exchange.h"

#include <utility>

namespace gw {

void Exchange::reset() {
  values.reset();
  identity.reset();
  live = nullptr;
  arena.reset();
  table = nullptr;
  request = http::RequestHead(arena);
  response = http::ResponseHead(arena);
  upstream_request = http::RequestHead(arena);
  local_body = {};
  request_body = nullptr;
  peer = {};
  client = {};
  client_text = {};
  peer_text = {};
  local = {};
  tls = false;
  client_certificate = nullptr;
  forwarding = nullptr;
  request_id = {};
  detached = false;
  names = {};
  route = ~u32{0};
  plan = ~u32{0};
  client_class = {};
  capture_count = 0;
  preflight = false;
  last_step = ~u32{0};
  limits = nullptr;
  cache = nullptr;
  cache_outcome = {};
  fetch_is_shared = false;
  validation = nullptr;
  counters = nullptr;
  trace = nullptr;
  limit_overrides = {};
  started = {};
  upstream_asked = {};
  upstream_head = {};
  deadline = TimePoint::max();
  clients_deadline = false;
  stream_end = TimePoint::max();
  stream_ended = false;
  streams = false;
  idle_ms = 0;
  request_bytes = 0;
  response_bytes = 0;
  upstream = ~u32{0};
  drawn_upstream = ~u32{0};
  parts = {};
  upstream_choice = UpstreamChoice::Named;
  try_count = 0;
  error = {};
  client_gone = false;
  cancel_listeners_ = nullptr;
  if (cancel_over_ != nullptr) *std::exchange(cancel_over_, nullptr) = true;
  parent = nullptr;
  depth = 0;
  expected_route = ~u32{0};
  part_budget = 4096;
  cancels_alone = false;
}

void Exchange::cancel_all() noexcept {
  if (fetch_is_shared) return;
  bool own_over = false;
  bool* const outer = cancel_over_;
  bool* const over = outer != nullptr ? outer : &own_over;
  cancel_over_ = over;
  // A listener may unlink itself, and others, while it is told; and whoever it wakes may end the
  // exchange, which another request may have next.
  while (!*over && cancel_listeners_ != nullptr) {
    CancelListener* listener = cancel_listeners_;
    listener->unlink();
    listener->cancelled();
  }
  if (!*over) cancel_over_ = outer;
}

Exchange::~Exchange() {
  if (cancel_over_ != nullptr) *cancel_over_ = true;
}

CancelListener::~CancelListener() { unlink(); }

void CancelListener::link(Exchange& exchange) noexcept {
  unlink();
  Exchange* root = &exchange;
  while (root->parent != nullptr && !root->cancels_alone)
    root = const_cast<Exchange*>(root->parent);
  CancelListener*& head = root->cancel_listeners_;
  next_ = head;
  if (head != nullptr) head->at_ = &next_;
  head = this;
  at_ = &head;
}

void CancelListener::unlink() noexcept {
  if (at_ == nullptr) return;
  *at_ = next_;
  if (next_ != nullptr) next_->at_ = at_;
  at_ = nullptr;
  next_ = nullptr;
}

}  // namespace gw
