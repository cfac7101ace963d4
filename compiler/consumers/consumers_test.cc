// Consumers and networks as they are looked up, beside the simplest way to do so.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <optional>
#include <random>
#include <string>

#include "compiler/consumers/consumers.h"
#include "compiler/consumers/data_table.h"
#include "compiler/syntax/read.h"
#include "runtime/base/units.h"
#include "runtime/table/consumer_set.h"
#include "runtime/table/network_set.h"
#include "runtime/table/table_file.h"
#include "runtime/table/view.h"

namespace gw::compiler {
namespace {

using table::ConsumerSet;
using table::NetworkEntry;
using table::NetworkSet;

struct Read {
  explicit Read(std::string text) {
    file = files.add("consumers.yaml", std::move(text));
    tree = read_tree(files, file, sink);
    REQUIRE(tree != nullptr);
    section = build_consumers(read_consumers(tree->root(), sink), sink);
    REQUIRE(table::verify_consumers(section));
    set = ConsumerSet(section);
  }
  FileSet files;
  DiagnosticSink sink;
  FileId file = 0;
  std::unique_ptr<Tree> tree;
  std::vector<std::byte> section;
  ConsumerSet set;
};

std::string digest(u32 number) {
  std::string hex(64, '0');
  for (u32 i = 0; i < 8; ++i) hex[i] = "0123456789abcdef"[number >> (4 * i) & 15];
  return "sha256:" + hex;
}

u32 find(const ConsumerSet& set, const std::string& text) {
  const auto key = parse_key_digest(text);
  REQUIRE(key);
  u8 bytes[32];
  std::copy(key->begin(), key->end(), bytes);
  return set.find_key(bytes);
}

}  // namespace

TEST_CASE("consumers: everything that is written is found", "[consumers]") {
  const Read read("b: {keys: ['" + digest(1) + "', '" + digest(2) +
                  "'], plan: gold, groups: [x, y], metadata: {tier: one}}\n"
                  "a: {passwords: {alice: '$2b$10$CCCCCCCCCCCCCCCCCCCCC'}, groups: x}\n"
                  "c: {certificates: [{san: 'DNS:c.example'}, {subject: CN=c}], rateLimit: "
                  "{calls: {limit: 5/min, burst: 9}}, quota: {monthly: {limit: 7}}}\n");
  CHECK(read.sink.error_count() == 0);
  const ConsumerSet& set = read.set;
  REQUIRE(set.size() == 3);
  const u32 b = set.find_name("b");
  CHECK(set.name(b) == "b");
  CHECK(find(set, digest(1)) == b);
  CHECK(find(set, digest(2)) == b);
  CHECK(find(set, digest(3)) == table::kNoConsumer);
  CHECK(set.plan(b) == "gold");
  CHECK(set.in_group(b, "y"));
  CHECK_FALSE(set.in_group(b, "z"));
  CHECK(set.metadata(b, "tier") == std::optional<std::string_view>("one"));
  CHECK_FALSE(set.metadata(b, "region"));
  const u32 a = set.find_name("a");
  REQUIRE(set.find_login("alice") != nullptr);
  CHECK(set.find_login("alice")->consumer == a);
  CHECK(set.find_login("bob") == nullptr);
  CHECK(set.plan(a).empty());
  CHECK(set.in_group(a, "x"));
  const u32 c = set.find_name("c");
  CHECK(set.find_certificate(table::CertificateField::San, "DNS:c.example") == c);
  CHECK(set.find_certificate(table::CertificateField::Subject, "CN=c") == c);
  CHECK(set.find_certificate(table::CertificateField::Subject, "DNS:c.example") ==
        table::kNoConsumer);
  REQUIRE(set.overrides(c).size() == 2);
  CHECK(set.overrides(c)[0].limit.value == pack_rate({5, 60}));
  CHECK(set.overrides(c)[0].burst.value == 9);
  CHECK(set.find_name("d") == table::kNoConsumer);
}

TEST_CASE("consumers: each of very many keys is found, and no other", "[consumers]") {
  constexpr u32 kCount = 20'000;
  std::string text;
  for (u32 i = 0; i < kCount; ++i) {
    text += "c" + std::to_string(i) + ": {keys: ['" + digest(2 * i) + "']}\n";
  }
  const Read read(text);
  u32 wrong = 0;
  for (u32 i = 0; i < kCount; ++i) {
    const u32 found = find(read.set, digest(2 * i));
    if (found == table::kNoConsumer || read.set.name(found) != "c" + std::to_string(i)) ++wrong;
    if (find(read.set, digest(2 * i + 1)) != table::kNoConsumer) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(read.section.size() < kCount * 60);
}

// The section says with each consumer which profile it has, as a number of one to five bytes.
TEST_CASE("consumers: what each of very many has alone is told apart", "[consumers]") {
  constexpr u32 kCount = 20'000;
  const std::string long_value(200, 'x');  // a length of two bytes
  std::string text;
  for (u32 i = 0; i < kCount; ++i) {
    const std::string number = std::to_string(i);
    text += "c" + number + ": {metadata: {mark: '" + long_value + number + "'}}\n";
  }
  const Read read(text);
  u32 wrong = 0;
  for (u32 i = 0; i < kCount; ++i) {
    const u32 found = read.set.find_name("c" + std::to_string(i));
    if (found == table::kNoConsumer)
      ++wrong;
    else if (read.set.metadata(found, "mark") != long_value + std::to_string(i))
      ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("consumers: a section of the layout before is refused", "[consumers]") {
  Read read("a: {keys: ['" + digest(1) + "']}\n");
  read.section[offsetof(table::ConsumerHeader, layout)] = std::byte{0};
  const auto verified = table::verify_consumers(read.section);
  REQUIRE_FALSE(verified);
  CHECK(verified.error().code == Errc::TableVersion);
}

TEST_CASE("consumers: numbers in texts that do not end are refused", "[consumers]") {
  // One consumer and nothing else: the text part is its profile 0, the length 1, `a`.
  const Read good("a: {}\n");
  table::ConsumerHeader header;
  std::memcpy(&header, good.section.data(), sizeof header);
  REQUIRE(header.texts.count == 3);
  const auto with = [&](size_t at, std::initializer_list<u8> bytes) {
    std::vector<std::byte> section = good.section;
    for (const u8 byte : bytes) section[header.texts.offset + at++] = std::byte{byte};
    return table::verify_consumers(section);
  };
  CHECK(with(0, {0, 1, 'b'}));
  CHECK(with(0, {0x80, 0, 0}));  // longer than need be, but harmless
  CHECK_FALSE(with(0, {1}));     // no such profile
  CHECK_FALSE(with(1, {2}));     // longer than what is left
  CHECK_FALSE(with(0, {0x80, 0x80, 0x80}));
  CHECK_FALSE(with(1, {0x80, 0x80}));
}

// Nobody resolves what stands in a data table, and what is not resolved would limit nothing.
TEST_CASE("consumers: a data table has no references, and limits within bounds", "[consumers]") {
  struct Case {
    const char* limits;
    const char* message;  // null: fine
  };
  const Case at =
      GENERATE(Case{"rateLimit: {x: {limit: 5/min, burst: 9}}", nullptr},
               Case{"quota: {x: 549755813888}", nullptr},
               Case{"rateLimit: {x: {limit: $env.X}}",
                    "`consumers.a.rateLimit.x.limit` cannot be a reference"},
               Case{"rateLimit: {x: {limit: 5/min, burst: '{$env.X:-9}'}}",
                    "`consumers.a.rateLimit.x.burst` cannot be a reference"},
               Case{"quota: {x: $env.X}", "`consumers.a.quota.x.limit` cannot be a reference"},
               Case{"concurrency: {x: 0}",
                    "`consumers.a.concurrency.x.limit` is out of range: it takes 1 to 4294967295"},
               Case{"quota: {x: 18446744073709551615}",
                    "`consumers.a.quota.x.limit` is out of range: it takes 0 to 549755813888"});
  CAPTURE(at.limits);
  FileSet files;
  DiagnosticSink sink;
  u32 count = 0;
  const FileId file = files.add("c.yaml", "a: {" + std::string(at.limits) + "}\n");
  const auto bytes = compile_consumers(files, file, sink, count);
  CHECK(bytes.empty() == (at.message != nullptr));
  if (at.message == nullptr) return;
  REQUIRE(sink.sorted().size() == 1);
  CHECK(sink.sorted()[0].message == at.message);
}

TEST_CASE("consumers: a limit names a late value that is there", "[consumers]") {
  const Read good("a: {quota: {x: 7}}\n");
  table::ConsumerHeader header;
  std::memcpy(&header, good.section.data(), sizeof header);
  REQUIRE(header.overrides.count == 1);
  const auto with = [&](table::LateNumber limit, u64 late_count) {
    std::vector<std::byte> section = good.section;
    std::memcpy(section.data() + header.overrides.offset + offsetof(table::ConsumerOverride, limit),
                &limit, sizeof limit);
    return table::verify_consumers(section, {.late = late_count});
  };
  CHECK(with({.value = 0, .late = 1, .reserved = 0}, 2));
  CHECK_FALSE(with({.value = 0, .late = 2, .reserved = 0}, 2));
  CHECK_FALSE(with({.value = 0, .late = 0, .reserved = 0}, 0));
  CHECK_FALSE(with({.value = ~u64{0}, .late = table::kNone, .reserved = 0}, 2));
  CHECK_FALSE(with({.value = 7, .late = table::kNone, .reserved = 1}, 2));
}

TEST_CASE("consumers: each is said to be where it is written", "[consumers]") {
  Read read("b: {}\na: {}\n");
  std::vector<Consumer> consumers = read_consumers(read.tree->root(), read.sink);
  for (Consumer& consumer : consumers) {
    const Position position = read.files.position(consumer.span.file, consumer.span.begin);
    consumer.source = {.file = 0, .line = position.line, .column = position.column};
  }
  const std::vector<std::byte> section = build_consumers(consumers, read.sink);
  REQUIRE(table::verify_consumers(section, {.files = 1}));
  const ConsumerSet set(section);
  CHECK(set.place(set.find_name("a")).line == 2);
  CHECK(set.place(set.find_name("b")).line == 1);
  CHECK_FALSE(table::verify_consumers(section));  // no such file
  CHECK(read.set.place(0).file == table::kNone);  // a data table names none

  // A place for each consumer, or none at all.
  table::ConsumerHeader header;
  std::memcpy(&header, section.data(), sizeof header);
  REQUIRE(header.places.count == 2);
  std::vector<std::byte> one_short = section;
  header.places.count = 1;
  std::memcpy(one_short.data(), &header, sizeof header);
  CHECK_FALSE(table::verify_consumers(one_short, {.files = 1}));
}

TEST_CASE("consumers: the order of their entries makes no difference", "[consumers]") {
  const std::string a = "a: {keys: ['" + digest(1) + "'], groups: [x]}\n";
  const std::string b = "b: {keys: ['" + digest(2) + "'], plan: p}\n";
  CHECK(Read(a + b).section == Read(b + a).section);
}

TEST_CASE("consumers: what two of them have is nobody's", "[consumers]") {
  const std::string key = "keys: ['" + digest(1) + "']";
  CHECK(Read("a: {" + key + "}\nb: {" + key + "}\n").sink.error_count() == 1);
  const std::string login = "passwords: {u: '$2b$10$CCCCCCCCCCCCCCCCCCCCC'}";
  CHECK(Read("a: {" + login + "}\nb: {" + login + "}\n").sink.error_count() == 1);
  const std::string name = "certificates: [{subject: CN=x}]";
  CHECK(Read("a: {" + name + "}\nb: {" + name + "}\n").sink.error_count() == 1);
  CHECK(Read("a: {keys: ['" + digest(1) + "', '" + digest(1) + "']}\n").sink.error_count() == 0);
}

TEST_CASE("consumers: mistakes are refused where they are", "[consumers]") {
  for (const char* text :
       {"a: []", "a: {keyz: []}", "a: {keys: [plain]}", "a: {keys: ['sha256:12']}",
        "a: {passwords: {u: plain}}", "a: {passwords: {'u:v': '$2b$10$CCCCCCCCCCCCCCCCCCCCC'}}",
        "a: {certificates: [{fingerprint: AA}]}", "a: {certificates: [{name: x}]}",
        "a: {rateLimit: {x: {limit: 5}}}", "a: {quota: {x: {limit: 5/min}}}",
        "a: {quota: {x: {limit: 5, per: year}}}", "a: {rateLimit: {x: {limit: 5/s, key: y}}}",
        "a: {metadata: {x: [1]}}", "a: {plan: ''}"}) {
    CAPTURE(text);
    CHECK(Read(text).sink.error_count() == 1);
  }
}

TEST_CASE("consumers: damaged sections are refused or harmless", "[consumers]") {
  const Read read("a: {keys: ['" + digest(1) +
                  "'], plan: gold, groups: [x], metadata: {k: v}}\n"
                  "c: {certificates: [{subject: CN=c}], rateLimit: {calls: {limit: 5/min}}}\n");
  std::mt19937 random(7);
  for (u32 round = 0; round < 20'000; ++round) {
    std::vector<std::byte> damaged = read.section;
    for (u32 i = 0; i <= round % 3; ++i) {
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    }
    if (round % 5 == 0) damaged.resize(random() % damaged.size());
    if (damaged.empty() || !table::verify_consumers(damaged)) continue;
    const ConsumerSet set(damaged);
    size_t touched = 0;
    touched += find(set, digest(1));
    touched += set.find_name("a") + set.find_certificate(table::CertificateField::Subject, "CN=c");
    touched += set.find_login("x") == nullptr ? 0u : 1u;
    for (u32 i = 0; i < set.size(); ++i) {
      touched += set.name(i).size() + set.plan(i).size() + set.overrides(i).size();
      touched += set.in_group(i, "x") ? 1u : 0u;
      touched += set.metadata(i, "k").has_value() ? 1u : 0u;
    }
    CHECK(touched != 1);  // so that nothing is left out
  }
}

TEST_CASE("consumers: a data table is loaded as what it is", "[consumers]") {
  FileSet files;
  DiagnosticSink sink;
  u32 count = 0;
  const FileId file = files.add("c.yaml", "a: {keys: ['" + digest(5) + "']}\n");
  const auto bytes = compile_consumers(files, file, sink, count);
  CHECK(count == 1);
  CHECK_FALSE(table::TableFile::from_bytes(bytes));  // no gateway
  CHECK_FALSE(table::TableFile::from_bytes(bytes, table::TableKind::Networks));
  const auto loaded = table::TableFile::from_bytes(bytes, table::TableKind::Consumers);
  REQUIRE(loaded);
  const table::TableView view((*loaded)->bytes());
  CHECK(find(ConsumerSet(view.section(table::SectionKind::Consumers)), digest(5)) == 0);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[i] ^= std::byte{16};
    CHECK_FALSE(table::TableFile::from_bytes(damaged, table::TableKind::Consumers));
  }
}

namespace {

// The longest prefix that holds the address has the say.
bool naive_contains(const std::vector<NetworkEntry>& entries, const u8 (&address)[16]) {
  i32 longest = -1;
  bool inside = false;
  for (const NetworkEntry& entry : entries) {
    bool holds = true;
    for (u32 bit = 0; bit < entry.prefix_bits && holds; ++bit) {
      const u32 shift = 7 - bit % 8;
      holds = (entry.address[bit / 8] >> shift & 1) == (address[bit / 8] >> shift & 1);
    }
    const auto bits = static_cast<i32>(entry.prefix_bits);
    if (!holds || bits < longest) continue;
    inside = bits == longest ? inside && !entry.excluded : !entry.excluded;
    longest = bits;
  }
  return inside;
}

}  // namespace

TEST_CASE("networks: agrees with the longest prefix, asked one by one", "[networks]") {
  std::mt19937 random(11);
  for (u32 round = 0; round < 60; ++round) {
    std::vector<NetworkEntry> entries;
    for (u32 i = 0; i < 1 + random() % 40; ++i) {
      NetworkEntry entry;
      const bool v4 = random() % 3 != 0;
      // Few bits differ, so that they nest and touch.
      if (v4) {
        entry.address[10] = entry.address[11] = 0xff;
        entry.address[12] = static_cast<u8>(random() % 2 * 255);
        entry.address[13] = static_cast<u8>(random() % 4 * 85);
        entry.address[15] = static_cast<u8>(random());
        entry.prefix_bits = 96 + static_cast<u32>(random() % 33);
      } else {
        entry.address[0] = 0x20;
        entry.address[1] = static_cast<u8>(random() % 2 * 255);
        entry.address[15] = static_cast<u8>(random());
        entry.prefix_bits = static_cast<u32>(random() % 129);
        if (entry.prefix_bits < 16) entry.prefix_bits += 16;
      }
      entry.excluded = random() % 3 == 0;
      entries.push_back(entry);
    }
    const auto blob = table::build_network_set(entries);
    REQUIRE(table::verify_network_set(blob));
    const NetworkSet set{Bytes(blob)};
    for (u32 i = 0; i < 2'000; ++i) {
      NetworkEntry probe = entries[random() % entries.size()];
      const u32 bit = static_cast<u32>(random() % 128);
      if (random() % 4 != 0) probe.address[bit / 8] ^= static_cast<u8>(1u << (bit % 8));
      CHECK(set.contains(probe.address) == naive_contains(entries, probe.address));
    }
  }
}

TEST_CASE("networks: the ends of the address space", "[networks]") {
  const auto set_of = [](std::string_view text) {
    std::vector<NetworkEntry> entries;
    std::string problem;
    REQUIRE(table::parse_network_lines(text, entries, problem));
    return table::build_network_set(entries);
  };
  const auto has = [](const std::vector<std::byte>& blob, std::string_view address) {
    NetworkEntry entry;
    REQUIRE(parse_network(address, entry.address, entry.prefix_bits));
    return NetworkSet{Bytes(blob)}.contains(entry.address);
  };
  const auto all = set_of("0.0.0.0/0\n::/0\n");
  CHECK(has(all, "0.0.0.0"));
  CHECK(has(all, "255.255.255.255"));
  CHECK(has(all, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  const auto last = set_of("255.255.255.254/31 # the last two\n!255.255.255.255\n");
  CHECK(has(last, "255.255.255.254"));
  CHECK_FALSE(has(last, "255.255.255.255"));
  CHECK_FALSE(has(last, "255.255.255.253"));
  CHECK_FALSE(has(set_of(""), "10.0.0.1"));
  std::vector<NetworkEntry> entries;
  std::string problem;
  CHECK_FALSE(table::parse_network_lines("10.0.0.0/8\n\nnowhere\n", entries, problem));
  CHECK(problem == "line 3 is not an address or a CIDR block");
}

}  // namespace gw::compiler
