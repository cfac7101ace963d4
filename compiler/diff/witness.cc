#include "compiler/diff/witness.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/diff/policy_compare.h"
#include "compiler/diff/schema_set.h"
#include "compiler/regex/regex.h"
#include "runtime/base/method.h"
#include "runtime/base/uri_path.h"
#include "runtime/router/other_reading.h"

namespace gw::compiler::diff {
namespace {

constexpr size_t kMaxHosts = 4;
constexpr size_t kMaxTelling = 24;    // values of one parameter that its schema gives
constexpr size_t kMaxLength = 256;    // of a value that is made for `minLength`
constexpr size_t kMaxAutomata = 500;  // of one comparison
constexpr regex::Limits kPatternLimits{.states = 2000, .nfa_edges = 50'000, .work = 2'000'000};

// Values that most parameters take one of.
constexpr std::string_view kGuesses[] = {"1",
                                         "a",
                                         "7",
                                         "42",
                                         "x1",
                                         "abc",
                                         "A1",
                                         "2026-01-31",
                                         "2026-01-31T00:00:00Z",
                                         "123e4567-e89b-42d3-a456-426614174000",
                                         "a@b.example",
                                         "true",
                                         "0",
                                         "1.5",
                                         "example",
                                         "en-GB"};

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void append_escape(char c, std::string& out) {
  out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<u8>(c)));
}

void append_value(std::string_view value, bool greedy, std::string& out) {
  constexpr std::string_view kPlain = "-._~@:";
  for (const char c : value) {
    if (is_alphanumeric(c) || kPlain.find(c) != kPlain.npos || (greedy && c == '/')) {
      out += c;
    } else {
      append_escape(c, out);
    }
  }
}

// Templates may be written in characters that no request can hold as they are.
void append_literal(char c, std::string& out) {
  constexpr std::string_view kUnfit = "\"<>\\^`|";
  const bool unfit =
      static_cast<u8>(c) <= ' ' || static_cast<u8>(c) >= 0x7f || kUnfit.find(c) != kUnfit.npos;
  if (unfit) {
    append_escape(c, out);
  } else {
    out += c;
  }
}

struct Hole {
  std::string name;
  bool greedy = false;
};

// A template cut at its parameters: literal, hole, literal, hole, literal.
struct Pieces {
  std::vector<std::string> literals;  // one more than holes
  std::vector<Hole> holes;
};

Pieces pieces_of(std::string_view path_template) {
  Pieces out;
  out.literals.emplace_back();
  for (size_t i = 0; i < path_template.size(); ++i) {
    if (path_template[i] != '{') {
      append_literal(path_template[i], out.literals.back());
      continue;
    }
    const size_t end = std::min(path_template.find('}', i), path_template.size());
    Hole& hole = out.holes.emplace_back();
    hole.name = path_template.substr(i + 1, end - i - 1);
    hole.greedy = hole.name.ends_with('+');
    if (hole.greedy) hole.name.pop_back();
    out.literals.emplace_back();
    i = end;
  }
  return out;
}

std::vector<std::string> hosts_of(const std::string& list) {
  std::vector<std::string> out;
  for (const std::string& host : items_of(list)) {
    out.push_back(host.starts_with("*.") ? "a" + host.substr(1) : host);
  }
  if (out.empty()) out.emplace_back();
  if (out.size() > kMaxHosts) out.resize(kMaxHosts);
  return out;
}

Value path_parameter(Value operation, const std::string& name) {
  for (const Value item : operation.get("parameters").items()) {
    const Value parameter = item.resolved();
    if (parameter.get("in").text() == "path" && parameter.get("name").text() == name) {
      return parameter;
    }
  }
  return {};
}

// The one pattern of a schema; "" when it has none, or several.
std::string pattern_of(const SchemaSet& schema) {
  const std::vector<Value> all = keyword(schema, "pattern");
  return all.size() == 1 && all[0].is_string() ? all[0].text() : std::string();
}

std::string normalised(const std::string& path) {
  std::string buffer(path.size(), '\0');
  std::string_view result;
  if (normalise_path(path, PathOptions{}, buffer.data(), result) != PathProblem::None) return {};
  return std::string(result);
}

}  // namespace

