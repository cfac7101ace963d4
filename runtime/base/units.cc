#include "runtime/base/units.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace gw {
namespace {

struct Unit {
  std::string_view name;
  u64 factor;
};
// Largest first: formatting takes the first that divides.
constexpr Unit kDurationUnits[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr Unit kByteUnits[] = {
    {"TiB", u64{1} << 40}, {"GiB", u64{1} << 30}, {"MiB", u64{1} << 20}, {"KiB", u64{1} << 10},
    {"GB", 1'000'000'000}, {"MB", 1'000'000},     {"kB", 1000},          {"B", 1}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits from the front of `text`.
std::optional<u64> take_number(std::string_view& text) {
  u64 value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

std::optional<u64> scaled(u64 value, u64 factor) {
  u64 product = 0;
  if (__builtin_mul_overflow(value, factor, &product)) return std::nullopt;
  return product;
}

std::string format_units(u64 value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && value != 0)
      return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("0{}", units.back().name);
}

}  // namespace

std::optional<u64> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  u64 total = 0;
  u64 last_factor = ~u64{0};
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    size_t letters = 0;
    while (letters < text.size() && !is_digit(text[letters])) ++letters;
    const std::string_view name = text.substr(0, letters);
    text.remove_prefix(letters);
    u64 factor = 0;
    for (const Unit& unit : kDurationUnits) {
      if (unit.name == name) factor = unit.factor;
    }
    if (factor == 0 || factor >= last_factor) return std::nullopt;  // `1s1m` is a slip
    last_factor = factor;
    const auto part = scaled(*number, factor);
    if (!part || __builtin_add_overflow(total, *part, &total)) return std::nullopt;
  }
  return total;
}

std::optional<u64> parse_bytes(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  for (const Unit& unit : kByteUnits) {
    if (unit.name == text) return scaled(*number, unit.factor);
  }
  return std::nullopt;
}

std::optional<u64> parse_percent(std::string_view text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  text.remove_suffix(1);
  const auto whole = take_number(text);
  if (!whole) return std::nullopt;
  u64 hundredths = 0;
  if (!text.empty()) {
    if (text[0] != '.' || text.size() < 2 || text.size() > 3) return std::nullopt;
    for (const char c : text.substr(1)) {
      if (!is_digit(c)) return std::nullopt;
      hundredths = hundredths * 10 + static_cast<u64>(c - '0');
    }
    if (text.size() == 2) hundredths *= 10;
  }
  const auto scaled_whole = scaled(*whole, 100);
  if (!scaled_whole || *scaled_whole > 1'000'000) return std::nullopt;
  return *scaled_whole + hundredths;
}

std::optional<u64> parse_count(std::string_view text) {
  const auto number = take_number(text);
  if (!number || !text.empty()) return std::nullopt;
  return number;
}

std::string format_duration(u64 milliseconds) { return format_units(milliseconds, kDurationUnits); }
std::string format_bytes(u64 bytes) { return format_units(bytes, kByteUnits); }
namespace {

struct RateUnit {
  std::string_view name;
  u32 seconds;
};
constexpr RateUnit kRateUnits[] = {{"s", 1}, {"min", 60}, {"h", 3'600}, {"day", 86'400}};

}  // namespace

std::optional<u64> parse_rate(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto count = parse_count(text.substr(0, slash));
  if (!count || *count == 0 || *count > ~u32{0}) return std::nullopt;
  for (const RateUnit& unit : kRateUnits) {
    if (text.substr(slash + 1) != unit.name) continue;
    return pack_rate({static_cast<u32>(*count), unit.seconds});
  }
  return std::nullopt;
}

std::string format_rate(u64 stored) {
  const Rate rate = unpack_rate(stored);
  for (const RateUnit& unit : kRateUnits) {
    if (unit.seconds == rate.seconds) return fmt::format("{}/{}", rate.count, unit.name);
  }
  return fmt::format("{}/{}s", rate.count, rate.seconds);
}

namespace {

bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '[' ||
         c == ']' || c == ':';
}

}  // namespace

bool parse_origin(std::string_view text, bool may_have_star, std::string_view& problem) {
  const size_t colon = text.find("://");
  const auto wrong = [&problem](std::string_view why) {
    problem = why;
    return false;
  };
  if (colon == text.npos || colon == 0) return wrong("it has no scheme");
  const std::string_view scheme = text.substr(0, colon);
  for (const char c : scheme) {
    const bool fine = (c >= 'a' && c <= 'z') || is_digit(c) || c == '+' || c == '-' || c == '.';
    if (!fine) return wrong("its scheme is not in lower case");
  }
  std::string_view host = text.substr(colon + 3);
  if (host.starts_with("*.")) {
    if (!may_have_star) return wrong("`*` cannot come from a reference");
    host.remove_prefix(2);
  }
  if (host.empty()) return wrong("it has no host");
  if (host.find('*') != host.npos) return wrong("`*` stands for the first label only");
  if (host.find_first_of("/?#@") != host.npos)
    return wrong("it is more than scheme, host and port");
  for (const char c : host) {
    if (!is_host_byte(c)) return wrong("its host is not in lower case ASCII");
  }
  const bool names_default =
      (scheme == "https" && host.ends_with(":443")) || (scheme == "http" && host.ends_with(":80"));
  if (names_default) return wrong("browsers leave out the port that its scheme has anyway");
  if (host.front() == '.' || host.front() == ':') return wrong("it has no host");
  return true;
}

