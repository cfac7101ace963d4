#include "compiler/openapi/load.h"

#include <algorithm>

#include "compiler/openapi/model_builder.h"
#include "compiler/openapi/references.h"
#include "compiler/openapi/report.h"
#include "compiler/openapi/structure.h"

namespace gw::compiler::openapi {
namespace {

bool refuse_swagger(NodeRef root, DiagnosticSink& sink) {
  const NodeRef key = root.key_of("swagger");
  if (!key) return false;
  report(sink, {.rule = "swagger-2",
                .node = root.get("swagger"),
                .message = "this is a Swagger " + std::string(root.get("swagger").text()) +
                           " document; OpenAPI 3.0, 3.1 or 3.2 is needed",
                .label = "the old format",
                .help = "convert it once, for example with `npx swagger2openapi`, and keep the "
                        "result",
                .span = key.span()});
  return true;
}

/// Major and minor of `text`: "3.1.0" and "3.1". False when it is no version that we read.
bool parse_version(std::string_view text, Version& version, bool& whole) {
  if (text.starts_with("3.0"))
    version = Version::V30;
  else if (text.starts_with("3.1"))
    version = Version::V31;
  else if (text.starts_with("3.2"))
    version = Version::V32;
  else
    return false;
  const std::string_view rest = text.substr(3);
  whole = rest.size() >= 2 && rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9';
  return rest.empty() || whole;
}

bool find_version(NodeRef root, Document& document, DiagnosticSink& sink) {
  if (!root.is_map()) {
    report(sink,
           {.rule = "openapi-version",
            .node = root,
            .message = "an OpenAPI document is a map, not " + std::string(kind_name(root.kind())),
            .label = std::string(kind_name(root.kind()))});
    return false;
  }
  const NodeRef value = root.get("openapi");
  if (!value) {
    if (refuse_swagger(root, sink)) return false;
    Span begin = root.span();
    begin.end = std::min(begin.end, begin.begin + 1);
    report(sink, {.rule = "openapi-version",
                  .node = root,
                  .message = "this is no OpenAPI document: it has no field `openapi`",
                  .label = "the document begins here",
                  .help = "begin it with `openapi: 3.1.0`",
                  .span = begin});
    return false;
  }
  bool whole = false;
  if (!value.is_scalar() || !parse_version(value.text(), document.version, whole)) {
    report(sink, {.rule = "openapi-version",
                  .node = value,
                  .message = "the OpenAPI version " +
                             (value.is_scalar() ? in_quotes(value.text()) : std::string("here")) +
                             " is not supported, only 3.0, 3.1 and 3.2",
                  .label = "not supported"});
    return false;
  }
  if (!whole && value.is_string()) {
    report(sink, {.rule = "openapi-version",
                  .node = value,
                  .message = "the OpenAPI version lacks its third number",
                  .label = "incomplete",
                  .help = "write " + in_quotes(std::string(value.text()) + ".0"),
                  .as_warning = true});
  }
  document.version_text = value.text();
  return true;
}

}  // namespace

Document::Document(std::unique_ptr<References> references) : references_(std::move(references)) {}
Document::~Document() = default;

NodeRef Document::resolve(NodeRef node) const { return references_->resolve(node); }
NodeRef Document::follow(NodeRef reference) const { return references_->step(reference); }

const SecurityScheme* Document::find_scheme(std::string_view name) const {
  for (const SecurityScheme& scheme : schemes) {
    if (scheme.name.value == name) return &scheme;
  }
  return nullptr;
}

std::unique_ptr<Document> load_document(FileSet& files, const std::string& path,
                                        const LoadOptions& options, DiagnosticSink& sink) {
  auto owned = std::make_unique<References>(files, options, sink);
  References& references = *owned;
  const NodeRef root = references.load(path);
  if (!root) return nullptr;
  auto document = std::make_unique<Document>(std::move(owned));
  if (!find_version(root, *document, sink)) return nullptr;
  document->root = root;
  document->file = root.tree()->file();
  StructureCheck(document->version, references, sink).run(root);
  ModelBuilder(files, references, options, sink).build(*document);
  return document;
}

}  // namespace gw::compiler::openapi
