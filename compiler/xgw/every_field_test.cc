// A field table is all that a policy needs: decoding, defaults, verify(), schema and reference
// come from it, for every kind of field.
#include <algorithm>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstring>

#include "compiler/diag/render.h"
#include "compiler/syntax/read.h"
#include "compiler/xgw/effective.h"
#include "compiler/xgw/encode.h"
#include "compiler/xgw/reference.h"
#include "runtime/base/units.h"
#include "runtime/policies/every_field/record.h"
#include "runtime/table/verify_record.h"

namespace gw::compiler {
namespace {

using policies::EveryFieldRecord;
using policies::FieldKind;

constexpr std::string_view kFull = R"(
flag: true
count: 3
bytes: 64KiB
duration: 30s500ms
percent: 12.5%
status: 404
word: first
regex: 'a+b'
text: some text
header: X-Tenant
url: http://127.0.0.1:9001/base
address: 127.0.0.1:8080
body: {a: [1, two]}
network: 10.0.0.0/8
expression: 'id {$request.path.id}'
rewrite: /x/{id}
condition: {header: {x-a: ['1', '2']}}
schema: {type: object}
upstream: b
choice: {wait: 2s, label: chosen}
items: [{inner: 3s, words: [a, b]}, {words: c}]
entries: {one: [{inner: {label: l}}], two: []}
inner: 4s
lateNumber: '{$env.LIMIT:-9}'
lateText: '{$env.LISTEN}'
certificate: '$file./etc/gw/server.pem'
rate: 100/min
origin: https://*.shop.example
document: '$file./etc/gw/keys.json'
claim: $jwt#/realm_access/roles
)";

struct Encoded {
  EveryFieldRecord record{};
  Pools pools;
  std::vector<EncodedField> fields;
  std::vector<std::string> rules;
  std::string text;  // the findings

  table::RecordBounds bounds() const {
    return {.policy_data = pools.policy_data.bytes(),
            .strings = pools.strings.bytes().size(),
            .expressions = pools.expressions.records().size(),
            .conditions = pools.conditions.records().size(),
            .regexes = pools.regexes.records().size(),
            .schemas = pools.schemas.records().size(),
            .networks = pools.networks.records().size(),
            .upstreams = 2,
            .late = pools.late.records().size()};
  }
  bool verified(const EveryFieldRecord& changed) const {
    u64 budget = 1000;
    return table::verify_record(policies::kEveryFieldSpec,
                                reinterpret_cast<const std::byte*>(&changed), bounds(), budget);
  }
  std::string_view string(table::StringRef ref) const {
    return std::string_view(pools.strings.bytes()).substr(ref.offset, ref.bytes);
  }
};

void encode(std::string_view yaml, Encoded& out) {
  FileSet files;
  DiagnosticSink sink;
  const FileId file = files.add("every.yaml", std::string(yaml));
  const auto tree = read_yaml(files, file, sink);
  REQUIRE(tree != nullptr);
  const policies::FieldSpec spec{.name = "everyField",
                                 .kind = FieldKind::Record,
                                 .fields = policies::kEveryFields,
                                 .size = sizeof(EveryFieldRecord),
                                 .shorthand = policies::kEveryFieldSpec.shorthand};
  Effective value;
  std::vector<Removal> removals;
  overlay(spec, Merge::Replace, tree->root(), "operation", "every", value, removals);
  const std::unordered_map<std::string_view, u32> upstreams = {{"a", 0}, {"b", 1}};
  EncodeScope scope;
  scope.upstreams = &upstreams;
  scope.parameters = {"id"};
  scope.greedy = {false};
  Encoder encoder(out.pools, files, sink);
  encoder.encode(policies::kEveryFields, value, scope, "every",
                 reinterpret_cast<std::byte*>(&out.record), &out.fields);
  for (const Diagnostic& finding : sink.sorted()) out.rules.emplace_back(finding.rule);
  out.text = render(files, sink.sorted(), {});
}

template <class Kinds>
void collect_kinds(std::span<const policies::FieldSpec> fields, Kinds& kinds) {
  for (const policies::FieldSpec& field : fields) {
    kinds.insert(kinds.end(), field.kind);
    collect_kinds(field.fields, kinds);
  }
}

}  // namespace

