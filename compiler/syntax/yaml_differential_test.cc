// Our own YAML parser against yaml-cpp: for every text that both accept, the same values. The
// corpus: real documents, the official test suite, and documents written at random in every style.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "cmake/source_dir.h"
#include "compiler/syntax/read.h"
#include "compiler/syntax/scalar.h"
#include "compiler/syntax/tree_testing.h"
#include "compiler/syntax/yaml_cpp_reader.h"
#include "compiler/syntax/yaml_parser.h"

namespace gw::compiler {
namespace {

/// yaml-cpp's own idea of a document, as dump() writes it; aliases are written out.
class Writer final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t anchor) override { value("null", anchor); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t anchor) override { value(anchors_[anchor], 0); }
  void OnScalar(const YAML::Mark&, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (tag != "?" && tag != "!") special_ = true;
    const NodeKind kind = tag == "?" ? plain_kind(text) : NodeKind::String;
    value(kind == NodeKind::Null     ? "null"
          : kind == NodeKind::String ? "\"" + text + "\""
                                     : text,
          anchor);
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open_.push_back({false, 0, "[", anchor});
  }
  void OnSequenceEnd() override { close("]"); }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open_.push_back({true, 0, "{", anchor});
  }
  void OnMapEnd() override { close("}"); }

  std::string result = "null";
  bool special() const { return special_; }

 private:
  struct Open {
    bool map;
    int count;
    std::string text;
    YAML::anchor_t anchor;
  };
  void close(const char* bracket) {
    Open done = open_.back();
    open_.pop_back();
    value(done.text + bracket, done.anchor);
  }
  void value(const std::string& text, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = text;
    if (open_.empty()) {
      result = text;
      return;
    }
    Open& open = open_.back();
    const bool is_value = open.map && open.count % 2 == 1;
    if (open.map && !is_value && text == "\"<<\"") special_ = true;
    if (open.count > 0) open.text += is_value ? ": " : ", ";
    open.text += text;
    ++open.count;
  }
  std::vector<Open> open_;
  std::map<YAML::anchor_t, std::string> anchors_;
  bool special_ = false;
};

/// Empty when yaml-cpp refuses the text or it uses what is defined differently on purpose.
std::string by_yaml_cpp(const std::string& text) {
  std::istringstream stream(text);
  Writer writer;
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(writer)) return {};
  } catch (const YAML::Exception&) {
    return {};
  }
  return writer.special() ? std::string{} : writer.result;
}

