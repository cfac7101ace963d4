#include "runtime/table/arriving_table.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/table/format.h"

namespace gw::table {

Result<ArrivingTable> ArrivingTable::allocate(u64 size) {
  GW_TRY_ASSIGN(PrivateMemory memory, PrivateMemory::allocate(size));
  return ArrivingTable(std::move(memory));
}

ArrivingTable::ArrivingTable(PrivateMemory memory)
    : memory_(std::move(memory)), state_(std::make_unique<DigestState>()) {}

bool ArrivingTable::add(Bytes piece) {
  if (piece.size() > missing_bytes()) return false;
  if (piece.empty()) return true;
  std::memcpy(memory_.data() + arrived_, piece.data(), piece.size());
  arrived_ += piece.size();
  digest_what_has_come();
  return true;
}

Result<void> ArrivingTable::read_from(int descriptor, u64 max_bytes) {
  const u64 size = std::min(max_bytes, missing_bytes());
  ssize_t read = 0;
  do {
    read = ::pread(descriptor, memory_.data() + arrived_, size, static_cast<off_t>(arrived_));
  } while (read < 0 && errno == EINTR);
  if (read < 0) return fail(Error{.code = Errc::FileUnreadable, .sys = errno, .what = "read"});
  if (read == 0 && size != 0) return fail(Errc::TableTruncated, "read");
  arrived_ += static_cast<u64>(read);
  digest_what_has_come();
  return {};
}

void ArrivingTable::digest_what_has_come() {
  if (!parts_) {
    if (arrived_ < sizeof(Header)) return;
    Header header;
    std::memcpy(&header, memory_.data(), sizeof header);
    // A signature may follow. What is no table of this size is refused for its header.
    const bool possible =
        header.file_bytes >= sizeof header + kTrailerBytes && header.file_bytes <= memory_.size();
    if (!possible) {
      parts_ = DigestedParts{};
    } else if (arrived_ >= std::min(list_end(header), header.file_bytes)) {
      parts_ = digested_parts(memory_.bytes().first(header.file_bytes));
    } else {
      return;
    }
  }
  digest_up_to(std::min(arrived_, parts_->first_end));
  digested_ = std::max(digested_, std::min(arrived_, parts_->second_begin));
  digest_up_to(std::min(arrived_, parts_->second_end));
}

void ArrivingTable::digest_up_to(u64 end) {
  if (end <= digested_) return;
  state_->add(memory_.bytes().subspan(digested_, end - digested_));
  digested_ = end;
}

u64 ArrivingTable::digest() const {
  GW_CHECK(missing_bytes() == 0);
  return parts_ && parts_->second_end != 0 ? state_->value() : 0;
}

}  // namespace gw::table
