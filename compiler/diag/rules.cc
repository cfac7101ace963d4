#include "compiler/diag/rules.h"

namespace gw::compiler {
namespace {

constexpr Rule kRules[] = {
#define GW_RULE(id, severity, summary) {id, Severity::severity, summary},
#include "compiler/diag/rules.def"
#undef GW_RULE
};

}  // namespace

std::span<const Rule> all_rules() { return kRules; }

const Rule* find_rule(std::string_view id) {
  for (const Rule& rule : kRules) {
    if (rule.id == id) return &rule;
  }
  return nullptr;
}

}  // namespace gw::compiler
