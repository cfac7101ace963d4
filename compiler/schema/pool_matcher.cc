#include "compiler/schema/pool_matcher.h"

#include <re2/re2.h>

#include "runtime/table/dfa.h"

namespace gw::compiler::schema {

PoolMatcher::PoolMatcher(const Pools& pools) : pools_(pools) {}
PoolMatcher::~PoolMatcher() = default;

bool PoolMatcher::matches(u32 regex, std::string_view text) const {
  const table::RegexRecord& record = pools_.regexes.records()[regex];
  if (record.dfa.count > 0) {
    return Dfa(pools_.dfa_data.bytes().data() + record.dfa.offset).matches(text);
  }
  auto& fallback = fallbacks_[regex];
  if (fallback == nullptr) {
    fallback = std::make_unique<re2::RE2>(
        re2::StringPiece(pools_.strings.bytes().data() + record.re2.offset, record.re2.bytes),
        re2::RE2::Quiet);
  }
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *fallback);
}

}  // namespace gw::compiler::schema
