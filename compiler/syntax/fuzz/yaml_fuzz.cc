// Property: both YAML readers accept or give a reason and what they accept is a sound tree; when
// both accept, the trees have the same shape.
#include <algorithm>
#include <cstdint>
#include <string>

#include "compiler/syntax/fuzz/check_tree.h"
#include "compiler/syntax/read.h"
#include "compiler/syntax/scalar.h"
#include "compiler/syntax/tree_testing.h"
#include "compiler/syntax/yaml_cpp_reader.h"

namespace {

using namespace gw::compiler;

/// Maps and lists only: yaml-cpp is lenient where scalars end, not in what nests.
std::string shape(const Tree& tree) {
  std::string out;
  for (gw::u32 i = 1; i < tree.nodes.size(); ++i) {
    const Node& node = tree.nodes[i];
    if (node.is_alias || node.kind < NodeKind::Map) continue;
    out += node.kind == NodeKind::Map ? 'm' : 'l';
    out += std::to_string(node.count);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FileSet files;
  DiagnosticSink sink;
  const FileId file = files.add("a.yaml", {reinterpret_cast<const char*>(data), size});
  const auto tree = read_yaml(files, file, sink);
  require(tree != nullptr || sink.error_count() > 0, "a refusal has a reason");
  if (tree != nullptr) check_tree(*tree, size);
  const std::string_view text = files.text(file);
  // read_yaml refuses these bytes before either reader sees them; and yaml-cpp does not break lines
  // at CR.
  if (find_invalid_utf8(text) != kAllValid || size > 4096) return 0;
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
  };
  if (std::any_of(text.begin(), text.end(), is_control)) return 0;
  DiagnosticSink complete_sink;
  const auto complete = read_yaml_completely(text, file, complete_sink);
  require(complete != nullptr || complete_sink.error_count() > 0, "a refusal has a reason");
  if (complete == nullptr) return 0;
  check_tree(*complete, size);
  if (tree == nullptr || sink.error_count() + complete_sink.error_count() > 0) return 0;
  if (shape(*tree) != shape(*complete)) {
    std::fprintf(stderr, "%s\n%s\n", dump(tree->root()).c_str(), dump(complete->root()).c_str());
  }
  require(shape(*tree) == shape(*complete), "both readers see the same maps and lists");
  return 0;
}
