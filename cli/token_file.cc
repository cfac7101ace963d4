#include "cli/token_file.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

#include "runtime/table/table_file.h"

namespace gw::cli {
namespace {

constexpr u64 kMostBytes = 4096;
constexpr size_t kLeastCharacters = 16;

}  // namespace

std::optional<std::string> read_token_file(const std::string& path, std::string& problem) {
  const auto text = table::read_file(path, kMostBytes);
  if (!text) {
    const Error& error = text.error();
    problem = fmt::format("cannot read {}: {}", path,
                          error.sys != 0 ? std::string_view(std::strerror(error.sys)) : error.what);
    return std::nullopt;
  }
  std::string token = text->substr(0, text->find_first_of("\r\n"));
  if (token.size() < kLeastCharacters) {
    problem = fmt::format("{}: a token has at least {} characters", path, kLeastCharacters);
    return std::nullopt;
  }
  return token;
}

}  // namespace gw::cli
