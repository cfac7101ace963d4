// Error: why an operation on the control or data path did not complete.
//
// Trivially copyable and allocation-free, so that making one on the data path costs a few
// stores. Who caused it and whether a retry is safe are decided where the error is born, since
// no later frame knows better.
#pragma once
#include <string_view>
#include <type_traits>

#include "runtime/base/types.h"

namespace gw {

enum class Errc : u8 {
  None,                    // never carried by a Result
  FileUnreadable,          // `sys` holds errno
  FileUnwritable,          // `sys` holds errno
  TableTruncated,          // shorter than its header says
  TableCorrupt,            // a checksum or bound does not hold
  TableVersion,            // written by an incompatible compiler
  TableFeature,            // needs a feature that this runtime lacks
  ReferenceInvalid,        // a late reference is missing or out of bounds
  AddressInvalid,          // not an address, or it cannot be bound
  BadRequest,              // the peer's framing or syntax is wrong; 400
  UriTooLong,              // 414
  HeadTooLarge,            // 431
  BodyTooLarge,            // 413
  RequestTimeout,          // the peer was too slow; 408
  VersionUnsupported,      // 505
  Misdirected,             // the host belongs to other TLS settings; 421
  ExpectationUnsupported,  // 417
  NotImplemented,          // 501, e.g. an unknown transfer coding
  PeerClosed,              // end of stream where more was due, or a reset
  TlsFailed,               // the TLS handshake did not succeed
  Cancelled,               // by this side: drain, deadline or a vanished client
  ConnectFailed,           // no connection to the upstream
  UpstreamClosed,          // closed before a full response
  UpstreamInvalid,         // its response breaks the protocol
  UpstreamTimeout,         // a deadline passed while waiting for it
  UpstreamOverflow,        // a limit of the upstream is reached
  StreamEnded,             // it was told to end, or has reached the age of a stream; 503
  CircuitOpen,             // too much of what was sent to it has failed: nothing is, for a while
  Unauthenticated,         // no credential that counts; 401
  Forbidden,               // known, and not allowed; 403
  RequestInvalid,          // not what the document describes; 400
  ResponseInvalid,         // the same of an answer; 502
  IdentityUnknown,         // credentials cannot be checked now; 503
  Internal,                // a bug that was contained
};
enum class Origin : u8 { Internal, Downstream, Upstream };
/// Whether the same bytes may be sent again without the risk of doing something twice. `Reused`:
/// only because the connection came from the pool and died before any answer. `Unseen`: the target
/// has ended the connection in good order, and said that it has not looked at the request.
enum class Retry : u8 { Never, Safe, Reused, Unseen };

struct Error {
  Errc code = Errc::None;
  Origin origin = Origin::Internal;
  Retry retry = Retry::Never;
  int sys = 0;                 // errno or 0
  std::string_view what = {};  // static storage only; never user data
};
static_assert(std::is_trivially_copyable_v<Error>);

}  // namespace gw
