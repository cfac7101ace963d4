// Requests that keep the contract of an operation, and that can be broken in one place.
#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/gateway/gateway.h"
#include "compiler/passes/example_value.h"

namespace gw::cli::tests {

/// The parts of a request. Values are JSON; put() writes them as their style asks for.
class GeneratedRequest {
 public:
  /// What the operation cannot be called without: path, required parameters, required body.
  GeneratedRequest(const compiler::GatewayOperation& operation,
                   compiler::PatternExamples& patterns);

  /// Why no request can be written; "": one can.
  const std::string& problem() const { return problem_; }

  /// As `request` of a test.
  boost::json::object to_json() const;
  /// The path alone, with its query.
  std::string target() const;
  std::string path() const;

  void put(const compiler::openapi::Parameter& parameter, const boost::json::value& value);
  void leave_out(const compiler::openapi::Parameter& parameter);
  void put_path_text(std::string_view name, std::string text);
  void set_body(boost::json::value body, std::string media);
  void set_media(std::string media) { media_ = std::move(media); }
  void clear_body() { has_body_ = false; }

  bool has_body() const { return has_body_; }
  const boost::json::value& body() const { return body_; }

 private:
  void add_parameter(const compiler::openapi::Parameter& parameter);
  void add_body();

  const compiler::GatewayOperation& operation_;
  const compiler::openapi::Document& document_;
  compiler::PatternExamples& patterns_;
  std::string problem_;
  std::map<std::string, std::string, std::less<>> path_;  // captures, encoded
  std::map<std::string, std::string> query_;              // `name=value`, encoded
  boost::json::object headers_;
  std::map<std::string, std::string> cookies_;
  boost::json::value body_;
  std::string media_;
  bool has_body_ = false;
};

/// A parameter whose faults can be written: no structure, no style of its own.
bool is_simple(const compiler::openapi::Document& document,
               const compiler::openapi::Parameter& parameter);
/// The JSON media type of a request body; null: it has none.
const compiler::openapi::MediaType* json_media(const compiler::openapi::RequestBody& body);
/// `value` of a node as JSON.
boost::json::value node_value(compiler::NodeRef node);

}  // namespace gw::cli::tests
