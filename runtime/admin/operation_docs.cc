#include "runtime/admin/operation_docs.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "runtime/admin/docs_words.h"

namespace gw::admin {
namespace {

namespace json = boost::json;

// One way to prove who calls: `idp with the scopes a, b and key`.
std::string alternative_words(const json::object& alternative) {
  std::string words;
  for (const auto& [scheme, scopes] : alternative) {
    if (!words.empty()) words += " and ";
    words += scheme;
    std::string list;
    if (scopes.is_array()) {
      for (const json::value& scope : scopes.get_array()) {
        if (!scope.is_string()) continue;
        if (!list.empty()) list += ", ";
        list += std::string_view(scope.get_string());
      }
    }
    if (!list.empty()) words += " with " + list;
  }
  return words.empty() ? "nobody in particular" : words;
}

std::string security_words(const table::RouteRecord& route, const json::object& operation) {
  if ((route.flags & table::kRouteSecured) == 0) return "Open to everybody.";
  std::string words;
  for (const json::value& alternative : array_member(operation, "security")) {
    if (!alternative.is_object()) continue;
    words += words.empty() ? "Callers prove who they are: " : ", or ";
    words += alternative_words(alternative.get_object());
  }
  if (words.empty()) words = "Callers prove who they are";
  words += '.';
  if ((route.flags & table::kRouteSecurityUnenforced) != 0) words += " This is NOT enforced.";
  return words;
}

std::string place_of(const table::TableView& view, const table::SourceRef& source) {
  if (source.file == table::kNone) return "";
  return fmt::format("{}:{}:{}", view.text(view.files()[source.file]), source.line, source.column);
}

bool is_success(std::string_view status) { return status.starts_with('2'); }

}  // namespace

json::object OperationDocs::operation(size_t index) {
  const u32 left_out_before = promises_.left_out();
  json::object shown = operation_json(index);
  if (promises_.left_out() != left_out_before) {
    shown["cut"] = "Not all of it is shown, since it is too much for one page: search for it.";
  }
  return shown;
}

json::object OperationDocs::operation_json(size_t index) {
  const table::RouteRecord& route = view_.routes()[index];
  const json::object& operation = promises_.operation(index);
  return {{"id", view_.text(route.id)},
          {"method", view_.text(route.method)},
          {"host", view_.text(route.host)},
          {"path", view_.text(route.template_)},
          {"summary", text_member(operation, "summary")},
          {"description", text_member(operation, "description")},
          {"deprecated", (route.flags & table::kRouteDeprecated) != 0},
          {"security", security_words(route, operation)},
          {"parameters", parameters(operation)},
          {"requestBody", request_body(operation)},
          {"responses", responses(index, operation)},
          {"policies", policies(route, operation)},
          {"source", place_of(view_, route.source)}};
}

json::array OperationDocs::policies(const table::RouteRecord& route,
                                    const json::object& operation) {
  std::vector<PolicyWords> all = policy_words(view_, route, client_);
  const bool is_described = !array_member(operation, "parameters").empty() ||
                            operation.if_contains("requestBody") != nullptr;
  if (is_described && std::ranges::find(all, "validate", &PolicyWords::name) == all.end()) {
    all.push_back({"validate", "Requests are not held to this description."});
  }
  json::array shown;
  for (const PolicyWords& policy : all) {
    shown.push_back(json::object{{"name", policy.name}, {"words", policy.words}});
  }
  return shown;
}

// The schema of a parameter or header, which may be that of its only media type.
json::value OperationDocs::outline(const json::object& holder) {
  if (const json::value* schema = holder.if_contains("schema")) return outliner_.outline(*schema);
  for (const auto& [type, media] : object_member(holder, "content")) {
    const json::value* schema = promises_.resolved(media).if_contains("schema");
    if (schema != nullptr) return outliner_.outline(*schema);
  }
  return nullptr;
}

json::array OperationDocs::parameters(const json::object& operation) {
  json::array shown;
  for (const json::value& one : array_member(operation, "parameters")) {
    const json::object& parameter = promises_.resolved(one);
    json::value schema = outline(parameter);
    const std::string type(schema.is_object() ? text_member(schema.get_object(), "type") : "");
    shown.push_back(json::object{{"name", text_member(parameter, "name")},
                                 {"in", text_member(parameter, "in")},
                                 {"type", type},
                                 {"required", is_true(parameter, "required")},
                                 {"description", text_member(parameter, "description")},
                                 {"schema", std::move(schema)}});
  }
  return shown;
}

json::array OperationDocs::content(const json::object& holder) {
  json::array shown;
  for (const auto& [type, value] : object_member(holder, "content")) {
    const json::object& media = promises_.resolved(value);
    // Of what comes as a stream each item has a schema of its own (3.2).
    const json::value* schema = media.if_contains("schema");
    const bool is_stream = schema == nullptr && media.if_contains("itemSchema") != nullptr;
    if (is_stream) schema = media.if_contains("itemSchema");
    shown.push_back(
        json::object{{"type", type},
                     {"stream", is_stream},
                     {"schema", schema == nullptr ? json::value(nullptr)
                                                  : json::value(outliner_.outline(*schema))}});
  }
  return shown;
}

json::value OperationDocs::request_body(const json::object& operation) {
  const json::value* declared = operation.if_contains("requestBody");
  if (declared == nullptr) return nullptr;
  const json::object& body = promises_.resolved(*declared);
  return json::object{{"required", is_true(body, "required")},
                      {"description", text_member(body, "description")},
                      {"content", content(body)}};
}

json::array OperationDocs::headers(const json::object& response) {
  json::array shown;
  for (const auto& [name, value] : object_member(response, "headers")) {
    const json::object& header = promises_.resolved(value);
    shown.push_back(json::object{{"name", name},
                                 {"required", is_true(header, "required")},
                                 {"description", text_member(header, "description")},
                                 {"schema", outline(header)}});
  }
  return shown;
}

json::object OperationDocs::response(std::string_view status, const json::object& response) {
  return {{"status", status},
          {"description", text_member(response, "description")},
          {"view", false},
          {"headers", headers(response)},
          {"content", content(response)}};
}

json::array OperationDocs::responses(size_t route, const json::object& operation) {
  json::array shown;
  const json::object& declared = object_member(operation, "responses");
  const json::object* got = promises_.view(route, client_);
  const json::object* of_others = promises_.view(route, "");
  if (of_others == nullptr) of_others = &declared;
  const bool is_missing = promises_.is_view_missing(route, client_);
  const bool is_own = promises_.has_own_view(route, client_);
  for (const auto& [status, one] : got == nullptr ? declared : *got) {
    const json::object& answer = promises_.resolved(one);
    const json::value* other = of_others->if_contains(status);
    const bool differs = other == nullptr || promises_.resolved(*other) != answer;
    json::object row = response(status, answer);
    row["view"] = is_own && (differs || is_missing);
    if (is_missing && is_success(status)) {
      // What is declared may be more than callers see.
      for (json::value& media : row["content"].get_array()) {
        media.get_object()["schema"] =
            json::object{{"cut", "What callers get is too large to be kept in the table."}};
      }
    }
    shown.push_back(std::move(row));
  }
  return shown;
}

}  // namespace gw::admin
