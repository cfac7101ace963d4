#include "compiler/consumers/data_table.h"

#include "compiler/consumers/consumers.h"
#include "compiler/emit/writer.h"
#include "compiler/syntax/read.h"
#include "runtime/table/network_set.h"

namespace gw::compiler {

std::vector<std::byte> compile_consumers(const FileSet& files, FileId file, DiagnosticSink& sink,
                                         u32& count) {
  const std::unique_ptr<Tree> tree = read_tree(files, file, sink);
  if (tree == nullptr || !tree->root()) return {};
  std::vector<Consumer> consumers = read_consumers(tree->root(), sink);
  count = static_cast<u32>(consumers.size());
  const std::vector<std::byte> section = build_consumers(std::move(consumers), sink);
  if (sink.error_count() != 0) return {};
  return write_data_table(table::TableKind::Consumers, table::SectionKind::Consumers, section);
}

std::vector<std::byte> compile_networks(std::string_view text, std::string& problem, u32& count) {
  std::vector<table::NetworkEntry> entries;
  if (!table::parse_network_lines(text, entries, problem)) return {};
  const std::vector<std::byte> blob = table::build_network_set(std::move(entries));
  count = table::NetworkSet(blob).range_count();
  return write_data_table(table::TableKind::Networks, table::SectionKind::NetworkSet, blob);
}

}  // namespace gw::compiler
