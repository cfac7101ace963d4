#include "compiler/emit/pools.h"

namespace gw::compiler {

table::StringRef StringPool::add(std::string_view text) {
  if (text.empty()) return {.offset = 0, .bytes = 0};
  const auto [entry, fresh] =
      known_.try_emplace(std::string(text), static_cast<u32>(bytes_.size()));
  if (fresh) bytes_.append(text);
  return {.offset = entry->second, .bytes = static_cast<u32>(text.size())};
}

u32 BytePool::add(Bytes bytes) {
  const auto [entry, fresh] =
      known_.try_emplace(std::string(as_text(bytes)), static_cast<u32>(bytes_.size()));
  if (fresh) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize((bytes_.size() + 7) & ~size_t{7});
  }
  return entry->second;
}

}  // namespace gw::compiler
