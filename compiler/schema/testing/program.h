// For tests: schemas from text, compiled, verified and evaluated.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/schema/pool_matcher.h"
#include "compiler/schema/schema_compiler.h"
#include "compiler/source/file_set.h"
#include "compiler/syntax/read.h"
#include "runtime/schema/evaluator.h"
#include "runtime/schema/verify.h"

namespace gw::compiler::schema {

/// One compilation of plain JSON Schema. Documents for references come from `load`.
class TestProgram {
 public:
  TestProgram() = default;
  TestProgram(const TestProgram&) = delete;
  TestProgram& operator=(const TestProgram&) = delete;

  /// Compiles a schema that is a node of a tree that lives on; kNone: `sink` says why.
  u32 compile(NodeRef schema, Dialect dialect = Dialect::Draft202012, bool assert_formats = true,
              SchemaSet::Load load = nullptr) {
    sets_.push_back(std::make_unique<SchemaSet>(dialect, assert_formats, std::move(load), sink));
    sets_.back()->add_document("test:/schema", schema);
    return compiler.compile_schema(*sets_.back(), schema);
  }
  /// The same for a text of JSON or YAML.
  u32 compile(std::string_view text, Dialect dialect = Dialect::Draft202012) {
    trees_.push_back(read_tree(
        files, files.add("schema" + std::to_string(trees_.size()) + ".yaml", std::string(text)),
        sink));
    if (trees_.back() == nullptr) return gw::schema::kNone;
    return compile(trees_.back()->root(), dialect);
  }

  Result<void> verify() const {
    return gw::schema::verify_schemas(pools.schema_programs, pools.strings.bytes(),
                                      pools.regexes.records().size());
  }
  gw::schema::Program program() const {
    return {pools.schema_programs.data(), pools.strings.bytes().data(), &matcher_};
  }
  /// Whether the JSON text satisfies the schema at `root`.
  bool accepts(u32 root, std::string_view instance, gw::schema::ErrorList* errors = nullptr,
               gw::schema::ValidateOptions options = {}) {
    if (!tape_.parse(instance)) return false;
    return evaluator_.validate(program(), root, tape_, 0, options, errors);
  }

  FileSet files;
  DiagnosticSink sink;
  Pools pools;
  SchemaCompiler compiler{pools, sink};

 private:
  std::vector<std::unique_ptr<SchemaSet>> sets_;
  std::vector<std::unique_ptr<Tree>> trees_;
  PoolMatcher matcher_{pools};
  json::Tape tape_;
  gw::schema::Evaluator evaluator_;
};

}  // namespace gw::compiler::schema
