#include "golden-tests/engine/compiled_table.h"

#include <catch2/catch.hpp>

#include "compiler/compile.h"
#include "compiler/diag/render.h"

namespace gw {

std::shared_ptr<const table::TableFile> compiled_file(const std::string& text, bool mock) {
  compiler::Compilation compilation;
  compilation.files.add("api.yaml", text);
  compiler::CompileOptions options;
  options.paths = {"api.yaml"};
  options.mock = mock;
  compiler::compile(options, true, compilation);
  INFO(compiler::render(compilation.files, compilation.sink.sorted(), {}));
  REQUIRE_FALSE(compilation.table.empty());
  auto file = table::TableFile::from_bytes(compilation.table);
  REQUIRE(file.has_value());
  return *file;
}

std::shared_ptr<const BoundTable> compiled_table(const std::string& text, bool mock,
                                                 const ReferenceSource& references) {
  std::vector<ReferenceProblem> problems;
  auto bound = BoundTable::bind(compiled_file(text, mock), references, problems);
  for (const ReferenceProblem& problem : problems) WARN(problem.field + ": " + problem.message);
  REQUIRE(bound.has_value());
  return *bound;
}

}  // namespace gw
