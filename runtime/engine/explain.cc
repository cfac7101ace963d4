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

// The template without the names of its parameters.
std::string shape_of(std::string_view template_text) {
  std::string shape;
  bool inside = false;
  for (const char c : template_text) {
    if (c == '}') inside = false;
    if (!inside) shape += c;
    if (c == '{') inside = true;
  }
  return shape;
}

// Why routes whose template fits the path are not the ones that take the request.
class Reasons {
 public:
  explicit Reasons(const Exchange& exchange)
      : exchange_(exchange), view_(exchange.table->view()), request_(exchange.request) {
    const router::Lookup found =
        exchange.table->router().find(request_.host, request_.path, request_.method,
                                      request_.method_text, *exchange.table, captures_);
    group_ = found.group;
    if (exchange.route == table::kNone) return;
    chosen_ = &view_.routes()[exchange.route];
    template_fits(view_.text(chosen_->template_), request_.path, chosen_kinds_);
  }

  std::string of_chosen() const {
    if (const std::string refusal = refusal_by_schema(exchange_.route); !refusal.empty()) {
      return fmt::format("the widest that fits; {}", refusal);
    }
    return head_for_get(*chosen_) ? "the most specific that fits; GET answers HEAD"
                                  : "the most specific that fits";
  }

  std::string of_loser(u32 route, const std::string& kinds) const {
    const table::RouteRecord& record = view_.routes()[route];
    const std::string_view method = view_.text(record.method);
    if (!host_fits(view_.text(record.host), request_.host)) {
      return fmt::format("host `{}` is not `{}`", request_.host, view_.text(record.host));
    }
    if (method != request_.method_text && method != "*" && !head_for_get(record)) {
      return fmt::format("its method is {}", method);
    }
    if (const u32 other = other_reading(exchange_, route); other != table::kNone) {
      return fmt::format("many servers would read the path as one of `{}`",
                         view_.text(view_.routes()[other].template_));
    }
    if (request_.method == http::Method::Trace && method == "*") {
      return "TRACE is served where it is declared";
    }
    if (std::string refusal = refusal_by_schema(route); !refusal.empty()) return refusal;
    if (chosen_ == nullptr) return "a more specific path fits, which has other methods";
    return compare(record, kinds);
  }

 private:
  bool head_for_get(const table::RouteRecord& record) const {
    return request_.method == http::Method::Head && view_.text(record.method) == "GET";
  }

  std::string refusal_by_schema(u32 route) const {
    const u32 capture = exchange_.table->router().refused_capture(group_, route, request_.path,
                                                                  *exchange_.table, captures_);
    const auto names = view_.part(view_.string_lists(), view_.routes()[route].captures);
    if (capture >= names.size()) return {};
    const Capture& at = captures_[capture];
    return fmt::format("the schema of `{}` does not accept `{}`", view_.text(names[capture]),
                       request_.path.substr(at.begin, at.end - at.begin));
  }

  // Why the chosen template comes before another that fits as well.
  std::string compare(const table::RouteRecord& other, const std::string& kinds) const {
    if (view_.text(chosen_->host) != view_.text(other.host)) return "its host is less specific";
    for (size_t i = 0; i < std::min(chosen_kinds_.size(), kinds.size()); ++i) {
      if (chosen_kinds_[i] == kinds[i]) continue;
      return fmt::format("segment {}: {} comes before {}", i + 1, kind_text(chosen_kinds_[i]),
                         kind_text(kinds[i]));
    }
    const bool same_shape =
        shape_of(view_.text(chosen_->template_)) == shape_of(view_.text(other.template_));
    if (same_shape && view_.text(other.method) == "*") {
      return fmt::format("{} is declared by itself", view_.text(chosen_->method));
    }
    return same_shape ? "its parameters accept more than those of the chosen route"
                      : "the chosen route has more literal text";
  }

  const Exchange& exchange_;
  const table::TableView& view_;
  const http::RequestHead& request_;
  const table::RouteRecord* chosen_ = nullptr;
  std::string chosen_kinds_;
  Capture captures_[kMaxCaptures];
  u32 group_ = router::kNone;
};

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
  const Reasons reasons(exchange);
  std::vector<Candidate> candidates;
  for (u32 i = 0; i < view.routes().size(); ++i) {
    std::string kinds;
    if (!template_fits(view.text(view.routes()[i].template_), exchange.request.path, kinds)) {
      continue;
    }
    const bool chosen = i == exchange.route;
    candidates.push_back({.route = i,
                          .chosen = chosen,
                          .reason = chosen ? reasons.of_chosen() : reasons.of_loser(i, kinds)});
  }
  // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
  std::stable_partition(candidates.begin(), candidates.end(),
                        [](const Candidate& c) { return c.chosen; });
  return candidates;
}

}  // namespace gw::engine
