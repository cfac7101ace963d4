#include "runtime/server/session_host.h"

#include <algorithm>

#include "runtime/net/tls_stream.h"
#include "runtime/server/entry_session.h"
#include "runtime/server/http1_session.h"
#include "runtime/server/http2_session.h"

namespace gw::server {
namespace {

constexpr size_t kKeepExchanges = 256;

}  // namespace

SessionHost::SessionHost(net::EventLoop& event_loop, Random& random_source,
                         const SessionOptions& session_options, RunFunction run_function)
    : loop(event_loop),
      random(random_source),
      options(session_options),
      run(run_function),
      sweep_timer_(&SessionHost::sweep, this) {}

SessionHost::~SessionHost() { sweep(this); }

void SessionHost::start(std::unique_ptr<net::ByteStream> stream, const PeerAddress& peer,
                        u16 local_port) {
  ClientConnection connection;
  connection.stream = std::move(stream);
  connection.peer = peer;
  connection.local.port = local_port;
  start(std::move(connection));
}

void SessionHost::start(ClientConnection connection) {
  ++counters.accepted;
  const ListenerSettings* listener = connection.listener.get();
  const bool enters = listener != nullptr && (listener->proxy_protocol || listener->tls != nullptr);
  if (!enters) {
    start_http(std::move(connection));
    return;
  }
  add(std::make_unique<EntrySession>(*this, std::move(connection)));
}

void SessionHost::start_http(ClientConnection connection) {
  const bool agreed =
      connection.tls != nullptr && static_cast<net::TlsStream&>(*connection.stream).alpn() == "h2";
  if (agreed) {
    start_http2(std::move(connection));
    return;
  }
  add(std::make_unique<Http1Session>(*this, std::move(connection)));
}

void SessionHost::start_http2(ClientConnection connection) {
  add(std::make_unique<Http2Session>(*this, std::move(connection)));
}

Http2Shared& SessionHost::http2() {
  if (http2_ == nullptr) http2_ = std::make_unique<Http2Shared>();
  return *http2_;
}

void SessionHost::add(std::unique_ptr<Session> session) {
  Session& added = *session;
  sessions_.push_back(std::move(session));
  added.start();
}

// A session cannot free the coroutine that it runs in; the next turn of the wheel does.
void SessionHost::session_finished() {
  ++finished_;
  if (sweep_timer_.due() == net::TimePoint::max()) loop.set_timer(sweep_timer_, loop.now());
}

void SessionHost::sweep(void* context) {
  auto* self = static_cast<SessionHost*>(context);
  if (self->finished_ == 0) return;
  std::erase_if(self->sessions_, [](const auto& session) { return session->done(); });
  self->finished_ = 0;
}

void SessionHost::drain() {
  draining_ = true;
  // Closing one may end it, but never changes the list.
  for (size_t i = 0; i < sessions_.size(); ++i) sessions_[i]->drain();
}

void SessionHost::drain(u32 listener_id) {
  for (size_t i = 0; i < sessions_.size(); ++i) {
    const ListenerSettings* listener = sessions_[i]->connection().listener.get();
    if (listener != nullptr && listener->id == listener_id) sessions_[i]->drain();
  }
}

void SessionHost::abort() {
  draining_ = true;
  for (size_t i = 0; i < sessions_.size(); ++i) sessions_[i]->abort();
}

std::unique_ptr<Exchange> SessionHost::take_exchange() {
  if (free_exchanges_.empty()) return std::make_unique<Exchange>();
  auto exchange = std::move(free_exchanges_.back());
  free_exchanges_.pop_back();
  return exchange;
}

void SessionHost::give_exchange(std::unique_ptr<Exchange> exchange) {
  if (free_exchanges_.size() >= kKeepExchanges) return;
  exchange->reset();
  free_exchanges_.push_back(std::move(exchange));
}

void SessionHost::describe_client(Exchange& exchange, const ClientConnection& connection,
                                  std::string_view peer_text) const {
  exchange.started = loop.now();
  exchange.peer = exchange.client = connection.peer;
  exchange.peer_text = exchange.client_text = peer_text;
  exchange.local = connection.local;
  exchange.tls = connection.tls != nullptr;
  exchange.client_certificate = connection.certificate.get();
  exchange.request.scheme = exchange.tls ? "https" : "http";
  exchange.request.path_options = options.path;
}

void SessionHost::unpin(Generation& generation) {
  --generation.pins;
  if (generation.pins == 0 && &generation != current && on_generation_unused != nullptr) {
    on_generation_unused(context, generation);
  }
}

void SessionHost::detach(Exchange& exchange, Generation& generation) {
  if (exchange.detached) return;
  generation.env.observer.detach(exchange);
  exchange.detached = true;
  exchange.table = nullptr;
  exchange.live = nullptr;
  ++generation.loose;
  unpin(generation);
}

void SessionHost::let_go(Generation& generation) {
  --generation.loose;
  const bool unused = generation.pins == 0 && generation.loose == 0;
  if (unused && &generation != current && on_generation_unused != nullptr) {
    on_generation_unused(context, generation);
  }
}

}  // namespace gw::server
