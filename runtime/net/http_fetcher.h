// Small requests by the control side: keys of issuers, introspection of tokens.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/types.h"

namespace gw::net {

struct TlsClientOptions;

/// An absolute http or https URL, taken apart.
struct FetchUrl {
  bool tls = false;
  std::string host;  // IPv6 without brackets
  u16 port = 0;
  std::string authority;  // as Host says it
  std::string target;     // path and query; "/" at least
};
/// Nothing: another scheme, user information, a fragment, or a character that no URL has.
std::optional<FetchUrl> parse_fetch_url(std::string_view text);
/// Whether the host is this machine whatever a name server says: 127.0.0.0/8, ::1, `localhost`.
bool is_loopback(const FetchUrl& url);

struct HttpCall {
  std::string url;
  /// Further fields, which are not checked here: Authorization, Content-Type.
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::optional<std::string> post = {};  // the body of a POST; nothing: a GET
  size_t max_body_bytes = size_t{1} << 20;
  u32 timeout_ms = 5'000;                            // of all together
  std::shared_ptr<const TlsClientOptions> tls = {};  // null: the system's authorities
};

struct HttpReply {
  /// Why there is no whole answer: static text. Empty: there is one, whatever its status.
  std::string_view problem = {};
  u16 status = 0;
  std::string body = {};
  std::string content_type = {};
  std::string cache_control = {};  // all of them, by commas
  std::string age = {};
  std::string retry_after = {};
};

/// The seam between what wants to know something and the network. One thread, that of its loop.
class HttpFetcher {
 public:
  using Done = std::function<void(HttpReply reply)>;
  virtual ~HttpFetcher() = default;
  /// `done` is called later, once, never within this call; not at all when this is gone before.
  virtual void send(HttpCall call, Done done) = 0;
};

}  // namespace gw::net
