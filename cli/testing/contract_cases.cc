#include "cli/testing/contract_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "compiler/passes/media_names.h"
#include "runtime/http/fields.h"

namespace gw::cli::tests {
namespace {

namespace json = boost::json;
using compiler::NodeRef;
using compiler::openapi::MediaType;
using compiler::openapi::Parameter;
using compiler::openapi::ParameterIn;
using policies::Place;

// The object of this name in `of`, made where there is none.
json::object& member(json::object& of, std::string_view name) {
  json::value& value = of[name];
  return value.is_object() ? value.get_object() : value.emplace_object();
}

Place place_of(ParameterIn in) {
  if (in == ParameterIn::Path) return Place::Path;
  if (in == ParameterIn::Header) return Place::Header;
  return in == ParameterIn::Cookie ? Place::Cookie : Place::Query;
}

std::string title_of(const Parameter& parameter) {
  return fmt::format("{} {}", parameter_in_name(parameter.in), parameter.name.value);
}

std::string_view title_of(const MediaType& media) {
  const BodyKind kind = kind_of(media);
  if (kind == BodyKind::Multipart) return "multipart form";
  return kind == BodyKind::Form ? "form" : "body";
}

}  // namespace

void ContractCases::add() {
  if (is_whole()) add_body_examples();
  if (target_.contract == nullptr) return;
  const policies::ValidateRecord& contract = *target_.contract;
  if (contract.produces.count != 0 && is_whole()) add_unacceptable();
  add_undeclared(ParameterIn::Query, Place::Query, contract.unknown_query);
  add_undeclared(ParameterIn::Header, Place::Header, contract.unknown_headers);
  add_undeclared(ParameterIn::Cookie, Place::Cookie, contract.unknown_cookies);
  for (const Parameter& parameter : target_.operation.operation->parameters) {
    add_parameter(parameter);
  }
  add_body();
}

void ContractCases::add_one(std::string_view what, const GeneratedRequest& request, bool good) {
  if (good && !is_whole()) return;
  file_.add(what, with_caller(request, caller_),
            good ? file_.let_through() : file_.refused(400, "validate"));
}

void ContractCases::leave_out(std::string_view what, const std::vector<Gap>& gaps) {
  for (const Gap& gap : gaps) {
    file_.leave_out(gap.where.empty() ? std::string(what) : fmt::format("{} `{}`", what, gap.where),
                    gap.why);
  }
}

// --- Examples

void ContractCases::add_example(std::string_view what, const NamedExample& example, NodeRef schema,
                                Spelling spelling, const Parameter* parameter,
                                const MediaType* media) {
  const std::string name =
      fmt::format("{}its example{}{}", what, example.name.empty() ? "" : " ", example.name);
  const std::string fault = tools_.judge.fault(tools_.terms, schema, example.value, spelling);
  if (!fault.empty()) {
    return file_.leave_out(name, "the schema beside it refuses it: " + fault);
  }
  GeneratedRequest request = plain_;
  const bool written = parameter != nullptr ? request.put(*parameter, example.value)
                                            : request.set_body(*media, example.value);
  if (!written) return file_.leave_out(name, "it cannot be written in its place");
  if (parameter != nullptr && !stays_here(*parameter, request)) return;
  add_one(name, request, true);
}

void ContractCases::add_body_examples() {
  for (const MediaType& media : target_.operation.operation->request_body.content) {
    const bool is_form = spelling_of(media) == Spelling::Form;
    const std::string what = is_form ? fmt::format("{} ", title_of(media)) : "";
    for (const NamedExample& example : examples_of(target_.document(), media.node)) {
      add_example(what, example, media.schema, spelling_of(media), nullptr, &media);
    }
  }
}

// --- What nobody has declared

void ContractCases::add_unacceptable() {
  json::object request = with_caller(plain_, caller_);
  member(request, "headers")["accept"] = "application/x-undeclared";
  file_.add("an answer in a media type that it has not", std::move(request),
            file_.refused(406, "validate"));
}

void ContractCases::add_undeclared(ParameterIn in, Place place, u32 action) {
  if (static_cast<policies::UnknownAction>(action) != policies::UnknownAction::Reject) return;
  const auto parameters =
      target_.view.policy_list<policies::ParameterRecord>(target_.contract->parameters);
  // One that takes whatever is left declares every name.
  const bool open = std::ranges::any_of(parameters, [&](const auto& one) {
    return static_cast<Place>(one.place) == place && one.open != 0;
  });
  if (open) return;
  GeneratedRequest request = plain_;
  request.put_undeclared(in, in == ParameterIn::Header ? "x-not-declared" : "not-declared");
  const std::string_view kind = in == ParameterIn::Query    ? "query parameter"
                                : in == ParameterIn::Header ? "header field"
                                                            : "cookie";
  add_one(fmt::format("a {} that is not declared", kind), request, false);
}

// --- Parameters

bool ContractCases::decides_alone(const Parameter& parameter) const {
  const std::string_view path = target_.operation.path;
  const std::string segment = fmt::format("/{{{}}}", parameter.name.value);
  const size_t at = path.find(segment);
  if (!target_.is_only_template || at == path.npos) return false;
  const size_t end = at + segment.size();
  if (end != path.size() && path[end] != '/') return false;
  return !parameter.x_gw || !parameter.x_gw.is_map() || !parameter.x_gw.get("matchOnly");
}

// What is wrong may be the path of another operation, or of none.
bool ContractCases::stays_here(const Parameter& parameter, const GeneratedRequest& request) const {
  return parameter.in != ParameterIn::Path || decides_alone(parameter) ||
         leads_here_(with_caller(request, caller_));
}

void ContractCases::add_parameter(const Parameter& parameter) {
  if (is_told_elsewhere(parameter) || parameter.in == ParameterIn::QueryString) return;
  const std::string name = title_of(parameter);
  if (parameter.required && parameter.in != ParameterIn::Path) {
    GeneratedRequest request = plain_;
    request.leave_out(parameter);
    add_one(name + " is missing", request, false);
  }
  const NodeRef schema = schema_of(parameter);
  const auto examples =
      is_whole() ? examples_of(target_.document(), parameter.node) : std::vector<NamedExample>{};
  for (const NamedExample& example : examples) {
    add_example(name + " ", example, schema, spelling_of(parameter), &parameter, nullptr);
  }
  add_parameter_boundaries(name, parameter);
}

void ContractCases::add_parameter_boundaries(const std::string& name, const Parameter& parameter) {
  const NodeRef schema = schema_of(parameter);
  std::string problem;
  const json::value good =
      sound_value(tools_, parameter.node, schema, spelling_of(parameter), problem);
  if (!problem.empty()) {
    file_.leave_out(name, "no value is known that its schema accepts: " + problem);
  }
  const Boundaries found = boundary_values(tools_, schema, good, spelling_of(parameter));
  if (found.values.empty()) return leave_out(name, found.gaps);
  if (!is_judged(parameter)) return file_.leave_out(name, "the gateway does not judge it");
  bool any = false;
  for (const BoundaryValue& one : found.values) {
    GeneratedRequest request = plain_;
    if (one.good && !problem.empty()) continue;
    // What is beside the members of an exploded object is another parameter.
    const bool flat = parameter.style == compiler::openapi::Style::Form && parameter.explode;
    if (one.undeclared && flat && !parameter.media_type.present()) continue;
    if (!request.put(parameter, one.value) || !stays_here(parameter, request)) continue;
    add_one(fmt::format("{} {}", name, one.text()), request, one.good);
    any = true;
  }
  if (!any) file_.leave_out(name, "what breaks its schema does not come here");
  leave_out(name, found.gaps);
}

bool ContractCases::is_judged(const Parameter& parameter) const {
  const auto records =
      target_.view.policy_list<policies::ParameterRecord>(target_.contract->parameters);
  return std::ranges::any_of(records, [&](const policies::ParameterRecord& record) {
    const std::string_view name = target_.view.text(record.name);
    const bool same = parameter.in == ParameterIn::Header
                          ? http::equal_fold(name, parameter.name.value)
                          : name == parameter.name.value;
    return same && static_cast<Place>(record.place) == place_of(parameter.in) &&
           record.schema != table::kNone;
  });
}

// --- Bodies

void ContractCases::add_body() {
  const compiler::openapi::RequestBody& body = target_.operation.operation->request_body;
  if (!body.node || body.content.empty() || target_.contract->media.count == 0) return;
  if (body.required) {
    GeneratedRequest request = plain_;
    request.clear_body();
    add_one("its body is missing", request, false);
  }
  if (is_whole()) add_wrong_media();
  bool json_done = false;
  for (const MediaType& media : body.content) {
    const BodyKind kind = kind_of(media);
    const bool is_form = kind == BodyKind::Form || kind == BodyKind::Multipart;
    if ((kind != BodyKind::Json || json_done) && !is_form) continue;
    json_done = json_done || kind == BodyKind::Json;
    add_body_boundaries(media);
  }
}

void ContractCases::add_wrong_media() {
  const auto takes_any = [](const MediaType& media) {
    return media.name.value == "*/*" || media.name.value.starts_with("application/*");
  };
  if (std::ranges::any_of(target_.operation.operation->request_body.content, takes_any)) return;
  json::object request = with_caller(plain_, caller_);
  request["body"] = "x";
  member(request, "headers")["content-type"] = "application/x-undeclared";
  file_.add("a media type that is not declared", std::move(request),
            file_.refused(415, "validate"));
}

const policies::MediaRecord* ContractCases::record_of(const MediaType& media) const {
  const std::string type = compiler::plain_type(media.name.value);
  for (const auto& record :
       target_.view.policy_list<policies::MediaRecord>(target_.contract->media)) {
    if (target_.view.text(record.type) == type) return &record;
  }
  return nullptr;
}

// An expression that needs the body may find the same fault first.
bool ContractCases::reads_body_before() const {
  for (const table::StepRecord& step : target_.steps()) {
    const auto policy = static_cast<policies::PolicyId>(step.policy);
    if (policy == policies::PolicyId::Validate) return false;
    if (policy == policies::PolicyId::Body) return true;
  }
  return false;
}

json::object ContractCases::unreadable() const {
  json::object expect = file_.refused(400, "validate");
  if (reads_body_before()) expect.erase("by");
  return expect;
}

void ContractCases::add_half_a_body(const MediaType& media, const GeneratedRequest& whole) {
  json::object half = with_caller(whole, caller_);
  half["body"] = "{";
  member(half, "headers")["content-type"] = std::string(media.name.value);
  file_.add("half a body", std::move(half), unreadable());
}

// With what may be left out, where that is anything.
void ContractCases::add_full_body(const MediaType& media, const json::value& good) {
  const json::value full = full_value(tools_, media.schema, spelling_of(media));
  if (full.is_null() || full == good) return;
  GeneratedRequest request = plain_;
  const std::string name = fmt::format("a {} with all that its schema names", title_of(media));
  if (request.set_body(media, full)) {
    add_one(name, request, true);
  } else {
    file_.leave_out(name, "it cannot be written in its media type");
  }
}

// What cannot be taken apart has no fields, whatever the schema says of them.
void ContractCases::add_broken_parts(const GeneratedRequest& whole) {
  if (!whole.is_multipart()) return;
  GeneratedRequest request = whole;
  request.tell_boundary("another");
  file_.add("multipart form by another boundary", with_caller(request, caller_), unreadable());
  request.tell_boundary({});
  file_.add("multipart form without a boundary", with_caller(request, caller_), unreadable());
  json::object half = with_caller(whole, caller_);
  std::string text(half["body"].as_string());
  text.erase(text.rfind("\r\n--"));
  half["body"] = text;
  file_.add("half a multipart form", std::move(half), unreadable());
}

void ContractCases::add_body_boundaries(const MediaType& media) {
  const std::string name(title_of(media));
  const policies::MediaRecord* record = record_of(media);
  if (record == nullptr || record->schema == table::kNone) return;
  std::string problem;
  const json::value good =
      sound_value(tools_, media.node, media.schema, spelling_of(media), problem);
  GeneratedRequest whole = plain_;
  if (!problem.empty()) {
    file_.leave_out("a " + name, "none is known that its schema accepts: " + problem);
  } else if (!whole.set_body(media, good)) {
    file_.leave_out("a " + name, "it cannot be written in its media type");
  } else if (whole.to_json() != plain_.to_json()) {
    add_one(fmt::format("a {} that its schema accepts", name), whole, true);
  }
  add_full_body(media, good);
  if (kind_of(media) == BodyKind::Json) add_half_a_body(media, whole);
  if (kind_of(media) == BodyKind::Multipart) add_broken_parts(whole);
  BoundaryTools tools = tools_;
  tools.encodings = media.node.get("encoding");
  tools.in_parts = kind_of(media) == BodyKind::Multipart;
  const Boundaries found = boundary_values(tools, media.schema, good, spelling_of(media));
  for (const BoundaryValue& one : found.values) {
    GeneratedRequest request = plain_;
    if (one.good && !problem.empty()) continue;
    if (request.set_body(media, one.value)) {
      add_one(fmt::format("{} {}", name, one.text()), request, one.good);
    }
  }
  leave_out(name, found.gaps);
}

}  // namespace gw::cli::tests
