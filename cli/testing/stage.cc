#include "cli/testing/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "runtime/engine/routing.h"
#include "runtime/http/forwarding.h"
#include "runtime/http/http1_head.h"
#include "runtime/http/problem.h"
#include "runtime/identity/introspection.h"
#include "runtime/limits/exchange_limits.h"
#include "runtime/policies/access/record.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/policies/scheme/record.h"

namespace gw::cli::tests {
namespace {

using policies::PolicyId;
using policies::SchemeKind;
using std::chrono::milliseconds;

constexpr i64 kStartMs = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
// An exchange that has not ended after so long never will: deadlines are shorter.
constexpr milliseconds kPatience{i64{26} * 3'600'000};

constexpr limits::LocalCountersOptions kCounters{.rate_bytes = 1 << 14,
                                                 .quota_bytes = 1 << 14,
                                                 .permit_bytes = 1 << 14,
                                                 .shared_bytes = 1 << 12};

std::string head_of(const TestRequest& request, const std::string& host) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.path);
  bool has_host = false;
  bool has_length = false;
  for (const engine::OfflineField& field : request.headers) {
    has_host = has_host || http::equal_fold(field.name, "host");
    has_length = has_length || http::equal_fold(field.name, "content-length") ||
                 http::equal_fold(field.name, "transfer-encoding");
    out += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  if (!has_host) out += fmt::format("host: {}\r\n", host);
  if (request.has_body && !has_length) {
    out += fmt::format("content-length: {}\r\n", request.body.size());
  }
  return out + "\r\n";
}

bool is_token_scheme(const policies::SchemeRecord& scheme) {
  const auto kind = static_cast<SchemeKind>(scheme.kind);
  return kind == SchemeKind::Jwt || kind == SchemeKind::Introspection;
}

}  // namespace

// One request. The buffers live as long as the exchange, which views them.
class Stage::Run {
 public:
  Run(Stage& stage, const Step& step)
      : stage_(stage), request_(step.request), view_(stage.gateway_.view()) {}

  Outcome run() {
    if (!prepare_token()) return std::move(outcome_);
    head_ = head_of(request_, request_.host.empty() ? stage_.gateway_.host : request_.host);
    exchange_.table = stage_.gateway_.table.get();
    exchange_.live = stage_.gateway_.data.get();
    const Result<void> parsed = http::parse_request_head(head_, exchange_.request);
    prepare_client();
    if (parsed) {
      if (!prepare_identity()) return std::move(outcome_);
      serve();
    } else {
      refuse(parsed.error());
    }
    finish();
    return std::move(outcome_);
  }

 private:
  bool fail_with(std::string problem) {
    outcome_.problem = std::move(problem);
    return false;
  }

  // The scheme that a token is for: the one named, else the first of the operation's, else the
  // first of all. kNone: there is none.
  u32 token_scheme() {
    const auto schemes = view_.schemes();
    for (u32 i = 0; i < schemes.size(); ++i) {
      if (!request_.scheme.empty() && view_.text(schemes[i].name) == request_.scheme) return i;
    }
    if (!request_.scheme.empty()) return table::kNone;
    if (const u32 own = operation_scheme(); own != table::kNone) return own;
    for (u32 i = 0; i < schemes.size(); ++i) {
      if (is_token_scheme(schemes[i])) return i;
    }
    return table::kNone;
  }

  u32 operation_scheme() {
    Exchange probe;
    probe.table = stage_.gateway_.table.get();
    const std::string head =
        head_of(request_, request_.host.empty() ? stage_.gateway_.host : request_.host);
    if (!http::parse_request_head(head, probe.request) || !engine::choose_route(probe)) {
      return table::kNone;
    }
    for (const table::StepRecord& step :
         view_.part(view_.steps(), view_.plans()[probe.plan].steps)) {
      if (static_cast<PolicyId>(step.policy) != PolicyId::Authenticate) continue;
      const auto& record = view_.policy_record<policies::AuthenticateRecord>(step.record);
      for (const auto& one : view_.policy_list<policies::AlternativeRecord>(record.alternatives)) {
        for (const auto& use : view_.policy_list<policies::SchemeUseRecord>(one.uses)) {
          if (is_token_scheme(view_.schemes()[use.scheme])) return use.scheme;
        }
      }
    }
    return table::kNone;
  }

