// Data tables: what the fuzz target starts from.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "cmake/source_dir.h"
#include "compiler/consumers/data_table.h"
#include "runtime/table/network_set.h"
#include "runtime/table/table_file.h"

namespace gw::compiler {
namespace {

constexpr size_t kIndexEntries = 65'537;
constexpr size_t kIndexBytes = (kIndexEntries * 4 + 7) / 8 * 8;

// Something of each kind, and lengths and indexes that take two bytes.
std::string consumers_text() {
  std::string text;
  for (u32 i = 0; i < 140; ++i) {
    text += "c" + std::to_string(i) + ": {metadata: {tier: t" + std::to_string(i) + "}}\n";
  }
  const std::string digits(63, '0');
  text += "a: {keys: ['sha256:" + digits + "1', 'sha256:" + digits + "2'], plan: gold, groups: " +
          "[x, y], passwords: {alice: '$2b$10$CCCCCCCCCCCCCCCCCCCCC'}}\n";
  text +=
      "c: {certificates: [{san: 'DNS:c.example'}, {subject: CN=c}], rateLimit: {calls: {limit: "
      "5/min, burst: 9}}, quota: {monthly: {limit: 7}}, metadata: {note: " +
      std::string(200, 'n') + "}}\n";
  return text;
}

std::string consumers_seed() {
  FileSet files;
  DiagnosticSink sink;
  u32 count = 0;
  const FileId file = files.add("consumers.yaml", consumers_text());
  const auto table = compile_consumers(files, file, sink, count);
  REQUIRE(table::TableFile::from_bytes(table, table::TableKind::Consumers));
  return std::string(as_text(table));
}

constexpr std::string_view kNetworks =
    "10.0.0.0/8 # all of them\n!10.1.0.0/16\n192.0.2.7\n2001:db8::/32\n!2001:db8:1::/48\n";

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// A set of networks as the fuzz target reads it.
std::string network_set_seed() {
  std::vector<table::NetworkEntry> entries;
  std::string problem;
  REQUIRE(table::parse_network_lines(kNetworks, entries, problem));
  const auto blob = table::build_network_set(entries);
  table::NetworkSetHeader header;
  std::memcpy(&header, blob.data(), sizeof header);
  REQUIRE(header.index == sizeof header);
  std::vector<u32> index(kIndexEntries);
  std::memcpy(index.data(), blob.data() + header.index, kIndexEntries * 4);
  std::string steps;
  u8 count = 0;
  for (size_t i = 0; i < kIndexEntries; ++i) {
    if (i + 1 < kIndexEntries && index[i + 1] == index[i]) continue;
    append(steps, static_cast<u16>(std::min<size_t>(i, 0xffff)));
    append(steps, static_cast<u16>(index[i]));
    ++count;
  }
  std::string seed = "N";
  append(seed, header);
  append(seed, count);
  seed += steps;
  seed += as_text(blob).substr(header.index + kIndexBytes);
  return seed;
}

}  // namespace

// GW_BLESS=1 writes the seeds of data_table_fuzz anew, after a change of the format.
TEST_CASE("data tables: the seeds of the fuzz target are of this format", "[consumers]") {
  const std::filesystem::path seeds = source_dir() + "/runtime/table/fuzz/corpus/data_table_fuzz";
  const std::pair<std::string, std::string> all[] = {{"consumers.gwt", consumers_seed()},
                                                     {"networks.txt", std::string(kNetworks)},
                                                     {"networks.steps", network_set_seed()}};
  for (const auto& [name, seed] : all) {
    CAPTURE(name);
    if (std::getenv("GW_BLESS") != nullptr) {
      std::ofstream(seeds / name, std::ios::binary) << seed;
    }
    std::ifstream file(seeds / name, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    CHECK((text == seed));
  }
}

}  // namespace gw::compiler
