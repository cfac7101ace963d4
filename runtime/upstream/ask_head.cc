#include "runtime/upstream/ask_head.h"

#include "runtime/http/http1_head.h"

namespace gw::upstream {
namespace {

Unexpected<Error> closed(int error_number) {
  return fail(Error{.code = Errc::UpstreamClosed,
                    .origin = Origin::Upstream,
                    .sys = error_number,
                    .what = "closed before an answer"});
}

Unexpected<Error> not_http() {
  return fail(Error{
      .code = Errc::UpstreamInvalid, .origin = Origin::Upstream, .what = "the answer is not HTTP"});
}

MutableBytes rest_of(std::string& text, size_t from) {
  return std::as_writable_bytes(std::span(text.data() + from, text.size() - from));
}

}  // namespace

Task<Result<size_t>> ask_head(net::ByteStream& stream, const std::string& request,
                              std::string& received) {
  const Bytes piece = as_bytes(request);
  stream.start_write(&piece, 1);
  co_await net::IoWait(stream.writing);
  if (stream.writing.error != 0) co_return closed(stream.writing.error);
  received.assign(kMaxShortHeadBytes, 0);
  size_t bytes = 0;
  http::HeadScanner scanner;
  for (;;) {
    const auto scanned = scanner.scan(std::string_view(received.data(), bytes));
    if (scanned == http::HeadScanner::State::Complete) {
      received.resize(bytes);
      co_return scanner.head_bytes();
    }
    if (scanned == http::HeadScanner::State::Invalid || bytes == received.size()) {
      co_return not_http();
    }
    if (bytes > 0) stream.look_again();
    stream.start_read(rest_of(received, bytes));
    co_await net::IoWait(stream.reading);
    if (stream.reading.error != 0 || stream.reading.bytes == 0) {
      co_return closed(stream.reading.error);
    }
    bytes += stream.reading.bytes;
  }
}

}  // namespace gw::upstream
