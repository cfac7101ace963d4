#include "cli/signing_keys.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "runtime/table/table_file.h"

namespace gw::cli {
namespace {

std::optional<std::string> read_pem(const std::string& path, const Console& console) {
  auto text = table::read_file(path, trust::kMaxPemBytes);
  if (text) return *std::move(text);
  console.error(fmt::format("cannot read {}: {}", path, std::strerror(text.error().sys)));
  return std::nullopt;
}

}  // namespace

std::unique_ptr<trust::SigningKey> read_signing_key(const std::string& path,
                                                    const Console& console) {
  auto pem = read_pem(path, console);
  if (!pem) return nullptr;
  std::string problem;
  auto key = trust::SigningKey::from_pem(*pem, problem);
  trust::wipe(*pem);
  if (key == nullptr) console.error(fmt::format("{} cannot sign: {}", path, problem));
  return key;
}

bool read_trusted_keys(const std::vector<std::string>& paths, trust::TrustedKeys& keys,
                       const Console& console) {
  for (const std::string& path : paths) {
    auto pem = read_pem(path, console);
    if (!pem) return false;
    std::string problem;
    const bool added = keys.add_pem(*pem, problem);
    trust::wipe(*pem);  // somebody may have named the private key
    if (added) continue;
    console.error(fmt::format("{} cannot be trusted: {}", path, problem));
    return false;
  }
  return true;
}

std::optional<u64> read_counter(const std::string& given, const Console& console) {
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  const std::string text = given.empty() && epoch != nullptr ? epoch : given;
  if (text.empty()) return static_cast<u64>(std::time(nullptr));
  u64 counter = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, problem] = std::from_chars(text.data(), end, counter);
  if (problem == std::errc() && parsed == end) return counter;
  console.error(fmt::format("{} `{}` is not a number from 0 to {}",
                            given.empty() ? "SOURCE_DATE_EPOCH" : "--counter", text, ~u64{0}));
  return std::nullopt;
}

std::string signature_text(const table::Signature& signature) {
  return fmt::format("by key {}, counter {}", table::key_id_text(signature.key_id),
                     signature.counter);
}

}  // namespace gw::cli
