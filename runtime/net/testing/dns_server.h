// A name server by a script, on loopback, and messages as such servers send them.
#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/net/dns_message.h"

namespace gw::net::testing {

/// A name on the wire, without compression.
std::string dns_name(std::string_view name);

/// One record of an answer: `type` as a number, `data` as on the wire.
struct DnsRecord {
  std::string owner;
  u16 type = 0;
  u32 ttl_s = 60;
  std::string data;
};
DnsRecord address_record(std::string_view owner, std::string_view ip, u32 ttl_s = 60);
DnsRecord srv_record(std::string_view owner, const SrvRecord& service, u32 ttl_s = 60);
DnsRecord alias_record(std::string_view owner, std::string_view target, u32 ttl_s = 60);

inline constexpr u16 kServerFailure = 2;
inline constexpr u16 kNoSuchName = 3;

/// An answer to a question for `type` records of `name`; `code` is the response code.
std::string dns_answer(std::string_view name, DnsType type, const std::vector<DnsRecord>& records,
                       u16 code = 0, bool cut_off = false);

/// What a query asks; its id is put before the answer that is given to it.
struct DnsQuestion {
  std::string name;  // in lower case
  DnsType type = DnsType::A;
  bool tcp = false;
};

/// Answers each question as `script` says, on a thread of its own, over UDP and TCP on one port.
/// An empty answer is none.
class DnsServer {
 public:
  using Script = std::function<std::string(const DnsQuestion& question)>;
  explicit DnsServer(Script script);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  u16 port() const { return port_; }
  ServerAddress address() const { return {*parse_ip("127.0.0.1"), port_}; }
  /// Any thread.
  void set_script(Script script);
  std::vector<DnsQuestion> questions() const;

 private:
  void serve();
  void serve_datagram();
  void serve_stream();
  std::string reply(std::string_view query, bool tcp);

  mutable std::mutex mutex_;
  Script script_;
  std::vector<DnsQuestion> questions_;
  int datagrams_ = -1;
  int streams_ = -1;
  int stop_[2] = {-1, -1};
  u16 port_ = 0;
  std::thread thread_;
};

}  // namespace gw::net::testing
