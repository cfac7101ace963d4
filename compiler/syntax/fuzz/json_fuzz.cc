// Property: read_json accepts or gives a reason; what it accepts is a sound tree, and the YAML
// reader reads it as the same values, since JSON is a part of YAML.
#include <cstdint>
#include <string>

#include "compiler/syntax/fuzz/check_tree.h"
#include "compiler/syntax/read.h"
#include "compiler/syntax/tree_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw::compiler;
  FileSet files;
  DiagnosticSink sink;
  const FileId file = files.add("a.json", {reinterpret_cast<const char*>(data), size});
  const auto tree = read_json(files, file, sink);
  require(tree != nullptr || sink.error_count() > 0, "a refusal has a reason");
  if (tree == nullptr) return 0;
  check_tree(*tree, size);
  if (sink.error_count() > 0) return 0;
  // JSON lets a tab indent and a key be as long as it likes; YAML does not.
  const std::string_view text = files.text(file);
  if (text.find('\t') != std::string_view::npos || text.find('\r') != std::string_view::npos) {
    return 0;
  }
  const auto as_yaml = read_yaml(files, file, sink);
  if (as_yaml == nullptr) return 0;
  require(dump(as_yaml->root()) == dump(tree->root()), "YAML reads JSON alike");
  return 0;
}
