// Verdicts of compiled schemas for a differential test (ajv.js), which talks to it by lines.
//
//   schema_check DOCUMENT
//
// Reads an OpenAPI document and writes it as one line of JSON. Then answers each line
// `POINTER TAB INSTANCE`, where POINTER is the JSON Pointer of a schema in the document and
// INSTANCE a JSON text, with one of
//
//   valid
//   invalid TAB POINTER TAB KEYWORD     of the first fault
//   refused TAB RULE                    the compiler does not take the schema
//
// Directions are left out of it: readOnly and writeOnly mean nothing here.
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "compiler/diag/render.h"
#include "compiler/openapi/load.h"
#include "compiler/schema/testing/program.h"
#include "compiler/xgw/node_json.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::kNone;

std::string unescape(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    out += escape ? (token[++i] == '1' ? '/' : '~') : token[i];
  }
  return out;
}

NodeRef walk(NodeRef node, std::string_view pointer) {
  while (!pointer.empty() && node) {
    pointer.remove_prefix(1);
    const size_t end = std::min(pointer.find('/'), pointer.size());
    const std::string token = unescape(pointer.substr(0, end));
    pointer.remove_prefix(end);
    if (!node.is_seq()) {
      node = node.get(token);
      continue;
    }
    size_t index = std::stoul(token);
    NodeRef found;
    for (const NodeRef item : node.items()) {
      if (index-- == 0) found = item;
    }
    node = found;
  }
  return node;
}

class Checker {
 public:
  bool load(const char* path) {
    document_ = openapi::load_document(program_.files, path, {}, program_.sink);
    if (document_ == nullptr) return false;
    set_ = std::make_unique<SchemaSet>(*document_, program_.sink);
    return true;
  }
  NodeRef root() const { return document_->root; }
  std::string findings() { return render(program_.files, program_.sink.sorted(), {}); }

  std::string answer(std::string_view line) {
    const size_t tab = line.find('\t');
    if (tab == line.npos) return "refused\tno tab in the line";
    const u32 schema = compile(std::string(line.substr(0, tab)));
    if (schema == kNone) return "refused\t" + refusal_;
    gw::schema::ErrorList errors;
    if (program_.accepts(schema, line.substr(tab + 1), &errors)) return "valid";
    if (errors.all().empty()) return "invalid\t\t";
    const auto& error = errors.all().front();
    return "invalid\t" + error.pointer + "\t" + std::string(error.keyword);
  }

 private:
  u32 compile(const std::string& pointer) {
    const auto known = compiled_.find(pointer);
    if (known != compiled_.end()) {
      refusal_ = known->second.refusal;
      return known->second.root;
    }
    Compiled& made = compiled_[pointer];
    const size_t before = program_.sink.all().size();
    const NodeRef node = walk(document_->root, pointer);
    if (node) made.root = program_.compiler.compile_schema(*set_, node);
    if (made.root == kNone) {
      const auto& all = program_.sink.all();
      made.refusal = all.size() > before ? std::string(all.back().rule) : "refused before";
    } else if (!program_.verify()) {
      made.root = kNone;
      made.refusal = "a program that verify() refuses";
    }
    refusal_ = made.refusal;
    return made.root;
  }

  struct Compiled {
    u32 root = kNone;
    std::string refusal;
  };
  TestProgram program_;
  std::unique_ptr<openapi::Document> document_;
  std::unique_ptr<SchemaSet> set_;
  std::map<std::string, Compiled> compiled_;
  std::string refusal_;
};

int run(const char* path) {
  Checker checker;
  if (!checker.load(path)) {
    std::fputs(checker.findings().c_str(), stderr);
    return 1;
  }
  std::ios::sync_with_stdio(false);
  std::cout << to_json(checker.root()) << '\n' << std::flush;
  for (std::string line; std::getline(std::cin, line);) std::cout << checker.answer(line) << '\n';
  return 0;
}

}  // namespace
}  // namespace gw::compiler::schema

int main(int argc, char** argv) { return argc == 2 ? gw::compiler::schema::run(argv[1]) : 2; }
