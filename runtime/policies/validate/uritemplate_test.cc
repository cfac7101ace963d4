// Expansions of URI templates (RFC 6570, whose operators OpenAPI's styles are) read back: whatever
// the suite expands must become the value that it was made of.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cmake/source_dir.h"
#include "runtime/policies/validate/testing/parameter_maker.h"
#include "runtime/schema/format.h"

namespace gw::validate {
namespace {

using policies::ParameterStyle;
using policies::Place;

const std::filesystem::path kFolder = source_dir() + "/../shared/conformance/uritemplate-test";

struct Template {
  char op = 0;  // 0: none
  std::vector<std::string> names;
  bool explode = false;
};

// Those of one expression whose operator is a style, without prefixes of values.
bool parse_template(std::string text, Template& out) {
  if (text.size() < 3 || text.front() != '{' || text.find('}') != text.size() - 1) return false;
  text = text.substr(1, text.size() - 2);
  if (std::string_view("+#/&").find(text[0]) != std::string_view::npos) return false;
  if (text.find(':') != text.npos || text.find('%') != text.npos) return false;
  if (std::string_view(".;?").find(text[0]) != std::string_view::npos) {
    out.op = text[0];
    text.erase(0, 1);
  }
  if (text.ends_with('*')) {
    out.explode = true;
    text.pop_back();
  }
  std::istringstream list(text);
  for (std::string name; std::getline(list, name, ',');) {
    if (name.find('*') != name.npos) return false;
    out.names.push_back(name);
  }
  // Of several variables only a query tells which is which.
  return out.names.size() == 1 || (out.op == '?' && !out.explode);
}

u32 type_of(json::Kind kind) {
  if (kind == json::Kind::Array) return schema::kTypeArray;
  return kind == json::Kind::Object ? schema::kTypeObject : schema::kTypeString;
}

// Members in a fixed order: expansions have any.
std::string sorted(const std::string& json_text) {
  json::Tape tape;
  REQUIRE(tape.parse(json_text));
  if (tape.kind(0) != json::Kind::Object) return json_text;
  std::vector<std::string> members;
  for (const json::Member member : tape.members(0)) {
    std::string text;
    testing::append_json(tape, member.key, text);
    testing::append_json(tape, member.value, text);
    members.push_back(text);
  }
  std::ranges::sort(members);
  std::string out;
  for (const std::string& member : members) out += member + ";";
  return out;
}

std::string read_back(const Template& pattern, const std::string& name, u32 type,
                      std::string expansion) {
  Place place = Place::Path;
  ParameterStyle style = ParameterStyle::Simple;
  if (pattern.op == '.') style = ParameterStyle::Label;
  if (pattern.op == ';') style = ParameterStyle::Matrix;
  if (pattern.op == '?') {
    place = Place::Query;
    style = ParameterStyle::Form;
    expansion.erase(0, 1);
  }
  testing::ParameterMaker maker;
  const auto parameter = maker.make(name, place, style, pattern.explode, type, schema::kTypeString,
                                    schema::kTypeString);
  return maker.read(parameter, expansion);
}

u32 check_case(const json::Tape& tape, u32 variables, u32 one) {
  std::string buffer;
  Template pattern;
  if (!parse_template(std::string(tape.string(tape.item(one, 0), buffer)), pattern)) return 0;
  u32 checked = 0;
  std::vector<std::string> expansions;
  const u32 expected = tape.item(one, 1);
  if (tape.kind(expected) == json::Kind::String) {
    expansions.emplace_back(tape.string(expected, buffer));
  } else if (tape.kind(expected) == json::Kind::Array) {
    for (const u32 item : tape.items(expected)) {
      expansions.emplace_back(tape.string(item, buffer));
    }
  }
  for (const std::string& name : pattern.names) {
    const u32 variable = tape.find(variables, name);
    if (variable == json::kNoNode || tape.kind(variable) == json::Kind::Null) continue;
    if (tape.kind(variable) >= json::Kind::Array && tape.count(variable) == 0) continue;
    // A label would be cut at the dots of its own value; so are names of an exploded list.
    std::string value;
    testing::append_json(tape, variable, value);
    if (tape.kind(variable) == json::Kind::Number) value = '"' + value + '"';
    if (pattern.op == '.' && pattern.explode && value.find('.') != value.npos) continue;
    for (const std::string& expansion : expansions) {
      CAPTURE(pattern.op, name, expansion, value);
      CHECK(sorted(read_back(pattern, name, type_of(tape.kind(variable)), expansion)) ==
            sorted(value));
      ++checked;
    }
  }
  return checked;
}

}  // namespace

TEST_CASE("parameters: expansions of URI templates are read back", "[validate]") {
  u32 checked = 0;
  for (const char* name : {"spec-examples.json", "spec-examples-by-section.json"}) {
    std::ifstream file(kFolder / name);
    if (!file) continue;
    std::ostringstream text;
    text << file.rdbuf();
    const std::string content = text.str();
    json::Tape tape;
    REQUIRE(tape.parse(content));
    for (const json::Member group : tape.members(0)) {
      const u32 variables = tape.find(group.value, "variables");
      for (const u32 one : tape.items(tape.find(group.value, "testcases"))) {
        checked += check_case(tape, variables, one);
      }
    }
  }
  if (checked == 0) {
    WARN("skipped: no uritemplate-test");
    return;
  }
  CHECK(checked > 60);
}

}  // namespace gw::validate
