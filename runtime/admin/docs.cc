#include "runtime/admin/docs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <limits>
#include <optional>
#include <set>

#include "runtime/admin/class_access.h"
#include "runtime/admin/docs_words.h"
#include "runtime/base/letter_case.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/table/contracts.h"

namespace gw::admin {
namespace {

namespace json = boost::json;

constexpr int kMostReferences = 4;  // that lead to each other

std::string text_member(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->get_string()) : "";
}

// What the documents promise, where the table holds it. The section is optional, and what is in it
// may be anything.
class Promises {
 public:
  explicit Promises(const table::TableView& view) {
    auto opened = table::Contracts::open(view);
    if (opened) contracts_ = *opened;
  }

  json::object operation(size_t route) const {
    if (!contracts_ || route >= contracts_->routes().size()) return {};
    return fragment(contracts_->routes()[route].fragment);
  }
  // An object, or what it refers to.
  json::object resolved(const json::value& value) const {
    const json::object* object = value.if_object();
    if (object == nullptr) return {};
    json::object result = *object;
    for (int i = 0; i < kMostReferences; ++i) {
      const json::value* reference = result.if_contains("$ref");
      if (reference == nullptr) return result;
      const i64* number = reference->if_int64();
      if (number == nullptr || *number < 0 || *number > std::numeric_limits<u32>::max()) return {};
      result = fragment(static_cast<u32>(*number));
    }
    return {};
  }

 private:
  json::object fragment(u32 index) const {
    if (index >= contracts_->fragments().size()) return {};
    boost::system::error_code problem;
    const std::string_view text = contracts_->text(contracts_->fragments()[index].text);
    json::value value = json::parse(text, problem);
    return problem || !value.is_object() ? json::object() : std::move(value.get_object());
  }
  std::optional<table::Contracts> contracts_;
};

json::array parameters_json(const Promises& promises, const json::object& operation) {
  json::array shown;
  const json::value* parameters = operation.if_contains("parameters");
  if (parameters == nullptr || !parameters->is_array()) return shown;
  for (const json::value& one : parameters->get_array()) {
    const json::object parameter = promises.resolved(one);
    const json::value* required = parameter.if_contains("required");
    std::string type;
    if (const json::value* schema = parameter.if_contains("schema")) {
      type = text_member(promises.resolved(*schema), "type");
    }
    shown.push_back(json::object{
        {"name", text_member(parameter, "name")},
        {"in", text_member(parameter, "in")},
        {"type", type},
        {"required", required != nullptr && required->is_bool() && required->get_bool()},
        {"description", text_member(parameter, "description")}});
  }
  return shown;
}

json::array responses_json(const Promises& promises, const json::object& operation) {
  json::array shown;
  const json::value* responses = operation.if_contains("responses");
  if (responses == nullptr || !responses->is_object()) return shown;
  for (const auto& [status, response] : responses->get_object()) {
    shown.push_back(
        json::object{{"status", status},
                     {"description", text_member(promises.resolved(response), "description")}});
  }
  return shown;
}

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
  const json::value* security = operation.if_contains("security");
  if (security != nullptr && security->is_array()) {
    for (const json::value& alternative : security->get_array()) {
      if (!alternative.is_object()) continue;
      words += words.empty() ? "Callers prove who they are: " : ", or ";
      words += alternative_words(alternative.get_object());
    }
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

json::object operation_json(const table::TableView& view, const Promises& promises, size_t index,
                            std::string_view client) {
  const table::RouteRecord& route = view.routes()[index];
  const json::object operation = promises.operation(index);
  json::array policies;
  for (const PolicyWords& policy : policy_words(view, route, client)) {
    policies.push_back(json::object{{"name", policy.name}, {"words", policy.words}});
  }
  return {{"id", view.text(route.id)},
          {"method", view.text(route.method)},
          {"host", view.text(route.host)},
          {"path", view.text(route.template_)},
          {"summary", text_member(operation, "summary")},
          {"description", text_member(operation, "description")},
          {"deprecated", (route.flags & table::kRouteDeprecated) != 0},
          {"security", security_words(route, operation)},
          {"parameters", parameters_json(promises, operation)},
          {"responses", responses_json(promises, operation)},
          {"policies", std::move(policies)},
          {"source", place_of(view, route.source)}};
}

// All that a step names; each plan has the same.
std::set<std::string_view> classes_of(const table::TableView& view) {
  std::set<std::string_view> names;
  for (const table::StepRecord& step : view.steps()) {
    if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::ClientClass) continue;
    const auto& record = view.policy_record<policies::ClientClassRecord>(step.record);
    for (const auto& one : view.policy_list<policies::ClientClassEntry>(record.classes)) {
      names.insert(view.text(one.name));
    }
  }
  return names;
}

bool contains_folded(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) { return to_lower(a) == to_lower(b); };
  return std::ranges::search(text, part, same).begin() != text.end() || part.empty();
}

// Which operations a question is about.
class Chosen {
 public:
  Chosen(const table::TableView& view, const DocsQuestion& question)
      : view_(view), question_(question), access_(view, question.client) {}

  bool takes(const table::RouteRecord& route) {
    if (!question_.client.empty() && !access_.may_call(route)) return false;
    if (question_.search.empty() || contains_folded(view_.text(route.id), question_.search)) {
      return true;
    }
    line_ = view_.text(route.method);
    line_.append(" ").append(view_.text(route.host)).append(view_.text(route.template_));
    return contains_folded(line_, question_.search);
  }

 private:
  const table::TableView& view_;
  const DocsQuestion& question_;
  ClassAccess access_;
  std::string line_;
};

json::value index_or_null(std::optional<size_t> index) {
  return index ? json::value(*index) : json::value(nullptr);
}

}  // namespace

json::object docs_json(const table::TableFile& file, const DocsQuestion& question) {
  const table::TableView view(file.bytes());
  const std::set<std::string_view> classes = classes_of(view);
  if (!question.client.empty() && !classes.contains(question.client)) return {};
  const Promises promises(view);
  Chosen chosen(view, question);
  json::array operations;
  size_t total = 0;
  size_t before = 0;  // the page
  std::optional<size_t> next;
  std::array<size_t, kOperationsOfPage> last_before{};  // a ring: where the page before begins
  for (size_t i = 0; i < view.routes().size(); ++i) {
    if (!chosen.takes(view.routes()[i])) continue;
    ++total;
    if (i < question.from) {
      last_before[before++ % kOperationsOfPage] = i;
    } else if (operations.size() < kOperationsOfPage) {
      operations.push_back(operation_json(view, promises, i, question.client));
    } else if (!next) {
      next = i;
    }
  }
  std::optional<size_t> previous;
  if (before != 0)
    previous = before < kOperationsOfPage ? 0 : last_before[before % kOperationsOfPage];
  const auto& gateway = view.gateway();
  return {{"title", view.text(gateway.title)},
          {"version", view.text(gateway.version)},
          {"table", fmt::format("{:016x}", view.digest())},
          {"client", question.client},
          {"classes", json::array(classes.begin(), classes.end())},
          {"total", total},
          {"first", before},
          {"previous", index_or_null(previous)},
          {"next", index_or_null(next)},
          {"operations", std::move(operations)}};
}

}  // namespace gw::admin
