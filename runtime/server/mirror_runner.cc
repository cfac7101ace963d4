#include "runtime/server/mirror_runner.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/http/body.h"
#include "runtime/observe/tracer.h"
#include "runtime/server/session_host.h"

namespace gw::server {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

}  // namespace

struct MirrorRunner::Copy {
  explicit Copy(Bytes content)
      : body_text(as_text(content)), body(as_bytes(body_text)), fetched(exchange.arena) {}

  Exchange exchange;
  FetchOptions options;
  std::string body_text;
  http::MemoryBody body;
  Fetched fetched;
  Task<void> task;
  bool started = false;
  bool done = false;
};

MirrorRunner::MirrorRunner(SessionHost& host, net::EventLoop& loop, Generation& generation)
    : host_(host),
      loop_(loop),
      generation_(generation),
      start_call_(&MirrorRunner::on_start, this) {}

MirrorRunner::~MirrorRunner() { GW_CHECK(is_idle()); }

void MirrorRunner::send(const Exchange& exchange, const FetchOptions& options, Bytes body) {
  if (copies_.size() >= kMostAtOnce) {
    ++dropped_;
    return;
  }
  auto copy = std::make_unique<Copy>(body);
  http::RequestHead& head = copy->exchange.upstream_request;
  http::copy_head(exchange.upstream_request, head);
  const bool has_body = exchange.upstream_request.framing != http::Framing::None;
  head.framing = has_body ? http::Framing::Length : http::Framing::None;
  head.content_length = body.size();
  copy->exchange.started = loop_.now();
  copy->exchange.client = exchange.client;
  copy->exchange.local = exchange.local;
  copy->options = options;
  // The copy has as much time as the request had when it began.
  if (options.deadline != TimePoint::max()) {
    copy->options.deadline = loop_.now() + (options.deadline - exchange.started);
  }
  copy->exchange.deadline = copy->options.deadline;
  if (observe::Tracer* tracer = generation_.env.tracer; tracer != nullptr) {
    tracer->begin_copy(exchange, options.upstream, copy->exchange);
    if (copy->exchange.trace != nullptr) observe::forward_trace(copy->exchange);
  }
  ++generation_.loose;
  copies_.push_back(std::move(copy));
  loop_.defer(start_call_);
}

// Behind what there is to do for clients.
void MirrorRunner::on_start(void* context) {
  auto* self = static_cast<MirrorRunner*>(context);
  for (size_t i = 0; i < self->copies_.size(); ++i) {
    Copy& copy = *self->copies_[i];
    if (std::exchange(copy.started, true)) continue;
    ++self->sent_;
    copy.task = self->run(copy);
    copy.task.start();
  }
  self->sweep();
}

Task<void> MirrorRunner::run(Copy& copy) {
  Fetcher& fetcher = generation_.env.fetcher;
  const http::RequestHead& head = copy.exchange.upstream_request;
  http::BodySource* body = head.framing == http::Framing::None ? nullptr : &copy.body;
  const auto outcome =
      co_await fetcher.fetch(copy.exchange, head, body, copy.options, nullptr, copy.fetched);
  observe::Tracer* tracer = generation_.env.tracer;
  if (tracer != nullptr) tracer->finished_beside(copy.exchange, "mirror");
  if (outcome) {
    u64 read = 0;
    bool more = copy.fetched.body != nullptr;
    while (more && read <= kMostAnswerBytes) {
      const auto piece = co_await copy.fetched.body->next(kPieceBytes);
      more = piece && !piece->end;
      if (piece) read += piece->bytes.size();
    }
    fetcher.release(copy.fetched);
  }
  copy.done = true;
  loop_.defer(start_call_);
}

void MirrorRunner::sweep() {
  const size_t before = copies_.size();
  std::erase_if(copies_, [](const auto& copy) { return copy->done && copy->task.done(); });
  // Last: with it this may end.
  for (size_t i = copies_.size(); i < before; ++i) host_.let_go(generation_);
}

void MirrorRunner::abort() {
  for (size_t i = 0; i < copies_.size(); ++i) {
    copies_[i]->exchange.client_gone = true;
    copies_[i]->exchange.cancel_all();
  }
}

}  // namespace gw::server
