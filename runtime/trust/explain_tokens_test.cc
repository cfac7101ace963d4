#include "runtime/trust/explain_tokens.h"

#include <catch2/catch.hpp>

using namespace gw;
using trust::ExplainTokens;

TEST_CASE("explain tokens: are good until their end", "[explain]") {
  ExplainTokens tokens;
  constexpr i64 kNow = 1'700'000'000'000;
  CHECK_FALSE(tokens.is_active(kNow));
  const std::string token = tokens.issue(kNow, 60'000);
  CHECK(tokens.is_active(kNow));
  CHECK(tokens.accepts(token, kNow));
  CHECK(tokens.accepts(token, kNow + 59'999));
  CHECK_FALSE(tokens.accepts(token, kNow + 60'000));
  CHECK_FALSE(tokens.is_active(kNow + 60'000));
  // A shorter one does not end a longer one.
  const std::string brief = tokens.issue(kNow, 1'000);
  CHECK_FALSE(tokens.accepts(brief, kNow + 1'000));
  CHECK(tokens.is_active(kNow + 59'999));
  CHECK(tokens.accepts(token, kNow + 59'999));
}

TEST_CASE("explain tokens: live an hour at the most", "[explain]") {
  ExplainTokens tokens;
  const std::string token = tokens.issue(0, i64{1} << 50);
  CHECK(tokens.accepts(token, ExplainTokens::kMostMs - 1));
  CHECK_FALSE(tokens.accepts(token, ExplainTokens::kMostMs));
  CHECK(tokens.accepts(tokens.issue(0, -5), 999));
}

TEST_CASE("explain tokens: nothing else is taken for one", "[explain]") {
  ExplainTokens tokens;
  const std::string token = tokens.issue(0, 60'000);
  CHECK_FALSE(tokens.accepts("", 0));
  CHECK_FALSE(tokens.accepts(token + "0", 0));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'f' ? 'e' : 'f';
    CHECK_FALSE(tokens.accepts(other, 0));
    CHECK_FALSE(tokens.accepts(token.substr(0, i), 0));
  }
  CHECK_FALSE(ExplainTokens().accepts(token, 0));  // of another process
}
