// The digest in the trailer of a table: XXH3-64 of what serving needs.
#pragma once
#include <memory>

#include "runtime/base/types.h"
#include "runtime/table/format.h"

struct XXH3_state_s;

namespace gw::table {

/// Two pieces of a file that are digested as if one followed the other: all but the trailer, and
/// but the body of a last section that is optional. That has a digest of its own in the section
/// list, and nobody who serves should have to read it.
struct DigestedParts {
  u64 first_end = 0;     // bytes; the first piece begins the file
  u64 second_begin = 0;  // at least first_end
  u64 second_end = 0;
};

/// Where the list of sections ends, as the header says. Nothing has been checked yet; any number.
u64 list_end(const Header& header);

/// `file` is a table without a signature, and has room for a header and a trailer. No more than its
/// header and its list of sections are read, and nothing else has to be there yet. Nothing has been
/// checked: whatever stands there only decides what is digested.
DigestedParts digested_parts(Bytes file);

/// The digest that belongs into the trailer of `file`, as above.
u64 digest_of(Bytes file);

/// XXH3-64 of what comes piece by piece. One thread.
class DigestState {
 public:
  DigestState();
  ~DigestState();
  DigestState(const DigestState&) = delete;
  DigestState& operator=(const DigestState&) = delete;

  void add(Bytes piece);
  u64 value() const;

 private:
  XXH3_state_s* state_;
};

}  // namespace gw::table
