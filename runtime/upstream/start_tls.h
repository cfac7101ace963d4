// TLS on a connection to a target.
#pragma once
#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/task.h"
#include "runtime/net/event_loop.h"
#include "runtime/net/tls_client.h"

namespace gw::upstream {

/// Shakes hands on `stream`, which becomes the stream of what is inside TLS. `host` is sent as SNI
/// and looked for in the certificate. All arguments outlive the task. Errors, Retry::Safe as
/// nothing was asked yet: TlsFailed, ConnectFailed (closed meanwhile), UpstreamTimeout after `due`;
/// the stream is closed and at rest then.
Task<Result<void>> start_tls(std::unique_ptr<net::ByteStream>& stream, net::TlsClient& client,
                             const std::string& host, net::EventLoop& loop, net::TimePoint due);

}  // namespace gw::upstream
