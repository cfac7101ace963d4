// What a JSON body costs: reading it as a tape and validating it, per KB. The body is an order as
// shops send it, compact and indented; the schema has what such schemas have. Question: is the
// parse at most 1 us per KB, and what does validation add? Run: schema_bench
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "compiler/schema/schema_compiler.h"
#include "compiler/source/file_set.h"
#include "compiler/syntax/read.h"
#include "runtime/schema/evaluator.h"
#include "runtime/schema/verify.h"
#include "runtime/table/dfa.h"

namespace {

using namespace gw;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kSchema = R"(
type: object
required: [id, customer, items, currency, placedAt]
additionalProperties: false
properties:
  id: {type: string, format: uuid}
  placedAt: {type: string, format: date-time}
  currency: {type: string, pattern: '^[A-Z]{3}$'}
  channel: {enum: [web, mobile, store, partner]}
  note: {type: string, maxLength: 500}
  customer:
    type: object
    required: [id, email]
    properties:
      id: {type: integer, minimum: 1}
      email: {type: string, format: email}
      name: {type: string, minLength: 1, maxLength: 100}
      address: {$ref: '#/$defs/address'}
  items:
    type: array
    minItems: 1
    maxItems: 100
    items:
      type: object
      required: [sku, quantity, price]
      additionalProperties: false
      properties:
        sku: {type: string, pattern: '^[A-Z0-9-]{4,20}$'}
        title: {type: string, maxLength: 200}
        quantity: {type: integer, minimum: 1, maximum: 1000}
        price: {type: number, minimum: 0}
        taxRate: {type: number, minimum: 0, exclusiveMaximum: 1}
        tags: {type: array, items: {type: string}, uniqueItems: true}
$defs:
  address:
    type: object
    required: [street, city, country]
    properties:
      street: {type: string, maxLength: 200}
      city: {type: string, maxLength: 100}
      zip: {type: string, maxLength: 12}
      country: {type: string, minLength: 2, maxLength: 2}
)";

std::string order(std::string_view newline, std::string_view space) {
  std::string text;
  const auto line = [&](int depth, const std::string& content) {
    text += newline;
    for (int i = 0; i < depth && !newline.empty(); ++i) text += "  ";
    for (const char c : content) {
      text += c;
      if (c == ':' && text.ends_with("\":")) text += space;
    }
  };
  text = "{";
  line(1, R"("id":"2eb8aa08-aa98-11ea-b4aa-73b441d16380",)");
  line(1, R"("placedAt":"2026-03-14T09:26:53Z","currency":"EUR","channel":"web",)");
  line(1,
       R"("note":"Please ring twice, the bell is quiet. Leave it with a neighbour if need be.",)");
  line(1, R"("customer":{"id":481516,"email":"ada.lovelace@example.com","name":"Ada Lovelace",)");
  line(
      2,
      R"("address":{"street":"12 St James's Square","city":"London","zip":"SW1Y 4JH","country":"GB"}},)");
  line(1, R"("items":[)");
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i + 1);
    line(2, R"({"sku":"BOOK-0)" + n + R"(42","title":"Sketch of the Analytical Engine, volume )" +
                n + R"(","quantity":)" + n + R"(,"price":1)" + n +
                R"(.50,"taxRate":0.07,"tags":["book","history"]})" + (i < 3 ? "," : ""));
  }
  line(1, "]");
  text += newline;
  return text + "}";
}

class Patterns final : public gw::schema::PatternMatcher {
 public:
  explicit Patterns(const compiler::Pools& pools) : pools_(pools) {}
  bool matches(u32 regex, std::string_view text) const override {
    const auto& dfa = pools_.regexes.records()[regex].dfa;
    return Dfa(pools_.dfa_data.bytes().data() + dfa.offset).matches(text);
  }

 private:
  const compiler::Pools& pools_;
};

/// The best of several rounds, in nanoseconds per call.
template <class Work>
double best_of(Work work) {
  constexpr int kRounds = 15;
  constexpr int kCalls = 4000;
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    for (int i = 0; i < kCalls; ++i) work();
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    best = std::min(best, took.count() / kCalls);
  }
  return best;
}

struct Bench {
  compiler::FileSet files;
  compiler::DiagnosticSink sink;
  compiler::Pools pools;
  std::unique_ptr<compiler::Tree> tree;
  u32 root = schema::kNone;

  bool compile() {
    tree = compiler::read_tree(files, files.add("order.yaml", std::string(kSchema)), sink);
    compiler::schema::SchemaSet set(compiler::schema::Dialect::Draft202012, true, nullptr, sink);
    set.add_document("bench:/order", tree->root());
    compiler::schema::SchemaCompiler compiler(pools, sink);
    root = compiler.compile_schema(set, tree->root());
    return root != schema::kNone &&
           schema::verify_schemas(pools.schema_programs, pools.strings.bytes(),
                                  pools.regexes.records().size());
  }
};

bool measure(const Bench& bench, const char* name, const std::string& body) {
  const Patterns patterns(bench.pools);
  const schema::Program program{bench.pools.schema_programs.data(),
                                bench.pools.strings.bytes().data(), &patterns};
  json::Tape tape;
  schema::Evaluator evaluator;
  bool fine = tape.parse(body).has_value() && evaluator.validate(program, bench.root, tape, 0);
  const double parse = best_of([&] { fine &= tape.parse(body).has_value(); });
  const double validate =
      best_of([&] { fine &= evaluator.validate(program, bench.root, tape, 0); });
  const double kilobytes = static_cast<double>(body.size()) / 1024;
  std::printf(
      "%-9s %5zu bytes %4u nodes   parse %6.0f ns (%5.0f per KB)   validate %6.0f ns (%5.0f per "
      "KB)\n",
      name, body.size(), tape.size(), parse, parse / kilobytes, validate, validate / kilobytes);
  return fine;
}

}  // namespace

int main() {
  Bench bench;
  if (!bench.compile()) {
    std::fprintf(stderr, "the schema cannot be compiled\n");
    return 1;
  }
  const bool fine =
      measure(bench, "compact", order("", "")) && measure(bench, "indented", order("\n", " "));
  if (!fine) std::fprintf(stderr, "the order is not valid\n");
  return fine ? 0 : 1;
}
