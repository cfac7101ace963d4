#include "runtime/admin/request_body.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <coroutine>

#include "runtime/base/thread_priority.h"
#include "runtime/base/unique_descriptor.h"

namespace gw::admin {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

Unexpected<Error> unreadable(std::string_view what) {
  return fail(Error{.code = Errc::FileUnreadable, .sys = errno, .what = what});
}

/// `co_await`: what else the loop has to do comes first.
class NextTurn {
 public:
  explicit NextTurn(net::EventLoop& loop) : loop_(loop) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    loop_.post([waiter] { waiter.resume(); });
  }
  void await_resume() const {}

 private:
  net::EventLoop& loop_;
};

// Otherwise errno says why not.
bool is_meant(const NamedTable& named, int descriptor) {
  struct stat status {};
  if (named.identity.empty()) return true;
  if (::fstat(descriptor, &status) != 0) return false;
  errno = ESTALE;
  return named.identity == identity_of(status);
}

// Opening alone does something to pipes and devices: first the name, and what it leads to.
Result<UniqueDescriptor> open_regular(const NamedTable& named, u64& size) {
  const UniqueDescriptor name(::open(named.path.c_str(), O_PATH | O_CLOEXEC));
  if (!name) return unreadable("open");
  struct stat status {};
  if (::fstat(name.get(), &status) != 0) return unreadable("stat");
  if (!S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return unreadable("not a regular file");
  }
  if (!is_meant(named, name.get())) return unreadable("another file");
  size = static_cast<u64>(status.st_size);
  if (size == 0) return fail(Errc::TableTruncated, "empty");
  if (size > kMaxBodyBytes) return fail(Errc::BodyTooLarge, "too large");
  const std::string itself = fmt::format("/proc/self/fd/{}", name.get());
  UniqueDescriptor file(::open(itself.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable("open");
  return file;
}

}  // namespace

std::string identity_of(const struct stat& status) {
  return fmt::format("{}:{}:{}:{}.{:09}", status.st_dev, status.st_ino, status.st_size,
                     status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

Task<Result<void>> read_text(http::BodySource& source, std::string& out) {
  for (;;) {
    auto next = co_await source.next(kPieceBytes);
    if (!next) co_return fail(next.error());
    out.append(as_text(next->bytes));
    if (out.size() > kMaxBodyBytes) co_return fail(Errc::BodyTooLarge, "admin body");
    if (next->end) co_return Result<void>{};
  }
}

// A table is large: it comes to where it will be served from. Only of a length that is not told it
// has to be copied there.
Task<Result<void>> read_table(http::BodySource& source, table::ArrivingTable& out) {
  const u64 told = source.remaining_bytes();
  if (told == 0) co_return Result<void>{};
  if (told > kMaxBodyBytes) {
    std::string body;
    auto read = co_await read_text(source, body);
    if (!read || body.empty()) co_return read;
    auto copy = table::ArrivingTable::allocate(body.size());
    if (!copy) co_return fail(copy.error());
    for (Bytes rest = as_bytes(body); !rest.empty();) {
      const Bytes piece = rest.first(std::min(rest.size(), kYieldBytes));
      copy->add(piece);
      rest = rest.subspan(piece.size());
      let_others_run();
    }
    out = *std::move(copy);
    co_return Result<void>{};
  }
  auto arriving = table::ArrivingTable::allocate(told);
  if (!arriving) co_return fail(arriving.error());
  u64 since_others_ran = 0;  // bytes
  for (;;) {
    auto next = co_await source.next(kPieceBytes);
    if (!next) co_return fail(next.error());
    if (!arriving->add(next->bytes)) co_return fail(Errc::BodyTooLarge, "admin body");
    since_others_ran += next->bytes.size();
    if (since_others_ran >= kYieldBytes) {
      let_others_run();
      since_others_ran = 0;
    }
    if (!next->end) continue;
    if (arriving->missing_bytes() != 0) co_return fail(Errc::TableTruncated, "admin body");
    out = *std::move(arriving);
    co_return Result<void>{};
  }
}

Task<Result<void>> read_table_file(net::EventLoop& loop, const NamedTable& named,
                                   table::ArrivingTable& out) {
  u64 size = 0;
  auto file = open_regular(named, size);
  if (!file) co_return fail(file.error());
  auto arriving = table::ArrivingTable::allocate(size);
  if (!arriving) co_return fail(arriving.error());
  while (arriving->missing_bytes() != 0) {
    const auto read = arriving->read_from(file->get(), kYieldBytes);
    if (!read) co_return fail(read.error());
    let_others_run();
    NextTurn next_turn(loop);
    co_await next_turn;
    if (named.is_wanted_no_more != nullptr && *named.is_wanted_no_more) {
      errno = ECANCELED;
      co_return unreadable("read");
    }
  }
  if (!is_meant(named, file->get())) co_return unreadable("another file");
  out = *std::move(arriving);
  co_return Result<void>{};
}

}  // namespace gw::admin
