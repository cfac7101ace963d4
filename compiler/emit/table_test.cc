// Tables against everything that can happen to their bytes.
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "cmake/source_dir.h"
#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/policies/compose/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/table/contracts.h"
#include "runtime/table/digest.h"
#include "runtime/table/format.h"
#include "runtime/table/fuzz/exercise_table.h"
#include "runtime/table/signature.h"
#include "runtime/table/table_file.h"
#include "runtime/table/verify.h"
#include "runtime/table/view.h"

namespace gw::compiler {
namespace {

using TableBytes = std::vector<std::byte>;

TableBytes compiled(std::vector<std::string> paths) {
  Compilation compilation;
  CompileOptions options;
  options.paths = std::move(paths);
  compile(options, true, compilation);
  INFO(render(compilation.files, compilation.sink.sorted(), {}));
  REQUIRE_FALSE(compilation.table.empty());
  return compilation.table;
}

const TableBytes& shop() {
  static const TableBytes table = compiled({source_dir() + "/specs/shop/gateway.yaml"});
  return table;
}

const TableBytes& everything() {
  static const TableBytes table =
      compiled({source_dir() + "/compiler/testdata/tables/everything.yaml"});
  return table;
}

// verify() wants the alignment of a mapping.
class Aligned {
 public:
  explicit Aligned(Bytes bytes)
      : memory_(static_cast<std::byte*>(std::aligned_alloc(64, (bytes.size() + 64) / 64 * 64))),
        size_(bytes.size()) {
    std::ranges::copy(bytes, memory_);
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { std::free(memory_); }
  std::byte* data() { return memory_; }
  Bytes bytes() const { return {memory_, size_}; }

 private:
  std::byte* memory_;
  size_t size_;
};

// One to four changes of the kinds that reach far: single bytes, words that are offsets or counts.
void mutate(TableBytes& file, std::mt19937_64& random) {
  const u64 changes = 1 + random() % 4;
  for (u64 i = 0; i < changes; ++i) {
    const size_t at = random() % file.size();
    switch (random() % 4) {
      case 0:
        file[at] ^= static_cast<std::byte>(1u << (random() % 8));
        break;
      case 1:
        file[at] = static_cast<std::byte>(random());
        break;
      default: {
        static constexpr u32 kWords[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
        const size_t word = at / 4 * 4;
        if (word + 4 > file.size()) break;
        u32 value = 0;
        std::memcpy(&value, file.data() + word, sizeof value);
        const u64 kind = random() % 3;
        if (kind == 0) value = kWords[random() % std::size(kWords)];
        if (kind == 1) value += static_cast<u32>(random() % 17) - 8;
        if (kind == 2) value = static_cast<u32>(random() % file.size());
        std::memcpy(file.data() + word, &value, sizeof value);
      }
    }
  }
}

void survive_mutations(const TableBytes& table, u32 rounds, u64 seed) {
  std::mt19937_64 random(seed);
  u32 accepted = 0;
  for (u32 round = 0; round < rounds; ++round) {
    TableBytes file = table;
    mutate(file, random);
    table::repair_digest(file);
    const Aligned aligned(file);
    const Result<void> result = table::verify(aligned.bytes());
    if (!result && result.error().what.empty()) FAIL("refused without naming the section");
    const bool ok = table::exercise_table(file);
    if (ok != result.has_value()) FAIL("verify() depends on something else than the bytes");
    accepted += ok ? 1 : 0;
  }
  // Texts may change at will; if nothing were accepted, nothing would have been tried.
  CAPTURE(accepted);
  CHECK(accepted > rounds / 10);
  CHECK(accepted < rounds);
}

}  // namespace

TEST_CASE("table: compiling again gives the same bytes", "[table]") {
  CHECK((compiled({source_dir() + "/specs/shop/gateway.yaml"}) == shop()));
  CHECK((compiled({source_dir() + "/compiler/testdata/tables/everything.yaml"}) == everything()));
}

TEST_CASE("table: the order of documents does not show in the bytes", "[table]") {
  const auto document = [](const std::string& name, const std::string& schema) {
    return "openapi: 3.1.0\ninfo: {title: " + name +
           ", version: '1'}\n"
           "x-gw: {upstreams: {" +
           name + ": {targets: ['http://127.0.0.1:1']}}, defaults: {upstream: " + name +
           ", timeout: 5s}}\n"
           "paths:\n  /shared/{id}:\n    get:\n      operationId: " +
           name + "\n      parameters: [{name: id, in: path, required: true, schema: " + schema +
           "}]\n      responses: {'200': {description: ok}}\n";
  };
  const std::vector<std::pair<std::string, std::string>> files = {
      {"a.yaml", document("numbers", "{type: integer}")},
      {"b.yaml", document("flags", "{type: boolean}")},
      {"c.yaml", document("texts", "{type: string}")},
  };
  std::vector<std::string> paths = {"a.yaml", "b.yaml", "c.yaml"};
  TableBytes first;
  do {
    CAPTURE(paths);
    Compilation compilation;
    for (const auto& [name, text] : files) compilation.files.add(name, text);
    CompileOptions options;
    options.paths = paths;
    compile(options, true, compilation);
    INFO(render(compilation.files, compilation.sink.sorted(), {}));
    REQUIRE_FALSE(compilation.table.empty());
    if (first.empty()) first = compilation.table;
    CHECK((compilation.table == first));
  } while (std::ranges::next_permutation(paths).found);
}

TEST_CASE("table: what the compiler writes is accepted and can be served", "[table]") {
  CHECK(table::exercise_table(shop()));
  CHECK(table::exercise_table(everything()));
}

TEST_CASE("table: every truncation is refused", "[table]") {
  for (const TableBytes* table : {&shop(), &everything()}) {
    const Aligned file(*table);
    for (size_t size = 0; size < table->size(); ++size) {
      if (table::verify(file.bytes().first(size))) FAIL("accepted at " << size);
    }
  }
  CHECK(table::verify(Aligned(shop()).bytes()));
}

TEST_CASE("table: every flipped bit is refused, with the section that it is in", "[table]") {
  Aligned file(everything());
  std::vector<std::string> places(file.bytes().size());
  for (const table::Section& section : table::TableView(file.bytes()).sections()) {
    std::fill_n(places.begin() + static_cast<std::ptrdiff_t>(section.offset), section.bytes,
                std::string(table::section_name(section.kind)));
  }
  // Contracts are nobody's business who serves: their readers refuse them.
  const table::Section contracts = table::TableView(file.bytes()).sections().back();
  REQUIRE(contracts.kind == table::SectionKind::Contracts);
  for (size_t at = 0; at < file.bytes().size(); ++at) {
    for (u32 bit = 0; bit < 8; ++bit) {
      const auto mask = static_cast<std::byte>(1u << bit);
      file.data()[at] ^= mask;
      if (at >= contracts.offset && at < contracts.offset + contracts.bytes) {
        if (table::Contracts::open(table::TableView(file.bytes()))) {
          FAIL("contracts with bit " << bit << " of byte " << at);
        }
        file.data()[at] ^= mask;
        continue;
      }
      const auto verdict = table::verify(file.bytes());
      if (verdict) FAIL("accepted with bit " << bit << " of byte " << at);
      if (!places[at].empty() && verdict.error().what != places[at]) {
        FAIL("byte " << at << " of " << places[at] << ": " << verdict.error().what);
      }
      file.data()[at] ^= mask;
    }
  }
  CHECK(table::verify(file.bytes()));
}

// Large tables have their digest computed by whoever comes first of two threads. Each file is gone
// as soon as it is judged, so that a thread which reads on is seen by the sanitizers.
// Contracts are opened by those who read them, so their own digest is put right here.
void repair_contracts(Aligned& file) {
  const auto sections = table::TableView(file.bytes()).sections();
  table::Section section = sections.back();
  const auto place = static_cast<size_t>(reinterpret_cast<const std::byte*>(&sections.back()) -
                                         file.bytes().data());
  section.digest = static_cast<u32>(XXH3_64bits(file.data() + section.offset, section.bytes));
  std::memcpy(file.data() + place, &section, sizeof section);
}

TEST_CASE("table: what classes get is found by route and name", "[table]") {
  const Aligned file(shop());
  const table::TableView view(file.bytes());
  const auto contracts = table::Contracts::open(view);
  REQUIRE(contracts);
  CHECK(contracts->views().size() == 4);
  const auto viewed_by = [&](std::string_view client) {
    std::string ids;
    for (size_t route = 0; route < view.routes().size(); ++route) {
      if (contracts->find_view(route, client) == nullptr) continue;
      ids.append(ids.empty() ? "" : " ").append(view.text(view.routes()[route].id));
    }
    return ids;
  };
  CHECK(viewed_by("mobile") == "users.getUser");
  CHECK(viewed_by("iot") == "dashboard catalog.listProducts users.getUser");
  CHECK(viewed_by("web").empty());
}

TEST_CASE("table: views that lead nowhere are refused", "[table]") {
  Aligned file(shop());
  const auto good = table::Contracts::open(table::TableView(file.bytes()));
  REQUIRE(good);
  REQUIRE(good->views().size() >= 2);
  const size_t place = static_cast<size_t>(
      reinterpret_cast<const std::byte*>(good->views().data()) - file.bytes().data());
  const table::ContractView first = good->views().front();
  const auto opens_with = [&](const table::ContractView& changed) {
    std::memcpy(file.data() + place, &changed, sizeof changed);
    repair_contracts(file);
    return table::Contracts::open(table::TableView(file.bytes())).has_value();
  };
  const auto with = [&](auto change) {
    table::ContractView changed = first;
    change(changed);
    return changed;
  };
  CHECK(opens_with(first));
  CHECK(opens_with(with([](auto& view) { view.fragment = table::kNone; })));
  CHECK_FALSE(opens_with(with([](auto& view) { view.fragment = 1u << 20; })));
  CHECK_FALSE(opens_with(with([](auto& view) { view.route = 1u << 20; })));
  CHECK_FALSE(opens_with(with([&](auto& view) { view.route = good->views().back().route + 1; })));
  CHECK_FALSE(opens_with(with([](auto& view) { view.name.offset = 0xffffff00; })));
  CHECK_FALSE(opens_with(with([](auto& view) { view.name.count = 0xffffffff; })));
}

TEST_CASE("table: a large table is judged by its digest and its contents", "[table]") {
  constexpr size_t kGapBytes = size_t{3}
                               << 20;  // before the trailer; gaps may lie between sections
  TableBytes large = shop();
  large.insert(large.end() - table::kTrailerBytes, kGapBytes, std::byte{0});
  const u64 bytes = large.size();
  std::memcpy(large.data() + offsetof(table::Header, file_bytes), &bytes, sizeof bytes);
  table::repair_digest(large);
  for (u32 round = 0; round < 20; ++round) {
    CAPTURE(round);
    CHECK(table::verify(Aligned(large).bytes()));

    TableBytes changed = large;
    changed[shop().size() + round * 100'000] = std::byte{1};
    const auto wrong_digest = table::verify(Aligned(changed).bytes());
    REQUIRE_FALSE(wrong_digest);
    CHECK(wrong_digest.error().what == "header or section list");

    changed = large;
    changed[sizeof(table::Header)] = std::byte{0};  // kind of the first section
    const auto both_wrong = table::verify(Aligned(changed).bytes());
    REQUIRE_FALSE(both_wrong);
    CHECK(both_wrong.error().what == "section list");  // says more than the digest

    table::repair_digest(changed);
    const auto wrong_contents = table::verify(Aligned(changed).bytes());
    REQUIRE_FALSE(wrong_contents);
    CHECK(wrong_contents.error().what == "section list");
  }
}

TEST_CASE("table: what arrives in pieces is judged as what is there", "[table]") {
  std::mt19937_64 random(1);
  const auto arrived = [&](const TableBytes& file) {
    auto arriving = table::ArrivingTable::allocate(file.size());
    REQUIRE(arriving);
    const u64 most = 1 + (u64{1} << random() % 20);  // from byte by byte to all at once
    while (arriving->missing_bytes() != 0) {
      const u64 begin = file.size() - arriving->missing_bytes();
      const u64 bytes = std::min<u64>(arriving->missing_bytes(), random() % most);
      REQUIRE(arriving->add(Bytes(file).subspan(begin, bytes)));
    }
    CHECK_FALSE(arriving->add(Bytes(file).first(1)));
    return *std::move(arriving);
  };
  const auto same = [&](const TableBytes& file) {
    const auto whole = table::TableFile::from_bytes(file);
    auto pieces = arrived(file);
    if (whole) CHECK(pieces.digest() == table::digest_of((*whole)->bytes()));
    const auto taken = table::TableFile::from_arrived(std::move(pieces));
    REQUIRE(taken.has_value() == whole.has_value());
    if (taken) {
      CHECK(std::ranges::equal((*taken)->file_bytes(), (*whole)->file_bytes()));
    } else {
      CHECK(taken.error().code == whole.error().code);
      CHECK(taken.error().what == whole.error().what);
    }
  };
  // A file that is read piece by piece, by no more than may be asked for.
  const auto same_when_read = [](const TableBytes& file) {
    const UniqueDescriptor written(::memfd_create("table", MFD_CLOEXEC));
    REQUIRE(written);
    REQUIRE(::write(written.get(), file.data(), file.size()) == static_cast<ssize_t>(file.size()));
    auto reading = table::ArrivingTable::allocate(file.size());
    REQUIRE(reading);
    while (reading->missing_bytes() != 0) {
      const u64 missing = reading->missing_bytes();
      REQUIRE(reading->read_from(written.get(), 1000));
      CHECK(reading->missing_bytes() + std::min<u64>(1000, missing) == missing);
    }
    CHECK(std::ranges::equal(reading->bytes(), Bytes(file)));
    CHECK(reading->digest() == table::digest_of(table::split_signature(Bytes(file)).table));
    // Shorter than it was when somebody asked for its size; and nothing that can be read.
    auto cut = table::ArrivingTable::allocate(file.size() + 1);
    REQUIRE(cut);
    REQUIRE(cut->read_from(written.get(), file.size() + 1));
    const auto end = cut->read_from(written.get(), 1);
    REQUIRE_FALSE(end);
    CHECK(end.error().code == Errc::TableTruncated);
    const auto none = cut->read_from(-1, 1);
    REQUIRE_FALSE(none);
    CHECK(none.error().sys == EBADF);
  };
  table::Signature signature{};  // nobody looks at it here
  std::ranges::copy(table::kSignatureMagic, signature.magic);
  const auto* block = reinterpret_cast<const std::byte*>(&signature);
  for (const TableBytes& table : {shop(), everything()}) {
    TableBytes file = table;
    for (const bool is_signed : {false, true}) {
      if (is_signed) file.insert(file.end(), block, block + sizeof signature);
      same(file);
      same_when_read(file);
      for (int i = 0; i < 200; ++i) {
        TableBytes damaged = file;
        // Every other time where the digest is told what to read.
        const u64 from = i % 2 == 0 ? sizeof(table::Header) + 40 * sizeof(table::Section) : ~u64{0};
        damaged[random() % std::min<u64>(from, damaged.size())] ^= std::byte{1} << random() % 8;
        same(damaged);
        damaged.resize(1 + random() % damaged.size());
        same(damaged);
      }
    }
  }
}

// The engine takes a test's values as one file, without looking at how many they are.
TEST_CASE("table: a test of a network file has one file", "[table]") {
  Compilation compilation;
  compilation.files.add("a.yaml",
                        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
                        "x-gw: {upstreams: {u: {targets: ['http://127.0.0.1:1']}}, public: test}\n"
                        "paths:\n  /a:\n    get:\n      operationId: a\n"
                        "      x-gw: {upstream: u, deny: {ip: '$file./nowhere/deny.txt'}}\n"
                        "      responses: {'200': {description: ok}}\n");
  CompileOptions options;
  options.paths = {"a.yaml"};
  compile(options, true, compilation);
  INFO(render(compilation.files, compilation.sink.sorted(), {}));
  REQUIRE_FALSE(compilation.table.empty());
  const TableBytes& good = compilation.table;
  REQUIRE(table::verify(Aligned(good).bytes()));

  const Aligned aligned(good);
  const auto tests = table::TableView(aligned.bytes()).condition_tests();
  REQUIRE(tests.size() == 1);
  REQUIRE(tests[0].kind == table::TestKind::NetworkFile);
  REQUIRE(tests[0].values.count == 1);
  const auto* at = reinterpret_cast<const std::byte*>(&tests[0].values);
  const auto offset = static_cast<size_t>(at - aligned.bytes().data());
  const auto verify_with = [&](u32 first, u32 count) {
    TableBytes hostile = good;
    std::memcpy(hostile.data() + offset + offsetof(table::Extent, offset), &first, sizeof first);
    std::memcpy(hostile.data() + offset + offsetof(table::Extent, count), &count, sizeof count);
    table::repair_digest(hostile);
    return table::verify(Aligned(hostile).bytes());
  };
  CHECK(verify_with(0, 1));
  // {0, 0} and {1, 0} lie inside the list of files, and name none of them.
  for (const auto& [first, count] : {std::pair{0u, 0u}, {1u, 0u}, {0u, 2u}, {1u, 1u}, {0u, ~0u}}) {
    CAPTURE(first, count);
    const auto verdict = verify_with(first, count);
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().what == "condition tests");
  }
}

TEST_CASE("table: what belongs to answers has no place among the steps of requests", "[table]") {
  const Aligned aligned(everything());
  const table::TableView view(aligned.bytes());
  size_t at = 0;
  for (const table::PlanRecord& plan : view.plans()) {
    const auto steps = view.part(view.steps(), plan.steps);
    const bool alone = steps.size() == 1 || steps.empty();
    if (alone || steps.back().policy != static_cast<u16>(policies::PolicyId::Compress)) continue;
    const auto* phase = reinterpret_cast<const std::byte*>(&steps.back().phase);
    at = static_cast<size_t>(phase - aligned.bytes().data());
  }
  REQUIRE(at != 0);
  TableBytes hostile = everything();
  hostile[at] = static_cast<std::byte>(policies::Phase::Action);
  table::repair_digest(hostile);
  const auto verdict = table::verify(Aligned(hostile).bytes());
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().what == "steps");
}

TEST_CASE("table: a plan that changes answers says that it reads them", "[table]") {
  const Aligned aligned(everything());
  const table::TableView view(aligned.bytes());
  size_t at = 0;
  for (const table::PlanRecord& plan : view.plans()) {
    if (plan.response_body != table::BodyNeed::Whole) continue;
    const auto* need = reinterpret_cast<const std::byte*>(&plan.response_body);
    at = static_cast<size_t>(need - aligned.bytes().data());
  }
  REQUIRE(at != 0);
  TableBytes hostile = everything();
  hostile[at] = static_cast<std::byte>(table::BodyNeed::Stream);
  table::repair_digest(hostile);
  const auto verdict = table::verify(Aligned(hostile).bytes());
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().what == "steps");
}

TEST_CASE("table: a call of nothing is not made", "[table]") {
  const Aligned aligned(everything());
  const table::TableView view(aligned.bytes());
  size_t at = 0;
  for (const table::StepRecord& step : view.steps()) {
    if (step.policy != static_cast<u16>(policies::PolicyId::Compose)) continue;
    const auto& record = view.policy_record<policies::ComposeRecord>(step.record);
    for (const auto& call : view.policy_list<policies::CallRecord>(record.calls)) {
      if (call.route != 0) continue;
      const auto* upstream = reinterpret_cast<const std::byte*>(&call.upstream);
      at = static_cast<size_t>(upstream - aligned.bytes().data());
    }
  }
  REQUIRE(at != 0);
  TableBytes hostile = everything();
  std::memset(hostile.data() + at, 0xff, sizeof(u32));  // neither an operation nor an upstream
  table::repair_digest(hostile);
  CHECK(table::exercise_table(hostile));
}

TEST_CASE("table: damage behind a right digest is refused or harmless", "[table]") {
  survive_mutations(shop(), 1000, 1);
  survive_mutations(everything(), 2000, 2);
}

TEST_CASE("table: much damage behind a right digest is refused or harmless", "[.long][table]") {
  survive_mutations(shop(), 20'000, 3);
  survive_mutations(everything(), 20'000, 4);
}

TEST_CASE("table: equal documents make equal bytes, in any order", "[table]") {
  const std::string folder = source_dir() + "/compiler/testdata/tables/";
  CHECK(compiled({source_dir() + "/specs/shop/gateway.yaml"}) == shop());
  CHECK(compiled({folder + "everything.yaml", folder + "smallest.yaml"}) ==
        compiled({folder + "smallest.yaml", folder + "everything.yaml"}));
}

// One that nobody has made: it is in the right place, that is all.
void append_signature(TableBytes& table) {
  table::Signature signature{};
  std::memcpy(signature.magic, table::kSignatureMagic, sizeof signature.magic);
  signature.counter = 1;
  const auto* block = reinterpret_cast<const std::byte*>(&signature);
  table.insert(table.end(), block, block + sizeof signature);
}

// GW_BLESS=1 writes the seeds of table_fuzz anew, after a change of the format.
TEST_CASE("table: the seeds of the fuzz target are tables of this format", "[table]") {
  const std::filesystem::path seeds = source_dir() + "/runtime/table/fuzz/corpus/table_fuzz";
  for (const std::string name : {"smallest", "everything", "signed"}) {
    // By bare names: a table names its sources, and a seed belongs to no machine.
    std::filesystem::current_path(source_dir() + "/compiler/testdata/tables");
    const bool has_signature = name == "signed";
    TableBytes table = compiled({has_signature ? "smallest.yaml" : name + ".yaml"});
    if (has_signature) append_signature(table);
    if (std::getenv("GW_BLESS") != nullptr) {
      std::ofstream(seeds / (name + ".gwt"), std::ios::binary) << as_text(table);
    }
    std::ifstream file(seeds / (name + ".gwt"), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const table::SplitFile split = table::split_signature(as_bytes(text));
    CHECK(split.signature.has_value() == has_signature);
    CHECK(table::verify(Aligned(split.table).bytes()));
  }
}

}  // namespace gw::compiler
