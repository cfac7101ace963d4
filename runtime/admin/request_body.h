// What a request to the admin interface brings with it: a text, or a table, sent or named.
#pragma once
#include <sys/stat.h>

#include <string>

#include "runtime/base/result.h"
#include "runtime/base/task.h"
#include "runtime/http/body.h"
#include "runtime/net/event_loop.h"
#include "runtime/table/arriving_table.h"

namespace gw::admin {

/// Largest body or file that is taken: a table.
inline constexpr u64 kMaxBodyBytes = u64{1} << 30;

/// Appends all of a body to `out`. Errors: BodyTooLarge, or as BodySource::next().
Task<Result<void>> read_text(http::BodySource& source, std::string& out);

/// The whole body as a table, of which nobody has checked anything; `out` stays empty when the body
/// is. Errors: as above, TableTruncated; FileUnreadable with errno where there is no memory.
Task<Result<void>> read_table(http::BodySource& source, table::ArrivingTable& out);

/// What tells a file from all others, and from itself when it has changed: device, inode, size and
/// time of the last change, as `stat -c %d:%i:%s:%.9Z` writes them.
std::string identity_of(const struct stat& status);

/// A table as a file of this host.
struct NamedTable {
  std::string path;                         // absolute
  std::string identity;                     // as identity_of() has it; "": any
  const bool* is_wanted_no_more = nullptr;  // looked at between the pieces
};

/// The same as read_table() of a regular file. `loop` has its turn between the pieces; a file that
/// comes from elsewhere by a network holds it up as long as that does. Errors: FileUnreadable with
/// errno (EINVAL: it is no regular file; ESTALE: another one than was named, also when it changes
/// while it is read; ECANCELED; or there is no memory), BodyTooLarge, TableTruncated: empty, or cut
/// meanwhile.
Task<Result<void>> read_table_file(net::EventLoop& loop, const NamedTable& named,
                                   table::ArrivingTable& out);

}  // namespace gw::admin
