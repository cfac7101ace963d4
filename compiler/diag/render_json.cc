// Findings for programs: one JSON object per line.
#include "compiler/diag/render.h"

namespace gw::compiler {
namespace {

void write_string(std::string_view text, std::string& out) {
  static constexpr std::string_view kHexDigits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const u8 byte = static_cast<u8>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void write_field(std::string_view name, std::string_view text, std::string& out) {
  if (text.empty()) return;
  out += ",\"" + std::string(name) + "\":";
  write_string(text, out);
}

void write_position(std::string_view name, Position position, std::string& out) {
  out += ",\"" + std::string(name) + "\":{\"line\":" + std::to_string(position.line) +
         ",\"column\":" + std::to_string(position.column) + "}";
}

void write_place(const FileSet& files, Span span, std::string& out) {
  if (!span.valid()) return;
  write_field("file", files.name(span.file), out);
  write_position("begin", files.position(span.file, span.begin), out);
  write_position("end", files.position(span.file, span.end), out);
  out += ",\"offset\":" + std::to_string(span.begin);
}

}  // namespace

void render_json(const FileSet& files, const Diagnostic& finding, std::string& out) {
  out += "{\"rule\":";
  write_string(finding.rule, out);
  write_field("severity", severity_name(finding.severity), out);
  write_field("message", finding.message, out);
  write_place(files, finding.primary.span, out);
  write_field("label", finding.primary.text, out);
  if (!finding.related.empty()) {
    out += ",\"related\":[";
    for (size_t i = 0; i < finding.related.size(); ++i) {
      if (i != 0) out += ',';
      out += "{\"message\":";
      write_string(finding.related[i].text, out);
      write_place(files, finding.related[i].span, out);
      out += '}';
    }
    out += ']';
  }
  write_field("help", finding.help, out);
  write_field("witness", finding.witness, out);
  write_field("pointer", finding.pointer, out);
  out += "}\n";
}

}  // namespace gw::compiler
