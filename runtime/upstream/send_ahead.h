// What a new connection to a target begins with.
#pragma once
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/task.h"
#include "runtime/net/byte_stream.h"
#include "runtime/net/event_loop.h"

namespace gw::upstream {

/// Sends `header`, such as that of the PROXY protocol, before TLS and everything else. All
/// arguments outlive the task. Errors, Retry::Safe as nothing was asked yet: ConnectFailed,
/// UpstreamTimeout after `due`; the stream is closed and at rest then.
Task<Result<void>> send_ahead(net::ByteStream& stream, const std::string& header,
                              net::EventLoop& loop, net::TimePoint due);

}  // namespace gw::upstream
