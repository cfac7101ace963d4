// Hosts and templates to the router, with findings about routes that meet.
#include <fmt/format.h>

#include <map>
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
      re2s_.emplace_back(
          module_.table.pools.strings.bytes().substr(regex.re2.offset, regex.re2.bytes));
    }
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
      for (const HostPath& path : paths) input.paths.push_back(path_input(host, path));
    }
  }

  router::PathInput path_input(const std::string& host, const HostPath& path) {
    const PlannedOperation& first = module_.operations[path.operations[0]];
    router::PathInput input;
    input.text = path.text;
    input.span = first.source->item->path.span;
    const auto parsed = router::parse_template(path.text);
    const std::string shape = std::get<router::PathTemplate>(parsed).shape();
    // Alone of its shape a path needs no constraint, except to turn a mismatch into 404.
    const bool alone = shapes_[host + '\n' + shape] == 1;
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
        finding.message = fmt::format("no request can reach `{}`", loser.text);
        finding.primary.text = fmt::format("a request such as `{}` goes elsewhere", witness);
        finding.related[0].text = "to this one";
        finding.help = "remove it, or make the other one narrower";
        break;
    }
    module_.sink.report(std::move(finding));
  }

  Module& module_;
  std::map<std::string, std::vector<HostPath>> hosts_;
  std::map<std::string, u32> shapes_;  // host and shape -> how many paths
  std::vector<std::vector<std::byte>> dfas_;
  std::vector<std::string> re2s_;
  router::RouterInput input_;
};

}  // namespace

void build_router(Module& module) { RouterPass(module).run(); }

}  // namespace gw::compiler
