// A round is what is asked for one question at a time: A and AAAA, or SRV. It ends with the last of
// its replies, so that a name never seems to have one family alone while the other is on its way.
#include "runtime/upstream/resolver.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace gw::upstream {
namespace {

using net::DnsReply;
using net::DnsStatus;
using net::DnsType;
using std::chrono::milliseconds;

constexpr u32 kMaxUnderWay = 64;
constexpr u64 kFirstPauseMs = 1'000;  // after a failure; doubled by each further one
constexpr u64 kMaxPauseMs = 30'000;
constexpr u64 kLeastRefreshMs = 100;  // whatever a question says
constexpr u64 kLocalTtlMs = 10'000;   // a file tells no TTL

template <class T>
void sort_and_cut(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.size() > kMaxAddressesOfName) values.resize(kMaxAddressesOfName);
}

bool is_bad(const DnsReply& reply) {
  return reply.status != DnsStatus::Answered && reply.status != DnsStatus::NoRecord;
}

}  // namespace

struct Resolver::Entry {
  Entry(Resolver& owner, const NameQuestion& asked)
      : resolver(owner), question(asked), timer(&Resolver::on_due, this) {}

  Resolver& resolver;
  const NameQuestion question;
  NameAnswer answer;
  net::Timer timer;
  u64 round = 0;     // 0: none is under way
  u32 expected = 0;  // replies of the round that have not come
  DnsReply v4;       // of the round; also its SRV reply
  DnsReply v6;       //
  u32 failures = 0;  // in a row
};

Resolver::Resolver(net::EventLoop& loop, Random& random, net::DnsClient& client)
    : loop_(loop), random_(random), client_(client), notify_(&Resolver::on_notify, this) {}

Resolver::~Resolver() { *alive_ = false; }

void Resolver::watch(const std::set<NameQuestion>& questions) {
  std::erase_if(entries_, [&](const auto& entry) {
    if (questions.contains(entry.first)) return false;
    if (entry.second->round != 0) --under_way_;
    return true;
  });
  for (const NameQuestion& question : questions) {
    auto& entry = entries_[question];
    if (entry != nullptr) continue;
    entry = std::make_unique<Entry>(*this, question);
    begin(*entry);
  }
  begin_waiting();
}

std::set<std::string> Resolver::names() const {
  std::set<std::string> names;
  for (const auto& entry : entries_) names.insert(entry.first.name);
  return names;
}

const NameAnswer& Resolver::answer(const NameQuestion& question) const {
  const auto found = entries_.find(question);
  GW_CHECK(found != entries_.end());
  return found->second->answer;
}

void Resolver::on_due(void* context) {
  auto* entry = static_cast<Entry*>(context);
  entry->resolver.begin(*entry);
}

void Resolver::begin(Entry& entry) {
  const NameQuestion& question = entry.question;
  if (under_way_ >= kMaxUnderWay) {
    waiting_.push_back(question);
    return;
  }
  if (!question.srv) {
    NameAnswer local;
    local.addresses = usable(client_.known_locally(question.name), question.family);
    if (!local.addresses.empty()) {
      succeed(entry, std::move(local), kLocalTtlMs);
      return;
    }
  }
  ++under_way_;
  entry.round = ++rounds_;
  entry.v4 = entry.v6 = {.status = DnsStatus::NoRecord, .answer = {}};
  const bool both = !question.srv && question.family == AddressFamily::Any;
  entry.expected = both ? 2 : 1;
  if (question.srv) {
    ask(entry, DnsType::Srv);
    return;
  }
  if (question.family != AddressFamily::V6) ask(entry, DnsType::A);
  if (question.family != AddressFamily::V4) ask(entry, DnsType::Aaaa);
}

void Resolver::ask(Entry& entry, DnsType type) {
  client_.ask(entry.question.name, type,
              [this, alive = alive_, question = entry.question, round = entry.round,
               type](const DnsReply& reply) {
                if (*alive) take_reply(question, round, type, reply);
              });
}

void Resolver::take_reply(const NameQuestion& question, u64 round, DnsType type,
                          const DnsReply& reply) {
  const auto found = entries_.find(question);
  if (found == entries_.end() || found->second->round != round) return;  // of one that was dropped
  Entry& entry = *found->second;
  (type == DnsType::Aaaa ? entry.v6 : entry.v4) = reply;
  if (--entry.expected != 0) return;
  entry.round = 0;
  --under_way_;
  conclude(entry);
  begin_waiting();
}

