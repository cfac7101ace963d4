// Changes of bodies against what the schemas know: a path that leads to nothing changes nothing,
// and nobody would notice. What operations inherit is reported only where it fits none of them.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/compose_shape.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/lower_views.h"
#include "compiler/passes/media_names.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "compiler/passes/shape_proof.h"

namespace gw::compiler {
namespace {

using policies::ClientClassRecord;
using policies::Phase;
using policies::PolicyId;

using Place = std::pair<FileId, u32>;
Place place_of(Span span) { return {span.file, span.begin}; }

bool is_form_type(std::string_view type) { return type == "application/x-www-form-urlencoded"; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `404`, `4xx`, `default`.
bool is_status_pattern(std::string_view text) {
  if (text == "default") return true;
  if (text.size() != 3 || text[0] < '1' || text[0] > '5') return false;
  const bool any = (text[1] == 'x' || text[1] == 'X') && (text[2] == 'x' || text[2] == 'X');
  return any || (is_digit(text[1]) && is_digit(text[2]));
}

class BodyPathCheck {
 public:
  explicit BodyPathCheck(Module& module) : module_(module) {}

  void run() {
    for (const PlannedOperation& planned : module_.operations) {
      is_grpc_ = planned.upstream != table::kNone &&
                 module_.table.upstreams[planned.upstream].protocol == policies::kProtocolGrpc;
      if (concerns(planned)) check(*planned.source);
    }
    for (auto& [place, outcome] : outcomes_) {
      if (!outcome.fits) module_.sink.report(std::move(outcome.finding));
    }
    for (auto& [place, outcome] : kinds_) {
      const auto unknown = outcomes_.find(place);  // told already
      if (unknown != outcomes_.end() && !unknown->second.fits) continue;
      if (!outcome.fits) module_.sink.report(std::move(outcome.finding));
    }
    for (auto& [key, outcome] : types_) {
      if (!outcome.fits && refused_.insert(key.first).second) {
        module_.sink.report(std::move(outcome.finding));
      }
    }
  }

 private:
  // Of one path, over all operations that have it.
  struct Outcome {
    bool fits = false;
    Diagnostic finding;
  };
  struct Subject {
    const GatewayOperation& source;
    std::string body;  // "the answers of `getUser`"
    std::string_view view = {};
  };

  bool concerns(const PlannedOperation& planned) const {
    const table::Extent steps = module_.table.plans[planned.plan].steps;
    for (u32 i = 0; i < steps.count; ++i) {
      const table::StepRecord& step = module_.table.steps[steps.offset + i];
      const auto policy = static_cast<PolicyId>(step.policy);
      if (policy == PolicyId::Body || policy == PolicyId::Status || policy == PolicyId::Errors ||
          policy == PolicyId::Compose) {
        return true;
      }
      if (policy == PolicyId::ClientClass && has_views(step.record)) return true;
    }
    return false;
  }

  bool has_views(u32 record) const {
    return std::ranges::any_of(
        list_of<policies::ClientClassEntry>(module_.table.pools,
                                            record_at<ClientClassRecord>(module_, record).classes),
        [](const auto& entry) { return entry.view != 0; });
  }

  void check(const GatewayOperation& source) {
    const EffectiveOperation effective = effective_operation(module_, source, levels_of(source));
    check_fields(source, effective.fields, true);
    check_types(source, effective.fields);
    const Effective* views = effective.fields.find("views");
    if (views == nullptr || !views->is_map) return;
    for (const Effective::Entry& entry : views->entries) {
      if (!entry.value.is_map) continue;
      Effective fields = effective.fields;
      Effective body;
      lay_view(entry.value, fields, body);
      Shape seen = check_fields(source, fields, false);
      if (body.present()) check_view_type(source, fields, body, entry);
      const Subject subject{source, fmt::format("what `{}` answers", source.id), entry.name};
      check_additions(body, subject, fields, seen);
      change(body, subject, seen);
    }
  }

  // --- body-change-not-json

  // Media types that are declared and none that is read, as they are written; empty: one is, or
  // nobody has said.
  static std::string others_than_json(const std::vector<openapi::MediaType>& content,
                                      bool reads_forms) {
    std::string others;
    for (const openapi::MediaType& media : content) {
      const std::string type = plain_type(media.name.value);
      const bool is_read = is_json_type(type) || type == "text/json" ||
                           type.find('*') != type.npos || (reads_forms && is_form_type(type));
      if (is_read) return {};
      others += fmt::format("{}`{}`", others.empty() ? "" : ", ", type);
    }
    return others;
  }

  std::string other_answers(const GatewayOperation& source, bool reads_forms) const {
    if (is_grpc_) return "`application/grpc`";
    std::vector<openapi::MediaType> content;
    for (const openapi::Response& response : source.operation->responses) {
      if (!response.status.value.starts_with('2')) continue;
      content.insert(content.end(), response.content.begin(), response.content.end());
    }
    return others_than_json(content, reads_forms);
  }

  // What the gateway says by itself is in the type that it is written in.
  static bool answers_by_itself(const Effective& fields) {
    const auto always = [&](std::string_view name) {
      const Effective* action = fields.find(name);
      return action != nullptr && action->present() && action->find("when") == nullptr;
    };
    return always("compose") || always("respond") || always("redirect");
  }

  static bool is_change(const Effective::Entry& entry) {
    return entry.value.present() && entry.name != "maxSize" && entry.name != "tooLarge";
  }

  void check_types(const GatewayOperation& source, const Effective& fields) {
    const bool own_answer = answers_by_itself(fields);
    if (const Effective* body = body_of(fields, "response")) {
      note_types(*body, source, "the answers",
                 own_answer ? "" : other_answers(source, reads_forms(body)));
    }
    if (const Effective* body = body_of(fields, "request")) {
      note_types(*body, source, "request bodies",
                 others_than_json(source.operation->request_body.content, reads_forms(body)));
    }
  }

  void note_types(const Effective& body, const GatewayOperation& source, std::string_view what,
                  const std::string& others) {
    for (const Effective::Entry& change : body.entries) {
      if (!is_change(change)) continue;
      const Span span = change.key ? change.key.span() : change.value.span();
      // What is hidden must be hidden everywhere; other changes are for whom they fit.
      const bool hides = what == "the answers" && (change.name == "pick" || change.name == "omit");
      Outcome& outcome = types_[{place_of(span), hides ? source.id : std::string()}];
      outcome.fits = outcome.fits || others.empty();
      if (outcome.fits || !outcome.finding.message.empty()) continue;
      outcome.finding = not_json(span, fmt::format("{} of `{}`", what, source.id), others);
    }
  }

  void check_view_type(const GatewayOperation& source, const Effective& fields,
                       const Effective& body, const Effective::Entry& view) {
    const bool reads = reads_forms(body_of(fields, "response")) || reads_forms(&body);
    const std::string others = answers_by_itself(fields) ? "" : other_answers(source, reads);
    if (others.empty()) return;
    const Span span = view.key ? view.key.span() : view.value.span();
    Outcome& outcome = types_[{place_of(span), std::string(source.id)}];
    outcome.finding = not_json(span, fmt::format("the answers of `{}`", source.id), others);
  }

  static Diagnostic not_json(Span span, const std::string& bodies, const std::string& others) {
    const bool has_forms = others.find("`application/x-www-form-urlencoded`") != others.npos;
    return {.rule = "body-change-not-json",
            .severity = Severity::Error,
            .message = fmt::format("{} are {}, and changes are made of JSON", bodies, others),
            .primary = {span, "has no effect on them"},
            .help = fmt::format("declare JSON, {}or remove the change; `body: off` takes an "
                                "inherited one away",
                                has_forms ? "read forms by `format`, " : "")};
  }

  // --- view-adds-undeclared

  // Whoever refuses members that are not named would refuse the answer.
  void check_additions(const Effective& body, const Subject& subject, const Effective& fields,
                       Shape& seen) {
    const Effective* set = body.find("set");
    const Effective* own = body_of(fields, "response");
    if (set == nullptr || !set->is_map) return;
    if (own != nullptr && own->find("pick") != nullptr) return;  // closes what was open
    for (const Effective::Entry& entry : set->entries) {
      BodyPath path;
      PathProblem problem;
      if (!entry.key || !entry.value.present() || !parse_body_path(entry.key, path, problem)) {
        continue;
      }
      const Reach reach = walk(seen, path.tokens, [](Shape&) {});
      const bool closed = reach.misses() && reach.stop != nullptr &&
                          reach.stop->naming == Naming::Closed &&
                          reach.stop->may_be(gw::schema::kTypeObject);
      if (!closed || !refused_.insert(place_of(path.span())).second) continue;
      Diagnostic finding{
          .rule = "view-adds-undeclared",
          .severity = Severity::Warning,
          .message = fmt::format("the view `{}` of `{}` adds `{}`, which its answers cannot have",
                                 subject.view, subject.source.id, path.text()),
          .primary = {path.span_of(reach.token),
                      "the schema refuses members that it does not name"},
          .help = "declare it in the schema, as a member that is not required"};
      if (reach.stop->declared.valid()) {
        finding.related.push_back({reach.stop->declared, "what is declared there"});
      }
      module_.sink.report(std::move(finding));
    }
  }

  // What is left of the answers. Paths of the operation itself are checked once, not for each view.
  Shape check_fields(const GatewayOperation& source, const Effective& fields, bool own) {
    check_statuses(fields);
    if (const Effective* body = body_of(fields, "request")) {
      Shape shape = request_shape(source);
      change(*body, {source, fmt::format("the request body of `{}`", source.id)}, shape);
      check_form(*body, fmt::format("the request body of `{}`", source.id), shape);
    }
    Shape shape = answer_shape(module_, source, fields);
    const Effective* body = body_of(fields, "response");
    if (body == nullptr) return shape;
    if (own) {
      change(*body, {source, fmt::format("the answers of `{}`", source.id)}, shape);
      check_form(*body, fmt::format("what `{}` answers", source.id), shape);
    } else {
      change_shape(*body, request_expressions(source), shape, {});
    }
    return shape;
  }

  // Its fields are the members of an object.
  void check_form(const Effective& body, const std::string& what, Shape& shape) {
    if (!makes_form(&body)) return;
    const Span place = body.find("format")->span();
    look_into(shape);
    if (shape.may_be(gw::schema::kTypeObject)) return;
    if (!refused_.insert(place_of(place)).second) return;
    report(module_, "extension-conflict", Severity::Error, place,
           fmt::format("no form can be made of {}: it is {}", what, type_words(shape.types)),
           "the fields of a form are members of an object", "`wrap` makes an object of it");
  }

  static const Effective* body_of(const Effective& fields, std::string_view name) {
    const Effective* changes = fields.find(name);
    const Effective* body = changes == nullptr ? nullptr : changes->find("body");
    return body != nullptr && body->is_map ? body : nullptr;
  }

  void change(const Effective& changes, const Subject& subject, Shape& shape) {
    ChangeObserver observer;
    observer.path = [&](std::string_view field, const BodyPath& path, const Reach& reach) {
      note(subject, field, path, reach);
    };
    observer.kind = [&](const BodyPath& path, Misfit misfit) {
      note_kind(path, std::move(misfit), subject);
    };
    observer.refuse = [&](Span span, std::string_view rule, PathProblem problem) {
      if (!refused_.insert(place_of(span)).second) return;
      report(module_, rule, Severity::Error, span, std::move(problem.message), "here",
             std::move(problem.help));
    };
    change_shape(changes, request_expressions(subject.source), shape, observer);
  }

  // --- body-path-unknown

  void note_kind(const BodyPath& path, Misfit misfit, const Subject& subject) {
    Outcome& outcome = kinds_[place_of(path.span())];
    outcome.fits = outcome.fits || misfit.message.empty();
    if (outcome.fits || !outcome.finding.message.empty()) return;
    outcome.finding = {.rule = "body-path-unknown",
                       .severity = Severity::Error,
                       .message = fmt::format("{}, in {}", misfit.message, subject.body),
                       .primary = {path.span_of(misfit.token), std::move(misfit.label)},
                       .help = std::move(misfit.help)};
  }

  void note(const Subject& subject, std::string_view field, const BodyPath& path,
            const Reach& reach) {
    Outcome& outcome = outcomes_[place_of(path.span())];
    outcome.fits = outcome.fits || !reach.misses();
    if (outcome.fits || !outcome.finding.message.empty()) return;
    outcome.finding = finding_of(subject, field, path, reach);
  }

  static Diagnostic finding_of(const Subject& subject, std::string_view field, const BodyPath& path,
                               const Reach& reach) {
    Diagnostic finding{.rule = "body-path-unknown",
                       .severity = Severity::Error,
                       .message = fmt::format("`{}` is not in {}", path.text(), subject.body),
                       .primary = {path.span_of(reach.token), "leads to nothing"}};
    if (!subject.view.empty()) {
      finding.message += fmt::format(", of which `{}` is a view", subject.view);
    }
    if (field == "items") finding.message += ", item by item";
    if (reach.stop == nullptr || reach.token >= path.tokens.size()) return finding;
    explain_stop(*reach.stop, path.tokens[reach.token], finding);
    if (!subject.view.empty() && finding.help.starts_with("declare it")) {
      finding.help = "the changes of the operation come first: name what they leave";
    }
    return finding;
  }

  static void explain_stop(const Shape& stop, const PathToken& token, Diagnostic& finding) {
    const bool taken = std::ranges::find(stop.gone, token.name) != stop.gone.end();
    const bool is_object = stop.may_be(gw::schema::kTypeObject);
    if (taken) finding.primary.text = "a change before this one takes it away";
    if (token.every) finding.primary.text = "neither a list nor an object with members";
    if (!token.every && !is_object) {
      finding.primary.text = "it has no members";
      if (stop.may_be(gw::schema::kTypeArray)) {
        finding.help = is_digit(token.name[0])
                           ? "it is a list: `*` is every item, and `first` keeps the first"
                           : fmt::format("it is a list: write `*/{}` for every item", token.name);
      }
    }
    if (stop.declared.valid()) finding.related.push_back({stop.declared, "what is declared there"});
    if (taken || token.every || !is_object) return;
    std::vector<std::string_view> names;
    for (const Shape::Member& member : stop.members) names.push_back(member.name);
    finding.help = did_you_mean(token.name, names);
    if (finding.help.empty()) {
      finding.help =
          "declare it in the schema, or remove the path; `additionalProperties: true` "
          "says that there is more";
    }
  }

  // --- status patterns

  void check_statuses(const Effective& fields) {
    if (const Effective* response = fields.find("response")) {
      for (const std::string_view name : {"status", "errors"}) check_keys(response->find(name));
      check_errors(response->find("errors"));
    }
    const Effective* compose = fields.find("compose");
    const Effective* calls = compose == nullptr ? nullptr : compose->find("calls");
    if (calls == nullptr) return;
    for (const Effective::Entry& call : calls->entries) {
      check_keys(call.value.find("status"));
      check_list(call.value.find("pass"));
    }
  }

  void check_keys(const Effective* map) {
    if (map == nullptr) return;
    std::map<std::string, std::string_view> spellings;
    for (const Effective::Entry& entry : map->entries) {
      if (!entry.key) continue;
      check_pattern(entry.name, entry.key.span());
      const auto [known, is_new] = spellings.emplace(lower_case(entry.name), entry.name);
      if (is_new || !refused_.insert(place_of(entry.key.span())).second) continue;
      report(module_, "extension-value", Severity::Error, entry.key.span(),
             fmt::format("`{}` is the same class as `{}`", entry.name, known->second),
             "one of them would have no effect", "write both in the same way, or leave one out");
    }
  }

  // Answers below 400 have their own bodies.
  void check_errors(const Effective* map) {
    if (map == nullptr) return;
    for (const Effective::Entry& entry : map->entries) {
      check_media_type(entry.value.find("type"));
      const bool below = is_status_pattern(entry.name) && entry.name[0] < '4';
      if (!below || !entry.key || !refused_.insert(place_of(entry.key.span())).second) continue;
      report(module_, "extension-value", Severity::Error, entry.key.span(),
             fmt::format("`{}` is no error", entry.name), "its answers keep their bodies",
             "change them by `response.body`");
    }
  }

  void check_media_type(const Effective* type) {
    if (type == nullptr || !type->node || !type->node.is_scalar()) return;
    if (is_media_type(plain_type(type->node.text()))) return;
    if (!refused_.insert(place_of(type->node.span())).second) return;
    report(module_, "extension-value", Severity::Error, type->node.span(),
           fmt::format("`{}` is no media type", type->node.text()), "here",
           "write one such as application/json or text/html");
  }

  void check_list(const Effective* list) {
    if (list == nullptr || !list->node) return;
    if (list->node.is_scalar()) check_pattern(list->node.text(), list->node.span());
    for (const NodeRef item : list->node.items()) {
      if (item.is_scalar()) check_pattern(item.text(), item.span());
    }
  }

  void check_pattern(std::string_view text, Span span) {
    if (is_status_pattern(text) || !refused_.insert(place_of(span)).second) return;
    report(module_, "extension-value", Severity::Error, span,
           fmt::format("`{}` is no status", text), "here",
           "write a status code such as 404, a class such as 4xx, or `default`");
  }

  Module& module_;
  bool is_grpc_ = false;  // the upstream of the operation at hand
  std::map<Place, Outcome> outcomes_;
  std::map<Place, Outcome> kinds_;
  std::map<std::pair<Place, std::string>, Outcome> types_;  // and by operation, where each counts
  std::set<Place> refused_;
};

}  // namespace

void check_body_paths(Module& module) { BodyPathCheck(module).run(); }

}  // namespace gw::compiler
