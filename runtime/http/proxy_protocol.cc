#include "runtime/http/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime/http/forwarding.h"

namespace gw::http {
namespace {

constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixedBytes2 = 16;
constexpr size_t kMaxBytes1 = 107;
constexpr u8 kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

ProxyHeader invalid() { return ProxyHeader{.state = ProxyHeader::State::Invalid, .client = {}}; }

bool is_v4(const PeerAddress& address) {
  return std::memcmp(address.bytes, kMappedPrefix, sizeof kMappedPrefix) == 0;
}

// The next word of a version 1 line: words are parted by exactly one space.
bool take_word(std::string_view& line, std::string_view& word) {
  const size_t space = line.find(' ');
  word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return !word.empty();
}

bool parse_port(std::string_view text, u16& out) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return false;
  u32 value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value > 65535) {
    return false;
  }
  out = static_cast<u16>(value);
  return true;
}

ProxyHeader parse_version_1(std::string_view data) {
  const size_t end = data.substr(0, kMaxBytes1).find("\r\n");
  if (end == std::string_view::npos) {
    return data.size() >= kMaxBytes1 ? invalid() : ProxyHeader{.client = {}};
  }
  ProxyHeader header{.state = ProxyHeader::State::Complete, .bytes = end + 2, .client = {}};
  std::string_view line = data.substr(6, end - 6);
  std::string_view family;
  if (!take_word(line, family)) return invalid();
  if (family == "UNKNOWN") return header;
  if (family != "TCP4" && family != "TCP6") return invalid();
  std::string_view words[4];  // source, destination, their ports
  for (std::string_view& word : words) {
    if (!take_word(line, word)) return invalid();
  }
  PeerAddress destination;
  u16 destination_port = 0;
  if (!line.empty() || !parse_address(words[0], header.client) ||
      !parse_address(words[1], destination) || !parse_port(words[2], header.client.port) ||
      !parse_port(words[3], destination_port)) {
    return invalid();
  }
  const bool colons = words[0].find(':') != std::string_view::npos;
  if (colons != (family == "TCP6")) return invalid();
  header.known = true;
  return header;
}

ProxyHeader parse_version_2(std::string_view data) {
  if (data.size() < kFixedBytes2) return {.client = {}};
  const auto byte = [&](size_t at) { return static_cast<u8>(data[at]); };
  const u32 version = byte(12) >> 4;
  const u32 command = byte(12) & 15;
  const u32 family = byte(13) >> 4;
  const u32 transport = byte(13) & 15;
  const size_t rest = static_cast<size_t>(byte(14)) << 8 | byte(15);
  if (version != 2 || command > 1 || kFixedBytes2 + rest > kMaxProxyHeaderBytes) return invalid();
  if (data.size() < kFixedBytes2 + rest) return {.client = {}};
  ProxyHeader header{
      .state = ProxyHeader::State::Complete, .bytes = kFixedBytes2 + rest, .client = {}};
  const bool local = command == 0;
  if (local || family == 0 || family == 3 || transport != 1) return header;
  const size_t address_bytes = family == 1 ? 4 : 16;
  if (family > 2 || rest < 2 * address_bytes + 4) return invalid();
  const char* from = data.data() + kFixedBytes2;
  if (family == 1) {
    std::memcpy(header.client.bytes, kMappedPrefix, sizeof kMappedPrefix);
    std::memcpy(header.client.bytes + 12, from, 4);
  } else {
    std::memcpy(header.client.bytes, from, 16);
  }
  u16 port = 0;
  std::memcpy(&port, from + 2 * address_bytes, sizeof port);
  header.client.port = ntohs(port);
  header.known = true;
  return header;
}

// Both addresses are of one family: an IPv4 one beside IPv6 is written as mapped.
void append_address(std::string& line, const PeerAddress& address, bool v4) {
  char text[46];
  if (!v4 && is_v4(address)) line += "::ffff:";
  line.append(address_text(address, text)).append(" ");
}

std::string write_version_1(const PeerAddress& client, const PeerAddress& local, bool v4) {
  std::string line(v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
  append_address(line, client, v4);
  append_address(line, local, v4);
  return line + std::to_string(client.port) + " " + std::to_string(local.port) + "\r\n";
}

bool is_nobody(const PeerAddress& address) {
  return std::ranges::all_of(address.bytes, [](u8 byte) { return byte == 0; });
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view data) {
  constexpr std::string_view kSignature1 = "PROXY ";
  const size_t first = std::min(data.size(), kSignature1.size());
  if (data.substr(0, first) == kSignature1.substr(0, first)) {
    return first < kSignature1.size() ? ProxyHeader{.client = {}} : parse_version_1(data);
  }
  const size_t second = std::min(data.size(), kSignature2.size());
  if (data.substr(0, second) != kSignature2.substr(0, second)) return invalid();
  return second < kSignature2.size() ? ProxyHeader{.client = {}} : parse_version_2(data);
}

std::string write_proxy_header(u32 version, const PeerAddress& client, const PeerAddress& local) {
  if (is_nobody(client)) return write_proxy_header(version);
  const bool v4 = is_v4(client) && is_v4(local);
  if (version == 1) return write_version_1(client, local, v4);
  std::string header(kSignature2);
  header.push_back(0x21);
  header.push_back(static_cast<char>(v4 ? 0x11 : 0x21));
  const u16 bytes = v4 ? 12 : 36;
  header.push_back(static_cast<char>(bytes >> 8));
  header.push_back(static_cast<char>(bytes & 255));
  for (const PeerAddress* address : {&client, &local}) {
    const auto* raw = reinterpret_cast<const char*>(address->bytes);
    header.append(v4 ? raw + 12 : raw, v4 ? 4 : 16);
  }
  for (const u16 port : {client.port, local.port}) {
    header.push_back(static_cast<char>(port >> 8));
    header.push_back(static_cast<char>(port & 255));
  }
  return header;
}

std::string write_proxy_header(u32 version) {
  if (version == 1) return "PROXY UNKNOWN\r\n";
  std::string header(kSignature2);
  header.push_back(0x20);  // LOCAL
  header.append(3, '\0');  // no family, nothing behind
  return header;
}

}  // namespace gw::http
