// The text of a generated test file, case by case.
#pragma once
#include <boost/json/object.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::cli::tests {

/// What a generated file holds, and what it does not.
struct GeneratedTests {
  std::string text;
  std::vector<std::string> left_out;  // "OPERATION: CASE: WHY"
};

class GeneratedFile {
 public:
  explicit GeneratedFile(std::string_view title);

  /// What follows is of this operation. `host` "": the one that tests use anyway.
  void begin_operation(std::string_view heading, std::string_view id, std::string_view host);
  void add(std::string_view what, boost::json::object request, boost::json::object expect);
  /// With what its upstream answers.
  void add(std::string_view what, boost::json::object request, boost::json::array upstream,
           boost::json::object expect);
  /// A case that nobody can write, told in a comment as well.
  void leave_out(std::string_view what, std::string_view why);
  GeneratedTests finish();

  boost::json::object let_through() const;
  boost::json::object refused(u32 status, std::string_view by) const;
  static boost::json::object refused_without_route(u32 status, std::string_view by);

 private:
  std::string title_;
  std::string cases_;
  std::vector<std::string> left_out_;
  std::set<std::string> names_;
  std::string operation_;
  std::string host_;
};

}  // namespace gw::cli::tests