void Resolver::begin_waiting() {
  while (!waiting_.empty() && under_way_ < kMaxUnderWay) {
    const NameQuestion question = std::move(waiting_.front());
    waiting_.pop_front();
    const auto found = entries_.find(question);
    if (found != entries_.end() && found->second->round == 0) begin(*found->second);
  }
}

void Resolver::conclude(Entry& entry) {
  NameAnswer answer;
  u64 ttl_ms = 0;
  if (entry.question.srv) {
    answer.services = entry.v4.answer.services;
    sort_and_cut(answer.services);
    ttl_ms = u64{entry.v4.answer.ttl_s} * 1000;
    if (entry.v4.status != DnsStatus::Answered || answer.services.empty()) {
      fail(entry, net::dns_status_text(is_bad(entry.v4) ? entry.v4.status : DnsStatus::NoRecord));
      return;
    }
  } else if (!take_addresses(entry, answer, ttl_ms)) {
    const DnsReply& worse = is_bad(entry.v6) ? entry.v6 : entry.v4;
    fail(entry, net::dns_status_text(is_bad(worse) ? worse.status : DnsStatus::NoRecord));
    return;
  }
  succeed(entry, std::move(answer), ttl_ms);
}

// False: there is no new address.
bool Resolver::take_addresses(Entry& entry, NameAnswer& out, u64& ttl_ms) const {
  ttl_ms = ~u64{0};
  for (const DnsReply* reply : {&entry.v4, &entry.v6}) {
    if (reply->status != DnsStatus::Answered) continue;
    const auto& found = reply->answer.addresses;
    out.addresses.insert(out.addresses.end(), found.begin(), found.end());
    ttl_ms = std::min(ttl_ms, u64{reply->answer.ttl_s} * 1000);
  }
  if (out.addresses.empty()) return false;
  for (const IpAddress& old : entry.answer.addresses) {
    if (is_bad(old.v6 ? entry.v6 : entry.v4)) out.addresses.push_back(old);
  }
  out.addresses = usable(std::move(out.addresses), entry.question.family);
  return true;
}

std::vector<IpAddress> Resolver::usable(std::vector<IpAddress> addresses,
                                        AddressFamily family) const {
  std::erase_if(addresses, [&](const IpAddress& address) {
    return family != AddressFamily::Any && address.v6 != (family == AddressFamily::V6);
  });
  sort_and_cut(addresses);
  std::vector<IpAddress> reachable;
  std::ranges::copy_if(addresses, std::back_inserter(reachable), has_route);
  return reachable.empty() ? addresses : reachable;
}

void Resolver::succeed(Entry& entry, NameAnswer answer, u64 ttl_ms) {
  const NameQuestion& question = entry.question;
  answer.asked = true;
  const bool changed = !entry.answer.asked || entry.answer.addresses != answer.addresses ||
                       entry.answer.services != answer.services;
  entry.answer = std::move(answer);
  const bool failed_before = entry.failures != 0;
  entry.failures = 0;
  const u64 least = std::max<u64>(question.min_refresh_ms, kLeastRefreshMs);
  const u64 wait_ms = std::clamp<u64>(ttl_ms, least, std::max<u64>(question.max_refresh_ms, least));
  loop_.set_timer(entry.timer, loop_.now() + milliseconds(wait_ms));
  if (failed_before && on_name) on_name({.name = question.name, .failing = false});
  if (changed) loop_.defer(notify_);
}

void Resolver::fail(Entry& entry, std::string_view reason) {
  const bool first = !entry.answer.asked;
  entry.answer.asked = true;
  u64 pause_ms = std::min(kFirstPauseMs << std::min(entry.failures, 16U), kMaxPauseMs);
  // A quarter more or less, so that many do not ask together for what fails.
  pause_ms = pause_ms * 3 / 4 + random_.next() % (pause_ms / 2 + 1);
  loop_.set_timer(entry.timer, loop_.now() + milliseconds(pause_ms));
  if (entry.failures++ == 0 && on_name) {
    const bool known = !entry.answer.addresses.empty() || !entry.answer.services.empty();
    on_name({.name = entry.question.name, .failing = true, .reason = reason, .known = known});
  }
  if (first) loop_.defer(notify_);
}

void Resolver::on_notify(void* context) {
  auto* self = static_cast<Resolver*>(context);
  if (self->on_change) self->on_change();
}

}  // namespace gw::upstream