std::optional<Routed> routed(const Side& side, const Witness& witness) {
  const std::string path = normalised(witness.path);
  if (path.empty()) return std::nullopt;
  const router::Target target{.host = witness.host,
                              .path = path,
                              .method = http::parse_method(witness.method),
                              .method_text = witness.method};
  if (target.method == http::Method::Connect) return std::nullopt;
  const router::RouterView& router = side.bound().router();
  Capture captures[kMaxCaptures];
  const router::Lookup found = router.find(target.host, target.path, target.method,
                                           target.method_text, side.bound(), captures);
  if (found.outcome != router::Outcome::Found) return std::nullopt;
  const table::RouteRecord& record = side.route(found.route);
  if (target.method == http::Method::Trace && side.text(record.method) == "*") return std::nullopt;
  std::string scratch(path.size(), '\0');
  const u32 other = router::route_of_other_reading(
      router, side.bound(), target, side.text(record.template_), found.route, scratch.data());
  if (other != router::kNone) return std::nullopt;
  Routed out{.route = found.route, .accepted = !found.constraint_failed};
  if (found.constraint_failed) out.refused = found.failed_capture;
  return out;
}

// One template, its parameters' values, and what to ask about them.
struct WitnessMaker::Plan {
  const Side& side;
  const u32 route;
  const Pieces pieces;
  std::vector<Parameter> parameters = {};

  Witness fill(const std::string& host, std::string_view method,
               const std::vector<size_t>& chosen) const {
    Witness out{std::string(method), host, pieces.literals[0]};
    for (size_t i = 0; i < pieces.holes.size(); ++i) {
      append_value(parameters[i].values[chosen[i]], pieces.holes[i].greedy, out.path);
      out.path += pieces.literals[i + 1];
    }
    out.path = normalised(out.path);
    return out;
  }

  bool takes(const Witness& witness) const {
    const auto found = routed(side, witness);
    return found && found->route == route && found->accepted;
  }

  // Numbers of values that the route takes together; nothing: none were found.
  std::optional<std::vector<size_t>> settle(const std::string& host,
                                            std::string_view method) const {
    std::vector<size_t> chosen(parameters.size(), 0);
    while (true) {
      const auto found = routed(side, fill(host, method, chosen));
      const bool here = found && found->route == route;
      if (here && found->accepted) return chosen;
      bool moved = false;
      for (size_t i = 0; i < chosen.size(); ++i) {
        // Who refuses is known where this route is the widest that fits.
        if (here && found->refused < chosen.size() && found->refused != i) continue;
        if (chosen[i] + 1 >= parameters[i].values.size()) continue;
        ++chosen[i];
        moved = true;
      }
      if (!moved) return std::nullopt;
    }
  }
};

const std::vector<std::byte>& WitnessMaker::automaton_of(const std::string& pattern) {
  const auto known = automata_.find(pattern);
  if (known != automata_.end()) return known->second;
  static const std::vector<std::byte> none;
  if (automata_.size() >= kMaxAutomata) return none;
  auto compiled = regex::compile(pattern, regex::Syntax::Ecma, regex::Mode::Search, kPatternLimits);
  std::vector<std::byte> automaton;
  if (auto* made = std::get_if<regex::CompiledRegex>(&compiled)) automaton = std::move(made->dfa);
  return automata_.emplace(pattern, std::move(automaton)).first->second;
}

void WitnessMaker::add_pattern_values(const std::string& own, const std::string& others,
                                      std::vector<std::string>& out) {
  if (own.empty() && others.empty()) return;
  const std::vector<std::byte>& mine = automaton_of(own);
  if (mine.empty()) return;
  if (own != others) {
    const std::vector<std::byte>& theirs = automaton_of(others);
    if (!theirs.empty()) {
      if (const auto text = regex::string_only_in(mine, theirs)) out.push_back(*text);
    }
  }
  if (own.empty()) return;
  if (const auto text = regex::shortest_string(mine)) out.push_back(*text);
}

