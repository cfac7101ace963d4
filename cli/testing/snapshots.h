// Whole answers that tests with `snapshot: true` are held to, in FILE.snap.yaml beside FILE.yaml:
// a file that a program writes, so that nobody's comments are lost in the other one.
#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/testing/matcher.h"
#include "cli/testing/suite.h"

namespace gw::cli::tests {

class Snapshots {
 public:
  /// `tests`: path of the test file. A file that is not there yet holds nothing. False: it is no
  /// file of snapshots; findings say why.
  bool read(compiler::FileSet& files, const std::string& tests, compiler::DiagnosticSink& sink);

  /// Differences to what is kept for the `number`th request of `test`; adds one where nothing is.
  void check(const std::string& test, size_t number, const boost::json::object& answer,
             std::vector<Mismatch>& out) const;
  void set(const std::string& test, size_t number, boost::json::object answer);
  /// Writes it where it has changed, by rename; answers of tests that are no more are left out.
  /// Empty, or what went wrong. `changed`: whether anything was written.
  std::string write(const Suite& suite, bool& changed);

  const std::string& path() const { return path_; }

 private:
  std::string text(const Suite& suite) const;

  std::string path_;
  std::string old_text_;
  std::map<std::string, std::vector<Value>> kept_;
  std::map<std::string, std::vector<boost::json::object>> fresh_;
};

}  // namespace gw::cli::tests
