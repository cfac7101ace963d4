// Requests that keep the contract of an operation, and that can be broken in one place.
#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/boundary_values.h"
#include "compiler/gateway/gateway.h"

namespace gw::cli::tests {

/// The parts of a request. Values are JSON, and are written as their style or media type asks for.
class GeneratedRequest {
 public:
  /// What the operation cannot be called without: path, required parameters, required body. Of
  /// examples the first one is taken that its schema accepts.
  GeneratedRequest(const compiler::GatewayOperation& operation, const BoundaryTools& tools);

  /// Why its path, or the whole, cannot be written; "": it can.
  const std::string& path_problem() const { return path_problem_; }
  const std::string& problem() const { return problem_.empty() ? path_problem_ : problem_; }

  /// As `request` of a test.
  boost::json::object to_json() const;
  /// The path alone, with its query.
  std::string target() const;
  std::string path() const;

  /// False, and nothing is changed: the value has no place in the style of the parameter.
  bool put(const compiler::openapi::Parameter& parameter, const boost::json::value& value);
  void leave_out(const compiler::openapi::Parameter& parameter);
  /// Of an operation of any method; GET without it.
  void set_method(std::string_view method) { method_ = method; }
  void put_path_text(std::string_view name, std::string text);
  /// The text of a parameter, decoded; "": it is not there.
  std::string parameter_value(compiler::openapi::ParameterIn in, const std::string& name) const;
  /// What no parameter declares; `in`: query, header or cookie.
  void put_undeclared(compiler::openapi::ParameterIn in, const std::string& name);
  /// False, and nothing is changed: the value cannot be written in this media type.
  bool set_body(const compiler::openapi::MediaType& media, const boost::json::value& value);
  void clear_body() { body_.reset(); }
  bool is_multipart() const { return body_ && body_->media.starts_with("multipart/form-data;"); }
  /// The boundary of a multipart body is told otherwise than it is written; "": not at all.
  void tell_boundary(std::string_view boundary);

 private:
  struct Body {
    boost::json::value value;  // as in a test: a text as it is, anything else as JSON
    std::string media;
  };
  void add_parameter(const compiler::openapi::Parameter& parameter, const BoundaryTools& tools);
  void add_body(const BoundaryTools& tools);

  const compiler::GatewayOperation& operation_;
  std::string method_;
  std::string path_problem_;
  std::string problem_;
  std::map<std::string, std::string, std::less<>> path_;  // captures, encoded
  std::map<std::string, std::string> query_;              // `name=value`, encoded
  boost::json::object headers_;
  std::map<std::string, std::string> cookies_;
  std::optional<Body> body_;
};

/// A value of a document, and what it is called there.
struct NamedExample {
  std::string name;  // "": it is the only one
  boost::json::value value;
};
/// `example` and `examples` of a parameter or a media type; those in other files are left out.
std::vector<NamedExample> examples_of(const compiler::openapi::Document& document,
                                      compiler::NodeRef node);

/// The first example that the schema accepts, or what can be made up; null, and why in `problem`:
/// there is none.
boost::json::value sound_value(const BoundaryTools& tools, compiler::NodeRef node,
                               compiler::NodeRef schema, Spelling spelling, std::string& problem);

/// Header fields that OpenAPI leaves to other parts of the document.
bool is_told_elsewhere(const compiler::openapi::Parameter& parameter);
/// The schema of a parameter, that of its media type as well.
compiler::NodeRef schema_of(const compiler::openapi::Parameter& parameter);
/// How its values get into a request.
Spelling spelling_of(const compiler::openapi::Parameter& parameter);
Spelling spelling_of(const compiler::openapi::MediaType& media);
/// The path takes more than a segment for it.
bool is_greedy(const compiler::GatewayOperation& operation,
               const compiler::openapi::Parameter& parameter);

/// The media type that is sent for one that may be a range.
std::string sent_type(const compiler::openapi::MediaType& media);
enum class BodyKind : u8 { Json, Form, Text, Opaque, Multipart };
BodyKind kind_of(const compiler::openapi::MediaType& media);

}  // namespace gw::cli::tests