// What the document itself gives as values, the best first.
void WitnessMaker::add_schema_values(Value parameter, Value counterpart,
                                     std::vector<std::string>& out) {
  const SchemaSet schema = schema_set(parameter.get("schema"));
  const auto offer = [&](Value value) {
    if (value) out.push_back(value.text());
  };
  for (const std::string_view name : {"const", "example", "default"}) {
    offer(first_keyword(schema, name));
  }
  offer(parameter.get("example"));
  for (const Value value : first_keyword(schema, "enum").items()) offer(value);
  for (const Value value : first_keyword(schema, "examples").items()) offer(value);
  if (const auto least = number_bound(schema, true)) {
    out.push_back(fmt::format("{:.0f}", least->value + (least->exclusive ? 1 : 0)));
  }
  const std::string other_pattern =
      counterpart ? pattern_of(schema_set(counterpart.get("schema"))) : pattern_of(schema);
  add_pattern_values(pattern_of(schema), other_pattern, out);
  const auto shortest = count_bound(schema, "minLength", true, 0);
  if (shortest && shortest->value <= kMaxLength) {
    out.emplace_back(static_cast<size_t>(shortest->value), 'a');
  }
}

std::vector<WitnessMaker::Parameter> WitnessMaker::parameters_of(const Side& side, u32 route,
                                                                 const Side* other,
                                                                 u32 counterpart) {
  std::vector<Parameter> out;
  const Pieces pieces = pieces_of(side.subject(route)->path);
  const bool paired = other != nullptr && counterpart != table::kNone;
  const Pieces others = paired ? pieces_of(other->subject(counterpart)->path) : Pieces{};
  const bool aligned = paired && others.holes.size() == pieces.holes.size();
  for (size_t i = 0; i < pieces.holes.size(); ++i) {
    const Value own = path_parameter(side.contracts().operation(route), pieces.holes[i].name);
    Value theirs;
    if (aligned) {
      theirs = path_parameter(other->contracts().operation(counterpart), others.holes[i].name);
    }
    Parameter& parameter = out.emplace_back();
    add_schema_values(own, theirs, parameter.values);
    std::erase(parameter.values, std::string());
    if (parameter.values.size() > kMaxTelling) parameter.values.resize(kMaxTelling);
    parameter.telling = parameter.values.size();
    parameter.values.insert(parameter.values.end(), std::begin(kGuesses), std::end(kGuesses));
    // Of two schemas that differ any value may tell which of them takes it.
    const bool same = !theirs || own.get("schema").canonical() == theirs.get("schema").canonical();
    if (!same) parameter.telling = parameter.values.size();
  }
  return out;
}

void WitnessMaker::add_requests(const Plan& plan, const std::string& host, std::string_view method,
                                std::vector<Witness>& out) const {
  const auto chosen = plan.settle(host, method);
  if (!chosen) return;
  out.push_back(plan.fill(host, method, *chosen));
  for (size_t i = 0; i < chosen->size(); ++i) {
    std::vector<size_t> varied = *chosen;
    for (size_t value = 0; value < plan.parameters[i].telling; ++value) {
      if (value == (*chosen)[i]) continue;
      varied[i] = value;
      Witness witness = plan.fill(host, method, varied);
      if (plan.takes(witness)) out.push_back(std::move(witness));
    }
  }
}

std::vector<Witness> WitnessMaker::of(const Side& side, u32 route, const Side* other,
                                      u32 counterpart) {
  // Of any method, one that nobody declares is the surest.
  static constexpr std::string_view kAnyMethods[] = {"PROPFIND", "POST", "GET"};
  const SubjectRef& subject = side.subject(route);
  const Plan plan{.side = side,
                  .route = route,
                  .pieces = pieces_of(subject->path),
                  .parameters = parameters_of(side, route, other, counterpart)};
  std::vector<Witness> out;
  for (const std::string& host : hosts_of(subject->host)) {
    if (subject->method != "*") {
      add_requests(plan, host, subject->method, out);
    } else {
      for (const std::string_view method : kAnyMethods) add_requests(plan, host, method, out);
    }
  }
  return out;
}

}  // namespace gw::compiler::diff
