// Keeping what names stand for up to date.
#pragma once
#include <compare>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/http/env.h"
#include "runtime/net/dns_client.h"
#include "runtime/net/event_loop.h"
#include "runtime/upstream/cluster.h"

namespace gw::upstream {

/// More of one name are left out, the same ones each time.
inline constexpr size_t kMaxAddressesOfName = 256;

struct NameQuestion {
  std::string name;
  bool srv = false;  // for its services; otherwise for its addresses
  AddressFamily family = AddressFamily::Any;
  u32 min_refresh_ms = 1'000;
  u32 max_refresh_ms = 300'000;

  friend auto operator<=>(const NameQuestion&, const NameQuestion&) = default;
};

/// The last good answer: sorted, nothing twice.
struct NameAnswer {
  bool asked = false;  // the first question has had an outcome, good or bad
  std::vector<IpAddress> addresses;
  std::vector<net::SrvRecord> services;
};

/// A name that cannot be resolved any more, or can again.
struct NameChange {
  std::string_view name;
  bool failing = false;
  std::string_view reason = {};  // of a failure
  bool known = false;            // the last good answer goes on being used
};

/// Asks for each name again when its TTL is over. A failure (no answer in time, an error, garbage,
/// no such name, nothing in it) leaves the last good answer, and is tried again after growing
/// pauses with jitter. Where one family fails, its last addresses stand beside the new ones of the
/// other. Of addresses those without a route are left out, unless none has one. /etc/hosts and
/// `localhost` come before name servers.
///
/// One thread, that of `loop`. Few questions are under way at a time. `loop`, `random` and `client`
/// outlive it.
class Resolver {
 public:
  Resolver(net::EventLoop& loop, Random& random, net::DnsClient& client);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// These are asked for from now on, and no others. What is known of them stays known.
  void watch(const std::set<NameQuestion>& questions);
  std::set<std::string> names() const;
  bool is_watched(const NameQuestion& question) const { return entries_.contains(question); }
  /// Of a question that is watched.
  const NameAnswer& answer(const NameQuestion& question) const;

  /// Some answer has changed, or has come for the first time. Never called within watch(); once for
  /// what happens together.
  std::function<void()> on_change;
  /// For the log: once when a name begins to fail, once when it no longer does.
  std::function<void(const NameChange& change)> on_name;
  /// In place of asking the kernel, in tests.
  std::function<bool(const IpAddress& address)> has_route = &gw::has_route;

 private:
  struct Entry;
  void begin(Entry& entry);
  void ask(Entry& entry, net::DnsType type);
  void take_reply(const NameQuestion& question, u64 round, net::DnsType type,
                  const net::DnsReply& reply);
  void conclude(Entry& entry);
  void succeed(Entry& entry, NameAnswer answer, u64 ttl_ms);
  void fail(Entry& entry, std::string_view reason);
  bool take_addresses(Entry& entry, NameAnswer& out, u64& ttl_ms) const;
  std::vector<IpAddress> usable(std::vector<IpAddress> addresses, AddressFamily family) const;
  void begin_waiting();
  static void on_due(void* context);
  static void on_notify(void* context);

  net::EventLoop& loop_;
  Random& random_;
  net::DnsClient& client_;
  std::map<NameQuestion, std::unique_ptr<Entry>> entries_;
  std::deque<NameQuestion> waiting_;  // for a place among those under way
  u32 under_way_ = 0;
  u64 rounds_ = 0;
  net::Deferred notify_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // replies may come after the end
};

}  // namespace gw::upstream
