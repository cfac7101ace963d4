// Pointers of expressions into bodies, `$request.body#/...` and `$response.body#/...`, against what
// the document declares: one that leads to nothing is absent for every request, and what it stands
// in is left out without a word. What operations inherit is reported only where it fits none.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/compose_shape.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/lower_views.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/shape_proof.h"

namespace gw::compiler {
namespace {

using Place = std::pair<FileId, u32>;

// Where expressions may name bodies (specs/x-gw.md).
constexpr std::string_view kReaders[] = {"path", "request", "response", "compose", "views"};

bool may_read(const Levels& levels, const GatewayOperation& source) {
  const auto says = [](NodeRef node) {
    return node && node.is_map() && std::ranges::any_of(kReaders, [&](std::string_view name) {
             return static_cast<bool>(node.get(name));
           });
  };
  return std::ranges::any_of(levels.levels, [&](const Level& level) {
    bool found = says(level.node);
    for_each_policy(source, level.node,
                    [&](const UsedPolicy& policy) { found = found || says(policy.node); });
    return found;
  });
}

class BodyFieldCheck {
 public:
  explicit BodyFieldCheck(Module& module) : module_(module) {}

  void run() {
    for (const PlannedOperation& planned : module_.operations) {
      const Levels levels = levels_of(*planned.source);
      if (may_read(levels, *planned.source)) check(*planned.source, levels);
    }
    for (auto& [place, outcome] : outcomes_) {
      if (!outcome.fits) module_.sink.report(std::move(outcome.finding));
    }
  }

 private:
  // Of one pointer, over all operations that have it.
  struct Outcome {
    bool fits = false;
    Diagnostic finding;
  };
  // What the bodies of one operation are, made when somebody asks.
  struct Bodies {
    const GatewayOperation& source;
    const Effective& fields;
    bool of_view = false;               // which sees what the operation's own changes leave
    bool changed = false;               // by them
    std::map<bool, Shape> shapes = {};  // by whether it is the answer
  };

  void check(const GatewayOperation& source, const Levels& levels) {
    const EffectiveOperation effective = effective_operation(module_, source, levels);
    Bodies own{.source = source, .fields = effective.fields};
    check_fields(effective.fields, own);
    const Effective* views = effective.fields.find("views");
    if (views == nullptr || !views->is_map) return;
    for (const Effective::Entry& entry : views->entries) {
      if (!entry.value.is_map) continue;
      Effective fields = effective.fields;
      Effective ignored;
      lay_view(entry.value, fields, ignored);
      Bodies seen{.source = source, .fields = fields, .of_view = true};
      check_fields(entry.value, seen);
    }
  }

  void check_fields(const Effective& fields, Bodies& bodies) {
    for (const std::string_view name : {"path", "request", "compose"}) {
      if (const Effective* value = fields.find(name)) visit(*value, bodies);
    }
    const Effective* response = fields.find("response");
    if (response == nullptr || !response->is_map) return;
    // Bodies of errors are whatever somebody on the way has made of them, and fields of the head
    // are set for errors as well: of the answers that they read nothing is known.
    for (const Effective::Entry& part : response->entries) {
      visit(part.value, bodies, part.name == "body");
    }
  }

  void visit(const Effective& value, Bodies& bodies, bool knows_answer = true) {
    for_each_expression(value, [&](const WrittenExpression& written) {
      check_expression(written, "$request.body#", false, bodies);
      if (knows_answer) check_expression(written, "$response.body#", true, bodies);
    });
  }

  Shape& shape_of(bool is_answer, Bodies& bodies) {
    const auto known = bodies.shapes.find(is_answer);
    if (known != bodies.shapes.end()) return known->second;
    const Effective* request = bodies.fields.find("request");
    const bool forms_too = request != nullptr && reads_forms(request->find("body"));
    Shape shape = is_answer   ? answer_shape(module_, bodies.source, bodies.fields)
                  : forms_too ? request_shape(bodies.source)
                              : json_request_shape(bodies.source);
    if (is_answer && bodies.of_view) {
      const Effective* response = bodies.fields.find("response");
      const Effective* changes = response == nullptr ? nullptr : response->find("body");
      bodies.changed = changes != nullptr;
      if (changes != nullptr) {
        change_shape(*changes, request_expressions(bodies.source), shape, {});
      }
    }
    return bodies.shapes.emplace(is_answer, std::move(shape)).first->second;
  }

  void check_expression(const WrittenExpression& written, std::string_view prefix, bool is_answer,
                        Bodies& bodies) {
    if (!written.text.starts_with(prefix)) return;
    const std::string_view pointer = written.text.substr(prefix.size());
    const std::vector<PathToken> tokens = pointer_tokens(pointer);
    if (tokens.empty()) return;
    Shape& shape = shape_of(is_answer, bodies);
    const Reach reach = walk(
        shape, tokens, [](Shape&) {}, true);
    const Span place = written.span_of(0, static_cast<u32>(written.text.size()));
    Outcome& outcome = outcomes_[Place{place.file, place.begin}];
    outcome.fits = outcome.fits || !reach.misses() || reach.token >= tokens.size();
    if (outcome.fits) return;
    Diagnostic finding =
        finding_of(written, pointer, tokens, reach,
                   fmt::format("`{}` is not in {} of `{}`", pointer,
                               is_answer ? "the answers" : "the request body", bodies.source.id));
    if (is_answer && bodies.changed && finding.help.empty()) {
      finding.help = "a view sees what the operation's own changes leave";
    }
    // Of several operations the worst is told: what is refused somewhere.
    const bool worse =
        outcome.finding.message.empty() ||
        (finding.severity == Severity::Error && outcome.finding.severity == Severity::Warning);
    if (worse) outcome.finding = std::move(finding);
  }

  static Diagnostic finding_of(const WrittenExpression& written, std::string_view pointer,
                               const std::vector<PathToken>& tokens, const Reach& reach,
                               std::string message) {
    const PathToken& token = tokens[reach.token];
    const Shape& stop = *reach.stop;
    const auto shift = static_cast<u32>(written.text.size() - pointer.size());
    Diagnostic finding{
        .rule = "body-field-unknown",
        .severity = Severity::Error,
        .message = std::move(message),
        .primary = {written.span_of(token.begin + shift, token.end + shift), "never there"}};
    if (stop.declared.valid()) finding.related.push_back({stop.declared, "what is declared there"});
    if (!stop.may_be(gw::schema::kTypeObject)) {
      finding.primary.text = fmt::format("there is {}", type_words(stop.types));
      if (stop.may_be(gw::schema::kTypeArray)) finding.help = "name an item by its number: `/0`";
      return finding;
    }
    if (std::ranges::find(stop.gone, token.name) != stop.gone.end()) {
      finding.primary.text = "a change of the operation takes it away";
      return finding;
    }
    std::vector<std::string_view> names;
    for (const Shape::Member& member : stop.members) names.push_back(member.name);
    finding.help = did_you_mean(token.name, names);
    if (stop.naming != Naming::Named) return finding;
    // JSON Schema lets members through that it does not name; whoever names some means all.
    finding.severity = Severity::Warning;
    finding.primary.text = "nothing is declared under this name";
    if (finding.help.empty()) {
      finding.help =
          "declare it in the schema; `additionalProperties: true` says that there is more";
    }
    return finding;
  }

  Module& module_;
  std::map<Place, Outcome> outcomes_;
};

}  // namespace

void check_body_fields(Module& module) { BodyFieldCheck(module).run(); }

}  // namespace gw::compiler
