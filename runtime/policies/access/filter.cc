#include "runtime/policies/access/filter.h"

#include "runtime/engine/answer.h"
#include "runtime/engine/expression.h"

namespace gw::policies {
namespace {

Verdict refuse(Exchange& exchange, std::string_view what) {
  engine::answer_problem(exchange, 403);
  exchange.error = Error{.code = Errc::Forbidden, .origin = Origin::Downstream, .what = what};
  return Verdict::Reply;
}

}  // namespace

Verdict check_access(Exchange& exchange, const AccessRecord& record) {
  switch (static_cast<AccessRule>(record.rule)) {
    case AccessRule::Allow:
      if (engine::holds(exchange, record.condition)) return Verdict::Continue;
      return refuse(exchange, "`allow` does not hold");
    case AccessRule::Deny:
      if (!engine::holds(exchange, record.condition)) return Verdict::Continue;
      return refuse(exchange, "`deny` holds");
    case AccessRule::Equals:
      break;
  }
  std::string_view value;
  std::string_view wanted;
  const bool same = engine::evaluate(exchange, record.value, value) &&
                    engine::evaluate(exchange, record.other, wanted) && value == wanted;
  return same ? Verdict::Continue : refuse(exchange, "a parameter is not what it must equal");
}

}  // namespace gw::policies
