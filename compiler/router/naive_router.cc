#include "compiler/router/naive_router.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "compiler/regex/regex.h"
#include "runtime/table/dfa.h"

namespace gw::compiler::router {
namespace {

using gw::router::Outcome;
using http::Method;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  for (const char c : path) {
    if (c == '/') {
      out.emplace_back();
    } else if (!out.empty()) {
      out.back() += c;
    }
  }
  return out;
}

/// Backtracking, leftmost parameter as short as possible.
bool match_from(const Segment& segment, size_t parameter, std::string_view text,
                std::vector<std::string>& captures) {
  const std::string& literal = segment.literals[parameter];
  if (text.substr(0, literal.size()) != literal) return false;
  text.remove_prefix(literal.size());
  if (parameter == segment.names.size()) return text.empty();
  for (size_t length = 1; length <= text.size(); ++length) {
    captures.emplace_back(text.substr(0, length));
    if (match_from(segment, parameter + 1, text.substr(length), captures)) return true;
    captures.pop_back();
  }
  return false;
}

std::optional<std::vector<std::string>> match(const PathTemplate& shape,
                                              const std::vector<std::string>& segments) {
  std::vector<std::string> captures;
  for (size_t i = 0; i < shape.segments.size(); ++i) {
    if (i >= segments.size()) return std::nullopt;
    if (shape.segments[i].kind == SegmentKind::CatchAll) {
      std::string rest = segments[i];
      for (size_t k = i + 1; k < segments.size(); ++k) rest += "/" + segments[k];
      if (rest.empty()) return std::nullopt;
      captures.push_back(rest);
      return captures;
    }
    if (!match_from(shape.segments[i], 0, segments[i], captures)) return std::nullopt;
  }
  if (shape.segments.size() != segments.size()) return std::nullopt;
  return captures;
}

/// Kinds from left to right; between partial segments the one with more literal bytes.
bool better(const PathTemplate& a, const PathTemplate& b) {
  for (size_t i = 0; i < std::min(a.segments.size(), b.segments.size()); ++i) {
    const Segment& x = a.segments[i];
    const Segment& y = b.segments[i];
    if (x.kind != y.kind) return x.kind < y.kind;
    if (x.kind != SegmentKind::Partial) continue;
    if (x.literal_bytes() != y.literal_bytes()) return x.literal_bytes() > y.literal_bytes();
    if (x.shape() != y.shape()) return x.shape() < y.shape();
  }
  return false;
}

std::string decoded(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Candidate {
  const PathInput* path = nullptr;
  PathTemplate shape;
  std::vector<std::string> captures;
};

bool within(const RouterInput& input, const Constraint& a, const Constraint& b) {
  if (b.kind == Constraint::Kind::None) return true;
  if (a.kind == Constraint::Kind::None) return false;
  return regex::contains({.dfa = input.dfas[b.index]}, {.dfa = input.dfas[a.index]},
                         regex::EmptyText::Ignored);
}

bool precedes(const RouterInput& input, const PathInput& a, const PathInput& b) {
  for (size_t i = 0; i < std::max(a.constraints.size(), b.constraints.size()); ++i) {
    const Constraint x = i < a.constraints.size() ? a.constraints[i] : Constraint{};
    const Constraint y = i < b.constraints.size() ? b.constraints[i] : Constraint{};
    const bool x_in_y = within(input, x, y);
    const bool y_in_x = within(input, y, x);
    if (x_in_y != y_in_x) return x_in_y;
  }
  return false;
}

std::vector<Candidate> in_order(const RouterInput& input, std::vector<Candidate> candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    const auto key = [](const Candidate& it) {
      std::vector<std::tuple<int, u32, bool>> constraints;
      for (const Constraint& c : it.path->constraints) {
        constraints.emplace_back(static_cast<int>(c.kind), c.index, c.match_only);
      }
      return std::pair(it.path->text, constraints);
    };
    return key(a) < key(b);
  });
  std::vector<Candidate> out;
  while (!candidates.empty()) {
    auto chosen = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& it) {
      return std::none_of(candidates.begin(), candidates.end(), [&](const Candidate& other) {
        return &other != &it && precedes(input, *other.path, *it.path);
      });
    });
    if (chosen == candidates.end()) chosen = candidates.begin();
    out.push_back(std::move(*chosen));
    candidates.erase(chosen);
  }
  return out;
}

