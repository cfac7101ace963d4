#include "runtime/admin/recent_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <unordered_map>

#include "runtime/observe/error_names.h"
#include "runtime/table/view.h"

namespace gw::admin {
namespace {

namespace json = boost::json;
using observe::RecentRequest;

constexpr size_t kShown = 32;

std::string_view words_of(Errc code) {
  switch (code) {
    case Errc::ConnectFailed:
      return "no connection to the upstream could be made";
    case Errc::TlsFailed:
      return "the TLS handshake with the upstream failed";
    case Errc::UpstreamClosed:
      return "the upstream closed the connection before its answer was complete";
    case Errc::UpstreamInvalid:
      return "the answer of the upstream breaks the protocol";
    case Errc::UpstreamTimeout:
      return "the upstream did not answer in time";
    case Errc::UpstreamOverflow:
      return "the upstream's limits of connections or requests are reached";
    case Errc::CircuitOpen:
      return "the circuit breaker of the upstream is open";
    case Errc::ResponseInvalid:
      return "the answer of the upstream is not what the document describes";
    case Errc::IdentityUnknown:
      return "credentials could not be checked, since whoever vouches for them does not answer";
    case Errc::StreamEnded:
      return "the stream was told to end";
    case Errc::Cancelled:
      return "it was cancelled";
    case Errc::PeerClosed:
      return "the connection was closed";
    case Errc::NotImplemented:
      return "the request asks for what the gateway does not do";
    case Errc::VersionUnsupported:
      return "the version of HTTP is not supported";
    default:
      return {};
  }
}

std::string policy_name(policies::PolicyId id) {
  const policies::PolicyInfo* policy = policies::find_policy(static_cast<u16>(id));
  return policy == nullptr ? "unknown" : std::string(policy->name);
}

std::string milliseconds(u64 microseconds) {
  return fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1000);
}

// What the last target has made of it.
std::string last_try(const RecentRequest& request) {
  if (request.last_status != 0) return fmt::format("answered {}", request.last_status);
  const std::string_view words = words_of(request.last_error);
  return words.empty() ? std::string(observe::error_name(request.last_error)) : std::string(words);
}

std::string reason(const RecentRequest& request) {
  if (request.decided_by != policies::PolicyId::None) {
    std::string text = fmt::format("the policy {} has answered", policy_name(request.decided_by));
    if (!request.limit.view().empty())
      text += fmt::format(", by its limit {}", request.limit.view());
    return text;
  }
  const std::string_view words = words_of(request.error);
  if (!words.empty()) return std::string(words);
  if (request.error != Errc::None) {
    return fmt::format("it ended with {}", observe::error_name(request.error));
  }
  if (request.client_gone) return "the client left before the end of the answer";
  if (request.status >= 500 && request.tries == 0) return "the answer is the gateway's own";
  if (request.status >= 500) return "the upstream itself has answered so";
  return "answered";
}

// Where the operation is written, by its identity: `file:line:column`.
using Places = std::unordered_map<std::string_view, std::string>;

void find_places(const table::TableView& view, Places& places) {
  for (const table::RouteRecord& route : view.routes()) {
    const auto found = places.find(view.text(route.id));
    if (found == places.end() || route.source.file == table::kNone) continue;
    found->second = fmt::format("{}:{}:{}", view.text(view.files()[route.source.file]),
                                route.source.line, route.source.column);
  }
}

json::object request_json(const RecentRequest& request, const Places& places) {
  json::object shown{{"time", request.unix_ms},
                     {"operation", request.operation.view()},
                     {"status", request.status},
                     {"duration_us", request.duration_us},
                     {"error", observe::error_name(request.error)},
                     {"upstream", request.upstream.view()},
                     {"target", request.target.view()},
                     {"tries", request.tries},
                     {"request_id", request.request_id.view()},
                     {"explanation", explain(request)}};
  if (request.decided_by != policies::PolicyId::None) {
    shown["policy"] = policy_name(request.decided_by);
  }
  const auto place = places.find(request.operation.view());
  if (place != places.end() && !place->second.empty()) shown["source"] = place->second;
  return shown;
}

json::array requests_json(const std::vector<RecentRequest>& requests, const Places& places) {
  json::array all;
  for (const RecentRequest& request : requests) all.push_back(request_json(request, places));
  return all;
}

template <typename Member>
void keep_greatest(std::vector<RecentRequest>& requests, Member member) {
  std::ranges::sort(requests, std::ranges::greater(), member);
  if (requests.size() > kShown) requests.resize(kShown);
}

}  // namespace

std::string explain(const RecentRequest& request) {
  std::string text = reason(request);
  text[0] = static_cast<char>(text[0] - 'a' + 'A');  // all begin with a small letter
  if (!request.detail.view().empty()) text += fmt::format(" ({})", request.detail.view());
  text += '.';
  if (request.tries > 0) {
    text += fmt::format(" {} {} at upstream {} took {}; the last, at {}: {}.", request.tries,
                        request.tries == 1 ? "try" : "tries", request.upstream.view(),
                        milliseconds(request.tries_us), request.target.view(), last_try(request));
  } else if (!request.upstream.view().empty()) {
    text += fmt::format(" No target of upstream {} was tried.", request.upstream.view());
  }
  return text;
}

json::object recent_json(const AdminTarget& target) {
  observe::RecentRequests::Snapshot recent;
  for (size_t i = 0; i < target.gateway.worker_count(); ++i) {
    target.gateway.worker(i).counts().recent.add_to(recent);
  }
  const i64 now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::steady_clock::now().time_since_epoch())
                         .count();
  std::erase_if(recent.slow, [&](const RecentRequest& request) {
    return request.steady_ms + observe::RecentRequests::kSlowForMs < now_ms;
  });
  keep_greatest(recent.failing, &RecentRequest::unix_ms);
  keep_greatest(recent.slow, &RecentRequest::duration_us);
  Places places;
  for (const auto* list : {&recent.failing, &recent.slow}) {
    for (const RecentRequest& request : *list) places[request.operation.view()];
  }
  const auto table = target.reloader.current();
  if (table != nullptr) find_places(table::TableView(table->bytes()), places);
  return {{"failing", requests_json(recent.failing, places)},
          {"slow", requests_json(recent.slow, places)}};
}

}  // namespace gw::admin
