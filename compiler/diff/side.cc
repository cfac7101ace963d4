#include "compiler/diff/side.h"

#include <fmt/format.h>

namespace gw::compiler::diff {

std::unique_ptr<Side> Side::open(const Input& input, std::string& problem) {
  std::unique_ptr<Side> side(new Side);
  std::vector<ReferenceProblem> ignored;  // references stay as they are written
  auto bound = BoundTable::bind(input.file, ReferenceSource::none(), ignored);
  if (!bound) {
    problem = fmt::format("{} cannot be used", input.name);
    return nullptr;
  }
  side->file_ = input.file;
  side->bound_ = *bound;
  const auto contracts = table::Contracts::open(side->view());
  if (!contracts) {
    problem = contracts.error().code == Errc::TableFeature
                  ? fmt::format("{} has no contracts; compile it with this gwctl", input.name)
                  : fmt::format("the contracts of {} are damaged", input.name);
    return nullptr;
  }
  side->contracts_ = std::make_unique<ContractText>(side->view(), *contracts);
  for (const table::RouteRecord& route : side->view().routes()) {
    side->subjects_.emplace_back(Subject{side->text(route.id), side->text(route.method),
                                         side->text(route.host), side->text(route.template_)});
  }
  side->variables_ = input.variables;
  side->contracts_only_ = input.contracts_only;
  side->has_router_ = input.has_router;
  return side;
}

Place Side::place(const table::SourceRef& source) const {
  if (source.file == table::kNone) return {};
  return {text(view().files()[source.file]), source.line, source.column};
}

std::optional<std::string> Side::resolved(u32 late) const {
  if (variables_.empty()) return std::nullopt;
  const ReferenceSource source{.env = [&](const std::string& name) -> std::optional<std::string> {
                                 const auto found = variables_.find(name);
                                 if (found == variables_.end()) return std::nullopt;
                                 return found->second;
                               },
                               .file = [](const std::string&) -> Result<std::string> {
                                 return fail(Errc::FileUnreadable, "not read");
                               }};
  std::string problem;
  return bound_->resolve_again(late, source, problem);
}

std::string shape_of(std::string_view path_template) {
  std::string out;
  for (size_t i = 0; i < path_template.size(); ++i) {
    if (path_template[i] != '{') {
      out += path_template[i];
      continue;
    }
    const size_t end = path_template.find('}', i);
    if (end == path_template.npos) break;
    out += path_template[end - 1] == '+' ? "{+}" : "{}";
    i = end;
  }
  return out;
}

}  // namespace gw::compiler::diff
