#include "runtime/admin/docs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <optional>
#include <set>

#include "runtime/admin/class_access.h"
#include "runtime/admin/operation_docs.h"
#include "runtime/base/letter_case.h"
#include "runtime/policies/client_class/record.h"
#include "runtime/policies/policy_list.h"

namespace gw::admin {
namespace {

namespace json = boost::json;

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
  OperationDocs docs(view, question.client);
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
      operations.push_back(docs.operation(i));
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
