#include "runtime/net/http_fetcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/ip_address.h"
#include "runtime/base/units.h"

namespace gw::net {

std::optional<FetchUrl> parse_fetch_url(std::string_view text) {
  const auto is_plain = [](char c) { return c > ' ' && c <= '~' && c != '\\' && c != '"'; };
  if (!std::ranges::all_of(text, is_plain)) return std::nullopt;
  const size_t query = std::min(text.find('?'), text.size());
  if (text.find('#') != std::string_view::npos) return std::nullopt;
  std::string_view problem;
  const auto url = parse_http_url(text.substr(0, query), problem);
  if (!url || url->scheme == "unix") return std::nullopt;
  FetchUrl out;
  out.tls = url->scheme == "https";
  out.host = url->host;
  out.port = url->port;
  const std::string host =
      out.host.find(':') == std::string::npos ? out.host : fmt::format("[{}]", out.host);
  const bool usual = out.port == (out.tls ? 443 : 80);
  out.authority = usual ? host : fmt::format("{}:{}", host, out.port);
  out.target = url->path.empty() ? "/" : std::string(url->path);
  out.target += text.substr(query);
  return out;
}

bool is_loopback(const FetchUrl& url) {
  if (url.host == "localhost") return true;
  const auto ip = parse_ip(url.host);
  if (!ip) return false;
  if (!ip->v6) return ip->bytes[0] == 127;
  IpAddress one{.v6 = true};
  one.bytes[15] = 1;
  return *ip == one;
}

}  // namespace gw::net
