// What the gateway answers by itself against what the document declares. Answers of upstreams are
// judged when they come; a fixed one is the same each time, so that it is judged here, once, and
// never at run time: bodies of `respond`, and the examples and made-up values that `mock` answers
// with.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/media_names.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "compiler/passes/schema_judge.h"
#include "compiler/xgw/node_json.h"
#include "runtime/policies/mock/record.h"
#include "runtime/policies/respond/record.h"

namespace gw::compiler {
namespace {

using openapi::MediaType;
using openapi::Response;
using policies::MockAnswerRecord;
using policies::MockRecord;
using policies::Phase;
using policies::PolicyId;
using policies::RespondRecord;

// The response that a status belongs to: its own, that of its class, the default.
const Response* find_response(const openapi::Operation& operation, u32 status) {
  const std::string exact = std::to_string(status);
  const std::string wide = exact.substr(0, 1) + "xx";
  for (const std::string& wanted : {exact, wide, std::string("default")}) {
    for (const Response& response : operation.responses) {
      if (lower_case(response.status.value) == wanted) return &response;
    }
  }
  return nullptr;
}

bool covers(std::string_view pattern, std::string_view type) {
  if (pattern == type || pattern == "*/*") return true;
  return pattern.ends_with("/*") && type.starts_with(pattern.substr(0, pattern.size() - 1));
}

const MediaType* find_media(const Response& response, std::string_view type) {
  const MediaType* found = nullptr;
  for (const MediaType& media : response.content) {
    const std::string pattern = plain_type(media.name.value);
    if (pattern == type) return &media;
    if (found == nullptr && covers(pattern, type)) found = &media;
  }
  return found;
}

struct Answer {
  std::string_view type;  // plain
  std::string_view body;
};

class AnswerCheck {
 public:
  explicit AnswerCheck(Module& module) : module_(module) {}

  void run() {
    for (const PlannedOperation& planned : module_.operations) {
      for (const auto& record :
           steps_of<RespondRecord>(module_, planned, PolicyId::Respond, Phase::Action)) {
        check_respond(*planned.source, record);
      }
      for (const auto& record :
           steps_of<MockRecord>(module_, planned, PolicyId::Mock, Phase::Action)) {
        check_mock(*planned.source, record);
      }
    }
  }

 private:
  std::string_view text(table::StringRef ref) const {
    return std::string_view(module_.table.pools.strings.bytes()).substr(ref.offset, ref.bytes);
  }

  // --- respond

  void check_respond(const GatewayOperation& source, const RespondRecord& record) {
    const Response* response = find_response(*source.operation, record.status);
    if (response == nullptr || response->content.empty() || record.body.bytes == 0) return;
    const EffectiveOperation effective = effective_operation(module_, source, levels_of(source));
    const Effective* respond = effective.fields.find("respond");
    const Effective* body = respond == nullptr ? nullptr : respond->find("body");
    if (body == nullptr || !body->node) return;
    const std::string type = type_of(record);
    const MediaType* media = find_media(*response, type);
    if (media == nullptr) {
      if (!is_new(body->node.span(), response->content.front().name.span)) return;
      report_undeclared(source, *response, body->node.span(), type);
      return;
    }
    if (!media->schema || !is_new(body->node.span(), media->schema.span())) return;
    const std::string problem = judge(source, *media, {type, text(record.body)});
    if (problem.empty()) return;
    module_.sink.report(
        {.rule = "example-valid",
         .severity = Severity::Warning,
         .message = fmt::format("`{}` answers {} with a body that its schema refuses", source.id,
                                record.status),
         .primary = {body->node.span(), problem},
         .related = {{media->schema.span(), "the schema of this answer"}},
         .help = "change the body, or what the response declares"});
  }

  // As the runtime sends it.
  std::string type_of(const RespondRecord& record) const {
    for (const auto& field :
         list_of<policies::HeaderValueRecord>(module_.table.pools, record.headers)) {
      if (lower_case(text(field.name)) == "content-type") return plain_type(text(field.value));
    }
    return record.body_is_json != 0 ? "application/json" : "text/plain";
  }

