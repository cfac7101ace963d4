#include "runtime/server/cache_refresher.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/engine/cached.h"
#include "runtime/policies/cache/filter.h"
#include "runtime/server/session_host.h"

namespace gw::server {
namespace {

// Nobody reads the answer: it goes into the store.
class NobodyResponder final : public Responder {
 public:
  Task<Result<void>> inform(const http::ResponseHead&) override { co_return Result<void>(); }
  void head(const http::ResponseHead&) override { head_sent_ = true; }
  Task<Result<void>> data(Bytes) override { co_return Result<void>(); }
  Task<Result<void>> end(Bytes, const http::FieldList*) override { co_return Result<void>(); }
  void reset() noexcept override {}
  bool head_sent() const override { return head_sent_; }
  bool client_gone() const override { return false; }

 private:
  bool head_sent_ = false;
};

}  // namespace

struct CacheRefresher::Running {
  PeerCertificate certificate;
  Exchange exchange;
  NobodyResponder responder;
  Task<void> task;
  bool started = false;
  bool done = false;
};

CacheRefresher::CacheRefresher(SessionHost& host, net::EventLoop& loop, Generation& generation)
    : host_(host),
      loop_(loop),
      generation_(generation),
      start_call_(&CacheRefresher::on_start, this) {}

CacheRefresher::~CacheRefresher() { GW_CHECK(is_idle()); }

bool CacheRefresher::refresh(const Exchange& exchange, std::shared_ptr<cache::Flight> flight,
                             const cache::EntryPtr& entry) {
  if (running_.size() >= kMostAtOnce) return false;
  auto running = std::make_unique<Running>();
  engine::copy_exchange(exchange, running->exchange, running->certificate, loop_.now());
  policies::begin_refresh(running->exchange, generation_.env, *exchange.cache->record,
                          std::move(flight), entry);
  ++generation_.pins;
  running_.push_back(std::move(running));
  loop_.defer(start_call_);
  return true;
}

// Behind what there is to do for clients.
void CacheRefresher::on_start(void* context) {
  auto* self = static_cast<CacheRefresher*>(context);
  for (size_t i = 0; i < self->running_.size(); ++i) {
    Running& running = *self->running_[i];
    if (std::exchange(running.started, true)) continue;
    running.task = self->run(running);
    running.task.start();
  }
  self->sweep();
}

Task<void> CacheRefresher::run(Running& running) {
  co_await run_rest(running.exchange, generation_.env, running.responder);
  running.done = true;
  loop_.defer(start_call_);
}

void CacheRefresher::sweep() {
  const size_t before = running_.size();
  std::erase_if(running_, [](const auto& one) { return one->done && one->task.done(); });
  // Last: with it this may end.
  for (size_t i = running_.size(); i < before; ++i) host_.unpin(generation_);
}

void CacheRefresher::abort() {
  for (size_t i = 0; i < running_.size(); ++i) {
    running_[i]->exchange.fetch_is_shared = false;
    running_[i]->exchange.client_gone = true;
    running_[i]->exchange.cancel_all();
  }
}

}  // namespace gw::server
