// Asking name servers.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/dns_message.h"

namespace gw::net {

class WorkerLoop;

enum class DnsStatus : u8 {
  Answered,   // with at least one record
  NoRecord,   // the name, or records of this type, do not exist
  TimedOut,   // no server has answered
  Failed,     // a server could not, or would not, say
  Malformed,  // what came is no answer
};
std::string_view dns_status_text(DnsStatus status);

struct DnsReply {
  DnsStatus status = DnsStatus::Failed;
  DnsAnswer answer;  // of Answered
};

/// The seam between what keeps names up to date and the network. One thread, that of its loop.
class DnsClient {
 public:
  using Done = std::function<void(DnsReply reply)>;
  virtual ~DnsClient() = default;
  /// Asks for records of `name`; `done` is called later, once, never within this call.
  virtual void ask(const std::string& name, DnsType type, Done done) = 0;
  /// What the machine itself says without asking anybody: /etc/hosts, and `localhost`. May read a
  /// file.
  virtual std::vector<IpAddress> known_locally(const std::string& name) = 0;
};

/// By c-ares: over UDP, over TCP when an answer is cut off; two tries for each server. It is for
/// the control thread: `loop` outlives it.
class AresClient final : public DnsClient {
 public:
  explicit AresClient(WorkerLoop& loop);
  /// Questions that are under way get no reply.
  ~AresClient() override;
  AresClient(const AresClient&) = delete;
  AresClient& operator=(const AresClient&) = delete;

  /// These are asked from now on, names as they are. Empty: those of /etc/resolv.conf, with its
  /// search list; a change of the file is seen by the next question.
  void use(std::vector<ServerAddress> servers);
  void ask(const std::string& name, DnsType type, Done done) override;
  std::vector<IpAddress> known_locally(const std::string& name) override;

 private:
  class Channel;
  Channel& current();

  WorkerLoop& loop_;
  std::vector<ServerAddress> servers_;
  std::string stamp_;  // of resolv.conf when `channel_` was made
  std::unique_ptr<Channel> channel_;
  std::vector<std::unique_ptr<Channel>> leaving_;  // until their questions are answered
};

}  // namespace gw::net
