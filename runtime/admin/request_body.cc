#include "runtime/admin/request_body.h"

#include <fcntl.h>
#include <sys/stat.h>

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

// Whoever opens a pipe waits for its other end, unless told not to.
Result<UniqueDescriptor> open_regular(const std::string& path, u64& size) {
  UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return unreadable("open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return unreadable("stat");
  if (!S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return unreadable("not a regular file");
  }
  size = static_cast<u64>(status.st_size);
  if (size == 0) return fail(Errc::TableTruncated, "an empty file");
  if (size > kMaxBodyBytes) return fail(Errc::BodyTooLarge, "the file");
  return file;
}

}  // namespace

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
    copy->add(as_bytes(body));
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

Task<Result<void>> read_table_file(net::EventLoop& loop, const std::string& path,
                                   table::ArrivingTable& out) {
  u64 size = 0;
  auto file = open_regular(path, size);
  if (!file) co_return fail(file.error());
  auto arriving = table::ArrivingTable::allocate(size);
  if (!arriving) co_return fail(arriving.error());
  while (arriving->missing_bytes() != 0) {
    const auto read = arriving->read_from(file->get(), kYieldBytes);
    if (!read) co_return fail(read.error());
    let_others_run();
    NextTurn next_turn(loop);
    co_await next_turn;
  }
  out = *std::move(arriving);
  co_return Result<void>{};
}

}  // namespace gw::admin
