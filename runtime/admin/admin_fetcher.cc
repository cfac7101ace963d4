#include "runtime/admin/admin_fetcher.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "runtime/admin/request_body.h"
#include "runtime/base/arena.h"
#include "runtime/base/ip_address.h"
#include "runtime/http/problem.h"
#include "runtime/http/query.h"

namespace gw::admin {
namespace {

/// `co_await`: what the workers say, or those of them that answer in time.
class AskWorkers {
 public:
  AskWorkers(server::Gateway& gateway, net::EventLoop& loop) : gateway_(gateway), loop_(loop) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    shared_->waiter = waiter;
    shared_->missing = gateway_.worker_count();
    loop_.set_timer(timer_, loop_.now() + kWorkersAnswer);
    for (size_t i = 0; i < gateway_.worker_count(); ++i) {
      gateway_.worker(i).report([i, shared = shared_, &loop = loop_](server::WorkerReport report) {
        report.worker = static_cast<u32>(i);
        {
          const std::lock_guard lock(shared->mutex);
          shared->reports.push_back(std::move(report));
          if (--shared->missing != 0) return;
        }
        loop.post([shared] { finish(*shared); });
      });
    }
  }
  std::vector<server::WorkerReport> await_resume() {
    timer_.clear();
    const std::lock_guard lock(shared_->mutex);
    std::ranges::sort(shared_->reports, {}, &server::WorkerReport::worker);
    return std::move(shared_->reports);
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::vector<server::WorkerReport> reports;
    size_t missing = 0;
    std::coroutine_handle<> waiter;  // of the admin thread; null: it goes on already
  };
  static void finish(Shared& shared) {
    if (shared.waiter) std::exchange(shared.waiter, {}).resume();
  }
  static void on_time_over(void* context) {
    const auto shared = static_cast<AskWorkers*>(context)->shared_;  // outlives this
    finish(*shared);
  }

  server::Gateway& gateway_;
  net::EventLoop& loop_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  net::Timer timer_{&AskWorkers::on_time_over, this};
};

/// `co_await`: `work` has run on the main thread. False: that runs nothing any more.
class OnMainThread {
 public:
  OnMainThread(server::MainLoop& main_loop, net::EventLoop& loop, std::function<void()> work)
      : main_loop_(main_loop), loop_(loop), work_(std::move(work)) {}

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiter) {
    // This lives in the frame of the waiter, which is not resumed before.
    ran_ = true;
    if (main_loop_.post([this, waiter] {
          work_();
          loop_.post([waiter] { waiter.resume(); });
        })) {
      return true;
    }
    ran_ = false;
    return false;
  }
  bool await_resume() const { return ran_; }

 private:
  server::MainLoop& main_loop_;
  net::EventLoop& loop_;
  std::function<void()> work_;
  bool ran_ = false;
};

std::string problem_of_file(const Error& error) {
  if (error.sys != 0) return fmt::format("{}: {}", error.what, std::strerror(error.sys));
  return fmt::format("the file is {}", error.what == "read" ? "cut off" : error.what);
}

// The file that a query names. False: the call has been refused.
Task<bool> read_named_table(net::EventLoop& loop, std::string_view name, AdminCall& call) {
  Arena arena;
  const NamedTable named{.path = std::string(http::percent_decoded(arena, name, true)),
                         .identity = std::string(query_parameter(call, "identity").value_or("")),
                         .is_wanted_no_more = call.client_gone};
  if (!named.path.starts_with('/') || named.path.find('\0') != named.path.npos) {
    refuse(call, 400, "Malformed query", "`file` is an absolute path on the host of the gateway");
    co_return false;
  }
  auto read = co_await read_table_file(loop, named, call.sent_table);
  if (!read) {
    const bool is_another = read.error().sys == ESTALE;
    refuse(call, is_another ? 409 : 404, is_another ? "Another file" : "Table not read",
           problem_of_file(read.error()));
  }
  co_return read.has_value();
}

// Of a file that somebody else may have changed meanwhile, and of a body that went astray.
bool is_wanted_table(AdminCall& call) {
  const auto wanted = query_parameter(call, "table");
  if (!wanted) return true;
  if (call.sent_table.size() == 0) {
    refuse(call, 409, "Another table", "none has come");
    return false;
  }
  const std::string digest = fmt::format("{:016x}", call.sent_table.digest());
  if (*wanted == digest) return true;
  refuse(call, 409, "Another table", fmt::format("what has come has the hash {}", digest));
  return false;
}

// Whoever guesses learns nothing from how long the answer takes.
bool is_same(std::string_view given, std::string_view wanted) {
  return given.size() == wanted.size() &&
         ::CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
}

