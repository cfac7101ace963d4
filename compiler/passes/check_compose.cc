// What can be proved of compositions: that the fields which they use are there, that calls get what
// they take, that what is put together is what is declared, and that deadlines add up.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/check_call_inputs.h"
#include "compiler/passes/compose_shape.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/lower_compose.h"
#include "compiler/passes/lower_views.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/shape_proof.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using Place = std::pair<FileId, u32>;
Place place_of(Span span) { return {span.file, span.begin}; }

bool says(const Levels& levels, std::string_view name) {
  return std::ranges::any_of(levels.levels, [&](const Level& level) {
    return level.node && level.node.is_map() && level.node.get(name);
  });
}

class ComposeCheck {
 public:
  explicit ComposeCheck(Module& module) : module_(module), inputs_(module) {}

  void run() {
    for (const PlannedOperation& planned : module_.operations) {
      const Levels levels = levels_of(*planned.source);
      if (says(levels, "compose") || says(levels, "views")) check(planned, levels);
    }
  }

 private:
  void check(const PlannedOperation& planned, const Levels& levels) {
    const EffectiveOperation effective = effective_operation(module_, *planned.source, levels);
    if (const Effective* compose = effective.fields.find("compose")) {
      check_compose(planned, *compose, {});
    }
    const Effective* views = effective.fields.find("views");
    if (views == nullptr || !views->is_map) return;
    for (const Effective::Entry& view : views->entries) {
      // Its class reads the same document as all others.
      if (const Effective* compose = view.value.find("compose")) {
        check_compose(planned, *compose, view.name);
      }
    }
  }

  void check_compose(const PlannedOperation& planned, const Effective& compose,
                     std::string_view view) {
    const Effective* calls = compose.find("calls");
    if (!compose.is_map || calls == nullptr || !calls->is_map) return;  // reported
    const ComposedCalls composed(module_, *planned.source, compose);
    check_fields(composed, compose);
    inputs_.run(composed);
    const Effective* body = compose.find("body");
    if (body != nullptr && body->node) check_shape({*planned.source, view}, composed, *body);
    check_deadlines(planned, composed, *calls);
  }

  // --- compose-field-unknown

  void check_fields(const ComposedCalls& composed, const Effective& compose) {
    for (const auto& [name, call] : composed.calls()) {
      Shape item = composed.item_of(call);
      for_each_expression(*call.value, [&](const WrittenExpression& written) {
        check_expression(composed, written, item);
      });
      check_each(composed, name, call);
    }
    for (const std::string_view name : {"body", "headers"}) {
      const Effective* value = compose.find(name);
      if (value == nullptr) continue;
      Shape none;
      for_each_expression(*value, [&](const WrittenExpression& written) {
        check_expression(composed, written, none);
      });
    }
  }

  void check_expression(const ComposedCalls& composed, const WrittenExpression& written,
                        Shape& item) {
    CallUse use;
    if (written.text.starts_with("$item#")) {
      check_pointer(written, written.text.substr(6), item, "the item");
      return;
    }
    if (!parse_call_use(written.text, use) || use.part != "body") return;
    const auto found = composed.calls().find(use.name);
    if (found == composed.calls().end()) return;  // reported
    Shape answer = found->second.answer;
    if (found->second.fallback && reaches(ComposedCalls::fallback_of(found->second), use.pointer)) {
      return;
    }
    const GatewayOperation* callee = found->second.callee;
    if (found->second.is_form) return refuse_form(written, *callee);
    check_pointer(written, use.pointer, answer,
                  callee == nullptr ? "it" : fmt::format("what `{}` answers", callee->id));
  }

  void refuse_form(const WrittenExpression& written, const GatewayOperation& callee) {
    const Span span = written.span_of(0, static_cast<u32>(written.text.size()));
    if (!reported_.insert(place_of(span)).second) return;
    report(module_, "compose-field-unknown", Severity::Error, span,
           fmt::format("`{}` makes a form of its answer, and compositions read JSON", callee.id),
           "leads to nothing", "call an operation without `format: form`, or the upstream itself");
  }

