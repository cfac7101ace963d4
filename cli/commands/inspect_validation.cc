#include "cli/commands/inspect_validation.h"

#include <fmt/format.h>

#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/record.h"

namespace gw::cli {
namespace {

namespace json = boost::json;
using policies::MediaRecord;
using policies::ParameterRecord;
using policies::ResponseRecord;
using policies::ValidateRecord;

class ValidationRows {
 public:
  explicit ValidationRows(const BoundTable& table) : view_(table.view()) {}

  json::array run() const {
    json::array out;
    for (const table::RouteRecord& route : view_.routes()) {
      const table::PlanRecord& plan = view_.plans()[route.plan];
      for (const table::StepRecord& step : view_.part(view_.steps(), plan.steps)) {
        if (static_cast<policies::PolicyId>(step.policy) != policies::PolicyId::Validate) continue;
        // Both steps of an operation have one record.
        out.push_back(row(route, view_.policy_record<ValidateRecord>(step.record)));
        break;
      }
    }
    return out;
  }

 private:
  json::object row(const table::RouteRecord& route, const ValidateRecord& record) const {
    json::array parameters;
    for (const auto& parameter : view_.policy_list<ParameterRecord>(record.parameters)) {
      parameters.emplace_back(
          fmt::format("{} {}", policies::kPlaceWords[parameter.place], view_.text(parameter.name)));
    }
    json::array responses;
    for (const auto& response : view_.policy_list<ResponseRecord>(record.responses)) {
      responses.emplace_back(response.first == response.last
                                 ? std::to_string(response.first)
                                 : fmt::format("{}-{}", response.first, response.last));
    }
    return {{"operation", view_.text(route.id)},
            {"request", policies::kValidateModeWords[record.request]},
            {"response", policies::kValidateModeWords[record.response]},
            {"parameters", parameters},
            {"body", media(record.media)},
            {"answers", responses},
            {"unknown", fmt::format("query {}, headers {}, cookies {}",
                                    policies::kUnknownActionWords[record.unknown_query],
                                    policies::kUnknownActionWords[record.unknown_headers],
                                    policies::kUnknownActionWords[record.unknown_cookies])}};
  }

  // `application/json: schema` is held to one, `image/png` only to its type.
  json::array media(table::Extent list) const {
    json::array out;
    for (const auto& entry : view_.policy_list<MediaRecord>(list)) {
      const std::string_view type = view_.text(entry.type);
      out.emplace_back(entry.schema == table::kNone ? std::string(type)
                                                    : fmt::format("{}: schema", type));
    }
    return out;
  }

  const table::TableView& view_;
};

}  // namespace

json::array inspect_validation(const BoundTable& table) { return ValidationRows(table).run(); }

}  // namespace gw::cli