// Where no token is asked for: a page from elsewhere, in the browser of an operator who has
// forwarded the socket to a port, must not give orders, nor read anything by a name that it has
// made to lead there. Of names only those without a point are nobody's on the Internet.
bool is_from_elsewhere(const http::RequestHead& request) {
  const http::Field* origin = request.fields.find("origin");
  if (origin != nullptr) {
    const size_t scheme_end = origin->value.find("://");
    if (scheme_end == origin->value.npos) return true;  // `null`
    if (origin->value.substr(scheme_end + 3) != request.authority) return true;
  }
  return request.host.find('.') != request.host.npos && !parse_ip(request.host);
}

// Whoever answers leaves the body out of HEAD; events have no end.
bool takes_head(const Endpoint& endpoint) {
  return endpoint.method == "GET" && endpoint.path != kEventsPath;
}

bool takes(const Endpoint& endpoint, const AdminCall& call) {
  return endpoint.method == call.method || (call.method == "HEAD" && takes_head(endpoint));
}

const Endpoint* find_endpoint(AdminCall& call) {
  std::string_view allowed;
  for (const Endpoint& endpoint : endpoints()) {
    if (endpoint.path != call.path) continue;
    if (takes(endpoint, call)) return &endpoint;
    allowed = takes_head(endpoint) ? "GET, HEAD" : endpoint.method;
  }
  if (!allowed.empty()) {
    call.allow = allowed;
    refuse(call, 405, "Method not allowed", fmt::format("this path takes {}", allowed));
  } else {
    refuse(call, 404, "Not found", "the admin interface has no such path");
  }
  return nullptr;
}

// Who only reads asks by GET, and learns of nothing else what there is.
Access access_to_nothing(const AdminCall& call) {
  return call.method == "GET" || call.method == "HEAD" ? Access::Reader : Access::Operator;
}

// What an answer of JSON or text may do in a browser.
constexpr std::string_view kNothingAllowed = "default-src 'none'; frame-ancestors 'none'";

Task<Result<void>> send_stream(http::BodySource& body, Responder& responder) {
  for (;;) {
    auto next = co_await body.next(64 * 1024);
    if (!next) {
      responder.reset();
      co_return fail(next.error());
    }
    if (next->end) {
      auto ended = co_await responder.end(next->bytes, nullptr);
      co_return ended;
    }
    auto sent = co_await responder.data(next->bytes);
    if (!sent) co_return sent;
  }
}

}  // namespace

/// What an answer lies in until release().
struct AdminFetcher::Answer {
  AdminCall call;
  http::MemoryBody body{{}};

  void take_body() {
    const bool is_table = call.table != nullptr;
    body = http::MemoryBody(is_table ? call.table->file_bytes() : as_bytes(call.answer));
  }
};

Access AdminFetcher::access_of(const http::RequestHead& request) const {
  if (tokens_.orders.empty()) return Access::Operator;
  constexpr std::string_view kScheme = "Bearer ";
  const http::Field* field = request.fields.find(http::FieldId::Authorization);
  if (field == nullptr || !field->value.starts_with(kScheme)) return Access::Anybody;
  const std::string_view given = field->value.substr(kScheme.size());
  // Both, whatever comes of the first: the time does not tell which one it is near.
  const bool orders = is_same(given, tokens_.orders);
  const bool reads = !tokens_.reading.empty() && is_same(given, tokens_.reading);
  return orders ? Access::Operator : reads ? Access::Reader : Access::Anybody;
}

// What the call brings with it. False: it has been refused.
Task<bool> AdminFetcher::take_body(const Endpoint& endpoint, AdminCall& call,
                                   http::BodySource* body) {
  const auto file = endpoint.takes_table ? query_parameter(call, "file") : std::nullopt;
  if (file && !is_local_) {
    refuse(call, 403, "Forbidden", "`file` is for those who come by a Unix socket: send the table");
    co_return false;
  }
  if (file && body != nullptr && body->remaining_bytes() != 0) {
    refuse(call, 400, "Two tables", "`file` names one, and the body is another: send one of them");
    co_return false;
  }
  if (body != nullptr) {
    Result<void> read;
    if (endpoint.takes_table) {
      read = co_await read_table(*body, call.sent_table);
    } else {
      read = co_await read_text(*body, call.body);
    }
    if (!read) {
      refuse(call, http::problem_of(read.error()).status, "Body not read", read.error().what);
      co_return false;
    }
  }
  if (!endpoint.takes_table) co_return true;
  if (file) {
    const bool read = co_await read_named_table(loop_, *file, call);
    if (!read) co_return false;
  }
  co_return is_wanted_table(call);
}