  // A value that only the fallback has is a value.
  static bool reaches(Shape shape, std::string_view pointer) {
    const std::vector<PathToken> tokens = pointer_tokens(pointer);
    return !tokens.empty() && !walk(
                                   shape, tokens, [](Shape&) {}, true)
                                   .misses();
  }

  void check_pointer(const WrittenExpression& written, std::string_view pointer, Shape& shape,
                     const std::string& what) {
    const std::vector<PathToken> tokens = pointer_tokens(pointer);
    const Reach reach = walk(
        shape, tokens, [](Shape&) {}, true);
    if (!reach.misses() || reach.token >= tokens.size()) return;
    const PathToken& token = tokens[reach.token];
    const auto shift = static_cast<u32>(written.text.size() - pointer.size());
    const Span span = written.span_of(token.begin + shift, token.end + shift);
    if (!reported_.insert(place_of(span)).second) return;
    Diagnostic finding{.rule = "compose-field-unknown",
                       .severity = Severity::Error,
                       .message = fmt::format("`{}` is not in {}", pointer, what),
                       .primary = {span, "leads to nothing"}};
    explain_stop(*reach.stop, token, finding);
    module_.sink.report(std::move(finding));
  }

  static void explain_stop(const Shape& stop, const PathToken& token, Diagnostic& finding) {
    if (stop.declared.valid()) finding.related.push_back({stop.declared, "what is declared there"});
    if (std::ranges::find(stop.gone, token.name) != stop.gone.end()) {
      finding.primary.text = "the operation takes it away";
      return;
    }
    if (!stop.may_be(gw::schema::kTypeObject)) {
      finding.primary.text = fmt::format("there is {}", type_words(stop.types));
      return;
    }
    std::vector<std::string_view> names;
    for (const Shape::Member& member : stop.members) names.push_back(member.name);
    finding.help = did_you_mean(token.name, names);
  }

  // `forEach` takes lists.
  void check_each(const ComposedCalls& composed, std::string_view name,
                  const ComposedCalls::Call& call) {
    const Effective* each = call.value->find("forEach");
    if (each == nullptr || !each->node || !each->node.is_string()) return;
    ShapeValue value = composed.value_of(each->node.text(), false);
    look_into(value.shape);
    if (value.shape.may_be(gw::schema::kTypeArray)) return;
    if (!reported_.insert(place_of(each->span())).second) return;
    report(module_, "compose-shape", Severity::Error, each->span(),
           fmt::format("`forEach` of `{}` is no list", name),
           fmt::format("this is {}", type_words(value.shape.types)),
           "name the list whose items are meant");
  }

  // --- compose-shape

  // Whose answer it is.
  struct Answer {
    const GatewayOperation& source;
    std::string_view view;
    std::string text() const {
      return view.empty() ? fmt::format("`{}` answers", source.id)
                          : fmt::format("`{}` answers to `{}`", source.id, view);
    }
  };

  void check_shape(const Answer& answer, const ComposedCalls& composed, const Effective& body) {
    Shape declared = declared_answer(answer.source);
    std::vector<std::string> unproved;
    u32 count = 0;
    std::set<std::pair<Place, std::string>> told;
    const bool falls_back = std::ranges::any_of(
        composed.calls(), [](const auto& call) { return static_cast<bool>(call.second.fallback); });
    for (const bool fallbacks : {false, true}) {
      if (fallbacks && !falls_back) break;
      Shape made = shape_of_template(body.node, [&](std::string_view expression) {
                     return composed.value_of(expression, fallbacks);
                   }).shape;
      const ShapeProof proof = prove_shape(made, declared, body.span());
      for (const ShapeFinding& finding : proof.findings) {
        if (!told.insert({place_of(finding.made), finding.text}).second) continue;
        report_shape(answer, finding, fallbacks);
      }
      if (fallbacks) break;
      unproved = proof.unproved;
      count = proof.unproved_count;
    }
    if (unproved.empty()) return;
    const std::string more =
        count == unproved.size() ? "" : fmt::format("; and {} more", count - unproved.size());
    report(module_, "compose-shape", Severity::Info, body.span(),
           fmt::format("not all that {} could be proved", answer.text()),
           fmt::format("{}{}", fmt::join(unproved, "; "), more),
           "declare more of what the calls answer, or require less of this answer");
  }

