// The JSON parsing test suite: names beginning with y_ must be accepted, n_ refused; what i_ ones
// (left open by RFC 8259) do here is written down.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "cmake/source_dir.h"
#include "compiler/syntax/read.h"

namespace gw::compiler {
namespace {

// Of the free cases: numbers of any size are accepted as they are kept as text, a byte order mark
// is accepted; what is not UTF-8, lone surrogates and UTF-16 are refused.
const std::set<std::string> kAcceptedFree = {
    "i_number_double_huge_neg_exp.json",  "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",     "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",       "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",      "i_number_very_big_negative_int.json",
    "i_structure_500_nested_arrays.json", "i_structure_UTF-8_BOM_empty_object.json",
};

bool accepts(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  FileSet files;
  DiagnosticSink sink;
  const bool tree = read_json(files, files.add("case.json", text.str()), sink) != nullptr;
  const auto duplicate = [](const Diagnostic& d) { return d.rule == "duplicate-key"; };
  const auto findings = sink.all().size() - static_cast<size_t>(std::count_if(
                                                sink.all().begin(), sink.all().end(), duplicate));
  CHECK(tree == (findings == 0));  // a refusal has a reason
  return tree;
}

}  // namespace

TEST_CASE("json: the parsing test suite", "[syntax][json]") {
  const std::filesystem::path folder =
      source_dir() + "/../shared/conformance/json-test-suite/test_parsing";
  if (!std::filesystem::exists(folder)) {
    WARN("skipped: no json-test-suite");
    return;
  }
  int accepted = 0;
  int refused = 0;
  int left_open = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    CAPTURE(name);
    const bool expected = name[0] == 'y' || (name[0] == 'i' && kAcceptedFree.contains(name));
    CHECK(accepts(entry.path()) == expected);
    accepted += name[0] == 'y';
    refused += name[0] == 'n';
    left_open += name[0] == 'i';
  }
  CHECK(accepted == 95);
  CHECK(refused == 188);
  CHECK(left_open == 35);
}

}  // namespace gw::compiler