std::string by_us(const std::string& text) {
  DiagnosticSink sink;
  YamlBuilder builder(0, sink);
  if (parse_yaml(text, builder) != YamlOutcome::Done) return {};
  return dump(builder.finish()->root());
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Quoted texts with blank lines before the closing quote: yaml-cpp loses one of the line breaks.
const std::set<std::string> kWrongInYamlCpp = {"CheckoutService-v70.yaml",
                                               "CheckoutService-v71.yaml", "Webhooks-v1.yaml"};

/// Writes random documents: nested maps, lists and scalars in the styles that people use.
class Generator {
 public:
  explicit Generator(u32 seed) : random_(seed) {}

  std::string document() {
    text_.clear();
    block(0, 0);
    return text_;
  }

 private:
  u32 pick(u32 below) { return static_cast<u32>(random_() % below); }
  std::string indent(u32 column) { return std::string(column, ' '); }
  void comment() {
    if (pick(8) == 0) text_ += " # a: comment";
    text_ += "\n";
  }
  std::string word() {
    static const char* kWords[] = {"a",    "b c", "x-y", "1.10", "true", "null",      "~",   "0x1F",
                                   "-3",   "a#b", "a:b", "yes",  "$ref", "é",         "100", "1e3",
                                   "a, b", "x]",  "-x",  "?y",   ":z",   "2020-01-01"};
    return kWords[pick(static_cast<u32>(std::size(kWords)))];
  }
  std::string key(u32 number) {
    const std::string name = "k" + std::to_string(number);
    switch (pick(4)) {
      case 0:
        return "\"" + name + "\"";
      case 1:
        return "'" + name + "'";
      default:
        return name;
    }
  }
  void scalar(u32 column) {
    switch (pick(9)) {
      case 0:
        text_ += "\"a \\u00e9 \\n b\\\"\"";
        break;
      case 1:
        text_ += "'it''s'";
        break;
      case 2:
        text_ += "|" +
                 std::string(pick(2) == 0   ? ""
                             : pick(2) == 0 ? "-"
                                            : "+") +
                 "\n" + indent(column + 1) + "line one\n" + (pick(2) == 0 ? "\n" : "") +
                 indent(column + 1) + "  line: two\n";
        return;
      case 3:
        text_ += ">" + std::string(pick(2) == 0 ? "" : "-") + "\n" + indent(column + 2) +
                 "folded\n" + indent(column + 2) + "text\n\n" + indent(column + 2) + "end\n";
        return;
      case 4:
        text_ += "two\n" + indent(column + 1) + "lines";
        break;
      case 5:
        text_ += "\"over\n" + indent(column + 1) + "lines\"";
        break;
      case 6:
        text_ += flow(3);
        break;
      default:
        text_ += word();
    }
    comment();
  }
  std::string flow(u32 depth) {
    if (depth == 0 || pick(3) == 0) return pick(2) == 0 ? "w" : "\"q, [\"";
    std::string out = pick(2) == 0 ? "[" : "{";
    const bool map = out == "{";
    const u32 count = pick(4);
    for (u32 i = 0; i < count; ++i) {
      if (i > 0) out += ", ";
      if (map) out += "f" + std::to_string(i) + ": ";
      out += flow(depth - 1);
    }
    return out + (map ? "}" : "]");
  }
  void block(u32 column, u32 depth) {
    const u32 count = 1 + pick(4);
    const bool list = pick(3) == 0;
    for (u32 i = 0; i < count; ++i) {
      if (pick(10) == 0) text_ += "\n";
      if (pick(10) == 0) text_ += indent(pick(6)) + "# comment\n";
      text_ += indent(column) + (list ? "-" : key(i) + ":");
      value(column, depth, list);
    }
  }
  void value(u32 column, u32 depth, bool list) {
    const u32 choice = depth > 4 ? 3 : pick(6);
    if (choice < 2) {
      comment();
      block(column + 1 + pick(3), depth + 1);
    } else if (choice == 2 && list) {
      const u32 inner = column + 2;
      text_ += " k0: ";
      scalar(inner);
      text_ += indent(inner) + "k1: ";
      scalar(inner);
    } else if (choice == 5 && pick(3) == 0) {
      comment();
    } else {
      text_ += " ";
      scalar(column);
    }
  }

  std::mt19937 random_;
  std::string text_;
};

}  // namespace

TEST_CASE("yaml: random documents read as yaml-cpp reads them", "[syntax][yaml]") {
  u32 compared = 0;
  for (u32 seed = 0; seed < 3000; ++seed) {
    const std::string text = Generator(seed).document();
    const std::string theirs = by_yaml_cpp(text);
    const std::string ours = by_us(text);
    if (theirs == ours && !ours.empty()) {
      ++compared;
      continue;
    }
    INFO(text);
    CAPTURE(seed, theirs);
    CHECK(ours == theirs);
    break;
  }
  CHECK(compared == 3000);
}

TEST_CASE("yaml: both readers give the same tree with the same spans", "[syntax][yaml]") {
  for (u32 seed = 0; seed < 1000; ++seed) {
    const std::string text = Generator(seed).document();
    DiagnosticSink sink;
    YamlBuilder builder(0, sink);
    INFO(text);
    REQUIRE(parse_yaml(text, builder) == YamlOutcome::Done);
    const auto ours = builder.finish();
    const auto complete = read_yaml_completely(text, 0, sink);
    REQUIRE(complete != nullptr);
    REQUIRE(dump(complete->root(), true) == dump(ours->root(), true));
  }
}

TEST_CASE("yaml: real documents read as yaml-cpp reads them", "[syntax][yaml]") {
  const std::filesystem::path folder = source_dir() + "/../shared/specs";
  if (!std::filesystem::exists(folder)) {
    WARN("skipped: no real documents");
    return;
  }
  int compared = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".yaml" && extension != ".yml") continue;
    const std::string text = read_file(entry.path());
    const std::string theirs = by_yaml_cpp(text);
    if (theirs.empty()) continue;
    ++compared;
    const std::string ours = by_us(text);
    if (ours.empty()) continue;  // left to yaml-cpp
    if (kWrongInYamlCpp.contains(entry.path().filename())) continue;
    size_t at = 0;
    while (at < ours.size() && at < theirs.size() && ours[at] == theirs[at]) ++at;
    const size_t from = at < 60 ? 0 : at - 60;
    CAPTURE(entry.path().string(), theirs.substr(from, 120), ours.substr(from, 120));
    CHECK((ours == theirs));  // not decomposed: they are megabytes
  }
  CHECK(compared > 200);
}

}  // namespace gw::compiler
