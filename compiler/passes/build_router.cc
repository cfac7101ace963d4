// Hosts and templates to the router, with findings about routes that meet.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "compiler/passes/constraint.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/template_text.h"
#include "compiler/router/overlap.h"
#include "compiler/router/path_template.h"
#include "compiler/router/router_builder.h"
#include "runtime/base/method.h"

namespace gw::compiler {
namespace {

// The operations of one path item on one host, before they become a PathInput.
struct HostPath {
  std::string text;
  std::vector<u32> operations;  // indices into module.operations
};

class RouterPass {
 public:
  explicit RouterPass(Module& module) : module_(module) {}

  void run() {
    collect();
    make_inputs();
    const std::vector<table::RegexRecord>& regexes = module_.table.pools.regexes.records();
    const auto& data = module_.table.pools.dfa_data.bytes();
    for (const table::RegexRecord& regex : regexes) {
      dfas_.emplace_back(data.begin() + regex.dfa.offset,
                         data.begin() + regex.dfa.offset + regex.dfa.count);
      re2s_.push_back({std::string(module_.table.pools.strings.bytes().substr(regex.re2.offset,
                                                                              regex.re2.bytes)),
                       regex.anchored != 0 ? regex::Mode::Anchored : regex::Mode::Search});
    }
    note_accepted_values();
    input_.dfas = dfas_;
    input_.re2s = re2s_;
    report_overlaps();
    const router::BuiltRouter built = router::build_router(input_);
    for (const router::BuildError& error : built.errors) {
      const router::PathInput& path = input_.hosts[error.host].paths[error.path];
      report(module_, "route-partial-segment", Severity::Error, path.span,
             fmt::format("path `{}` cannot be routed: {}", path.text, error.error.reason), "here");
    }
    for (const router::BitSetGroup& group : built.report.bit_sets) {
      module_.router_notes.push_back(fmt::format(
          "{} templates such as {} are matched by bit sets: their automaton would be too "
          "big",
          group.candidates, group.example));
    }
    module_.router_states = built.report.nodes;
    module_.table.router = built.blob;
  }

 private:
  void collect() {
    std::map<std::pair<std::string, const openapi::PathItem*>, size_t> known;
    for (u32 i = 0; i < module_.operations.size(); ++i) {
      const GatewayOperation& source = *module_.operations[i].source;
      // Reported as route-fragment-or-query-key; without its end it is some other path.
      if (source.item->path.value.find_first_of("?#") != std::string_view::npos) continue;
      const std::string text = public_template(module_, source);
      const auto parsed = router::parse_template(text);
      if (std::holds_alternative<router::TemplateError>(parsed)) continue;  // reported before
      const std::string shape = std::get<router::PathTemplate>(parsed).shape();
      for (const std::string& host : source.unit->hosts) {
        auto& paths = hosts_[host];
        const auto [entry, fresh] =
            known.try_emplace({host + '\n' + text, source.item}, paths.size());
        if (fresh) {
          paths.push_back({text, {}});
          ++shapes_[host + '\n' + shape];
        }
        paths[entry->second].operations.push_back(i);
      }
    }
  }

  void make_inputs() {
    for (const auto& [host, paths] : hosts_) {
      router::HostInput& input = input_.hosts.emplace_back();
      input.name = host;
      input.host_id = static_cast<u32>(input_.hosts.size() - 1);
      for (const HostPath& path : paths) add_paths(host, path, input.paths);
    }
  }

  // What decides between paths of one shape: the schemas of the parameters, in order.
  using Demands = std::vector<std::pair<ParameterPattern, bool>>;

  Demands demands_of(u32 operation) const {
    const PlannedOperation& planned = module_.operations[operation];
    Demands out;
    for (const std::string& name : planned.captures) {
      out.emplace_back(parameter_pattern(*planned.source, name),
                       is_match_only(*planned.source, name));
    }
    return out;
  }

