#include "runtime/observe/error_names.h"

namespace gw::observe {

std::string_view error_name(Errc code) {
  switch (code) {
    case Errc::None:
      return "";
    case Errc::BadRequest:
      return "bad-request";
    case Errc::UriTooLong:
      return "uri-too-long";
    case Errc::HeadTooLarge:
      return "head-too-large";
    case Errc::BodyTooLarge:
      return "body-too-large";
    case Errc::RequestTimeout:
      return "request-timeout";
    case Errc::VersionUnsupported:
      return "version-unsupported";
    case Errc::ExpectationUnsupported:
      return "expectation-unsupported";
    case Errc::Misdirected:
      return "misdirected";
    case Errc::TlsFailed:
      return "tls-failed";
    case Errc::NotImplemented:
      return "not-implemented";
    case Errc::PeerClosed:
      return "peer-closed";
    case Errc::Cancelled:
      return "cancelled";
    case Errc::ConnectFailed:
      return "connect-failed";
    case Errc::UpstreamClosed:
      return "upstream-closed";
    case Errc::UpstreamInvalid:
      return "upstream-invalid";
    case Errc::UpstreamTimeout:
      return "upstream-timeout";
    case Errc::UpstreamOverflow:
      return "upstream-overflow";
    case Errc::Unauthenticated:
      return "unauthenticated";
    case Errc::Forbidden:
      return "forbidden";
    case Errc::RequestInvalid:
      return "request-invalid";
    case Errc::ResponseInvalid:
      return "response-invalid";
    case Errc::IdentityUnknown:
      return "identity-unknown";
    case Errc::StreamEnded:
      return "stream-ended";
    case Errc::CircuitOpen:
      return "circuit-open";
    default:
      return "internal";
  }
}

}  // namespace gw::observe
