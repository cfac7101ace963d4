#include "compiler/syntax/read.h"

#include "compiler/syntax/scalar.h"
#include "compiler/syntax/yaml_cpp_reader.h"
#include "compiler/syntax/yaml_parser.h"

namespace gw::compiler {
namespace {

bool begins_like_json(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

bool has_yaml_name(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

/// YAML's character set (section 5.1): no control characters but tab and line breaks.
size_t find_control(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const u8 c = static_cast<u8>(text[i]);
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return i;
  }
  return kAllValid;
}

bool check_characters(std::string_view text, FileId file, DiagnosticSink& sink) {
  const auto refuse = [&](size_t at, std::string message, std::string label, std::string help) {
    const Span span{.file = file, .begin = static_cast<u32>(at), .end = static_cast<u32>(at + 1)};
    sink.report(syntax_error(span, std::move(message), std::move(label), std::move(help)));
    return false;
  };
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return refuse(0, "the file is in UTF-16", "byte order mark", "save it as UTF-8");
  }
  const size_t invalid = find_invalid_utf8(text);
  if (invalid != kAllValid) return refuse(invalid, "the file is not valid UTF-8", "this byte", "");
  const size_t control = find_control(text);
  if (control == kAllValid) return true;
  return refuse(control, "YAML allows no control characters", "this byte",
                "write it as an escape inside double quotes");
}

}  // namespace

std::unique_ptr<Tree> read_yaml(const FileSet& files, FileId file, DiagnosticSink& sink) {
  const std::string_view text = files.text(file);
  if (!check_characters(text, file, sink)) return nullptr;
  DiagnosticSink findings;
  YamlBuilder builder(file, findings);
  builder.tree().nodes.reserve(text.size() / 12 + 16);  // untouched memory costs nothing
  const YamlOutcome outcome = parse_yaml(text, builder);
  if (outcome == YamlOutcome::Unusual) return read_yaml_completely(text, file, sink);
  std::unique_ptr<Tree> tree = outcome == YamlOutcome::Done ? builder.finish() : nullptr;
  for (Diagnostic& finding : findings.all()) sink.report(std::move(finding));
  return tree;
}

std::unique_ptr<Tree> read_tree(const FileSet& files, FileId file, DiagnosticSink& sink) {
  const std::string_view name = files.name(file);
  if (has_yaml_name(name) || !begins_like_json(files.text(file))) {
    return read_yaml(files, file, sink);
  }
  if (name.ends_with(".json")) return read_json(files, file, sink);
  // A nameless text in brackets may be either; when it is neither, it was meant to be JSON.
  DiagnosticSink json_findings;
  std::unique_ptr<Tree> tree = read_json(files, file, json_findings);
  if (tree == nullptr) {
    DiagnosticSink yaml_findings;
    tree = read_yaml(files, file, yaml_findings);
    if (tree != nullptr) json_findings = std::move(yaml_findings);
  }
  for (Diagnostic& finding : json_findings.all()) sink.report(std::move(finding));
  return tree;
}

}  // namespace gw::compiler
