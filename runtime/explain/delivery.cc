#include "runtime/explain/delivery.h"

#include <fmt/format.h>

#include "runtime/base/units.h"
#include "runtime/policies/settings/record.h"
#include "runtime/policies/upstream/record.h"
#include "runtime/server/publication.h"
#include "runtime/upstream/balancer.h"

namespace gw::explain {
namespace {

namespace json = boost::json;
using policies::RetryWord;
using std::chrono::milliseconds;

std::string_view chosen_by(UpstreamChoice choice) {
  switch (choice) {
    case UpstreamChoice::Named:
      return "name";
    case UpstreamChoice::Condition:
      return "its condition";
    case UpstreamChoice::Share:
      return "its share";
    case UpstreamChoice::Rest:
      return "the rest that the shares leave";
  }
  return "";
}

// The target that the key of this request leads to, as the gateway would choose it; null where
// chance or load decide.
json::value keyed_target(const std::shared_ptr<const BoundTable>& table, u32 upstream,
                         const FetchOptions& options) {
  if (!options.hashed) return nullptr;
  std::vector<std::string> problems;
  server::Publication publication = server::make_publication(table, problems);
  upstream::UpstreamConfig& config = publication.upstreams[upstream];
  if (config.targets.empty()) return nullptr;  // known to DNS only
  upstream::attach_new_state(config);
  engine::FixedRandom random;
  upstream::Balancer balancer(config, random);
  upstream::Choice choice;
  choice.hash = options.balance_hash;
  choice.hashed = true;
  const u32 target = balancer.choose(TimePoint{} + std::chrono::hours(1), choice);
  if (target == upstream::Balancer::kNone) return nullptr;
  return json::value(config.targets[target].address);
}

std::string time_text(u64 time_ms) { return time_ms == 0 ? "none" : format_duration(time_ms); }

json::object deadlines(const Exchange& exchange, const FetchOptions& options) {
  u64 total_ms = 0;
  if (options.deadline != TimePoint::max()) {
    const auto total =
        std::chrono::duration_cast<milliseconds>(options.deadline - exchange.started);
    total_ms = static_cast<u64>(total.count());
  }
  return {{"connect", time_text(options.connect_timeout_ms)},
          {"try", time_text(options.try_timeout_ms)},
          {"total", time_text(total_ms)},
          {"total_is_clients", exchange.clients_deadline},
          {"idle", time_text(options.idle_timeout_ms)}};
}

// What this request is sent once more after: where it may have had an effect, it must be one that
// may be repeated.
json::array causes(const FetchOptions& options) {
  json::array out;
  if (options.retry_times == 0) return out;
  const auto add = [&](RetryWord word) {
    const bool nothing_sent = word == RetryWord::Connect || word == RetryWord::Refused;
    if (!nothing_sent && !options.replay_safe) return;
    out.emplace_back(policies::kRetryWords[static_cast<u32>(word)]);
  };
  if (options.retry_cause_count == 0) {
    add(RetryWord::Connect);
    add(RetryWord::Reset);
    add(RetryWord::Refused);
  }
  for (u32 i = 0; i < options.retry_cause_count; ++i) {
    const policies::RetryCauseRecord& cause = options.retry_causes[i];
    if (cause.kind == policies::kRetryOnWord) {
      add(static_cast<RetryWord>(cause.word));
    } else if (options.replay_safe) {
      out.emplace_back(std::to_string(cause.status));
    }
  }
  return out;
}

std::string why_repeatable(const Exchange& exchange, const FetchOptions& options) {
  const std::string_view method = exchange.request.method_text;
  if (http::is_idempotent(exchange.request.method)) return fmt::format("{} is idempotent", method);
  if (!options.replay_safe) return fmt::format("{} is not idempotent", method);
  return exchange.request.fields.find("idempotency-key") != nullptr
             ? "it has an Idempotency-Key"
             : "the document calls it idempotent";
}

// Whether its body would still be at hand.
std::string_view body_kept(const Exchange& exchange, const FetchOptions& options) {
  const http::RequestHead& request = exchange.request;
  if (request.framing == http::Framing::None) return "none";
  const bool fits = request.framing == http::Framing::Length &&
                    request.content_length <= options.retry_buffer_bytes && options.replay_safe;
  return fits ? "kept" : "kept if it comes with the head";
}

}  // namespace

json::object describe_delivery(const std::shared_ptr<const BoundTable>& table,
                               const Exchange& exchange,
                               const engine::ScriptedFetcher::Sent& sent) {
  const FetchOptions& options = sent.options;
  const policies::UpstreamRecord& upstream = table->view().upstreams()[sent.upstream];
  return {{"chosen_by", chosen_by(exchange.upstream_choice)},
          {"balance", policies::kBalanceWords[upstream.balance.by]},
          {"by_key", policies::balances_by_key(upstream.balance.by)},
          {"key_is_there", options.hashed},
          {"target", keyed_target(table, sent.upstream, options)},
          {"deadlines", deadlines(exchange, options)},
          {"repetitions", options.retry_times},
          {"after", causes(options)},
          {"repeatable", options.replay_safe},
          {"because", why_repeatable(exchange, options)},
          {"body", body_kept(exchange, options)}};
}

}  // namespace gw::explain