  // With `consumer` as well nothing is signed: both are taken for proved.
  bool prepare_token() {
    if (!request_.jwt) return true;
    scheme_ = token_scheme();
    if (scheme_ == table::kNone || !is_token_scheme(view_.schemes()[scheme_])) {
      return fail_with(
          request_.scheme.empty()
              ? "the gateway has no security scheme that takes tokens"
              : fmt::format("`{}` is no security scheme that takes tokens", request_.scheme));
    }
    if (!request_.consumer.empty()) return true;
    const boost::json::value claims = to_json(*request_.jwt);
    token_ = stage_.gateway_.signer->sign(scheme_, claims.get_object(), now_ms());
    bring_token();
    return true;
  }

  i64 now_ms() const { return request_.at_ms.value_or(stage_.loop_.unix_ms()); }

  void bring_token() {
    const policies::SchemeRecord& scheme = view_.schemes()[scheme_];
    const std::string field(view_.text(scheme.field));
    switch (static_cast<policies::CredentialPlace>(scheme.place)) {
      case policies::CredentialPlace::Query:
        request_.path += fmt::format(
            "{}{}={}", request_.path.find('?') == std::string::npos ? '?' : '&', field, token_);
        return;
      case policies::CredentialPlace::Cookie:
        request_.headers.push_back({"cookie", fmt::format("{}={}", field, token_)});
        return;
      case policies::CredentialPlace::Header:
        break;
    }
    const bool bearer = field.empty() || http::equal_fold(field, "authorization");
    request_.headers.push_back(
        {bearer ? "authorization" : field, bearer ? "Bearer " + token_ : token_});
  }

  void prepare_client() {
    exchange_.request.scheme = request_.https ? "https" : "http";
    exchange_.tls = request_.https;
    GW_CHECK(http::parse_address(request_.ip, exchange_.peer));  // as the reader has checked
    exchange_.client = exchange_.peer;
    exchange_.client_text = exchange_.peer_text = request_.ip;
    exchange_.local.port = request_.https ? 443 : 80;
    exchange_.forwarding = stage_.gateway_.forwarding.get();
    if (request_.certificate) exchange_.client_certificate = &*request_.certificate;
    http::identify_client(exchange_, *exchange_.forwarding, 0, ++stage_.requests_);
    if (request_.at_ms) stage_.loop_.set_unix_ms(*request_.at_ms);
    if (!request_.has_body) return;
    body_ = std::make_unique<http::MemoryBody>(as_bytes(request_.body));
    exchange_.request_body = body_.get();
  }

  bool prepare_identity() {
    if (!request_.consumer.empty()) {
      assumed_.consumer = exchange_.live->consumers.find_name(request_.consumer);
      if (assumed_.consumer == table::kNoConsumer) {
        return fail_with(fmt::format("there is no consumer `{}`", request_.consumer));
      }
      exchange_.identity.assumed = &assumed_;
    }
    if (!request_.jwt) return true;
    const boost::json::value claims = to_json(*request_.jwt);
    const std::string text = boost::json::serialize(
        stage_.gateway_.signer->complete(scheme_, claims.get_object(), now_ms()));
    jose::ClaimsPtr parsed = jose::Claims::parse(text);
    if (!parsed) return fail_with("`jwt` holds no claims that a token can have");
    if (exchange_.identity.assumed != nullptr) {
      assumed_.claims = std::move(parsed);
    } else if (static_cast<SchemeKind>(view_.schemes()[scheme_].kind) ==
               SchemeKind::Introspection) {
      // As if the issuer had been asked a moment ago.
      constexpr i64 kLifeMs = 3'600'000;
      stage_.services_.introspected.insert(
          token_, identity::introspection_scope(exchange_, scheme_), parsed, now_ms() + kLifeMs);
    }
    return true;
  }

  void serve() {
    stage_.env_.compositions = stage_.watcher_;
    Task<void> task = gw::run(exchange_, stage_.env_, responder_);
    task.start();
    const TimePoint end = stage_.loop_.now() + kPatience;
    stage_.loop_.run();
    while (!task.done() || !stage_.refresher_.is_idle()) {
      const TimePoint due = stage_.loop_.wheel.next_due();
      if (due == TimePoint::max() || due > end) break;
      const auto pause = std::chrono::ceil<milliseconds>(due - stage_.loop_.now());
      stage_.loop_.advance(std::max(pause, milliseconds(1)));
    }
    if (!task.done()) {
      outcome_.problem = "the exchange does not end";
      exchange_.cancel_all();
    }
    stage_.loop_.run();
  }

  // As the server does where the head of a request cannot be used.
  void refuse(const Error& error) {
    const Bytes text = http::make_problem(http::problem_of(error), exchange_.response);
    responder_.head(exchange_.response);
    responder_.body = as_text(text);
    outcome_.by = "request";
  }