  // Operations of one path item whose parameters differ are candidates of their own.
  void add_paths(const std::string& host, const HostPath& path,
                 std::vector<router::PathInput>& out) {
    const auto parsed = router::parse_template(path.text);
    const std::string shape = std::get<router::PathTemplate>(parsed).shape();
    // Alone of its shape a path needs no constraint, except to turn a mismatch into 404.
    const bool alone = shapes_[host + '\n' + shape] == 1;
    std::map<Demands, std::vector<u32>> parts;
    for (const u32 operation : path.operations) {
      Demands demands = demands_of(operation);
      const bool not_found = std::any_of(demands.begin(), demands.end(),
                                         [](const auto& demand) { return demand.second; });
      if (alone && !not_found) demands.clear();
      parts[std::move(demands)].push_back(operation);
    }
    for (const auto& [demands, operations] : parts) {
      out.push_back(path_input({path.text, operations}, alone));
    }
  }

  router::PathInput path_input(const HostPath& path, bool alone) {
    const PlannedOperation& first = module_.operations[path.operations[0]];
    router::PathInput input;
    input.text = path.text;
    input.span = first.source->item->path.span;
    for (const std::string& name : first.captures) {
      const bool wanted = !alone || is_match_only(*first.source, name);
      input.constraints.push_back(wanted ? parameter_constraint(module_, *first.source, name)
                                         : router::Constraint{});
    }
    for (const u32 index : path.operations) {
      const GatewayOperation& source = *module_.operations[index].source;
      if (source.any_method) {
        input.any_route = index;
        continue;
      }
      const http::Method method = http::parse_method(source.operation->method.value);
      input.methods.push_back({.method = method,
                               .text = method == http::Method::Other
                                           ? std::string(source.operation->method.value)
                                           : std::string(),
                               .route = index});
    }
    return input;
  }

  // Every input path gets what its schemas accept. The DFAs that only this needs stand behind
  // those of the table.
  void note_accepted_values() {
    for (router::HostInput& host : input_.hosts) {
      for (router::PathInput& path : host.paths) {
        path.accepted = path.constraints;
        for (size_t i = 0; i < path.accepted.size(); ++i) {
          if (path.accepted[i].kind == router::Constraint::Kind::None) {
            path.accepted[i] = accepted_by_all(path, i);
          }
        }
      }
    }
  }

  router::Constraint accepted_by_all(const router::PathInput& path, size_t parameter) {
    std::vector<u32> operations;
    if (path.any_route) operations.push_back(*path.any_route);
    for (const router::MethodRoute& method : path.methods) operations.push_back(method.route);
    std::optional<ParameterPattern> common;
    for (const u32 operation : operations) {
      const PlannedOperation& planned = module_.operations[operation];
      if (parameter >= planned.captures.size()) return {};
      ParameterPattern pattern = parameter_pattern(*planned.source, planned.captures[parameter]);
      if (pattern.text.empty() || (common && *common != pattern)) return {};
      common = std::move(pattern);
    }
    return common ? accepted(*common) : router::Constraint{};
  }

  router::Constraint accepted(const ParameterPattern& pattern) {
    const auto [it, fresh] = accepted_.try_emplace(pattern);
    if (!fresh) return it->second;
    auto compiled =
        regex::compile(pattern.text, pattern.is_ecma ? regex::Syntax::Ecma : regex::Syntax::Re2,
                       pattern.anchored ? regex::Mode::Anchored : regex::Mode::Search);
    auto* found = std::get_if<regex::CompiledRegex>(&compiled);
    if (found == nullptr || found->dfa.empty()) return {};
    it->second = {.kind = router::Constraint::Kind::Dfa, .index = static_cast<u32>(dfas_.size())};
    dfas_.push_back(std::move(found->dfa));
    return it->second;
  }

  Span span_of(u32 host, u32 path) const { return input_.hosts[host].paths[path].span; }

  static std::string request_line(std::string_view method, const router::HostInput& host,
                                  std::string_view path) {
    std::string text = fmt::format("{} {}", method.empty() ? "GET" : method, path);
    if (!host.name.empty()) text += fmt::format(" (host {})", host.name);
    return text;
  }