Task<void> AdminFetcher::answer(AdminCall& call, const http::RequestHead& request,
                                http::BodySource* body) {
  const Endpoint* endpoint = find_endpoint(call);
  const Access needed = endpoint != nullptr ? endpoint->access : access_to_nothing(call);
  const bool open = needed == Access::Anybody;
  const Access has = access_of(request);
  if (!open && has == Access::Anybody) {
    refuse(call, 401, "Unauthorized", "send the bearer token of --admin-token-file");
    co_return;
  }
  if (has < needed) {
    refuse(call, 403, "Forbidden",
           "this token only reads; orders and the table want that of --admin-token-file");
    co_return;
  }
  if (endpoint == nullptr) co_return;
  if (!open && tokens_.orders.empty() && is_from_elsewhere(request)) {
    refuse(call, 403, "Forbidden", "a page of another origin, or a name that is not this host's");
    co_return;
  }
  if (!check_parameters(*endpoint, call)) co_return;
  const bool taken = co_await take_body(*endpoint, call, body);
  if (!taken) co_return;
  if (endpoint->asks_workers) {
    AskWorkers asking(target_.gateway, loop_);
    call.workers = co_await asking;
  }
  if (endpoint->runs_on == RunsOn::Admin) {
    endpoint->answer(target_, call);
    co_return;
  }
  OnMainThread running(target_.main_loop, loop_, [this, endpoint, &call] {
    // Asked where changes happen one after the other: what comes before a takeover is handed over.
    if (endpoint->handed_over && target_.handing_over()) {
      refuse(call, 409, "Handing over",
             "another process is taking over from this one and would not hear of it; give the "
             "order again when the takeover has ended");
    } else {
      endpoint->answer(target_, call);
    }
  });
  const bool ran = co_await running;
  if (!ran) refuse(call, 503, "Ending", "the gateway drains and takes no more orders");
}

Task<Result<void>> AdminFetcher::fetch(Exchange& exchange, const http::RequestHead& request,
                                       http::BodySource* body, const FetchOptions&, Responder*,
                                       Fetched& out) {
  auto answered = std::make_unique<Answer>();
  AdminCall& call = answered->call;
  call.watch = &watch_;
  call.client_gone = &exchange.client_gone;
  call.needs_token = !tokens_.orders.empty();
  call.method = request.method_text;
  call.path = request.path;
  call.query = request.query;
  const http::Field* accept = request.fields.find(http::FieldId::Accept);
  if (accept != nullptr) call.accept = accept->value;
  co_await answer(call, request, body);
  out.head.status = call.status;
  out.head.fields.add(http::FieldId::ContentType, call.content_type);
  out.head.fields.add(http::FieldId::CacheControl, "no-store");
  out.head.fields.add("X-Content-Type-Options", "nosniff");
  out.head.fields.add("Content-Security-Policy",
                      call.policy.empty() ? kNothingAllowed : call.policy);
  if (!call.etag.empty()) out.head.fields.add(http::FieldId::Etag, call.etag);
  if (!call.allow.empty()) out.head.fields.add("Allow", call.allow);
  if (call.status == 401) out.head.fields.add(http::FieldId::WwwAuthenticate, "Bearer");
  if (call.events != nullptr) {
    call.events->link(exchange);
    out.head.framing = http::Framing::Chunked;
    out.body = call.events.get();
  } else {
    answered->take_body();
    out.head.framing = http::Framing::Length;
    out.head.content_length = answered->body.remaining_bytes();
    out.body = &answered->body;
  }
  out.connection = answered.release();
  co_return Result<void>{};
}

void AdminFetcher::release(Fetched& out) noexcept {
  delete static_cast<Answer*>(out.connection);
  out.connection = nullptr;
  out.body = nullptr;
}

Task<void> run_admin(Exchange& exchange, Env& env, Responder& responder) {
  Fetched fetched(exchange.arena);
  const FetchOptions options;
  auto done = co_await env.fetcher.fetch(exchange, exchange.request, exchange.request_body, options,
                                         &responder, fetched);
  if (!done) {
    responder.reset();
    co_return;
  }
  responder.head(fetched.head);
  http::BodyChunk chunk;
  const bool whole = fetched.body->take_buffered(chunk);
  Result<void> sent;
  if (whole) {
    sent = co_await responder.end(chunk.bytes, nullptr);
  } else {
    sent = co_await send_stream(*fetched.body, responder);
  }
  if (!sent) exchange.error = sent.error();
  env.fetcher.release(fetched);
}

}  // namespace gw::admin
