// The signature that may follow a table in its file. Normative text: specs/table-format.md.
//
//   [0, file_bytes)   the table, as its header says; signing changes none of it
//   file_bytes        Signature, 88 bytes, and nothing behind it
//
// Making and checking one is runtime/trust; here it is only found.
#pragma once
#include <optional>
#include <string>
#include <type_traits>

#include "runtime/base/types.h"

namespace gw::table {

inline constexpr u8 kSignatureMagic[8] = {'G', 'W', 'T', 'S', 'I', 'G', '1', 0};

struct Signature {
  u8 magic[8];   // kSignatureMagic
  u64 counter;   // grows from table to table; seconds since 1970 unless the signer says otherwise
  u8 key_id[8];  // the first bytes of the SHA-256 of the public key's 32 bytes
  u8 value[64];  // Ed25519 (RFC 8032) over kSignatureContext, the table's SHA-256, the counter
};
static_assert(sizeof(Signature) == 88 && std::has_unique_object_representations_v<Signature>);

/// What is signed begins with these 24 bytes, so that nothing else that the key signs can be taken
/// for a table.
inline constexpr u8 kSignatureContext[24] = {'g', 'w', 'c', 't', 'l', ' ', 't', 'a',
                                             'b', 'l', 'e', ' ', 's', 'i', 'g', 'n',
                                             'a', 't', 'u', 'r', 'e', ' ', '1', 0};

/// A file cut in two. `table` is a view into it.
struct SplitFile {
  Bytes table;
  std::optional<Signature> signature;
};

/// Finds the signature where the header's `file_bytes` says that the table ends. Any bytes: what
/// does not end in a signature is all table, and for verify() to judge. Says nothing about whether
/// the signature is good.
SplitFile split_signature(Bytes file);

/// 16 hexadecimal digits, as people are shown it.
std::string key_id_text(const u8 (&key_id)[8]);

}  // namespace gw::table
