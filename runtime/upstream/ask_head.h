// The first half of a short exchange: a request is sent, the head of its answer is read.
#pragma once
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/task.h"
#include "runtime/net/byte_stream.h"

namespace gw::upstream {

inline constexpr size_t kMaxShortHeadBytes = 16 * 1024;

/// For the control side, which asks now and then and keeps no connection. Sends `request` and reads
/// into `received` until the head of the answer is whole; what has come of the body stands behind
/// it. Returns the length of the head, which is not parsed yet. All arguments outlive the task; who
/// wants a deadline sets one on the stream. Errors: UpstreamClosed, UpstreamInvalid.
Task<Result<size_t>> ask_head(net::ByteStream& stream, const std::string& request,
                              std::string& received);

}  // namespace gw::upstream
