// Property: loading any document ends, gives a model or a reason, and every finding has a place
// inside its file. Other files are never read: there are none below the name used.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "compiler/diag/render.h"
#include "compiler/openapi/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw::compiler;
  FileSet files;
  DiagnosticSink sink;
  files.add("no/such/folder/api.yaml", {reinterpret_cast<const char*>(data), size});
  const auto document = openapi::load_document(files, "no/such/folder/api.yaml", {}, sink);
  if (document == nullptr && sink.error_count() == 0) std::abort();
  for (const Diagnostic& finding : sink.sorted()) {
    const Span span = finding.primary.span;
    if (!span.valid() || span.begin > span.end || span.end > size) {
      std::fprintf(stderr, "%s\n", finding.message.c_str());
      std::abort();
    }
  }
  const std::string text = render(files, sink.sorted(), {});
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') std::abort();
  }
  return 0;
}
