// How long data tables take to load, and what they occupy: consumers with a key each, and networks.
// Loading is what a reload of such a table does: copy the file to where nobody else can change it,
// verify it. `peak` is resident memory beyond what there was before, while it
// loads; `after` when it has. Medians of 11 rounds. Goal for 1,000,000 consumers: 20 ms and 60 MB.
// Run: data_tables_bench [COUNT]
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "compiler/consumers/consumers.h"
#include "compiler/emit/writer.h"
#include "runtime/base/random.h"
#include "runtime/identity/live_data.h"
#include "runtime/identity/services.h"
#include "runtime/table/table_file.h"
#include "runtime/table/verify.h"

namespace {

using namespace gw;
using table::SectionKind;
using table::TableKind;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 11;
constexpr double kMiB = 1024.0 * 1024.0;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// A line of /proc/self/status, in bytes: VmRSS is what is resident, VmHWM the most that has been.
double memory(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name))
      return 1024.0 * std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return 0;
}
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::string key_of(u32 number) { return fmt::format("gw_{:032x}", number * 2654435761u); }

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
void write_table(const std::string& path, TableKind kind, SectionKind section_kind,
                 const std::vector<std::byte>& section) {
  const auto table = compiler::write_data_table(kind, section_kind, section);
  write_file(path, {reinterpret_cast<const char*>(table.data()), table.size()});
}

void make_consumers(const std::string& path, u32 count) {
  std::vector<std::string> names;
  std::vector<compiler::Consumer> consumers(count);
  names.reserve(count);
  for (u32 i = 0; i < count; ++i) {
    consumers[i].name = names.emplace_back(fmt::format("customer-{:07}", i));
    consumers[i].plan = i % 10 == 0 ? "gold" : "bronze";
    consumers[i].groups = {"partners"};
    u8 digest[32];
    sha256(key_of(i), digest);
    std::ranges::copy(digest, consumers[i].keys.emplace_back().begin());
  }
  compiler::DiagnosticSink sink;
  write_table(path, TableKind::Consumers, SectionKind::Consumers,
              compiler::build_consumers(std::move(consumers), sink));
}

u32 address_of(u32 number) { return number * 2654435761u; }

void make_networks(const std::string& table, const std::string& text, u32 count) {
  std::string lines;
  for (u32 i = 0; i < count; ++i) {
    const u32 address = address_of(i);
    fmt::format_to(std::back_inserter(lines), "{}.{}.{}.{}/{}\n", address >> 24,
                   address >> 16 & 255, address >> 8 & 255, address & 255, 24 + i % 9);
  }
  write_file(text, lines);
  std::vector<table::NetworkEntry> entries;
  std::string problem;
  if (!table::parse_network_lines(lines, entries, problem)) std::exit(1);
  write_table(table, TableKind::Networks, SectionKind::NetworkSet,
              table::build_network_set(std::move(entries)));
}

// In a process of its own, so that its memory is none of this one.
template <class F>
void apart(F make) {
  const pid_t child = ::fork();
  if (child == 0) {
    make();
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) std::exit(1);
}

// `load` gives what stays.
template <class F>
auto measure(const char* name, const std::string& path, F load) {
  std::vector<double> times;
  double peak = 0, after = 0;
  decltype(load()) kept{};
  for (int round = 0; round < kRounds; ++round) {
    kept = {};
    const double before = memory("VmRSS");
    forget_peak();
    const auto start = Clock::now();
    kept = load();
    times.push_back(milliseconds_since(start));
    peak = memory("VmHWM") - before;
    after = memory("VmRSS") - before;
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  fmt::print("| {} | {:.1f} | {:.1f} | {:.1f} | {:.1f} |\n", name, bytes / kMiB, median(times),
             peak / kMiB, after / kMiB);
  return kept;
}

std::shared_ptr<const table::TableFile> load_table(const std::string& path, TableKind kind) {
  auto file = table::TableFile::load(path, kind);
  if (file) return *file;
  fmt::print(stderr, "data_tables_bench: {}: {}\n", path, file.error().what);
  std::exit(1);
}

std::shared_ptr<const NetworkData> load_networks(const std::string& path) {
  const auto content = table::read_file(path, table::kMaxFileBytes);
  std::string problem;
  auto networks = content ? read_networks(*content, problem) : nullptr;
  if (networks != nullptr) return networks;
  fmt::print(stderr, "data_tables_bench: {}: {}\n", path, problem);
  std::exit(1);
}

void measure_verify(const char* name, Bytes bytes, TableKind kind) {
  std::vector<double> times;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    if (!table::verify(bytes, kind)) std::exit(1);
    times.push_back(milliseconds_since(start));
  }
  fmt::print("verifying {} alone: {:.1f} ms\n", name, median(times));
}

// Nanoseconds per look-up, all over the set, hits and misses in turn.
template <class F>
void measure_look_ups(const char* name, F look_up) {
  constexpr u32 kLookUps = 1'000'000;
  Xoshiro random(7);
  std::vector<u32> numbers(kLookUps);
  for (u32& number : numbers) number = static_cast<u32>(random.next());
  u32 found = 0;
  const auto start = Clock::now();
  for (const u32 number : numbers) found += look_up(number) ? 1U : 0U;
  const double ns = milliseconds_since(start) * 1e6 / kLookUps;
  fmt::print("{}: {:.0f} ns per look-up, {:.0f} % found\n", name, ns, 100.0 * found / kLookUps);
}

}  // namespace

int main(int argc, char** argv) {
  const u32 count = argc > 1 ? static_cast<u32>(std::strtoul(argv[1], nullptr, 10)) : 1'000'000;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("gwctl-data-{}", ::getpid());
  std::filesystem::create_directory(folder);
  const std::string consumers = folder / "consumers.gwt", networks = folder / "networks.gwt",
                    text = folder / "networks.txt";
  apart([&] { make_consumers(consumers, count); });
  apart([&] { make_networks(networks, text, count); });

  fmt::print("{} of each\n\n| what | file MiB | load ms | peak MiB | after MiB |\n", count);
  fmt::print("|---|---:|---:|---:|---:|\n");
  const auto table =
      measure("consumers", consumers, [&] { return load_table(consumers, TableKind::Consumers); });
  const auto set = measure("networks", networks, [&] { return load_networks(networks); });
  const auto lines = measure("networks as text", text, [&] { return load_networks(text); });
  fmt::print("\n");
  measure_verify("consumers", table->bytes(), TableKind::Consumers);

  const table::ConsumerSet known(table::TableView(table->bytes()).section(SectionKind::Consumers));
  std::vector<std::array<u8, 32>> digests(std::min(2 * count, 2'000'000u));  // every other is known
  for (u32 i = 0; i < digests.size(); ++i) {
    u8 digest[32];
    sha256(i % 2 == 0 ? key_of(i / 2) : key_of(i / 2) + "x", digest);
    std::ranges::copy(digest, digests[i].begin());
  }
  measure_look_ups("keys, without hashing them", [&](u32 number) {
    u8 digest[32];
    std::ranges::copy(digests[number % digests.size()], digest);
    return known.find_key(digest) != table::kNoConsumer;
  });
  measure_look_ups("addresses", [&](u32 number) {
    const u32 address = number % 2 == 0 ? number : address_of(number % count);
    const u8 mapped[16] = {0,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0xff,
                           0xff,
                           static_cast<u8>(address >> 24),
                           static_cast<u8>(address >> 16),
                           static_cast<u8>(address >> 8),
                           static_cast<u8>(address)};
    return set->set.contains(mapped);
  });
  std::filesystem::remove_all(folder);
  return 0;
}
