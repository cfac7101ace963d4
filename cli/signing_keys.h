// Files with keys that sign tables, or tell who has signed them.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "runtime/trust/signing.h"

namespace gw::cli {

/// The private key in a PEM file. Null after a message.
std::unique_ptr<trust::SigningKey> read_signing_key(const std::string& path,
                                                    const Console& console);
/// The public keys in PEM files, one in each. False after a message.
bool read_trusted_keys(const std::vector<std::string>& paths, trust::TrustedKeys& keys,
                       const Console& console);

/// The counter of a signature: as `given` (of `--counter`); "": SOURCE_DATE_EPOCH, so that the same
/// build gives the same file again, else the seconds since 1970. nullopt after a message.
std::optional<u64> read_counter(const std::string& given, const Console& console);

/// `by key ID, counter N`: as the file says; nothing is checked.
std::string signature_text(const table::Signature& signature);

}  // namespace gw::cli
