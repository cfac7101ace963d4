// Property: whatever the words of a program are, verify_schemas() refuses them or evaluating them
// is safe and ends; and a refusal has a reason. The input is a
// number of changes, each of a place and a word, to a program that uses every instruction, then a
// JSON text.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "compiler/schema/schema_compiler.h"
#include "compiler/schema/testing/every_keyword.h"
#include "compiler/source/file_set.h"
#include "compiler/syntax/read.h"
#include "runtime/schema/evaluator.h"
#include "runtime/schema/verify.h"
#include "runtime/table/dfa.h"

namespace {

using namespace gw;

class Patterns final : public schema::PatternMatcher {
 public:
  explicit Patterns(const compiler::Pools& pools) : pools_(pools) {}
  bool matches(u32 regex, std::string_view text) const override {
    const auto& dfa = pools_.regexes.records()[regex].dfa;
    return Dfa(pools_.dfa_data.bytes().data() + dfa.offset).matches(text);
  }

 private:
  const compiler::Pools& pools_;
};

struct Seed {
  compiler::FileSet files;
  compiler::DiagnosticSink sink;
  compiler::Pools pools;
  std::unique_ptr<compiler::Tree> tree;
  u32 root = schema::kNone;

  Seed() {
    tree = compiler::read_tree(
        files, files.add("seed.yaml", std::string(compiler::schema::kEveryKeyword)), sink);
    compiler::schema::SchemaSet set(compiler::schema::Dialect::Draft202012, true, nullptr, sink);
    set.add_document("fuzz:/seed", tree->root());
    root = compiler::schema::SchemaCompiler(pools, sink).compile_schema(set, tree->root());
    require(root != schema::kNone);
  }
  static void require(bool holds) {
    if (!holds) std::abort();
  }
};

void evaluate(const Seed& seed, const std::vector<u32>& words, u32 root, const json::Tape& tape) {
  const Patterns patterns(seed.pools);
  const schema::Program program{words.data(), seed.pools.strings.bytes().data(), &patterns};
  schema::Evaluator evaluator;
  for (const auto direction : {schema::Direction::Neither, schema::Direction::Request}) {
    schema::ErrorList errors(1000);
    // The answers may differ: a changed program can run out of steps in one way only.
    (void)evaluator.validate(program, root, tape, 0, {direction});
    const bool holds = evaluator.validate(program, root, tape, 0, {direction}, &errors);
    Seed::require(holds == errors.all().empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Seed seed;
  std::vector<u32> words = seed.pools.schema_programs;
  const size_t changes = size == 0 ? 0 : data[0] % 8;
  size_t at = 1;
  for (size_t i = 0; i < changes && at + 6 <= size; ++i, at += 6) {
    const size_t place = (data[at] | size_t{data[at + 1]} << 8) % words.size();
    std::memcpy(&words[place], data + at + 2, sizeof(u32));
  }
  const std::string text(reinterpret_cast<const char*>(data) + std::min(at, size),
                         size - std::min(at, size));
  std::vector<u32> roots;
  if (!schema::verify_schemas(words, seed.pools.strings.bytes(),
                              seed.pools.regexes.records().size(), &roots)) {
    return 0;
  }
  json::Tape tape;
  if (!tape.parse(text, {.depth = 32, .nodes = 2000})) return 0;
  for (const u32 root : roots) evaluate(seed, words, root, tape);
  return 0;
}
