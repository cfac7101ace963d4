// An OpenAPI document as the later stages need it: names and flags decoded, references resolved,
// everything else as nodes of the trees it was read from.
//
// All views and nodes live as long as the Document. What is invalid has been reported by
// load_document and is left out or absent here, so later stages need not look again.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/file_set.h"
#include "compiler/syntax/node.h"

namespace gw::compiler::openapi {

class References;

enum class Version : u8 { V30, V31, V32 };

/// A value and where it is written; an invalid span: it is not written.
template <class T>
struct Located {
  T value = {};
  Span span = {};
  bool present() const { return span.valid(); }
};

struct Server {
  NodeRef node;
  /// The URL with its variables replaced by their defaults; may be relative.
  Located<std::string> url;
  /// Path of the URL without a slash at its end: "" for https://api.example, "/v1".
  std::string base_path;
};

struct SchemeUse {
  Located<std::string_view> name;
  std::vector<Located<std::string_view>> scopes;  // of OAuth2 and OpenID; roles of others (3.1)
};

/// All of `schemes` must hold; none at all: anonymous access is allowed.
struct SecurityAlternative {
  NodeRef node;
  std::vector<SchemeUse> schemes;
};

/// A `security` list: one of the alternatives must hold. Absent (`declared` false) is not the same
/// as an empty list, which makes the operation public.
struct Security {
  bool declared = false;
  NodeRef node;
  std::vector<SecurityAlternative> alternatives;
};

enum class SchemeType : u8 { Unknown, ApiKey, Http, MutualTls, OAuth2, OpenIdConnect };

struct SecurityScheme {
  Located<std::string_view> name;  // its key under components/securitySchemes
  SchemeType type = SchemeType::Unknown;
  NodeRef node;  // the Security Scheme Object, after $ref
  NodeRef x_gw;
};

enum class ParameterIn : u8 { Query, Header, Path, Cookie, QueryString };
std::string_view parameter_in_name(ParameterIn in);  // "query", ...

enum class Style : u8 {
  Matrix,
  Label,
  Form,
  Simple,
  SpaceDelimited,
  PipeDelimited,
  DeepObject,
  Cookie
};

struct Parameter {
  Located<std::string_view> name;
  ParameterIn in = ParameterIn::Query;
  bool required = false;
  bool deprecated = false;
  bool allow_empty_value = false;
  bool allow_reserved = false;
  bool explode = false;       // with the default of its style
  Style style = Style::Form;  // with the default of its place
  bool from_path_item = false;
  NodeRef node;    // the Parameter Object, after $ref
  NodeRef schema;  // may be a $ref: see Document::resolve; absent when `content` is set
  Located<std::string_view> media_type;  // the one key of `content`
  NodeRef x_gw;
  Span span;  // its place in the list of parameters; at the $ref when it is one
};

struct MediaType {
  Located<std::string_view> name;  // "application/json", "text/*"
  NodeRef node;                    // the Media Type Object
  NodeRef schema;                  // may be a $ref or absent
};

struct RequestBody {
  NodeRef node;  // after $ref; absent: the operation declares none
  bool required = false;
  std::vector<MediaType> content;
};

struct Response {
  Located<std::string_view> status;  // "200", "2XX", "default"
  NodeRef node;                      // after $ref
  std::vector<MediaType> content;
  NodeRef x_gw;
};

struct Operation {
  Located<std::string> method;  // upper case: "GET"; 3.2 knows QUERY and any other token
  NodeRef node;
  Located<std::string_view> operation_id;
  std::vector<Parameter> parameters;  // those of the operation, then the path item's others
  RequestBody request_body;
  std::vector<Response> responses;
  Security security;  // its own only; effective_security() has the document's default
  bool deprecated = false;
  std::vector<Server> servers;  // its own, else the path item's; empty: the document's
  NodeRef x_gw;
};

struct PathItem {
  Located<std::string_view> path;  // the key: "/users/{id}"; a webhook's name
  NodeRef node;                    // after $ref
  NodeRef x_gw;
  std::vector<Parameter> parameters;  // of the path item itself
  std::vector<Operation> operations;  // in source order
  /// The Operation Object under `x-gw: {anyMethod: ...}`, with method "*" and an absent node when
  /// it is just `true`; none or one. Its structure is not checked.
  std::vector<Operation> any_method;
};

class Document {
 public:
  explicit Document(std::unique_ptr<References> references);
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  /// The value that a chain of `$ref`s leads to, or `node` itself when it is none. Absent when the
  /// chain leads nowhere, which has been reported. Cost: a hash look-up per step after the first
  /// call. In 3.1 schemas the siblings of `$ref` count as well; they are in `node`.
  NodeRef resolve(NodeRef node) const;
  /// The value that the `$ref` of `reference` leads to, which may be a reference itself.
  NodeRef follow(NodeRef reference) const;
  /// The security that holds for an operation of this document.
  const Security& effective_security(const Operation& operation) const {
    return operation.security.declared ? operation.security : security;
  }
  const SecurityScheme* find_scheme(std::string_view name) const;

  Version version = Version::V30;
  std::string_view version_text;  // "3.1.0"
  FileId file = kNoFile;          // of the document itself
  NodeRef root;
  Located<std::string_view> title;
  Located<std::string_view> api_version;
  std::vector<Server> servers;
  Security security;
  std::vector<SecurityScheme> schemes;
  std::vector<PathItem> paths;
  std::vector<PathItem> webhooks;  // kept, not routed
  NodeRef x_gw;                    // of the root

 private:
  std::unique_ptr<References> references_;
};

}  // namespace gw::compiler::openapi
