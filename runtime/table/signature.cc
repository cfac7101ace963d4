#include "runtime/table/signature.h"

#include <fmt/format.h>

#include <cstring>

#include "runtime/table/format.h"

namespace gw::table {

SplitFile split_signature(Bytes file) {
  if (file.size() < sizeof(Header) + sizeof(Signature)) return {file, std::nullopt};
  const u64 table_bytes = file.size() - sizeof(Signature);
  Header header;
  std::memcpy(&header, file.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.file_bytes != table_bytes) {
    return {file, std::nullopt};
  }
  Signature signature;
  std::memcpy(&signature, file.data() + table_bytes, sizeof signature);
  if (std::memcmp(signature.magic, kSignatureMagic, sizeof kSignatureMagic) != 0) {
    return {file, std::nullopt};
  }
  return {file.first(table_bytes), signature};
}

std::string key_id_text(const u8 (&key_id)[8]) {
  std::string text;
  for (const u8 byte : key_id) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace gw::table