  void finish() {
    outcome_.status = responder_.status;
    outcome_.fields = responder_.fields;
    // As the server writes it: it leaves out what the engine has given for a head without a body.
    http::ResponseHead head(exchange_.arena);
    head.status = outcome_.status;
    if (!http::response_length(head, exchange_.request.method, std::nullopt).bodiless) {
      outcome_.body = responder_.plain_body();
    }
    outcome_.sent = stage_.upstreams_.take_sent();
    outcome_.taken = stage_.upstreams_.taken();
    outcome_.tries = exchange_.try_count + stage_.upstreams_.take_part_tries();
    outcome_.cache = exchange_.cache_outcome;
    outcome_.client = exchange_.client_class;
    if (exchange_.route != table::kNone) {
      outcome_.operation = view_.text(view_.routes()[exchange_.route].id);
    }
    if (outcome_.by.empty()) decide();
    if (responder_.was_reset && outcome_.problem.empty()) outcome_.status = 0;
    if (stage_.watcher_ != nullptr && outcome_.problem.empty()) {
      stage_.watcher_->saw(exchange_, outcome_);
    }
  }

  const table::StepRecord* last_step() const {
    if (exchange_.plan == table::kNone || exchange_.last_step == table::kNone) return nullptr;
    const auto steps = view_.part(view_.steps(), view_.plans()[exchange_.plan].steps);
    return exchange_.last_step < steps.size() ? &steps[exchange_.last_step] : nullptr;
  }

  // What the request side ended with.
  void decide() {
    if (exchange_.preflight) {
      outcome_.by = "cors";
      outcome_.allowed = outcome_.status < 300;
      return;
    }
    const table::StepRecord* step = last_step();
    if (step == nullptr) return decide_without_step();
    const auto policy = static_cast<PolicyId>(step->policy);
    outcome_.by = policies::find_policy(step->policy)->name;
    outcome_.allowed = static_cast<policies::Phase>(step->phase) >= policies::Phase::Action;
    // A stored answer comes in place of the action; 504 to who wants no other does not.
    if (policy == PolicyId::Cache) outcome_.allowed = outcome_.cache != cache::Outcome::Miss;
    if (policy == PolicyId::RateLimit) outcome_.by = limit_name();
    if (policy == PolicyId::Access) {
      const auto& record = view_.policy_record<policies::AccessRecord>(step->record);
      outcome_.by = policies::kAccessRuleWords[record.rule];
    }
  }

  std::string limit_name() const {
    if (exchange_.limits == nullptr) return "rateLimit";
    for (u32 i = 0; i < exchange_.limits->count; ++i) {
      const limits::LimitOutcome& outcome = exchange_.limits->outcomes[i];
      if (outcome.verdict == limits::Verdict::Admitted || outcome.shadow) continue;
      return fmt::format("{}.{}", policies::kLimitKindWords[outcome.kind], outcome.name);
    }
    return "rateLimit";
  }

  void decide_without_step() {
    if (exchange_.route != table::kNone) {
      outcome_.by = "maxBody";  // looked at before the plan
      return;
    }
    const bool limited = exchange_.limits != nullptr && !exchange_.limits->refused_by.empty();
    outcome_.by = limited ? limit_name() : "route";
    outcome_.allowed = !limited && outcome_.status < 300;  // OPTIONS
  }

  Stage& stage_;
  TestRequest request_;
  const table::TableView& view_;
  u32 scheme_ = table::kNone;
  std::string token_;
  std::string head_;
  std::unique_ptr<http::MemoryBody> body_;
  AssumedIdentity assumed_;
  Exchange exchange_;
  engine::MemoryResponder responder_;
  Outcome outcome_;
};

Stage::Stage(const Gateway& gateway, ExchangeWatcher* watcher)
    : gateway_(gateway),
      watcher_(watcher),
      services_(1, passwords_),
      identity_(services_, *gateway.data),
      counters_(kCounters),
      upstreams_(gateway.upstreams, loop_, random_),
      env_{loop_, random_, upstreams_, observer_} {
  loop_.set_unix_ms(kStartMs);
  cache_.loop = &loop_;
  cache_.refresher = &refresher_;
  env_.identity = &identity_;
  env_.counters = &counters_;
  env_.cache = &cache_;
}

Stage::~Stage() = default;

Outcome Stage::send(const Step& step) {
  upstreams_.set_script(step.upstream);
  return Run(*this, step).run();
}

void Stage::wait(u64 pause_ms) { loop_.advance(milliseconds(pause_ms)); }

}  // namespace gw::cli::tests
