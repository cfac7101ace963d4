// Verifying one signature with one key. Inside runtime/jose only.
#pragma once
#include <string_view>

#include "runtime/jose/key.h"

namespace gw::jose {

/// Whether `signature`, the bytes, is one of `text`. `key` fits `algorithm`. Tens of microseconds;
/// leaves nothing in OpenSSL's list of errors, which TLS on the same thread looks at.
bool verify_signature(const Key& key, Algorithm algorithm, std::string_view text,
                      std::string_view signature);

}  // namespace gw::jose
