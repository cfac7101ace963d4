// Templates of operations to the spelling that requests are matched in, and their parameters.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/openapi/path_template.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/template_text.h"
#include "compiler/router/path_template.h"
#include "compiler/xgw/language.h"
#include "runtime/base/uri_path.h"
#include "runtime/router/capture.h"

namespace gw::compiler {
namespace {

using openapi::ParameterIn;

bool is_true(NodeRef map, std::string_view key) {
  const NodeRef value = map && map.is_map() ? map.get(key) : NodeRef{};
  return value && value.kind() == NodeKind::Bool && value.boolean();
}

bool must_encode(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte >= 0x7f ||
         std::string_view("\"<>^`|").find(c) != std::string_view::npos;
}

// A literal run between parameters: characters that no URI holds are sent encoded, and the rest is
// normalised as a request's path is.
std::string normalised_run(std::string_view run) {
  std::string encoded = "/p";
  for (const char c : run) {
    if (must_encode(c)) {
      encoded += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      encoded += c;
    }
  }
  encoded += 'p';
  std::string out(encoded.size(), '\0');
  std::string_view result;
  if (normalise_path(encoded, PathOptions{}, out.data(), result) != PathProblem::None) {
    return std::string(run);
  }
  return std::string(result.substr(2, result.size() - 3));
}

// The template with every parameter as one letter, for what only the whole can tell.
std::string skeleton(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      const size_t close = text.find('}', i);
      if (close == text.npos) return out;
      out += 'p';
      i = close;
    } else if (!must_encode(text[i])) {
      out += text[i];
    } else {
      out += '_';
    }
  }
  return out;
}

class Collector {
 public:
  explicit Collector(Module& module) : module_(module) {}

  void run() {
    for (const GatewayOperation& source : module_.gateway.operations) {
      PlannedOperation& planned = module_.operations.emplace_back();
      planned.source = &source;
      const std::string text = public_template(module_, source);
      const auto parsed = router::parse_template(text);
      if (const auto* error = std::get_if<router::TemplateError>(&parsed)) {
        template_error(source, *error);
        continue;
      }
      const auto& path = std::get<router::PathTemplate>(parsed);
      check_once(source);
      planned.captures = path.names();
      planned.greedy.assign(planned.captures.size(), false);
      if (!path.segments.empty() && path.segments.back().kind == router::SegmentKind::CatchAll) {
        planned.greedy.back() = true;
      }
      if (planned.captures.size() > kMaxCaptures) {
        report(module_, "path-template-syntax", Severity::Error, source.item->path.span,
               fmt::format("a path has at most {} parameters", kMaxCaptures), "too many");
      }
    }
  }

 private:
  void template_error(const GatewayOperation& source, const router::TemplateError& error) {
    if (!reported_.insert(source.item).second) return;
    std::vector<openapi::TemplateName> names;
    const bool said = !openapi::parse_template(source.item->path.value, names).message.empty();
    if (said) return;  // by path-template-syntax, when the document was read
    const auto base = static_cast<u32>(source.unit->base_path.size());
    const Span key = source.item->path.span;
    const bool inside = error.begin >= base && error.end - base <= source.item->path.value.size();
    report(module_, "route-partial-segment", Severity::Error,
           inside ? module_.files.part(key, source.item->path.value, error.begin - base,
                                       error.end - base)
                  : key,
           fmt::format("path `{}` cannot be routed: {}", source.item->path.value, error.reason),
           "here");
  }

  // What is wrong with a key is said once, not for each of its operations.
  void check_once(const GatewayOperation& source) {
    if (!reported_.insert(source.item).second) return;
    const std::string_view key = source.item->path.value;
    if (const size_t at = key.find_first_of("?#"); at != key.npos) {
      report(
          module_, "route-fragment-or-query-key", Severity::Error,
          module_.files.part(source.item->path.span, key, static_cast<u32>(at),
                             static_cast<u32>(key.size())),
          fmt::format("path `{}` holds a `{}`, which is no part of a request's path", key, key[at]),
          "no request can carry this in its path",
          key[at] == '?' ? "declare the query as parameters"
                         : "give the operation a path of its own");
      return;
    }
    const std::string whole = source.unit->base_path + std::string(key);
    const std::string text = skeleton(whole);
    std::string scratch(text.size(), '\0');
    std::string_view result;
    const PathProblem problem = normalise_path(text, PathOptions{}, scratch.data(), result);
    const bool merged_slash = problem == PathProblem::EmptySegment;
    if (problem != PathProblem::None) {
      report(module_, merged_slash ? "base-path-merge" : "path-template-syntax",
             merged_slash ? Severity::Warning : Severity::Error, source.item->path.span,
             fmt::format("path `{}` is refused in requests: it has {}", whole,
                         path_problem_text(problem)),
             "no request can reach it", merged_slash ? "remove the doubled slash" : "");
    }
  }

  Module& module_;
  std::set<const openapi::PathItem*> reported_;
};

}  // namespace

std::string public_template(const Module&, const GatewayOperation& operation) {
  std::string_view text = operation.path;
  if (const size_t end = text.find_first_of("?#"); end != text.npos) text = text.substr(0, end);
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t open = std::min(text.find('{', at), text.size());
    out += normalised_run(text.substr(at, open - at));
    if (open == text.size()) break;
    const size_t close = text.find('}', open);
    if (close == text.npos) return out + std::string(text.substr(open));
    std::string name(text.substr(open + 1, close - open - 1));
    for (const openapi::Parameter& parameter : operation.operation->parameters) {
      if (parameter.in == ParameterIn::Path && parameter.name.value == name &&
          is_true(parameter.x_gw, "greedy")) {
        name += '+';
      }
    }
    out += '{' + name + '}';
    at = close + 1;
  }
  return out;
}

void collect_captures(Module& module) { Collector(module).run(); }

}  // namespace gw::compiler
