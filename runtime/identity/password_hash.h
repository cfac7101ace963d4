// Password hashes as crypt(5) writes them: bcrypt, yescrypt, scrypt, SHA-512.
#pragma once
#include <string>
#include <string_view>

namespace gw::identity {

/// Whether `password` is the one that `hash` was made of. Slow by purpose: tens to hundreds of
/// milliseconds. Any thread. False for a hash that is none.
bool is_password(std::string_view hash, std::string_view password);

/// A salted hash of `password` (yescrypt, with the library's usual cost). Empty: it cannot be made.
std::string hash_password(std::string_view password);

}  // namespace gw::identity
