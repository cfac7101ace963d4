#include "cli/source_state.h"

#include <xxhash.h>

#include <algorithm>

#include "runtime/table/table_file.h"

namespace gw::cli {
namespace {

// Tables are the largest that is read.
constexpr u64 kMaxBytes = table::kMaxFileBytes + sizeof(table::Signature);

u64 digest_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace

void SourceState::note(const std::string& path, std::string_view text) {
  digests_[path] = digest_of(text);
}

std::optional<u64> SourceState::digest_of_file(const std::string& path) {
  const auto text = table::read_file(path, kMaxBytes);
  if (!text) return std::nullopt;
  return digest_of(*text);
}

bool SourceState::holds() const {
  return std::ranges::all_of(
      digests_, [](const auto& noted) { return digest_of_file(noted.first) == noted.second; });
}

std::vector<std::string> SourceState::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, digest] : digests_) paths.push_back(path);
  return paths;
}

}  // namespace gw::cli