  void report_shape(const Answer& answer, const ShapeFinding& finding, bool fallback) {
    const bool wrong = finding.kind == ShapeFinding::Kind::Wrong;
    Diagnostic out{
        .rule = "compose-shape",
        .severity = wrong ? Severity::Error : Severity::Warning,
        .message = fmt::format("what {} is not what it declares", answer.text()),
        .primary = {finding.made, fallback ? "with the fallback " + finding.text : finding.text},
        .help = wrong ? "change `compose.body`, or the schema of the answer"
                      : "give the call a `fallback`, or do not require it in the schema"};
    if (finding.declared.valid()) out.related.push_back({finding.declared, "what is declared"});
    module_.sink.report(std::move(out));
  }

  // --- timeout-chain

  struct Chain {
    u64 milliseconds = 0;
    std::vector<std::string_view> calls;
  };

  void check_deadlines(const PlannedOperation& planned, const ComposedCalls& composed,
                       const Effective& calls) {
    const table::LateNumber& total = module_.table.settings[planned.settings].timeout.total;
    if (total.late != table::kNone || total.value == 0) return;
    std::map<std::string_view, Chain> known;
    Chain longest;
    for (const auto& [name, call] : composed.calls()) {
      Chain chain = chain_of(name, composed, known, 0);
      if (chain.milliseconds > longest.milliseconds) longest = std::move(chain);
    }
    // One call alone is what its own deadlines say.
    if (longest.milliseconds <= total.value) return;
    const Span span = key_of(calls, longest.calls.back());
    if (!reported_.insert(place_of(span)).second) return;
    report(module_, "timeout-chain", Severity::Warning, span,
           fmt::format("calls {} may take {}, but `timeout.total` of `{}` ends them after {}",
                       fmt::join(longest.calls, " → "), format_duration(longest.milliseconds),
                       planned.source->id, format_duration(total.value)),
           "its deadline may never be reached",
           fmt::format("give the calls shorter `timeout`s, or `{}` a `timeout.total` of {}",
                       planned.source->id, format_duration(longest.milliseconds)));
  }

  static Span key_of(const Effective& calls, std::string_view name) {
    const auto found = std::ranges::find(calls.entries, name, &Effective::Entry::name);
    return found == calls.entries.end() ? calls.span() : found->key.span();
  }

  Chain chain_of(std::string_view name, const ComposedCalls& composed,
                 std::map<std::string_view, Chain>& known, u32 depth) const {
    if (const auto found = known.find(name); found != known.end()) return found->second;
    const auto call = composed.calls().find(name);
    if (call == composed.calls().end() || depth > policies::kMaxCalls) return {};  // reported
    Chain before;
    for (const std::string& used : calls_used_by(*call->second.value)) {
      Chain chain = chain_of(used, composed, known, depth + 1);
      if (chain.milliseconds > before.milliseconds) before = std::move(chain);
    }
    before.milliseconds += deadline_of(call->second);
    before.calls.push_back(call->first);
    return known[call->first] = before;
  }

  // In milliseconds; 0: it has none, or it is not known.
  u64 deadline_of(const ComposedCalls::Call& call) const {
    const Effective* own = call.value->find("timeout");
    if (own != nullptr && own->node && own->node.is_scalar()) {
      const u64 written = parse_duration(own->node.text()).value_or(0);
      if (written != 0 || own->node.text().starts_with('$')) return written;
    }
    if (call.callee == nullptr) return 0;
    const auto found =
        std::ranges::find(module_.operations, call.callee, &PlannedOperation::source);
    if (found == module_.operations.end()) return 0;
    const table::LateNumber& total = module_.table.settings[found->settings].timeout.total;
    return total.late == table::kNone ? total.value : 0;
  }

  Module& module_;
  CallInputCheck inputs_;
  std::set<Place> reported_;
};

}  // namespace

void check_compose(Module& module) { ComposeCheck(module).run(); }

}  // namespace gw::compiler