  void report_overlaps() {
    std::set<std::string> seen;
    const router::OverlapReport overlaps = router::find_overlaps(input_);
    for (const router::OverlapFinding& overlap : overlaps.findings) report_overlap(overlap, seen);
    if (overlaps.truncated) {
      module_.router_notes.push_back("the analysis of overlapping routes was cut off at its bound");
    }
  }

  void report_overlap(const router::OverlapFinding& overlap, std::set<std::string>& seen) {
    const router::HostInput& host = input_.hosts[overlap.winner.host];
    const router::PathInput& winner = host.paths[overlap.winner.path];
    const router::PathInput& loser = input_.hosts[overlap.loser.host].paths[overlap.loser.path];
    // The same pair on another host is the same finding.
    const std::string key =
        fmt::format("{}:{}:{}:{}:{}", winner.span.file, winner.span.begin, loser.span.file,
                    loser.span.begin, static_cast<int>(overlap.kind));
    if (!seen.insert(key).second) return;
    const bool cross_file = winner.span.file != loser.span.file;
    const std::string witness = request_line(overlap.method, host, overlap.witness);
    Diagnostic finding;
    finding.primary.span = loser.span;
    finding.related = {{winner.span, "and this one"}};
    finding.witness = witness;
    if (!overlap.proved) return report_undecided(winner, loser);
    switch (overlap.kind) {
      case router::OverlapKind::Identical:
        finding.rule = cross_file ? "route-cross-file" : "route-unreachable";
        finding.message =
            fmt::format("paths `{}` and `{}` take the same requests", winner.text, loser.text);
        finding.primary.text = fmt::format("`{}` would be answered by both", witness);
        finding.help =
            "remove one, or tell their parameters apart by schemas that exclude each other";
        break;
      case router::OverlapKind::Ambiguous:
        finding.rule = cross_file ? "route-cross-file" : "route-ambiguous";
        finding.message =
            fmt::format("nothing decides between `{}` and `{}`", winner.text, loser.text);
        finding.primary.text = fmt::format("`{}` fits both", witness);
        finding.help = "make one of them narrower than the other";
        break;
      case router::OverlapKind::OrderedOnlyByLeftmost:
        finding.rule = "route-ambiguous";
        finding.severity = Severity::Warning;
        finding.message =
            fmt::format("`{}` and `{}` overlap, and neither is more specific as a whole",
                        winner.text, loser.text);
        finding.primary.text = fmt::format("`{}` fits this one too", witness);
        finding.related[0].text = "and goes here, since the leftmost difference decides";
        finding.help = "rename a segment of one of them if that is not meant";
        break;
      case router::OverlapKind::Unreachable:
        finding.rule = "route-unreachable";
        finding.severity = Severity::Warning;
        finding.message =
            fmt::format("no {}request that fits its parameters reaches `{}`",
                        overlap.one_method ? overlap.method + " " : std::string(), loser.text);
        finding.primary.text = fmt::format("a request such as `{}` goes elsewhere", witness);
        finding.related[0].text = "to this one";
        for (const router::PathPlace& place : overlap.further_winners) {
          finding.related.push_back({span_of(place.host, place.path), "others go here"});
        }
        finding.help = "remove it, or let the others leave something to it";
        break;
    }
    module_.sink.report(std::move(finding));
  }

  void report_undecided(const router::PathInput& winner, const router::PathInput& loser) {
    report(module_, "route-ambiguous", Severity::Warning, loser.span,
           fmt::format("whether `{}` and `{}` meet could not be decided within bounds", winner.text,
                       loser.text),
           "their patterns are too big to be compared", "shorten their counted repeats");
  }

  Module& module_;
  std::map<std::string, std::vector<HostPath>> hosts_;
  std::map<std::string, u32> shapes_;  // host and shape -> how many paths
  std::map<ParameterPattern, router::Constraint> accepted_;
  std::vector<std::vector<std::byte>> dfas_;
  std::vector<router::Re2Pattern> re2s_;
  router::RouterInput input_;
};

}  // namespace

void build_router(Module& module) { RouterPass(module).run(); }

}  // namespace gw::compiler
