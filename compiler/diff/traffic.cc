#include "compiler/diff/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "compiler/diff/schema_set.h"
#include "runtime/base/method.h"

namespace gw::compiler::diff {
namespace {

constexpr size_t kMaxHosts = 4;
constexpr size_t kMaxTries = 24;

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

std::string encoded(std::string_view value, bool greedy) {
  std::string out;
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (greedy && c == '/') ||
                       c == '@' || c == ':';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<u8>(c)));
    }
  }
  return out;
}

// What the document itself gives as values of a parameter, the best first.
std::vector<std::string> candidates(Value operation, const std::string& name) {
  std::vector<std::string> out;
  const auto offer = [&](Value value) {
    if (value && !value.text().empty()) out.push_back(value.text());
  };
  for (const Value item : operation.get("parameters").items()) {
    const Value parameter = item.resolved();
    if (parameter.get("in").text() != "path" || parameter.get("name").text() != name) continue;
    const SchemaSet schema = schema_set(parameter.get("schema"));
    for (const std::string_view keyword_name : {"const", "example", "default"}) {
      offer(first_keyword(schema, keyword_name));
    }
    offer(parameter.get("example"));
    for (const Value value : first_keyword(schema, "enum").items()) offer(value);
    for (const Value value : first_keyword(schema, "examples").items()) offer(value);
    if (const auto least = number_bound(schema, true)) {
      out.push_back(fmt::format("{:.0f}", least->value + (least->exclusive ? 1 : 0)));
    }
  }
  out.insert(out.end(), std::begin(kGuesses), std::end(kGuesses));
  if (out.size() > kMaxTries) out.resize(kMaxTries);
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

// Puts the values number `attempt` of each parameter into the template.
std::string fill(std::string_view path_template,
                 const std::map<std::string, std::vector<std::string>>& values, size_t attempt) {
  std::string out;
  for (size_t i = 0; i < path_template.size(); ++i) {
    if (path_template[i] != '{') {
      out += path_template[i];
      continue;
    }
    const size_t end = std::min(path_template.find('}', i), path_template.size());
    std::string name(path_template.substr(i + 1, end - i - 1));
    const bool greedy = name.ends_with('+');
    if (greedy) name.pop_back();
    const std::vector<std::string>& list = values.at(name);
    out += encoded(list[std::min(attempt, list.size() - 1)], greedy);
    i = end;
  }
  return out;
}

std::map<std::string, std::vector<std::string>> values_of(const Side& side, u32 route,
                                                          std::string_view path_template) {
  std::map<std::string, std::vector<std::string>> out;
  const Value operation = side.contracts().operation(route);
  for (size_t open = path_template.find('{'); open != path_template.npos;
       open = path_template.find('{', open + 1)) {
    const size_t close = std::min(path_template.find('}', open), path_template.size());
    std::string name(path_template.substr(open + 1, close - open - 1));
    if (name.ends_with('+')) name.pop_back();
    out.emplace(name, candidates(operation, name));
  }
  return out;
}

class Traffic {
 public:
  Traffic(const Side& old_side, const Side& new_side, const Matches& matches,
          std::vector<Finding>& findings)
      : old_(old_side), new_(new_side), findings_(findings) {
    for (const Match& match : matches.pairs) counterpart_[match.old_route] = match.new_route;
  }

  void run(const Matches& matches) {
    for (const Match& match : matches.pairs) stays(match);
    for (const u32 route : matches.removed) follow(route);
    for (const u32 route : matches.added) {
      for (const Witness& witness : witnesses_of(new_, route)) {
        const auto was = route_of(old_, witness);
        if (was) moved(*was, route, witness);
      }
    }
  }

 private:
  // Requests of an operation that is in both tables.
  void stays(const Match& match) {
    const Subject before = old_.subject(match.old_route);
    const Subject after = new_.subject(match.new_route);
    const bool same_place = before.method == after.method && before.host == after.host &&
                            shape_of(before.path) == shape_of(after.path);
    for (const Witness& witness : witnesses_of(old_, match.old_route)) {
      const auto now = route_of(new_, witness);
      if (now == match.new_route) continue;
      if (now) {
        moved(match.old_route, *now, witness);
      } else if (same_place) {
        lost(match, witness);
      }
    }
  }

  void follow(u32 route) {
    for (const Witness& witness : witnesses_of(old_, route)) {
      const auto now = route_of(new_, witness);
      if (now) moved(route, *now, witness);
    }
  }

  void lost(const Match& match, const Witness& witness) {
    Finding finding = make_finding("traffic-lost", "no operation takes these requests any more");
    finding.witness = witness.text();
    place(finding, match.old_route, match.new_route);
    findings_.push_back(std::move(finding));
  }

  void moved(u32 was, u32 is, const Witness& witness) {
    const auto counterpart = counterpart_.find(was);
    if (counterpart != counterpart_.end() && counterpart->second == is) return;
    if (!told_.emplace(was, is).second) return;
    const bool exposed = !PolicyCompare::requirements_of(old_, was).open &&
                         PolicyCompare::requirements_of(new_, is).open;
    const std::string from = old_.subject(was)->id;
    const std::string to = new_.subject(is)->id;
    Finding finding =
        make_finding(exposed ? "traffic-exposed" : "traffic-moved",
                     fmt::format("{} went to `{}`, and goes to `{}`{}", witness.text(), from, to,
                                 exposed ? ", which asks for no credentials" : ""));
    finding.witness = witness.text();
    finding.before = from;
    finding.after = to;
    place(finding, was, is);
    findings_.push_back(std::move(finding));
  }

  void place(Finding& finding, u32 was, u32 is) const {
    finding.old_place = old_.place(old_.route(was).source);
    finding.new_place = new_.place(new_.route(is).source);
    finding.operations = {old_.subject(was), new_.subject(is)};
  }

  const Side& old_;
  const Side& new_;
  std::vector<Finding>& findings_;
  std::map<u32, u32> counterpart_;
  std::set<std::pair<u32, u32>> told_;
};

}  // namespace