std::string format_percent(u64 hundredths) {
  if (hundredths % 100 == 0) return fmt::format("{}%", hundredths / 100);
  return fmt::format("{}.{:02}%", hundredths / 100, hundredths % 100);
}

bool parse_network(std::string_view text, u8 (&address)[16], u32& prefix_bits) {
  const size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  u32 widest = 128;
  if (in_addr v4{}; inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    std::memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    std::memcpy(address + 12, &v4, 4);
    widest = 32;
  } else if (inet_pton(AF_INET6, host.c_str(), address) != 1) {
    return false;
  }
  u32 bits = widest;
  if (slash != text.npos) {
    const auto number = parse_count(text.substr(slash + 1));
    if (!number || *number > widest) return false;
    bits = static_cast<u32>(*number);
  }
  prefix_bits = bits + (widest == 32 ? 96 : 0);
  // Host bits are cleared, so that equal blocks are equal records.
  for (u32 i = 0; i < 16; ++i) {
    const u32 kept = prefix_bits > i * 8 ? std::min(8u, prefix_bits - i * 8) : 0;
    address[i] = static_cast<u8>(address[i] & static_cast<u8>(0xff00u >> kept));
  }
  return true;
}

std::string format_network(const u8 (&address)[16], u32 prefix_bits) {
  static constexpr u8 kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  char text[INET6_ADDRSTRLEN] = {};
  const bool v4 = prefix_bits >= 96 && std::memcmp(address, kMapped, sizeof kMapped) == 0;
  inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + 12 : address, text, sizeof text);
  const u32 bits = v4 ? prefix_bits - 96 : prefix_bits;
  return bits == (v4 ? 32u : 128u) ? std::string(text) : fmt::format("{}/{}", text, bits);
}

std::string_view parse_unix_address(std::string_view text) {
  constexpr std::string_view kScheme = "unix:";
  constexpr size_t kMaxPathBytes = 107;  // sun_path without its NUL
  if (!text.starts_with(kScheme)) return {};
  text.remove_prefix(kScheme.size());
  const bool good = text.size() > 1 && text.front() == '/' && text.size() <= kMaxPathBytes &&
                    text.find('\0') == text.npos;
  return good ? text : std::string_view{};
}

bool is_listen_address(std::string_view text) {
  return !parse_unix_address(text).empty() || parse_host_port(text).has_value();
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port > 65535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return std::nullopt;  // an IPv6 address needs its brackets
  }
  return HostPort{host, static_cast<u16>(*port)};
}

std::optional<HttpUrl> parse_http_url(std::string_view text, std::string_view& problem) {
  HttpUrl url;
  if (const std::string_view path = parse_unix_address(text); !path.empty()) {
    url.scheme = "unix";
    url.host = path;
    return url;
  }
  const size_t scheme_end = text.find("://");
  if (scheme_end == text.npos) {
    problem = "it has no scheme; write http://host:port";
    return std::nullopt;
  }
  url.scheme = text.substr(0, scheme_end);
  if (url.scheme != "http" && url.scheme != "https") {
    problem = "its scheme is not http or https";
    return std::nullopt;
  }
  std::string_view rest = text.substr(scheme_end + 3);
  const size_t path_begin = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, path_begin);
  url.path = path_begin == rest.npos ? std::string_view{} : rest.substr(path_begin);
  if (url.path.find_first_of("?#") != url.path.npos) {
    problem = "it has a query or fragment";
    return std::nullopt;
  }
  if (authority.find('@') != authority.npos) {
    problem = "it holds user information";
    return std::nullopt;
  }
  const bool bracketed = !authority.empty() && authority.front() == '[';
  const bool has_port =
      bracketed ? authority.find("]:") != authority.npos : authority.find(':') != authority.npos;
  if (!has_port) {
    url.host = authority;
    if (bracketed && authority.size() > 2 && authority.back() == ']') {
      url.host = authority.substr(1, authority.size() - 2);
    }
    url.port = url.scheme == "https" ? 443 : 80;
  } else {
    const auto parts = parse_host_port(authority);
    if (!parts || parts->port == 0) {
      problem = "its port is not a number from 1 to 65535";
      return std::nullopt;
    }
    url.host = parts->host;
    url.port = parts->port;
  }
  if (url.host.empty()) {
    problem = "it has no host";
    return std::nullopt;
  }
  for (const char c : url.host) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' ||
                      c == '-' || c == '_' || (bracketed && (c == ':' || c == '%'));
    if (!fine) {
      problem = "its host holds a character that no host may hold";
      return std::nullopt;
    }
  }
  return url;
}

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
    if (!alnum && std::strchr("!#$%&'*+-.^_`|~", c) == nullptr) return false;
    if (c == '\0') return false;
  }
  return true;
}

bool is_field_value(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return false;
  }
  return true;
}

}  // namespace gw
