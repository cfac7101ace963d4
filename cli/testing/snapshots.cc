#include "cli/testing/snapshots.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "cli/testing/check_fields.h"
#include "compiler/openapi/report.h"
#include "compiler/syntax/read.h"

namespace gw::cli::tests {
namespace {

std::string path_beside(const std::string& tests) {
  for (const std::string_view ending : {".yaml", ".yml", ".json"}) {
    if (tests.ends_with(ending))
      return tests.substr(0, tests.size() - ending.size()) + ".snap.yaml";
  }
  return tests + ".snap.yaml";
}

bool replace_file(const std::string& path, const std::string& text) {
  const std::string temporary = fmt::format("{}.{}", path, ::getpid());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return false;
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t bytes = ::write(file, text.data() + written, text.size() - written);
    if (bytes < 0 && errno != EINTR) break;
    if (bytes > 0) written += static_cast<size_t>(bytes);
  }
  const bool closed = ::close(file) == 0;
  if (written == text.size() && closed && ::rename(temporary.c_str(), path.c_str()) == 0) {
    return true;
  }
  const int problem = errno;
  ::unlink(temporary.c_str());
  errno = problem;
  return false;
}

}  // namespace

bool Snapshots::read(compiler::FileSet& files, const std::string& tests,
                     compiler::DiagnosticSink& sink) {
  path_ = path_beside(tests);
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0 && errno == ENOENT) return true;
  const Result<compiler::FileId> file = files.read(path_);
  if (!file) {
    report(sink, "file-unreadable", {},
           fmt::format("cannot read `{}`: {}", path_, std::strerror(file.error().sys)), "");
    return false;
  }
  old_text_ = files.text(*file);
  const auto tree = compiler::read_tree(files, *file, sink);
  if (tree == nullptr || !tree->root()) return tree != nullptr;
  const Value root = value_of(tree->root());
  bool fine = root.is_map();
  for (const Value& test : root.children) {
    fine = fine && test.is_list();
    kept_[test.key] = test.children;
  }
  if (!fine) {
    report(sink, "field-type", root.span, "a file of snapshots must be a map of lists",
           "something else", "write it anew with `gwctl test --update`");
  }
  return fine;
}

void Snapshots::check(const std::string& test, size_t number, const boost::json::object& answer,
                      std::vector<Mismatch>& out) const {
  const auto found = kept_.find(test);
  if (found == kept_.end() || number >= found->second.size()) {
    out.push_back(
        {"snapshot", "(none is kept; --update writes it)", to_flow(answer.at("status")), {}});
    return;
  }
  const boost::json::value actual(answer);
  compare(found->second[number], &actual, Match::Exact, "snapshot", out);
}

void Snapshots::set(const std::string& test, size_t number, boost::json::object answer) {
  std::vector<boost::json::object>& answers = fresh_[test];
  if (answers.size() <= number) answers.resize(number + 1);
  answers[number] = std::move(answer);
}

std::string Snapshots::text(const Suite& suite) const {
  std::string out = "# Written by `gwctl test --update`: whole answers, as they were.\n";
  for (const Test& test : suite.tests) {
    const auto fresh = fresh_.find(test.name);
    const auto kept = kept_.find(test.name);
    std::vector<boost::json::object> answers;
    if (fresh != fresh_.end()) {
      answers = fresh->second;
    } else if (kept != kept_.end()) {  // it was not run this time
      for (const Value& answer : kept->second) {
        const boost::json::value value = to_json(answer);
        if (value.is_object()) answers.push_back(value.get_object());
      }
    }
    if (answers.empty()) continue;
    out += fmt::format("{}:\n", to_scalar(test.name));
    for (const boost::json::object& answer : answers) {
      std::string_view lead = "  - ";
      for (const auto& [key, value] : answer) {
        out += fmt::format("{}{}: {}\n", lead, std::string_view(key), to_flow(value));
        lead = "    ";
      }
      if (answer.empty()) out += "  - {}\n";
    }
  }
  return out;
}

std::string Snapshots::write(const Suite& suite, bool& changed) {
  const std::string now = text(suite);
  changed = now != old_text_ && (!fresh_.empty() || !old_text_.empty());
  if (!changed) return {};
  if (replace_file(path_, now)) return {};
  return fmt::format("cannot write {}: {}", path_, std::strerror(errno));
}

}  // namespace gw::cli::tests
