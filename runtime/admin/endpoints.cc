#include "runtime/admin/endpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>
#include <ranges>
#include <vector>

#include "runtime/admin/docs.h"
#include "runtime/admin/metrics.h"
#include "runtime/admin/overview.h"
#include "runtime/admin/status.h"
#include "runtime/admin/watch.h"
#include "runtime/base/log.h"
#include "runtime/base/wall_clock.h"
#include "runtime/http/query.h"
#include "runtime/policies/cache/key.h"

namespace gw::admin {

/// A file of the folder dashboard/, which is part of the program; cmake/embed.cmake writes it.
std::string_view dashboard_file(std::string_view name);

namespace {

namespace json = boost::json;

void answer_text(AdminCall& call, u16 status, std::string_view text) {
  call.status = status;
  call.content_type = "text/plain; charset=utf-8";
  call.answer = text;
}

void answer_report(AdminCall& call, const server::ReloadReport& report) {
  call.status = report.accepted ? 200 : 422;
  call.answer = json::serialize(report_json(report));
}

// What a member of a body must be.
struct Member {
  std::string_view name;
  json::kind kind = json::kind::string;
};

// A body that is an object with these members, or none; nullopt: it is refused.
std::optional<json::object> read_object(AdminCall& call, std::initializer_list<Member> known) {
  if (call.body.empty()) return json::object();
  boost::system::error_code problem;
  const json::value value = json::parse(call.body, problem);
  if (problem || !value.is_object()) {
    refuse(call, 400, "Malformed body", "send a JSON object");
    return std::nullopt;
  }
  for (const auto& member : value.get_object()) {
    const std::string_view name = member.key();
    const auto found = std::ranges::find(known, name, &Member::name);
    if (found != known.end() && member.value().kind() == found->kind) continue;
    const std::string_view wrong = found == known.end()                ? "not known here"
                                   : found->kind == json::kind::string ? "not a text"
                                   : found->kind == json::kind::int64  ? "not a whole number"
                                                                       : "neither true nor false";
    refuse(call, 400, "Malformed body", fmt::format("`{}` is {}", name, wrong));
    return std::nullopt;
  }
  return value.get_object();
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member == nullptr ? std::string() : std::string(member->get_string());
}

bool is_set(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member != nullptr && member->get_bool();
}

void get_health(AdminTarget&, AdminCall& call) { answer_text(call, 200, "ok\n"); }

void get_ready(AdminTarget& target, AdminCall& call) {
  if (target.ending() || target.gateway.held()) {
    answer_text(call, 503, "draining\n");
  } else {
    answer_text(call, 200, "ready\n");
  }
}

void get_status(AdminTarget& target, AdminCall& call) {
  call.answer = json::serialize(status_json(target, call.workers));
}

void get_metrics(AdminTarget& target, AdminCall& call) {
  const observe::MetricFormat format = observe::choose_metric_format(call.accept);
  call.content_type = observe::content_type_of(format);
  call.answer = metrics_text(target, call.workers, format);
}

void get_overview(AdminTarget& target, AdminCall& call) {
  const std::string_view history = query_parameter(call, "history").value_or("true");
  if (history != "true" && history != "false") {
    refuse(call, 400, "Malformed query", "`history` is neither true nor false");
    return;
  }
  call.answer =
      json::serialize(overview_json(target, *call.watch, call.workers, history != "false"));
}

void get_events(AdminTarget&, AdminCall& call) {
  call.events = call.watch->subscribe();
  if (call.events == nullptr) {
    refuse(call, 503, "Too many listeners",
           fmt::format("{} listen to events already", EventFeed::kMostSubscribers));
    return;
  }
  call.content_type = "text/event-stream";
}

void get_docs(AdminTarget& target, AdminCall& call) {
  Arena arena;
  const auto decoded = [&](std::string_view name) {
    return std::string(
        http::percent_decoded(arena, query_parameter(call, name).value_or(""), true));
  };
  DocsQuestion question{.client = decoded("client"), .search = decoded("q")};
  const std::string_view from = query_parameter(call, "from").value_or("");
  const auto read = std::from_chars(from.data(), from.data() + from.size(), question.from);
  if (!from.empty() && (read.ec != std::errc() || read.ptr != from.data() + from.size())) {
    refuse(call, 400, "Malformed query", "`from` is not a whole number");
    return;
  }
  const json::object docs = docs_json(*target.reloader.current(), question);
  if (docs.empty()) {
    refuse(call, 404, "No such class", "the table has no class of clients of this name");
    return;
  }
  call.answer = json::serialize(docs);
}

void get_table(AdminTarget& target, AdminCall& call) {
  call.table = target.reloader.current();
  call.content_type = "application/octet-stream";
  call.etag = "\"" + server::digest_text(*call.table) + "\"";
}

void post_reload(AdminTarget& target, AdminCall& call) {
  const std::string_view close = query_parameter(call, "close_streams").value_or("false");
  if (close != "true" && close != "false") {
    refuse(call, 400, "Malformed query", "`close_streams` is neither true nor false");
    return;
  }
  const auto expected = query_parameter(call, "expected");
  if (expected && expected->empty()) {  // a script that does not know it must not swap anything
    refuse(call, 400, "Malformed query", "`expected` is the digest of the table that is served");
    return;
  }
  const server::ReloadOrder order{.origin = "reload",
                                  .expected = std::string(expected.value_or("")),
                                  .close_streams = close == "true"};
  if (call.sent_table.size() == 0) {
    answer_report(call, target.reloader.resolve_again(order));
    return;
  }
  answer_report(call, target.reloader.reload(std::move(call.sent_table), order));
}

void post_rollback(AdminTarget& target, AdminCall& call) {
  const auto body = read_object(call, {{"table"}, {"close_streams", json::kind::bool_}});
  if (!body) return;
  answer_report(call,
                target.reloader.rollback(text_of(*body, "table"), is_set(*body, "close_streams")));
}

// Who asks whether it is ready hears no, and everything is served as before.
void hold(AdminTarget& target, bool held) {
  log(LogLevel::Info, held ? "held" : "released", {{"ready", held ? "no" : "yes"}});
  target.gateway.hold(held);
}

void post_drain(AdminTarget& target, AdminCall& call) {
  const auto body = read_object(call, {{"upstream"}, {"target"}, {"hold", json::kind::bool_}});
  if (!body) return;
  const std::string upstream = text_of(*body, "upstream");
  const std::string host = text_of(*body, "target");
  if (is_set(*body, "hold")) {
    if (!upstream.empty()) return refuse(call, 400, "Malformed body", "`hold` is for the process");
    hold(target, true);
  } else if (upstream.empty()) {
    log(LogLevel::Info, "draining", {{"origin", "admin"}});
    target.main_loop.stop();
  } else if (!target.gateway.control().registry().drain(upstream, host)) {
    refuse(call, 404, "Nothing to drain",
           host.empty() ? fmt::format("there is no upstream `{}`", upstream)
                        : fmt::format("upstream `{}` has no target `{}`", upstream, host));
    return;
  } else {
    log(LogLevel::Info, "drained", {{"upstream", upstream}, {"target", host}});
    target.drains_changed();
  }
  call.answer = json::serialize(drains_json(target));
}

void post_undrain(AdminTarget& target, AdminCall& call) {
  const auto body = read_object(call, {{"upstream"}, {"target"}});
  if (!body) return;
  const std::string upstream = text_of(*body, "upstream");
  const std::string host = text_of(*body, "target");
  if (upstream.empty()) {
    if (!target.gateway.held()) {
      return refuse(call, 404, "Nothing to undrain",
                    "the process is not held; one that drains ends, and cannot be held up");
    }
    hold(target, false);
    call.answer = json::serialize(drains_json(target));
    return;
  }
  if (!target.gateway.control().registry().undrain(upstream, host)) {
    refuse(call, 404, "Nothing to undrain",
           fmt::format("{}{}{} is not drained", upstream, host.empty() ? "" : "/", host));
    return;
  }
  log(LogLevel::Info, "undrained", {{"upstream", upstream}, {"target", host}});
  target.drains_changed();
  call.answer = json::serialize(drains_json(target));
}

// Whether an entry is one of `wanted`: `/path`, `//host/path` or `http://host/path`; with a query
// it is that one, without any query all of the path.
bool is_uri(std::string_view uri, std::string_view wanted) {
  const size_t scheme_end = uri.find("://");
  if (wanted.starts_with("//")) {
    uri.remove_prefix(scheme_end + 1);
  } else if (wanted.starts_with('/')) {
    uri.remove_prefix(std::min(uri.find('/', scheme_end + 3), uri.size()));
  }
  if (wanted.find('?') == wanted.npos) uri = uri.substr(0, uri.find('?'));
  return uri == wanted;
}

u64 purge(cache::Store& store, std::string_view by, const std::string& value) {
  if (by == "tag") return store.purge_tag(cache::tag_of(cache::TagKind::Named, value));
  if (by == "operation") return store.purge_tag(cache::tag_of(cache::TagKind::Operation, value));
  if (by == "key") {
    return store.purge_matching(
        [&](std::string_view key_text) { return is_uri(policies::uri_of_key(key_text), value); });
  }
  return store.purge_all();
}

void post_purge(AdminTarget& target, AdminCall& call) {
  const auto body = read_object(call, {{"tag"}, {"operation"}, {"key"}, {"all"}});
  if (!body) return;
  const bool all = text_of(*body, "all") == "true";
  if (body->size() != 1 || (body->contains("all") && !all)) {
    refuse(call, 400, "Nothing to purge",
           "name one of `tag`, `operation` and `key`, or `all` as \"true\"");
    return;
  }
  const std::string by(body->begin()->key());
  const std::string value(body->begin()->value().get_string());
  const u64 purged = purge(target.gateway.cache(), by, value);
  log(LogLevel::Info, "purged",
      {{"by", by}, {"value", value}, {"entries", std::to_string(purged)}});
  call.answer = json::serialize(json::object{{"purged", purged}});
}

void post_takeover(AdminTarget& target, AdminCall& call) {
  const auto body = read_object(call, {{"socket"}});
  if (!body) return;
  const std::string problem = target.takeover(text_of(*body, "socket"));
  if (!problem.empty()) {
    refuse(call, 409, "No takeover", problem);
    return;
  }
  call.answer = json::serialize(drains_json(target));
}

void post_explain_token(AdminTarget& target, AdminCall& call) {
  const auto body = read_object(call, {{"seconds", json::kind::int64}});
  if (!body) return;
  const auto* wanted = body->if_contains("seconds");
  const i64 seconds = wanted == nullptr ? 300 : wanted->get_int64();
  if (seconds < 1 || seconds * 1000 > trust::ExplainTokens::kMostMs) {
    refuse(call, 400, "No token", "`seconds` is from 1 to 3600");
    return;
  }
  const i64 now_ms = unix_now_ms();
  log(LogLevel::Info, "explain_token", {{"seconds", seconds}});
  call.answer =
      json::serialize(json::object{{"field", trust::ExplainTokens::kField},
                                   {"token", target.explain_tokens.issue(now_ms, seconds * 1000)},
                                   {"expires", now_ms + seconds * 1000}});
}

// Only what the gateway itself serves is loaded; nothing can frame the page or be sent elsewhere.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void answer_page(AdminCall& call, std::string_view name, std::string_view content_type) {
  call.content_type = content_type;
  call.policy = kPagePolicy;
  call.answer = dashboard_file(name);
}

void answer_html(AdminCall& call, std::string_view name) {
  answer_page(call, name, "text/html; charset=utf-8");
  // So that the page can ask for the token before it is refused.
  constexpr std::string_view kToken = "data-token=\"\"";
  const size_t token = call.answer.find(kToken);
  if (call.needs_token && token != std::string::npos) {
    call.answer.replace(token, kToken.size(), "data-token=\"required\"");
  }
}

void get_page(AdminTarget&, AdminCall& call) { answer_html(call, "index.html"); }
void get_docs_page(AdminTarget&, AdminCall& call) { answer_html(call, "docs.html"); }
void get_docs_script(AdminTarget&, AdminCall& call) {
  answer_page(call, "docs.js", "text/javascript; charset=utf-8");
}
void get_style(AdminTarget&, AdminCall& call) {
  answer_page(call, "dashboard.css", "text/css; charset=utf-8");
}
void get_script(AdminTarget&, AdminCall& call) {
  answer_page(call, "dashboard.js", "text/javascript; charset=utf-8");
}

constexpr Endpoint kEndpoints[] = {
    {"GET", "/", Access::Anybody, RunsOn::Admin, false, &get_page},
    {"GET", "/dashboard", Access::Anybody, RunsOn::Admin, false, &get_page},
    {"GET", "/dashboard.css", Access::Anybody, RunsOn::Admin, false, &get_style},
    {"GET", "/dashboard.js", Access::Anybody, RunsOn::Admin, false, &get_script},
    {"GET", "/docs", Access::Anybody, RunsOn::Admin, false, &get_docs_page},
    {"GET", "/docs.js", Access::Anybody, RunsOn::Admin, false, &get_docs_script},
    {"GET", "/healthz", Access::Anybody, RunsOn::Admin, false, &get_health},
    {"GET", "/readyz", Access::Anybody, RunsOn::Admin, false, &get_ready},
    {"GET", "/metrics", Access::Reader, RunsOn::Admin, true, &get_metrics},
    {"GET", "/v1/status", Access::Reader, RunsOn::Admin, true, &get_status},
    {"GET", "/v1/overview", Access::Reader, RunsOn::Admin, true, &get_overview, "history"},
    {"GET", kEventsPath, Access::Reader, RunsOn::Admin, false, &get_events},
    {"GET", "/v1/docs", Access::Reader, RunsOn::Admin, false, &get_docs, "client,q,from"},
    // What it names may be secret: hashes of keys, fields for upstreams.
    {"GET", "/v1/table", Access::Operator, RunsOn::Admin, false, &get_table},
    {"POST", "/v1/reload", Access::Operator, RunsOn::Main, false, &post_reload,
     "close_streams,expected,file,identity,table", true, true},
    {"POST", "/v1/rollback", Access::Operator, RunsOn::Main, false, &post_rollback, "", true},
    {"POST", "/v1/drain", Access::Operator, RunsOn::Main, false, &post_drain, "", true},
    {"POST", "/v1/undrain", Access::Operator, RunsOn::Main, false, &post_undrain, "", true},
    {"POST", "/v1/purge", Access::Operator, RunsOn::Admin, false, &post_purge},
    {"POST", "/v1/explain-token", Access::Operator, RunsOn::Admin, false, &post_explain_token},
    {"POST", "/v1/takeover", Access::Operator, RunsOn::Main, false, &post_takeover},
};

bool is_listed(std::string_view name, std::string_view list) {
  return std::ranges::any_of(std::views::split(list, ','), [name](const auto& one) {
    return std::string_view(one.begin(), one.end()) == name;
  });
}

}  // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

