#include "runtime/engine/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/engine/routing.h"

namespace gw::engine {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  for (;;) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == path.npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

// A segment with literal text around its parameters; leftmost and shortest, each at least one byte.
bool partial_fits(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '{') {
    const size_t open = pattern.find('{');
    const std::string_view literal = pattern.substr(0, open);
    if (!text.starts_with(literal)) return false;
    return open == pattern.npos ? text.size() == literal.size()
                                : partial_fits(pattern.substr(open), text.substr(literal.size()));
  }
  const std::string_view rest = pattern.substr(pattern.find('}') + 1);
  if (rest.empty()) return !text.empty();
  for (size_t take = 1; take <= text.size(); ++take) {
    if (partial_fits(rest, text.substr(take))) return true;
  }
  return false;
}

char segment_kind(std::string_view segment) {
  const size_t open = segment.find('{');
  if (open == segment.npos) return 'l';
  if (segment.ends_with("+}") && open == 0) return 'c';
  return open == 0 && segment.find('}') == segment.size() - 1 ? 'v' : 'p';
}

std::string_view kind_text(char kind) {
  switch (kind) {
    case 'l':
      return "literal text";
    case 'p':
      return "a partly literal segment";
    case 'v':
      return "a parameter";
    default:
      return "a catch-all";
  }
}

int rank(char kind) { return kind == 'l' ? 0 : kind == 'p' ? 1 : kind == 'v' ? 2 : 3; }

bool host_fits(std::string_view hosts, std::string_view host) {
  if (hosts.empty()) return true;
  while (!hosts.empty()) {
    const size_t comma = hosts.find(", ");
    const std::string_view one = hosts.substr(0, comma);
    hosts = comma == hosts.npos ? std::string_view{} : hosts.substr(comma + 2);
    if (one == host) return true;
    if (one.starts_with("*.") && host.size() > one.size() - 1 && host.ends_with(one.substr(1))) {
      return true;
    }
  }
  return false;
}

u32 other_reading(const Exchange& exchange, u32 route) {
  if (exchange.route != table::kNone || exchange.request.path == "*") return table::kNone;
  Arena arena;
  return route_of_other_reading(exchange, route, arena);
}

// Why the chosen template comes before another that fits as well.
std::string compare(const std::string& chosen, const std::string& other) {
  for (size_t i = 0; i < std::min(chosen.size(), other.size()); ++i) {
    if (rank(chosen[i]) < rank(other[i])) {
      return fmt::format("segment {}: {} comes before {}", i + 1, kind_text(chosen[i]),
                         kind_text(other[i]));
    }
    if (rank(chosen[i]) > rank(other[i])) return "its host is less specific";
  }
  return "the chosen route's parameters or host are narrower";
}

}  // namespace

bool template_fits(std::string_view template_text, std::string_view path, std::string& kinds) {
  kinds.clear();
  if (path.empty() || path.front() != '/' || template_text.empty()) return false;
  const auto pattern = split(template_text);
  const auto text = split(path);
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char kind = segment_kind(pattern[i]);
    kinds += kind;
    if (kind == 'c') return i < text.size() && !text[i].empty();
    if (i >= text.size()) return false;
    if (kind == 'l' ? pattern[i] != text[i] : !partial_fits(pattern[i], text[i])) return false;
  }
  return pattern.size() == text.size();
}

std::vector<Candidate> explain_candidates(const Exchange& exchange) {
  const table::TableView& view = exchange.table->view();
  const http::RequestHead& request = exchange.request;
  std::string chosen_kinds;
  if (exchange.route != table::kNone) {
    template_fits(view.text(view.routes()[exchange.route].template_), request.path, chosen_kinds);
  }
  std::vector<Candidate> candidates;
  for (u32 i = 0; i < view.routes().size(); ++i) {
    const table::RouteRecord& route = view.routes()[i];
    std::string kinds;
    if (!template_fits(view.text(route.template_), request.path, kinds)) continue;
    Candidate candidate{.route = i, .chosen = i == exchange.route, .reason = {}};
    const std::string_view method = view.text(route.method);
    const bool head_for_get = request.method == http::Method::Head && method == "GET";
    if (candidate.chosen) {
      candidate.reason = head_for_get ? "the most specific that fits; GET answers HEAD"
                                      : "the most specific that fits";
    } else if (!host_fits(view.text(route.host), request.host)) {
      candidate.reason = fmt::format("host `{}` is not `{}`", request.host, view.text(route.host));
    } else if (method != request.method_text && method != "*" && !head_for_get) {
      candidate.reason = fmt::format("its method is {}", method);
    } else if (const u32 other = other_reading(exchange, i); other != table::kNone) {
      candidate.reason = fmt::format("many servers would read the path as one of `{}`",
                                     view.text(view.routes()[other].template_));
    } else if (request.method == http::Method::Trace && method == "*") {
      candidate.reason = "TRACE is served where it is declared";
    } else if (exchange.route == table::kNone) {
      candidate.reason = "a more specific path fits, which has other methods";
    } else {
      candidate.reason = compare(chosen_kinds, kinds);
    }
    candidates.push_back(std::move(candidate));
  }
  // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
  std::stable_partition(candidates.begin(), candidates.end(),
                        [](const Candidate& c) { return c.chosen; });
  return candidates;
}

}  // namespace gw::engine