std::optional<u32> route_of(const PathInput& path, Method method, std::string_view text) {
  std::optional<u32> get;
  for (const MethodRoute& it : path.methods) {
    if (it.method == Method::Get && !get) get = it.route;
    if (it.method == method && (method != Method::Other || it.text == text)) return it.route;
  }
  if (method == Method::Head && get) return get;
  return path.any_route;
}

std::string allow_of(const std::vector<Candidate>& candidates) {
  std::set<Method> methods = {Method::Options};
  std::set<std::string> others;
  for (const Candidate& candidate : candidates) {
    for (const MethodRoute& it : candidate.path->methods) {
      if (it.method == Method::Other) {
        others.insert(it.text);
      } else {
        methods.insert(it.method);
      }
      if (it.method == Method::Get) methods.insert(Method::Head);
    }
  }
  std::string out;
  for (const Method method : methods) {
    out += (out.empty() ? "" : ", ") + std::string(http::method_name(method));
  }
  for (const std::string& other : others) out += ", " + other;
  return out;
}

/// Among the paths of one host level; nullopt: none has the path's shape.
std::optional<NaiveLookup> find_at(const RouterInput& input, const std::string& name,
                                   std::string_view path, Method method,
                                   std::string_view method_text) {
  const std::vector<std::string> segments = split(path);
  std::vector<Candidate> matching;
  for (const HostInput& host : input.hosts) {
    if (host.name != name) continue;
    for (const PathInput& it : host.paths) {
      auto shape = std::get<PathTemplate>(parse_template(it.text));
      if (auto captures = match(shape, segments)) {
        matching.push_back({&it, std::move(shape), std::move(*captures)});
      }
    }
  }
  if (matching.empty()) return std::nullopt;
  const auto best = std::min_element(
      matching.begin(), matching.end(),
      [](const Candidate& a, const Candidate& b) { return better(a.shape, b.shape); });
  const std::string shape = best->shape.shape();
  std::vector<Candidate> group;
  for (Candidate& it : matching) {
    if (it.shape.shape() == shape) group.push_back(it);
  }
  group = in_order(input, std::move(group));

  NaiveLookup out;
  out.captures = group[0].captures;
  const DfaOracle oracle(input);
  bool match_only = false;
  for (const Candidate& it : group) {
    const auto route = route_of(*it.path, method, method_text);
    if (!route) continue;
    out.outcome = Outcome::Found;
    out.route = *route;
    out.constraint_failed = false;
    for (size_t p = 0; p < it.path->constraints.size() && !out.constraint_failed; ++p) {
      const Constraint& c = it.path->constraints[p];
      if (c.kind == Constraint::Kind::None) continue;
      if (oracle.dfa_accepts(c.index, decoded(it.captures[p]))) continue;
      out.constraint_failed = true;
      match_only = c.match_only;
    }
    if (!out.constraint_failed) return out;
  }
  if (out.outcome == Outcome::NotFound) {
    out.outcome = method == Method::Options ? Outcome::OptionsDefault : Outcome::MethodNotAllowed;
    out.allow = allow_of(group);
  } else if (match_only) {
    out.outcome = Outcome::NotFound;
    out.constraint_failed = false;
    out.route = ~u32{0};
  }
  return out;
}

}  // namespace

NaiveLookup naive_find(const RouterInput& input, std::string_view host, std::string_view path,
                       Method method, std::string_view method_text) {
  std::vector<std::string> levels = {std::string(host)};
  for (size_t dot = host.find('.', 1); dot != std::string_view::npos;
       dot = host.find('.', dot + 1)) {
    levels.push_back("*" + std::string(host.substr(dot)));
  }
  levels.emplace_back();
  if (host.empty()) levels.erase(levels.begin());
  for (const std::string& level : levels) {
    if (auto found = find_at(input, level, path, method, method_text)) return *found;
  }
  return {};
}

bool DfaOracle::dfa_accepts(u32 index, std::string_view value) const {
  return Dfa(input_.dfas[index].data()).matches(value);
}

bool DfaOracle::re2_accepts(u32, std::string_view) const { return false; }

}  // namespace gw::compiler::router