void refuse(AdminCall& call, u16 status, std::string_view title, std::string_view detail) {
  call.status = status;
  call.content_type = "application/problem+json";
  call.answer = json::serialize(
      json::object{{"title", title}, {"status", static_cast<u64>(status)}, {"detail", detail}});
}

bool check_parameters(const Endpoint& endpoint, AdminCall& call) {
  if (!endpoint.path.starts_with("/v1/")) return true;
  http::QueryPair pair;
  std::vector<std::string_view> seen;
  for (std::string_view rest = call.query; http::next_query_pair(rest, pair);) {
    if (std::ranges::find(seen, pair.name) != seen.end()) {
      refuse(call, 400, "Malformed query", fmt::format("`{}` is there twice", pair.name));
      return false;
    }
    seen.push_back(pair.name);
    if (!is_listed(pair.name, endpoint.parameters)) {
      refuse(call, 400, "Unknown parameter",
             endpoint.parameters.empty()
                 ? fmt::format("{} takes no parameters", endpoint.path)
                 : fmt::format("{} takes {}", endpoint.path, endpoint.parameters));
      return false;
    }
    if (pair.name.size() == pair.text.size()) {
      refuse(call, 400, "Malformed query",
             fmt::format("`{0}` has no value: write {0}=", pair.name));
      return false;
    }
  }
  return true;
}

std::optional<std::string_view> query_parameter(const AdminCall& call, std::string_view name) {
  http::QueryPair pair;
  for (std::string_view rest = call.query; http::next_query_pair(rest, pair);) {
    if (pair.name == name) return pair.value;
  }
  return std::nullopt;
}

}  // namespace gw::admin
