#include "runtime/cache/conditions.h"

#include <catch2/catch.hpp>

namespace gw::cache {
namespace {

constexpr i64 kNow = 1'700'000'000;

struct Asked {
  explicit Asked(std::initializer_list<std::pair<std::string_view, std::string_view>> lines)
      : fields(arena) {
    for (const auto& [name, value] : lines) fields.add(name, value);
  }
  Arena arena;
  http::FieldList fields;
};

}  // namespace

TEST_CASE("conditions: entity tags, weak and strong", "[cache]") {
  // The table of RFC 9110 section 8.8.3.2.
  struct Row {
    const char* a;
    const char* b;
    bool strong;
    bool weak;
  };
  const Row rows[] = {{"W/\"1\"", "W/\"1\"", false, true},
                      {"W/\"1\"", "W/\"2\"", false, false},
                      {"W/\"1\"", "\"1\"", false, true},
                      {"\"1\"", "\"1\"", true, true},
                      {"1", "1", false, false},
                      {"", "", false, false}};
  for (const Row& row : rows) {
    CAPTURE(row.a, row.b);
    CHECK(strongly_equal(row.a, row.b) == row.strong);
    CHECK(weakly_equal(row.a, row.b) == row.weak);
  }
}

TEST_CASE("conditions: a client that has the answer already", "[cache]") {
  const Validators validators{"\"a,b\"", "Wed, 01 Nov 2023 00:00:00 GMT"};
  const auto has = [&](std::initializer_list<std::pair<std::string_view, std::string_view>> lines) {
    const Asked asked(lines);
    return has_it_already(asked.fields, validators, kNow);
  };
  CHECK(has({{"if-none-match", "\"x\", W/\"a,b\""}}));
  CHECK(has({{"if-none-match", "\"x\""}, {"if-none-match", "\"a,b\""}}));
  CHECK(has({{"if-none-match", " * "}}));
  CHECK_FALSE(has({{"if-none-match", "\"a\", \"b\""}}));
  CHECK_FALSE(has({{"if-none-match", "a,b"}}));
  CHECK_FALSE(has({{"if-none-match", "\"a,b"}}));
  CHECK(has({{"if-modified-since", "Wed, 01 Nov 2023 00:00:00 GMT"}}));
  CHECK_FALSE(has({{"if-modified-since", "Tue, 31 Oct 2023 23:59:59 GMT"}}));
  CHECK_FALSE(has({{"if-modified-since", "yesterday"}}));
  // Where both are there, the tag alone counts (RFC 9110 section 13.1.3).
  CHECK_FALSE(
      has({{"if-none-match", "\"x\""}, {"if-modified-since", "Wed, 01 Nov 2023 00:00:00 GMT"}}));
  CHECK_FALSE(has({}));
}

TEST_CASE("conditions: ranges", "[cache]") {
  struct Row {
    const char* range;
    ByteRange::Kind kind;
    u64 first;
    u64 last;
  };
  using Kind = ByteRange::Kind;
  const Row rows[] = {{"bytes=0-0", Kind::Part, 0, 0},
                      {"bytes=0-99", Kind::Part, 0, 9},
                      {"bytes=9-", Kind::Part, 9, 9},
                      {"bytes=-1", Kind::Part, 9, 9},
                      {"bytes=-100", Kind::Part, 0, 9},
                      {"Bytes= 2 - 3 ", Kind::Part, 2, 3},
                      {"bytes=10-", Kind::Unsatisfiable, 0, 0},
                      {"bytes=-0", Kind::Unsatisfiable, 0, 0},
                      {"bytes=3-2", Kind::Whole, 0, 0},
                      {"bytes=-", Kind::Whole, 0, 0},
                      {"bytes=", Kind::Whole, 0, 0},
                      {"bytes=0-1,3-4", Kind::Whole, 0, 0},
                      {"bytes=a-b", Kind::Whole, 0, 0},
                      {"items=0-1", Kind::Whole, 0, 0},
                      {"bytes=99999999999999999999-", Kind::Whole, 0, 0}};
  for (const Row& row : rows) {
    CAPTURE(row.range);
    const Asked asked({{"range", row.range}});
    const ByteRange range = read_range(asked.fields, 10, {});
    CHECK(range.kind == row.kind);
    if (row.kind == Kind::Part) CHECK(range.first == row.first);
    if (row.kind == Kind::Part) CHECK(range.last == row.last);
  }
  const Validators validators{"W/\"v\"", "Wed, 01 Nov 2023 00:00:00 GMT"};
  const Asked weak({{"range", "bytes=0-1"}, {"if-range", "W/\"v\""}});
  CHECK(read_range(weak.fields, 10, validators).kind == Kind::Whole);
  const Asked dated({{"range", "bytes=0-1"}, {"if-range", "Wed, 01 Nov 2023 00:00:00 GMT"}});
  CHECK(read_range(dated.fields, 10, validators).kind == Kind::Part);
}

TEST_CASE("conditions: which encodings a client accepts", "[cache]") {
  struct Row {
    const char* accepts;
    const char* coding;
    u32 quality;
  };
  const Row rows[] = {{"gzip, br;q=0.5", "gzip", 1000},
                      {"gzip, br;q=0.5", "br", 500},
                      {"GZIP;Q=0.125", "gzip", 125},
                      {"gzip;q=0", "gzip", 0},
                      {"*;q=0.3", "zstd", 300},
                      {"*;q=0", "", 0},
                      {"gzip, identity;q=0", "", 0},
                      {"gzip", "", 1},
                      {"gzip", "br", 0},
                      {"gzip;q=2", "gzip", 0},
                      {"gzip;q=0.1234", "gzip", 0}};
  for (const Row& row : rows) {
    CAPTURE(row.accepts, row.coding);
    const Asked asked({{"accept-encoding", row.accepts}});
    CHECK(accepted_quality(asked.fields, row.coding) == row.quality);
  }
  const Asked silent({});
  CHECK(accepted_quality(silent.fields, "gzip") == 0);
  CHECK(accepted_quality(silent.fields, "") == 1);
}

}  // namespace gw::cache