  void report_undeclared(const GatewayOperation& source, const Response& response, Span span,
                         std::string_view type) {
    module_.sink.report(
        {.rule = "example-valid",
         .severity = Severity::Warning,
         .message = fmt::format("`{}` answers {} with a media type that it does not declare",
                                source.id, response.status.value),
         .primary = {span, fmt::format("sent as `{}`", type)},
         .related = {{response.content.front().name.span, "what is declared"}},
         .help = "declare the media type, or set `content-type` in `respond.headers`"});
  }

  // --- mock

  void check_mock(const GatewayOperation& source, const MockRecord& record) {
    for (const Response& response : source.operation->responses) {
      for (const MediaType& media : response.content) check_examples(source, response, media);
    }
    for (const auto& answer : list_of<MockAnswerRecord>(module_.table.pools, record.answers)) {
      if (answer.is_example == 0) check_generated(source, answer);
    }
  }

  void check_examples(const GatewayOperation& source, const Response& response,
                      const MediaType& media) {
    const openapi::Document& document = *source.unit->document;
    if (const NodeRef examples = media.node.get("examples"); examples && examples.is_map()) {
      for (const auto [key, example] : examples.entries()) {
        const NodeRef resolved = document.resolve(example);
        const NodeRef value = resolved && resolved.is_map() ? resolved.get("value") : NodeRef{};
        if (value) check_example(source, response, media, value);
      }
    }
    if (const NodeRef example = media.node.get("example")) {
      check_example(source, response, media, example);
    }
    const NodeRef schema = media.schema ? document.resolve(media.schema) : NodeRef{};
    if (schema && schema.is_map() && schema.get("example")) {
      check_example(source, response, media, schema.get("example"));
    }
  }

  void check_example(const GatewayOperation& source, const Response& response,
                     const MediaType& media, NodeRef example) {
    if (!media.schema || !is_new(example.span(), media.schema.span())) return;
    const std::string type = plain_type(media.name.value);
    const bool is_text = !is_json_type(type) && example.is_scalar();
    const std::string body = is_text ? std::string(example.text()) : to_json(example);
    const std::string problem = judge(source, media, {type, body});
    if (problem.empty()) return;
    module_.sink.report(
        {.rule = "example-valid",
         .severity = Severity::Warning,
         .message = fmt::format("`mock` of `{}` answers {} with an example that its schema refuses",
                                source.id, response.status.value),
         .primary = {example.span(), problem},
         .related = {{media.schema.span(), "the schema of this answer"}},
         .help = "change the example, or the schema"});
  }

  void check_generated(const GatewayOperation& source, const MockAnswerRecord& answer) {
    const Response* response = find_response(*source.operation, answer.status);
    const std::string type = plain_type(text(answer.media));
    const MediaType* media = response == nullptr ? nullptr : find_media(*response, type);
    if (media == nullptr || !media->schema || answer.body.bytes == 0) return;
    if (!is_new(media->name.span, media->schema.span())) return;
    const std::string problem = judge(source, *media, {type, text(answer.body)});
    if (problem.empty()) return;
    report(module_, "example-valid", Severity::Info, media->name.span,
           fmt::format("`mock` of `{}` answers {} with a value that its schema refuses", source.id,
                       response->status.value),
           "made up, as there is no example: " + problem, "add an `example`");
  }

  // --- both

  bool is_new(Span body, Span schema) {
    return seen_.insert({body.file, body.begin, schema.file, schema.begin}).second;
  }

  // What is wrong; empty: nothing, or it cannot be told.
  std::string judge(const GatewayOperation& source, const MediaType& media, const Answer& answer) {
    const bool is_text = answer.type.starts_with("text/") && answer.type != "text/event-stream" &&
                         answer.type != "text/xml";
    if (!is_json_type(answer.type) && !is_text) return {};
    const openapi::Document& document = *source.unit->document;
    constexpr auto kResponse = gw::schema::Direction::Response;
    return is_text ? judge_.text_problem(document, media.schema, answer.body, kResponse)
                   : judge_.json_problem(document, media.schema, answer.body, kResponse);
  }

  Module& module_;
  SchemaJudge judge_;
  std::set<std::tuple<FileId, u32, FileId, u32>> seen_;
};

}  // namespace

void check_answers(Module& module) { AnswerCheck(module).run(); }

}  // namespace gw::compiler
