#include "compiler/diff/contract_compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/diff/classify.h"
#include "compiler/diff/policy_compare.h"
#include "compiler/diff/sunset.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"
#include "runtime/policies/validate/record.h"

namespace gw::compiler::diff {
namespace {

constexpr std::string_view kMethods[] = {"get",  "put",   "post",  "delete", "options",
                                         "head", "patch", "trace", "query"};

std::vector<std::string> names_in(std::string_view path_template) {
  std::vector<std::string> out;
  for (size_t open = path_template.find('{'); open != path_template.npos;
       open = path_template.find('{', open + 1)) {
    const size_t close = path_template.find('}', open);
    if (close == path_template.npos) break;
    std::string name(path_template.substr(open + 1, close - open - 1));
    if (name.ends_with('+')) name.pop_back();
    out.push_back(std::move(name));
  }
  return out;
}

// How a parameter is written, with what is the default of its place.
std::string serialization_of(Value parameter, const std::string& in) {
  const std::vector<Value::Member> content = parameter.get("content").members();
  if (!content.empty()) return content[0].name;
  const Value style = parameter.get("style");
  const bool in_form = in == "query" || in == "cookie";
  const std::string name = style.is_string() ? style.text() : in_form ? "form" : "simple";
  const Value explode = parameter.get("explode");
  const bool exploded = explode ? explode.is_true() : name == "form";
  return fmt::format("{}{}{}", name, exploded ? ", exploded" : "",
                     parameter.get("allowReserved").is_true() ? ", reserved" : "");
}

Value schema_of(Value holder) {
  if (const Value schema = holder.get("schema")) return schema;
  const std::vector<Value::Member> content = holder.get("content").members();
  return content.empty() ? Value{} : content[0].value.get("schema");
}

// Media types by their spelling in lower case without spaces.
std::map<std::string, Value> media_of(Value holder) {
  std::map<std::string, Value> out;
  for (const Value::Member& member : holder.get("content").members()) {
    std::string name = lower_case(member.name);
    std::erase(name, ' ');
    // What texts are written in anyway.
    constexpr std::string_view kUtf8 = ";charset=utf-8";
    if (name.ends_with(kUtf8)) name.resize(name.size() - kUtf8.size());
    out.try_emplace(std::move(name), member.value);
  }
  return out;
}

using MediaTypes = std::map<std::string, Value>;

// The closest of `types` that is a range and holds `type`.
MediaTypes::const_iterator range_of(const MediaTypes& types, const std::string& type) {
  const auto near = types.find(type.substr(0, type.find('/')) + "/*");
  return near != types.end() ? near : types.find("*/*");
}

bool in_range(const MediaTypes& types, const std::string& type) {
  return range_of(types, type) != types.end();
}

// Whether `range` is one, and holds any of `types`.
bool holds_any(const std::string& range, const MediaTypes& types) {
  if (!range.ends_with("/*")) return false;
  return range == "*/*" || std::ranges::any_of(types, [&](const auto& entry) {
           return entry.first.starts_with(range.substr(0, range.size() - 1));
         });
}

bool is_success(const std::string& status) { return status.starts_with('2'); }

// Where the template has no such place, the template says it.
bool has_place(const std::string& key, const std::vector<std::string>& names) {
  return names.size() > parse_count(key.substr(key.find(' ') + 1)).value_or(names.size());
}

}  // namespace

Finding& ContractCompare::add(std::string_view id, std::string message, const Context& context,
                              const std::string& where, Value before, Value after) {
  Finding finding = make_finding(id, std::move(message));
  finding.where = context.prefix + where;
  finding.operations = {context.subject};
  finding.old_place = before ? before.place() : old_at_.place();
  finding.new_place = after ? after.place() : new_at_.place();
  findings_.push_back(std::move(finding));
  return findings_.back();
}

void ContractCompare::operation(const Match& match) {
  Context context{.subject = new_.subject(match.new_route)};
  const std::string old_path = old_.subject(match.old_route)->path;
  context.old_names = names_in(old_path);
  context.new_names = names_in(context.subject->path);
  const auto* validate =
      new_.step<policies::ValidateRecord>(match.new_route, policies::PolicyId::Validate);
  context.refuses_unknown =
      validate != nullptr &&
      validate->unknown_query == static_cast<u32>(policies::UnknownAction::Reject) &&
      validate->request == static_cast<u32>(policies::ValidateMode::Enforce);
  if (!PolicyCompare::requirements_of(new_, match.new_route).open) {
    secured_.insert(context.subject);
  }
  operation_object(old_.contracts().operation(match.old_route),
                   new_.contracts().operation(match.new_route), context);
}

void ContractCompare::operation_object(Value before, Value after, const Context& context) {
  old_at_ = before;
  new_at_ = after;
  words(before, after, context);
  parameters(before, after, context);
  request_body(before.get("requestBody").resolved(), after.get("requestBody").resolved(), context);
  responses(before.get("responses"), after.get("responses"), context);
  callbacks(before.get("callbacks"), after.get("callbacks"), context);
}

void ContractCompare::words(Value before, Value after, const Context& context) {
  const bool was = before.get("deprecated").is_true();
  const bool is = after.get("deprecated").is_true();
  if (was != is) {
    add(is ? "operation-deprecated" : "operation-undeprecated",
        is ? "the operation is deprecated" : "the operation is not deprecated any more", context,
        "", before.get("deprecated"), after.get("deprecated"));
  }
  sunset("operation", before, after, context, "");
  for (const std::string_view name : {"summary", "description", "externalDocs"}) {
    if (before.get(name).canonical() == after.get(name).canonical()) continue;
    add("documentation-changed", "what is said of operations", context, "", before.get(name),
        after.get(name));
    break;
  }
  if (before.get("tags").canonical() != after.get("tags").canonical()) {
    Finding& finding = add("operation-tags-changed", "its tags are other ones", context, "",
                           before.get("tags"), after.get("tags"));
    finding.before = before.get("tags").canonical();
    finding.after = after.get("tags").canonical();
  }
}

void ContractCompare::sunset(std::string_view subject, Value before, Value after,
                             const Context& context, const std::string& where) {
  const std::optional<SunsetChange> change = compare_sunsets(before, after);
  if (!change) return;
  add(fmt::format("{}-{}", subject, change->aspect), change->message, context, where,
      change->before ? change->before : before, change->after ? change->after : after);
}

std::map<std::string, ContractCompare::Parameter> ContractCompare::parameters_of(
    Value operation, const std::vector<std::string>& names) const {
  std::map<std::string, Parameter> out;
  for (const Value item : operation.get("parameters").items()) {
    const Value value = item.resolved();
    const std::string name = value.get("name").text();
    const std::string in = value.get("in").text();
    std::string key = in + ' ' + (in == "header" ? lower_case(name) : name);
    if (in == "path") {
      // Nobody sends the name: what counts is the place in the template.
      const auto place = std::ranges::find(names, name);
      if (place == names.end()) continue;
      key = fmt::format("path {}", place - names.begin());
    }
    out.try_emplace(std::move(key), Parameter{value, name, in});
  }
  return out;
}

void ContractCompare::parameters(Value before, Value after, const Context& context) {
  const auto old_ones = parameters_of(before, context.old_names);
  const auto new_ones = parameters_of(after, context.new_names);
  for (const auto& [key, parameter_before] : old_ones) {
    const auto now = new_ones.find(key);
    if (now != new_ones.end()) {
      parameter(parameter_before, now->second, context);
      continue;
    }
    if (parameter_before.in == "path") {
      if (has_place(key, context.new_names)) {
        path_place(parameter_before, schema_of(parameter_before.value), {}, context);
      }
      continue;
    }
    parameter_removed(parameter_before, context);
  }
  for (const auto& [key, added] : new_ones) {
    if (old_ones.contains(key)) continue;
    if (added.in == "path") {
      if (has_place(key, context.old_names)) {
        path_place(added, {}, schema_of(added.value), context);
      }
      continue;
    }
    const bool required = added.value.get("required").is_true();
    add(required ? "parameter-required-added" : "parameter-added",
        fmt::format("the {} parameter `{}` is new{}", added.in, added.name,
                    required ? " and required" : ""),
        context, "", {}, added.value);
  }
}

// A place of both templates that one of them says nothing more of.
void ContractCompare::path_place(const Parameter& parameter, Value before, Value after,
                                 const Context& context) {
  const bool text = !parameter.value.get("content");
  schemas(before, after, true, fmt::format("path parameter `{}`", parameter.name), context, text);
}

void ContractCompare::parameter_removed(const Parameter& parameter, const Context& context) {
  std::string message = fmt::format("the {} parameter `{}` is gone", parameter.in, parameter.name);
  std::string_view id = "parameter-removed";
  const Sunset promised = sunset_of(parameter.value);
  if (context.refuses_unknown && parameter.in == "query") {
    id = "parameter-removed-refused";
  } else if (promised.is_after(today_)) {
    id = "parameter-removed-before-sunset";
    message += fmt::format(" before its sunset, {}", promised.date);
  }
  add(id, std::move(message), context, "", parameter.value, {});
}

void ContractCompare::parameter(const Parameter& before, const Parameter& after,
                                const Context& context) {
  const std::string where = fmt::format("{} parameter `{}`", after.in, after.name);
  if (before.name != after.name && after.in == "path") {
    Finding& finding = add("parameter-renamed", "a path parameter has another name", context, "",
                           before.value, after.value);
    finding.before = before.name;
    finding.after = after.name;
  }
  const bool was_required = before.value.get("required").is_true();
  const bool is_required = after.value.get("required").is_true();
  if (was_required != is_required && after.in != "path") {
    add(is_required ? "parameter-became-required" : "parameter-became-optional",
        is_required ? "it is required" : "it is not required any more", context, where,
        before.value.get("required"), after.value.get("required"));
  }
  const std::string was_written = serialization_of(before.value, before.in);
  const std::string is_written = serialization_of(after.value, after.in);
  if (was_written != is_written) {
    Finding& finding = add("parameter-serialization-changed", "it is written in another way",
                           context, where, before.value, after.value);
    finding.before = was_written;
    finding.after = is_written;
  }
  const bool was = before.value.get("deprecated").is_true();
  const bool is = after.value.get("deprecated").is_true();
  if (was != is) {
    add(is ? "parameter-deprecated" : "parameter-undeprecated",
        is ? "it is deprecated" : "it is not deprecated any more", context, where,
        before.value.get("deprecated"), after.value.get("deprecated"));
  }
  sunset("parameter", before.value, after.value, context, where);
  for (const std::string_view name : {"description", "example", "examples"}) {
    if (before.value.get(name).canonical() == after.value.get(name).canonical()) continue;
    add("documentation-changed", "what is said of parameters", context, "", before.value,
        after.value);
    break;
  }
  const bool text = !before.value.get("content") && !after.value.get("content");
  schemas(schema_of(before.value), schema_of(after.value), true, where, context, text);
}

void ContractCompare::request_body(Value before, Value after, const Context& context) {
  if (!before && !after) return;
  const bool was_required = before.get("required").is_true();
  const bool is_required = after.get("required").is_true();
  if (!before) {
    add(is_required ? "request-body-required-added" : "request-body-added",
        is_required ? "a request body is required" : "there may be a request body", context, "", {},
        after);
    return;
  }
  if (!after) {
    add("request-body-removed", "there is no request body any more", context, "", before, {});
    return;
  }
  if (was_required != is_required) {
    add(is_required ? "request-body-became-required" : "request-body-became-optional",
        is_required ? "the request body is required" : "the request body is not required any more",
        context, "", before.get("required"), after.get("required"));
  }
  if (before.get("description").canonical() != after.get("description").canonical()) {
    add("documentation-changed", "what is said of bodies", context, "", before, after);
  }
  contents(before, after, true, "request body", context);
}

void ContractCompare::contents(Value before, Value after, bool request, const std::string& where,
                               const Context& context) {
  const auto old_types = media_of(before);
  const auto new_types = media_of(after);
  const bool single = old_types.size() <= 1 && new_types.size() <= 1;
  // Who receives and who sends changes places in webhooks and callbacks.
  const std::string_view side = request != context.reversed ? "request" : "response";
  for (const auto& [type, media] : old_types) {
    auto now = new_types.find(type);
    if (now == new_types.end()) now = range_of(new_types, type);
    if (now == new_types.end()) {
      add(side == "request" ? "request-media-type-removed" : "response-media-type-removed",
          fmt::format("the media type `{}` is gone", type), context, where, media, {});
      continue;
    }
    if (media.get("encoding").canonical() != now->second.get("encoding").canonical()) {
      add("parameter-serialization-changed", "the parts of the body are written in another way",
          context, where, media.get("encoding"), now->second.get("encoding"));
    }
    schemas(media.get("schema"), now->second.get("schema"), request,
            single ? where : where + " " + type, context);
  }
  for (const auto& [type, media] : new_types) {
    if (old_types.contains(type) || in_range(old_types, type)) continue;
    const bool wider = holds_any(type, old_types);
    add(side == "request" ? "request-media-type-added"
        : wider           ? "response-media-type-widened"
                          : "response-media-type-added",
        fmt::format("the media type `{}` is new", type), context, where, {}, media);
  }
}

void ContractCompare::responses(Value before, Value after, const Context& context) {
  std::map<std::string, Value> old_ones;
  std::map<std::string, Value> new_ones;
  for (const Value::Member& member : before.members()) {
    old_ones.emplace(member.name, member.value.resolved());
  }
  for (const Value::Member& member : after.members()) {
    new_ones.emplace(member.name, member.value.resolved());
  }
  for (const auto& [status, was] : old_ones) {
    auto now = new_ones.find(status);
    if (now == new_ones.end()) now = new_ones.find(status.substr(0, 1) + "XX");
    if (now != new_ones.end()) {
      response(status, was, now->second, context);
      continue;
    }
    add(is_success(status) ? "response-success-removed" : "response-error-removed",
        fmt::format("the response `{}` is gone", status), context, "", was, {});
  }
  for (const auto& [status, is] : new_ones) {
    if (old_ones.contains(status)) continue;
    add("response-added", fmt::format("the response `{}` is new", status), context, "", {}, is);
  }
}

void ContractCompare::response(const std::string& status, Value before, Value after,
                               const Context& context) {
  for (const std::string_view name : {"description", "links"}) {
    if (before.get(name).canonical() == after.get(name).canonical()) continue;
    add("documentation-changed", "what is said of responses", context, "", before, after);
    break;
  }
  headers(status, before.get("headers"), after.get("headers"), context);
  contents(before, after, false, "response " + status, context);
}

void ContractCompare::headers(const std::string& status, Value before, Value after,
                              const Context& context) {
  std::map<std::string, Value> old_ones;
  std::map<std::string, Value> new_ones;
  for (const Value::Member& member : before.members()) {
    old_ones.emplace(lower_case(member.name), member.value.resolved());
  }
  for (const Value::Member& member : after.members()) {
    new_ones.emplace(lower_case(member.name), member.value.resolved());
  }
  const std::string where = "response " + status;
  for (const auto& [name, was] : old_ones) {
    if (name == "content-type") continue;  // the media types say it
    const bool was_required = was.get("required").is_true();
    const auto now = new_ones.find(name);
    if (now == new_ones.end()) {
      add(was_required ? "response-header-required-removed" : "response-header-removed",
          fmt::format("the header `{}` is gone", name), context, where, was, {});
      continue;
    }
    const bool is_required = now->second.get("required").is_true();
    if (was_required != is_required) {
      add(is_required ? "response-header-became-required" : "response-header-became-optional",
          fmt::format(fmt::runtime(is_required ? "the header `{}` is always there"
                                               : "the header `{}` need not be there any more"),
                      name),
          context, where, was.get("required"), now->second.get("required"));
    }
    schemas(schema_of(was), schema_of(now->second), false,
            fmt::format("response {} header `{}`", status, name), context);
  }
  for (const auto& [name, is] : new_ones) {
    if (name == "content-type" || old_ones.contains(name)) continue;
    add("response-header-added", fmt::format("the header `{}` is new", name), context, where, {},
        is);
  }
}

void ContractCompare::callbacks(Value before, Value after, const Context& context) {
  std::map<std::string, Value> new_ones;
  for (const Value::Member& member : after.members()) {
    new_ones.emplace(member.name, member.value.resolved());
  }
  std::set<std::string> known;
  for (const Value::Member& member : before.members()) {
    known.insert(member.name);
    const auto now = new_ones.find(member.name);
    if (now == new_ones.end()) {
      add("callback-removed", fmt::format("the callback `{}` is gone", member.name), context, "",
          member.value, {});
      continue;
    }
    path_items(member.value.resolved(), now->second, "callback " + member.name, context);
  }
  for (const auto& [name, value] : new_ones) {
    if (known.contains(name)) continue;
    add("callback-added", fmt::format("the callback `{}` is new", name), context, "", {}, value);
  }
}

// A Callback Object: path items by an expression, each compared method by method.
void ContractCompare::path_items(Value before, Value after, const std::string& label,
                                 const Context& context) {
  const Value old_around = old_at_;
  const Value new_around = new_at_;
  for (const Value::Member& item : before.members()) {
    const Value old_item = item.value.resolved();
    const Value new_item = after.get(item.name).resolved();
    for (const std::string_view method : kMethods) {
      const Value was = old_item.get(method);
      const Value is = new_item.get(method);
      if (!was) continue;
      if (!is) {
        add("callback-removed", fmt::format("{} {} is gone", label, method), context, "", was, {});
        continue;
      }
      Context inner{.subject = context.subject,
                    .prefix = context.prefix + label + ": ",
                    .reversed = !context.reversed};
      operation_object(was, is, inner);
      old_at_ = old_around;
      new_at_ = new_around;
    }
  }
}

void ContractCompare::documents(const Match& match) {
  const u32 old_index = old_.contracts().contracts().routes()[match.old_route].document;
  const u32 new_index = new_.contracts().contracts().routes()[match.new_route].document;
  if (!documents_done_.emplace(old_index, new_index).second) return;
  const Value before = old_.contracts().document_at(old_index);
  const Value after = new_.contracts().document_at(new_index);
  old_at_ = before;
  new_at_ = after;
  const Value old_hooks = before.get("webhooks");
  const Value new_hooks = after.get("webhooks");
  const auto subject = [](const std::string& name, std::string_view method) {
    std::string upper(method);
    std::ranges::transform(upper, upper.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return Subject{"webhook " + name, upper, "", ""};
  };
  std::set<std::string> names;
  for (const Value::Member& hook : old_hooks.members()) names.insert(hook.name);
  for (const Value::Member& hook : new_hooks.members()) names.insert(hook.name);
  for (const std::string& name : names) {
    const Value old_item = old_hooks.get(name).resolved();
    const Value new_item = new_hooks.get(name).resolved();
    for (const std::string_view method : kMethods) {
      const Value was = old_item.get(method);
      const Value is = new_item.get(method);
      const Context context{.subject = subject(name, method), .reversed = true};
      old_at_ = before;
      new_at_ = after;
      if (was && is) {
        operation_object(was, is, context);
      } else if (was) {
        add("webhook-removed", "the webhook is gone", context, "", was, {});
      } else if (is) {
        add("webhook-added", "the webhook is new", context, "", {}, is);
      }
    }
  }
  if (before.get("info").canonical() != after.get("info").canonical() &&
      before.get("info").get("version").canonical() ==
          after.get("info").get("version").canonical()) {
    Finding finding = make_finding("documentation-changed", "what is said of the API");
    finding.old_place = before.get("info").place();
    finding.new_place = after.get("info").place();
    findings_.push_back(std::move(finding));
  }
}

void ContractCompare::schemas(Value before, Value after, bool request, const std::string& where,
                              const Context& context, bool text) {
  if (!before && !after) return;
  const Direction direction =
      request != context.reversed ? Direction::Request : Direction::Response;
  const u32 root = schemas_.compare(schema_set(before), schema_set(after), direction, text,
                                    context.prefix + where);
  roots_[root].push_back(context.subject);
}

void ContractCompare::finish() {
  // By their rank, so that the many lists of them are sorted as numbers.
  std::set<SubjectRef> all;
  for (const auto& [root, subjects] : roots_) all.insert(subjects.begin(), subjects.end());
  const std::vector<SubjectRef> by_rank(all.begin(), all.end());
  std::map<u32, std::vector<u32>> users;
  for (const auto& [root, subjects] : roots_) {
    const std::vector<u32> pairs = schemas_.reached(root);
    if (pairs.empty()) continue;
    for (const SubjectRef& subject : subjects) {
      const auto rank = std::ranges::lower_bound(by_rank, subject) - by_rank.begin();
      for (const u32 pair : pairs) users[pair].push_back(static_cast<u32>(rank));
    }
  }
  for (auto& [index, ranks] : users) {
    std::ranges::sort(ranks);
    const auto repeated = std::ranges::unique(ranks);
    ranks.erase(repeated.begin(), repeated.end());
    std::vector<SubjectRef> subjects;
    for (const u32 rank : ranks) subjects.push_back(by_rank[rank]);
    const SchemaComparison::Pair& pair = schemas_.pair(index);
    for (const SchemaChange& change : pair.changes) {
      Finding finding = make_finding(change.id, change.message);
      if (finding.rank != Class::Cosmetic) finding.where = pair.path;
      finding.before = change.before;
      finding.after = change.after;
      finding.old_place = change.old_place;
      finding.new_place = change.new_place;
      finding.operations = subjects;
      if (finding.id == "response-property-added") {
        const bool guarded = std::ranges::any_of(
            subjects, [&](const SubjectRef& subject) { return secured_.contains(subject); });
        // Who reads the change should know that it is data which somebody protects.
        if (guarded) finding.reason = "answers to callers with credentials show more";
      }
      findings_.push_back(std::move(finding));
    }
  }
  if (!schemas_.complete()) {
    findings_.push_back(make_finding("comparison-cut", "some schemas were not compared"));
  }
}

}  // namespace gw::compiler::diff
