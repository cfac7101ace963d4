// specs/table-format.md against the structs and the compiler: sizes, offsets, sections, and the
// bytes of its example.
#include <catch2/catch.hpp>
#include <cctype>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "cmake/source_dir.h"
#include "compiler/compile.h"
#include "runtime/table/format.h"
#include "runtime/table/signature.h"
#include "runtime/table/verify.h"

namespace gw::compiler {
namespace {

using namespace gw::table;

struct Field {
  const char* name;
  size_t offset;
  size_t bytes;
};
struct Record {
  const char* name;
  size_t bytes;
  std::vector<Field> fields;
};

#define GW_FIELD(record, field) \
  { #field, offsetof(record, field), sizeof(record::field) }

std::vector<Record> records() {
  return {
      {"Extent",
       sizeof(Extent),
       {
           GW_FIELD(Extent, offset),
           GW_FIELD(Extent, count),
       }},
      {"StringRef",
       sizeof(StringRef),
       {
           GW_FIELD(StringRef, offset),
           GW_FIELD(StringRef, bytes),
       }},
      {"LateNumber",
       sizeof(LateNumber),
       {
           GW_FIELD(LateNumber, value),
           GW_FIELD(LateNumber, late),
           GW_FIELD(LateNumber, reserved),
       }},
      {"LateString",
       sizeof(LateString),
       {
           GW_FIELD(LateString, value),
           GW_FIELD(LateString, late),
           GW_FIELD(LateString, reserved),
       }},
      {"Header",
       sizeof(Header),
       {
           GW_FIELD(Header, magic),
           GW_FIELD(Header, version_major),
           GW_FIELD(Header, version_minor),
           GW_FIELD(Header, kind),
           GW_FIELD(Header, file_bytes),
           GW_FIELD(Header, source_digest),
           GW_FIELD(Header, section_count),
           GW_FIELD(Header, header_bytes),
           GW_FIELD(Header, reserved),
       }},
      {"Section",
       sizeof(Section),
       {
           GW_FIELD(Section, kind),
           GW_FIELD(Section, flags),
           GW_FIELD(Section, record_bytes),
           GW_FIELD(Section, digest),
           GW_FIELD(Section, offset),
           GW_FIELD(Section, bytes),
       }},
      {"Signature",
       sizeof(Signature),
       {
           GW_FIELD(Signature, magic),
           GW_FIELD(Signature, counter),
           GW_FIELD(Signature, key_id),
           GW_FIELD(Signature, value),
       }},
      {"SourceRef",
       sizeof(SourceRef),
       {
           GW_FIELD(SourceRef, file),
           GW_FIELD(SourceRef, line),
           GW_FIELD(SourceRef, column),
       }},
      {"GatewayRecord",
       sizeof(GatewayRecord),
       {
           GW_FIELD(GatewayRecord, title),
           GW_FIELD(GatewayRecord, version),
           GW_FIELD(GatewayRecord, flags),
           GW_FIELD(GatewayRecord, default_settings),
           GW_FIELD(GatewayRecord, trusted_proxies),
           GW_FIELD(GatewayRecord, resolvers),
           GW_FIELD(GatewayRecord, consumer_file),
           GW_FIELD(GatewayRecord, default_plan),
           GW_FIELD(GatewayRecord, cache_kib),
           GW_FIELD(GatewayRecord, observe),
           GW_FIELD(GatewayRecord, origins),
       }},
      {"RouteRecord",
       sizeof(RouteRecord),
       {
           GW_FIELD(RouteRecord, id),
           GW_FIELD(RouteRecord, template_),
           GW_FIELD(RouteRecord, method),
           GW_FIELD(RouteRecord, host),
           GW_FIELD(RouteRecord, plan),
           GW_FIELD(RouteRecord, settings),
           GW_FIELD(RouteRecord, captures),
           GW_FIELD(RouteRecord, source),
           GW_FIELD(RouteRecord, flags),
       }},
      {"PlanRecord",
       sizeof(PlanRecord),
       {
           GW_FIELD(PlanRecord, steps),
           GW_FIELD(PlanRecord, origins),
           GW_FIELD(PlanRecord, upstream),
           GW_FIELD(PlanRecord, request_body),
           GW_FIELD(PlanRecord, response_body),
           GW_FIELD(PlanRecord, reserved),
       }},
      {"StepRecord",
       sizeof(StepRecord),
       {
           GW_FIELD(StepRecord, policy),
           GW_FIELD(StepRecord, phase),
           GW_FIELD(StepRecord, reserved),
           GW_FIELD(StepRecord, record),
           GW_FIELD(StepRecord, condition),
           GW_FIELD(StepRecord, scratch),
       }},
      {"ExpressionPart",
       sizeof(ExpressionPart),
       {
           GW_FIELD(ExpressionPart, source),
           GW_FIELD(ExpressionPart, encoding),
           GW_FIELD(ExpressionPart, index),
           GW_FIELD(ExpressionPart, text),
       }},
      {"ConditionTest",
       sizeof(ConditionTest),
       {
           GW_FIELD(ConditionTest, source),
           GW_FIELD(ConditionTest, kind),
           GW_FIELD(ConditionTest, negate),
           GW_FIELD(ConditionTest, reserved),
           GW_FIELD(ConditionTest, regex),
           GW_FIELD(ConditionTest, name),
           GW_FIELD(ConditionTest, values),
       }},
      {"ConditionRecord",
       sizeof(ConditionRecord),
       {
           GW_FIELD(ConditionRecord, tests),
           GW_FIELD(ConditionRecord, last),
           GW_FIELD(ConditionRecord, reserved),
       }},
      {"NetworkRecord",
       sizeof(NetworkRecord),
       {
           GW_FIELD(NetworkRecord, address),
           GW_FIELD(NetworkRecord, prefix_bits),
       }},
      {"RegexRecord",
       sizeof(RegexRecord),
       {
           GW_FIELD(RegexRecord, dfa),
           GW_FIELD(RegexRecord, re2),
           GW_FIELD(RegexRecord, source),
           GW_FIELD(RegexRecord, anchored),
           GW_FIELD(RegexRecord, states),
       }},
      {"LatePart",
       sizeof(LatePart),
       {
           GW_FIELD(LatePart, kind),
           GW_FIELD(LatePart, has_default),
           GW_FIELD(LatePart, text),
           GW_FIELD(LatePart, fallback),
       }},
      {"LateRecord",
       sizeof(LateRecord),
       {
           GW_FIELD(LateRecord, parts),
           GW_FIELD(LateRecord, value_kind),
           GW_FIELD(LateRecord, reserved),
           GW_FIELD(LateRecord, min),
           GW_FIELD(LateRecord, max),
           GW_FIELD(LateRecord, field),
           GW_FIELD(LateRecord, source),
           GW_FIELD(LateRecord, padding),
       }},
      {"OriginRecord",
       sizeof(OriginRecord),
       {
           GW_FIELD(OriginRecord, field),
           GW_FIELD(OriginRecord, level),
           GW_FIELD(OriginRecord, value),
           GW_FIELD(OriginRecord, source),
       }},
      {"NoteRecord",
       sizeof(NoteRecord),
       {
           GW_FIELD(NoteRecord, kind),
           GW_FIELD(NoteRecord, subject),
           GW_FIELD(NoteRecord, where),
           GW_FIELD(NoteRecord, reason),
           GW_FIELD(NoteRecord, source),
       }},
  };
}

std::string document() {
  std::ifstream file(source_dir() + "/specs/table-format.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The text from `heading` to the next one of its kind.
std::string part_after(const std::string& text, const std::string& heading) {
  const size_t begin = text.find(heading);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find("\n## ", begin + 1) - begin);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string example_source(const std::string& text) {
  const size_t begin = text.find("```yaml\n") + 8;
  return text.substr(begin, text.find("```", begin) - begin);
}

}  // namespace

TEST_CASE("table format: the document gives every record its size and fields", "[format]") {
  const std::string text = document();
  for (const Record& record : records()) {
    CAPTURE(record.name);
    const std::string heading =
        "### `" + std::string(record.name) + "`, " + std::to_string(record.bytes) + " bytes";
    const size_t begin = text.find(heading);
    REQUIRE(begin != std::string::npos);
    const std::string part = text.substr(begin, text.find("\n### ", begin + 1) - begin);
    size_t rows = 0;
    for (const std::string& line : lines_of(part)) {
      if (line.starts_with("| ") && std::isdigit(static_cast<unsigned char>(line[2])) != 0) ++rows;
    }
    CHECK(rows == record.fields.size());
    for (const Field& field : record.fields) {
      const std::string row = "| " + std::to_string(field.offset) + " | " +
                              std::to_string(field.bytes) + " | `" + field.name + "` |";
      CAPTURE(row);
      CHECK(part.find(row) != std::string::npos);
    }
  }
}

TEST_CASE("table format: the document lists every section", "[format]") {
  const std::string part = part_after(document(), "\n## Sections");
  for (u32 kind = 1; kind <= kLastSectionKind; ++kind) {
    const std::string name(section_name(static_cast<SectionKind>(kind)));
    CAPTURE(name);
    CHECK(part.find("| " + std::to_string(kind) + " | " + name + " |") != std::string::npos);
  }
}

// scripts/generate --check compares every byte; this is about what the example shows.
TEST_CASE("table format: the example is a table", "[format]") {
  const std::string text = document();
  Compilation compilation;
  compilation.files.add("tiny.yaml", example_source(text));
  CompileOptions options;
  options.paths = {"tiny.yaml"};
  compile(options, true, compilation);
  REQUIRE_FALSE(compilation.table.empty());
  const std::string size = std::to_string(compilation.table.size());
  CHECK(text.find("a table of " + size + " bytes") != std::string::npos);
}

}  // namespace gw::compiler
