#include "cli/testing/generated_file.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/testing/value.h"
#include "compiler/diag/render.h"

namespace gw::cli::tests {

namespace json = boost::json;

GeneratedFile::GeneratedFile(std::string_view title) : title_(title) {}

void GeneratedFile::begin_operation(std::string_view heading, std::string_view id,
                                    std::string_view host) {
  cases_ += fmt::format("  # {}\n", compiler::printable(heading));
  operation_ = id;
  host_ = host;
}

void GeneratedFile::add(std::string_view what, json::object request, json::object expect) {
  add(what, std::move(request), {}, std::move(expect));
}

void GeneratedFile::add(std::string_view what, json::object request, json::array upstream,
                        json::object expect) {
  std::string name = fmt::format("{}: {}", operation_, what);
  for (u32 i = 2; !names_.insert(name).second; ++i) {
    name = fmt::format("{}: {} ({})", operation_, what, i);
  }
  if (!host_.empty()) request["host"] = host_;
  cases_ += fmt::format("  - name: {}\n    request: {}\n", to_scalar(name), to_flow(request));
  if (!upstream.empty()) cases_ += fmt::format("    upstream: {}\n", to_flow(upstream));
  cases_ += fmt::format("    expect: {}\n", to_flow(expect));
}

void GeneratedFile::leave_out(std::string_view what, std::string_view why) {
  const std::string told = compiler::printable(fmt::format("{}: {}", what, why));
  cases_ += fmt::format("  # left out: {}\n", told);
  left_out_.push_back(fmt::format("{}: {}", operation_, told));
}

GeneratedTests GeneratedFile::finish() {
  return {fmt::format("# Tests at the boundaries of the contract of {}, written by\n"
                      "# `gwctl test --generate`. Each expects what the documents demand.\n"
                      "tests:{}\n{}",
                      compiler::printable(title_), names_.empty() ? " []" : "", cases_),
          std::move(left_out_)};
}

json::object GeneratedFile::let_through() const {
  return {{"decision", "allow"}, {"operation", operation_}};
}

json::object GeneratedFile::refused(u32 status, std::string_view by) const {
  return {{"decision", "deny"}, {"status", status}, {"by", by}, {"operation", operation_}};
}

json::object GeneratedFile::refused_without_route(u32 status, std::string_view by) {
  return {{"decision", "deny"}, {"status", status}, {"by", by}, {"operation", nullptr}};
}

}  // namespace gw::cli::tests
