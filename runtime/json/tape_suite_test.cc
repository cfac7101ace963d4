// The JSON parsing test suite: names beginning with y_ must be accepted, n_ refused; what i_ ones
// (left open by RFC 8259) do here is written down.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "cmake/source_dir.h"
#include "runtime/json/tape.h"

namespace gw::json {
namespace {

// Of the free cases: numbers of any size are accepted as they are kept as text. What is not UTF-8,
// lone surrogates, a byte order mark and deep nesting are refused.
const std::set<std::string> kAcceptedFree = {
    "i_number_double_huge_neg_exp.json", "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",   "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",      "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",     "i_number_very_big_negative_int.json",
};
// Required by the grammar, refused by our rule against the same key twice (RFC 8259 section 4 lets
// readers choose).
const std::set<std::string> kDuplicateKeys = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
};

bool expects(const std::string& name) {
  return (name[0] == 'y' && !kDuplicateKeys.contains(name)) ||
         (name[0] == 'i' && kAcceptedFree.contains(name));
}

}  // namespace

TEST_CASE("json tape: the parsing test suite", "[json][suite]") {
  const std::filesystem::path folder =
      source_dir() + "/../shared/conformance/json-test-suite/test_parsing";
  if (!std::filesystem::exists(folder)) {
    WARN("skipped: no json-test-suite");
    return;
  }
  Tape tape;
  int accepted = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    CAPTURE(name);
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto result = tape.parse(text);
    CHECK(result.has_value() == expects(name));
    if (!result) CHECK(tape.error_offset() <= text.size());
    accepted += name[0] == 'y';
    refused += name[0] == 'n';
  }
  CHECK(accepted == 95);
  CHECK(refused == 188);
}

}  // namespace gw::json
