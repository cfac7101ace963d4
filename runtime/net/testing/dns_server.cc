#include "runtime/net/testing/dns_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/check.h"

namespace gw::net::testing {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr u16 kResponse = 0x8180;  // a response; recursion was asked for and is there
constexpr u16 kCutOff = 0x0200;

std::string number16(u32 number) {
  return {static_cast<char>(number >> 8 & 0xff), static_cast<char>(number & 0xff)};
}

std::string number32(u32 number) { return number16(number >> 16) + number16(number & 0xffff); }

// A TCP and a UDP socket on one port; the kernel chooses it for one, the other may be in its way.
bool bind_both(int& datagrams, int& streams, u16& port) {
  sockaddr_storage to;
  socklen_t length = to_sockaddr(*parse_ip("127.0.0.1"), 0, to);
  auto* address = reinterpret_cast<sockaddr*>(&to);
  streams = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  datagrams = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool bound = ::bind(streams, address, length) == 0 && ::listen(streams, 8) == 0 &&
                     ::getsockname(streams, address, &length) == 0 &&
                     ::bind(datagrams, address, length) == 0;
  port = ntohs(reinterpret_cast<sockaddr_in*>(&to)->sin_port);
  if (bound) return true;
  ::close(streams);
  ::close(datagrams);
  return false;
}

}  // namespace

std::string dns_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    out += static_cast<char>(dot);
    out += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return out + '\0';
}

DnsRecord address_record(std::string_view owner, std::string_view ip, u32 ttl_s) {
  const auto address = parse_ip(ip);
  GW_CHECK(address.has_value());
  const auto* bytes = reinterpret_cast<const char*>(address->bytes.data());
  const DnsType type = address->v6 ? DnsType::Aaaa : DnsType::A;
  return {std::string(owner), static_cast<u16>(type), ttl_s,
          std::string(bytes, address->v6 ? 16 : 4)};
}

DnsRecord srv_record(std::string_view owner, const SrvRecord& service, u32 ttl_s) {
  return {std::string(owner), static_cast<u16>(DnsType::Srv), ttl_s,
          number16(service.priority) + number16(service.weight) + number16(service.port) +
              dns_name(service.target)};
}

DnsRecord alias_record(std::string_view owner, std::string_view target, u32 ttl_s) {
  return {std::string(owner), 5, ttl_s, dns_name(target)};
}

std::string dns_answer(std::string_view name, DnsType type, const std::vector<DnsRecord>& records,
                       u16 code, bool cut_off) {
  const u32 flags = kResponse | code | (cut_off ? kCutOff : 0u);
  std::string out = number16(0) + number16(flags) + number16(1) +
                    number16(static_cast<u32>(records.size())) + number32(0);
  out += dns_name(name) + number16(static_cast<u16>(type)) + number16(1);
  for (const DnsRecord& record : records) {
    out += dns_name(record.owner) + number16(record.type) + number16(1) + number32(record.ttl_s);
    out += number16(static_cast<u32>(record.data.size())) + record.data;
  }
  return out;
}

DnsServer::DnsServer(Script script) : script_(std::move(script)) {
  bool bound = false;
  for (int attempt = 0; attempt < 20 && !bound; ++attempt) {
    bound = bind_both(datagrams_, streams_, port_);
  }
  GW_CHECK(bound && ::pipe(stop_) == 0);
  thread_ = std::thread([this] { serve(); });
}

DnsServer::~DnsServer() {
  GW_CHECK(::write(stop_[1], "", 1) == 1);
  thread_.join();
  for (const int descriptor : {datagrams_, streams_, stop_[0], stop_[1]}) ::close(descriptor);
}

void DnsServer::set_script(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

std::vector<DnsQuestion> DnsServer::questions() const {
  const std::lock_guard lock(mutex_);
  return questions_;
}

void DnsServer::serve() {
  for (;;) {
    pollfd waits[] = {{stop_[0], POLLIN, 0}, {datagrams_, POLLIN, 0}, {streams_, POLLIN, 0}};
    if (::poll(waits, 3, -1) < 0) continue;
    if (waits[0].revents != 0) return;
    if (waits[1].revents != 0) serve_datagram();
    if (waits[2].revents != 0) serve_stream();
  }
}

void DnsServer::serve_datagram() {
  char query[2048];
  sockaddr_storage from;
  socklen_t length = sizeof from;
  auto* peer = reinterpret_cast<sockaddr*>(&from);
  const ssize_t bytes = ::recvfrom(datagrams_, query, sizeof query, 0, peer, &length);
  if (bytes < 0) return;
  const std::string answer = reply({query, static_cast<size_t>(bytes)}, false);
  if (!answer.empty()) ::sendto(datagrams_, answer.data(), answer.size(), 0, peer, length);
}

void DnsServer::serve_stream() {
  const int peer = ::accept4(streams_, nullptr, nullptr, SOCK_CLOEXEC);
  const timeval limit{5, 0};
  ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  unsigned char size[2];
  char query[2048];
  if (::recv(peer, size, 2, MSG_WAITALL) == 2) {
    const size_t wanted = std::min<size_t>(static_cast<size_t>(size[0] << 8 | size[1]), 2048);
    if (::recv(peer, query, wanted, MSG_WAITALL) == static_cast<ssize_t>(wanted)) {
      std::string answer = reply({query, wanted}, true);
      if (!answer.empty()) answer = number16(static_cast<u32>(answer.size())) + answer;
      ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::recv(peer, query, 1, 0);  // until the client has read it
    }
  }
  ::close(peer);
}

std::string DnsServer::reply(std::string_view query, bool tcp) {
  DnsQuestion question;
  question.tcp = tcp;
  size_t at = kHeaderBytes;
  while (at < query.size() && query[at] != 0) {
    const size_t length = static_cast<unsigned char>(query[at]);
    if (!question.name.empty()) question.name += '.';
    question.name += query.substr(at + 1, length);
    at += 1 + length;
  }
  if (at + 5 > query.size()) return {};
  const auto byte = [&](size_t where) { return static_cast<unsigned char>(query[where]); };
  question.type = static_cast<DnsType>(byte(at + 1) << 8 | byte(at + 2));
  Script script;
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back(question);
    script = script_;
  }
  std::string answer = script(question);
  if (answer.size() >= 2) answer.replace(0, 2, query.substr(0, 2));
  return answer;
}

}  // namespace gw::net::testing