TEST_CASE("every field: the policy has every kind there is", "[xgw]") {
  std::vector<FieldKind> kinds;
  collect_kinds(policies::kEveryFields, kinds);
  for (u32 kind = 0; kind <= static_cast<u32>(policies::kLastFieldKind); ++kind) {
    CAPTURE(kind);
    if (policies::is_made(static_cast<FieldKind>(kind))) continue;
    CHECK(std::ranges::find(kinds, static_cast<FieldKind>(kind)) != kinds.end());
  }
}

TEST_CASE("every field: written values are stored", "[xgw]") {
  Encoded out;
  encode(kFull, out);
  INFO(out.text);
  REQUIRE(out.rules.empty());
  const EveryFieldRecord& record = out.record;
  CHECK(record.flag == 1);
  CHECK(record.count == 3);
  CHECK(record.bytes == 65536);
  CHECK(record.duration == 30'500);
  CHECK(record.percent == 1250);
  CHECK(record.status == 404);
  CHECK(record.word == 0);
  CHECK(record.regex == 0);
  CHECK(out.string(record.header) == "x-tenant");
  CHECK(out.string(record.url) == "http://127.0.0.1:9001/base");
  CHECK(out.string(record.body) == R"({"a":[1,"two"]})");
  CHECK(record.network.count == 1);
  CHECK(record.expression.count == 2);
  CHECK(record.rewrite.count == 2);
  CHECK(record.condition == 0);
  CHECK(record.schema == 0);
  CHECK(record.upstream == 1);
  CHECK(record.choice == 2);
  CHECK(record.choice_record.wait == 2000);
  CHECK(out.string(record.choice_record.label) == "chosen");
  CHECK(record.items.count == 2);
  CHECK(record.entries.count == 2);
  CHECK(record.inner.wait == 4000);
  CHECK(record.late_number.late == 0);
  CHECK(record.late_text.late == 1);
  CHECK(record.certificate.late == 2);
  CHECK(record.rate.value == pack_rate({100, 60}));
  CHECK(out.string(record.origin.value) == "https://*.shop.example");
  CHECK(record.document.late == 3);
  CHECK(out.string(record.claim) == "/realm_access/roles");
  policies::EveryItemRecord items[2];
  std::memcpy(items, out.pools.policy_data.bytes().data() + record.items.offset, sizeof items);
  CHECK(items[0].inner.wait == 3000);
  CHECK(items[0].words.count == 2);
  CHECK(items[1].inner.wait == 1000);  // its default
  CHECK(items[1].words.count == 1);    // one value stands for a list of one
  CHECK(out.verified(record));
}

TEST_CASE("every field: what is not written has its default", "[xgw]") {
  Encoded out;
  encode("5", out);  // the shorthand
  INFO(out.text);
  REQUIRE(out.rules.empty());
  const EveryFieldRecord& record = out.record;
  CHECK(record.count == 5);
  CHECK(record.bytes == 1024);
  CHECK(record.duration == 5000);
  CHECK(record.percent == 2000);
  CHECK(record.status == 204);
  CHECK(record.word == 1);
  CHECK(record.regex == table::kNone);
  CHECK(record.condition == table::kNone);
  CHECK(record.schema == table::kNone);
  CHECK(record.upstream == table::kNone);
  CHECK(record.text.offset == table::kNone);
  CHECK(record.choice == 0);
  CHECK(record.items.count == 0);
  CHECK(record.inner.wait == 1000);
  CHECK(record.late_number.value == 7);
  CHECK(record.rate.value == pack_rate({5, 1}));
  CHECK(out.string(record.claim) == "/sub");
  CHECK(record.late_number.late == table::kNone);
  CHECK(out.verified(record));
}

TEST_CASE("every field: each alternative of a union", "[xgw]") {
  const auto choice = [](std::string_view value) {
    Encoded out;
    encode("count: 1\nchoice: " + std::string(value) + "\n", out);
    CHECK(out.verified(out.record));
    return out.record.choice;
  };
  CHECK(choice("3s") == 1);
  CHECK(choice("{wait: 3s}") == 2);
  CHECK(choice("[a, b]") == 3);
}

TEST_CASE("every field: mistakes are refused where they are", "[xgw]") {
  struct Case {
    std::string_view yaml;
    std::string_view rule;
  };
  const Case cases[] = {
      {"flag: true", "extension-missing"},  // without count
      {"{count: 1, flag: yes please}", "extension-value"},
      {"count: 0", "extension-value"},
      {"count: 11", "extension-value"},
      {"count: many", "extension-value"},
      {"{count: 1, bytes: 12}", "extension-value"},
      {"{count: 1, bytes: 2MiB}", "extension-value"},
      {"{count: 1, duration: 5}", "extension-value"},
      {"{count: 1, duration: 2h}", "extension-value"},
      {"{count: 1, percent: 101%}", "extension-value"},
      {"{count: 1, percent: 0.2}", "extension-value"},
      {"{count: 1, status: 99}", "extension-value"},
      {"{count: 1, word: third}", "extension-value"},
      {"{count: 1, regex: '(?=a)'}", "regex-unsupported"},
      {"{count: 1, text: ''}", "extension-value"},
      {"{count: 1, text: [a]}", "extension-value"},
      {"{count: 1, text: '{$env.X}'}", "extension-value"},
      {"{count: 1, header: 'a b'}", "extension-value"},
      {"{count: 1, url: 127.0.0.1}", "extension-value"},
      {"{count: 1, url: 'ftp://127.0.0.1'}", "extension-value"},
      {"{count: 1, address: localhost}", "extension-value"},
      {"{count: 1, network: 10.0.0.0/33}", "extension-value"},
      {"{count: 1, body: 0123456789012345678901234567890123456789012345678901234567890123456789}",
       "extension-value"},
      {"{count: 1, expression: '{$request.path.nope}'}", "extension-value"},
      {"{count: 1, expression: '{$calls.a.body}'}", "extension-value"},
      {"{count: 1, rewrite: '/{nope}'}", "extension-value"},
      {"{count: 1, condition: {heder: {a: b}}}", "extension-unknown"},
      {"{count: 1, upstream: c}", "extension-dangling"},
      {"{count: 1, choice: never}", "extension-value"},
      {"{count: 1, items: [{inner: {wait: soon}}]}", "extension-value"},
      {"{count: 1, items: [{}, {}, {}, {}, {}]}", "extension-value"},
      {"{count: 1, items: {a: b}}", "extension-value"},
      {"{count: 1, entries: [a]}", "extension-value"},
      {"{count: 1, entries: {a: [{words: [0123456789abcdefg]}]}}", "extension-value"},
      {"{count: 1, inner: {wiat: 1s}}", "extension-unknown"},
      {"{count: 1, lateNumber: 101}", "extension-value"},
      {"{count: 1, lateNumber: '{$env.}'}", "extension-value"},
      {"{count: 1, lateNumber: '{$env.X:-many}'}", "extension-value"},
      {"{count: 1, lateNumber: '{$env.X:-101}'}", "extension-value"},
      {"{count: 1, lateText: '{$env.X:-nowhere}'}", "extension-value"},
      {"{count: 1, certificate: /etc/gw/server.pem}", "extension-value"},
      {"{count: 1, rate: 5}", "extension-value"},
      {"{count: 1, rate: 0/s}", "extension-value"},
      {"{count: 1, rate: 5/week}", "extension-value"},
      {"{count: 1, rate: '{$env.X:-5}'}", "extension-value"},
      {"{count: 1, origin: shop.example}", "extension-value"},
      {"{count: 1, origin: https://shop.example/}", "extension-value"},
      {"{count: 1, origin: '{$env.X:-*}'}", "extension-value"},
      {"{count: 1, document: written out}", "extension-value"},
      {"{count: 1, claim: sub}", "extension-value"},
      {"{count: 1, claim: $jwt.}", "extension-value"},
      {"{count: 1, cuont: 2}", "extension-unknown"},
  };
  for (const Case& wrong : cases) {
    Encoded out;
    encode(wrong.yaml, out);
    CAPTURE(wrong.yaml);
    INFO(out.text);
    CHECK(out.rules == std::vector<std::string>{std::string(wrong.rule)});
  }
}

TEST_CASE("every field: references that leave their section are refused", "[xgw][table]") {
  Encoded out;
  encode(kFull, out);
  REQUIRE(out.verified(out.record));
  const auto refused = [&](auto change) {
    EveryFieldRecord record = out.record;
    change(record);
    return !out.verified(record);
  };
  using Record = EveryFieldRecord;
  CHECK(refused([](Record& r) { r.flag = 2; }));
  CHECK(refused([](Record& r) { r.count = 11; }));
  CHECK(refused([](Record& r) { r.bytes = u64{1} << 40; }));
  CHECK(refused([](Record& r) { r.percent = 10'001; }));
  CHECK(refused([](Record& r) { r.status = 600; }));
  CHECK(refused([](Record& r) { r.word = 2; }));
  CHECK(refused([](Record& r) { r.regex = 1; }));
  CHECK(refused([](Record& r) { r.text.offset = 0x7fffffff; }));
  CHECK(refused([](Record& r) { r.header.bytes = 0xffffffff; }));
  CHECK(refused([](Record& r) { r.network.count = 2; }));
  CHECK(refused([](Record& r) { r.expression.offset = 0xfffffffe; }));
  CHECK(refused([](Record& r) { r.rewrite.count = 99; }));
  CHECK(refused([](Record& r) { r.condition = 1; }));
  CHECK(refused([](Record& r) { r.schema = 1; }));
  CHECK(refused([](Record& r) { r.upstream = 2; }));
  CHECK(refused([](Record& r) { r.choice = 4; }));
  CHECK(refused([](Record& r) { r.choice_record.label.offset = 0x7fffffff; }));
  CHECK(refused([](Record& r) { r.items.offset += 4; }));  // not aligned
  CHECK(refused([](Record& r) { r.items.count = 1'000'000; }));
  CHECK(refused([](Record& r) { r.entries.offset = 0x7ffffff8; }));
  CHECK(refused([](Record& r) { r.inner.wait = 60'001; }));
  CHECK(refused([](Record& r) { r.late_number.late = 4; }));
  CHECK(refused([](Record& r) { r.late_text.late = 4; }));
}

TEST_CASE("every field: schema and reference describe all of them", "[xgw]") {
  const auto schema = boost::json::parse(record_json_schema(policies::kEveryFieldSpec));
  const auto& any = schema.as_object().at("anyOf").as_array();  // the record, or its shorthand
  const auto& properties = any[0].as_object().at("properties").as_object();
  const std::string rows = record_reference(policies::kEveryFieldSpec);
  for (const policies::FieldSpec& field : policies::kEveryFields) {
    CAPTURE(field.name);
    CHECK(properties.contains(field.name));
    CHECK(rows.find("| `" + std::string(field.name) + "` |") != rows.npos);
  }
  CHECK(rows.find("| `items[].inner.wait` | duration | `1s` | a time |") != rows.npos);
  CHECK(any[0].as_object().at("required") == boost::json::array{"count"});
  CHECK(any[1].as_object().at("type") == "integer");
}

}  // namespace gw::compiler