std::optional<u32> route_of(const Side& side, const Witness& witness) {
  if (!witness.path.starts_with('/')) return std::nullopt;  // of a table that nobody compiled
  Capture captures[kMaxCaptures];
  const router::Lookup found =
      side.bound().router().find(witness.host, witness.path, http::parse_method(witness.method),
                                 witness.method, side.bound(), captures);
  if (found.outcome != router::Outcome::Found || found.constraint_failed) return std::nullopt;
  return found.route;
}

std::vector<Witness> witnesses_of(const Side& side, u32 route) {
  const Subject subject = side.subject(route);
  const auto values = values_of(side, route, subject.path);
  size_t attempts = 1;
  for (const auto& [name, list] : values) attempts = std::max(attempts, list.size());
  // Of any method, one that nobody declares is the surest.
  static constexpr std::string_view kAnyMethods[] = {"PROPFIND", "POST", "GET"};
  std::vector<Witness> out;
  for (const std::string& host : hosts_of(subject.host)) {
    const auto try_method = [&](std::string_view method) {
      for (size_t attempt = 0; attempt < attempts; ++attempt) {
        Witness witness{std::string(method), host, fill(subject.path, values, attempt)};
        if (route_of(side, witness) != route) continue;
        out.push_back(std::move(witness));
        return true;
      }
      return false;
    };
    if (subject.method != "*") {
      try_method(subject.method);
    } else {
      for (const std::string_view method : kAnyMethods) try_method(method);
    }
  }
  return out;
}

void compare_traffic(const Side& old_side, const Side& new_side, const Matches& matches,
                     std::vector<Finding>& findings) {
  Traffic(old_side, new_side, matches, findings).run(matches);
}

}  // namespace gw::compiler::diff
