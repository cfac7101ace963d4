#include "compiler/passes/check_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "compiler/passes/passes.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using policies::LimitKind;
using policies::LimitRecord;
using table::ExpressionPart;
using table::ExpressionSource;

// What a client writes into a request as it likes.
bool is_made_up(ExpressionSource source) {
  return source == ExpressionSource::Header || source == ExpressionSource::Query ||
         source == ExpressionSource::Cookie || source == ExpressionSource::RequestId;
}

// What a client has, whether it likes or not.
bool is_bound(ExpressionSource source) {
  return source == ExpressionSource::ClientIp || table::is_identity(source) ||
         source == ExpressionSource::ClientCertSubject ||
         source == ExpressionSource::ClientCertSan ||
         source == ExpressionSource::ClientCertFingerprint;
}

bool is_public(const GatewayOperation& operation) {
  const NodeRef security = security_of(operation);
  if (!security || !security.is_seq() || security.size() == 0) return true;
  for (const NodeRef alternative : security.items()) {
    if (alternative.is_map() && alternative.size() == 0) return true;
  }
  return false;
}

bool documents_429(const GatewayOperation& operation) {
  if (operation.any_method) return true;  // it is no part of the public document
  return std::ranges::any_of(operation.operation->responses, [](const openapi::Response& response) {
    const std::string_view status = response.status.value;
    return status == "429" || status == "4XX" || status == "default";
  });
}

bool is_written(const table::LateNumber& number) { return number.late == table::kNone; }

}  // namespace

bool LimitCheck::everybody_is_trusted() const {
  const table::Extent trusted = module_.table.gateway.trusted_proxies;
  for (u32 i = 0; i < trusted.count; ++i) {
    const table::NetworkRecord& network =
        module_.table.pools.networks.records()[trusted.offset + i];
    const bool is_v4 = network.address[10] == 0xff && network.address[11] == 0xff;
    if (network.prefix_bits == 0 || (is_v4 && network.prefix_bits <= 96)) return true;
  }
  return false;
}

void LimitCheck::check_key(const LoweredLimit& limit) {
  if (!limit.key_span.valid() || limit.record.keys.count == 0) return;
  const Pools& pools = module_.table.pools;
  bool made_up = false;
  bool bound = false;
  bool by_address = false;
  for (u32 i = 0; i < limit.record.keys.count; ++i) {
    table::Extent key;
    std::memcpy(&key, pools.policy_data.bytes().data() + limit.record.keys.offset + i * sizeof key,
                sizeof key);
    bool key_made_up = false;
    for (u32 part = 0; part < key.count; ++part) {
      const ExpressionSource source = pools.expressions.records()[key.offset + part].source;
      key_made_up = key_made_up || is_made_up(source);
      bound = bound || (i == 0 && is_bound(source));
      by_address = by_address || source == ExpressionSource::ClientIp;
    }
    // The first alternative that is there is taken: a client that sends nothing gets the next.
    made_up = made_up || (i == 0 && key_made_up);
  }
  const bool forged_address = by_address && everybody_is_trusted();
  if (!made_up && !forged_address) return;
  if (!reported_.insert({limit.key_span.file, limit.key_span.begin}).second) return;
  report(module_, "ratelimit-key-spoofable", Severity::Warning, limit.key_span,
         made_up ? fmt::format("who sends another value each time is not held by `{}.{}`",
                               limit.field, limit.name)
                 : fmt::format("anybody can name another address, and is not held by `{}.{}`",
                               limit.field, limit.name),
         made_up ? "clients write this as they like" : "`trustedProxies` trusts every peer",
         made_up ? "count by `$client.ip` or by an identity, or add a limit that does"
                 : "list the proxies that stand in front in `trustedProxies`, nobody else");
}

// `limit` never refuses what `other` has not refused before.
void LimitCheck::check_idle(const LoweredLimit& limit, const LoweredLimit& other) {
  const LimitRecord& a = limit.record;
  const LimitRecord& b = other.record;
  const bool comparable = a.kind == static_cast<u32>(LimitKind::Rate) && b.kind == a.kind &&
                          limit.key == other.key && a.ipv6_prefix == b.ipv6_prefix && a.mode == 0 &&
                          b.mode == 0 && (b.when == table::kNone || b.when == a.when) &&
                          is_written(a.limit) && is_written(a.burst) && is_written(b.limit) &&
                          is_written(b.burst);
  if (!comparable || a.limit.value == 0 || b.limit.value == 0) return;
  const Rate mine = unpack_rate(a.limit.value);
  const Rate theirs = unpack_rate(b.limit.value);
  const u64 my_burst = (a.burst.value == 0 ? mine.count : a.burst.value) / std::max(a.cost, 1u);
  const u64 their_burst =
      (b.burst.value == 0 ? theirs.count : b.burst.value) / std::max(b.cost, 1u);
  // Requests per day, exactly: counts times seconds stay below 2^64.
  const u64 my_rate = u64{mine.count} * theirs.seconds * std::max(b.cost, 1u);
  const u64 their_rate = u64{theirs.count} * mine.seconds * std::max(a.cost, 1u);
  const bool same = my_rate == their_rate && my_burst == their_burst;
  if (same ? limit.name < other.name : my_rate < their_rate || my_burst < their_burst) return;
  // Counters that others use as well may be used up by them.
  if (!reported_.insert({limit.span.file, limit.span.begin}).second) return;
  module_.sink.report(
      {.rule = "ratelimit-unreachable",
       .severity = Severity::Info,
       .message = fmt::format("`rateLimit.{}` refuses nothing that `{}` lets through", limit.name,
                              other.name),
       .primary = {limit.span, fmt::format("{}, {} at once", format_rate(a.limit.value), my_burst)},
       .related = {{other.span,
                    fmt::format("{}, {} at once", format_rate(b.limit.value), their_burst)}},
       .help = "remove it, or give it another key, rate or burst"});
}

void LimitCheck::check(const std::vector<LoweredLimit>& limits) {
  for (const LoweredLimit& limit : limits) {
    const bool other_is_bound = std::ranges::any_of(limits, [&](const LoweredLimit& other) {
      return &other != &limit && other.key != limit.key &&
             other.key.find("$client.ip") != other.key.npos;
    });
    if (!other_is_bound) check_key(limit);
    for (const LoweredLimit& other : limits) {
      if (&other != &limit) check_idle(limit, other);
    }
  }
}

void LimitCheck::add_operation(const GatewayOperation& operation, bool limited) {
  if (!module_.override_name.empty()) return;  // --upstream is for trying things out
  Tally& tally = tallies_[operation.unit->gateway->file];
  tally.has_limits = tally.has_limits || limited;
  if (limited && !documents_429(operation)) {
    if (tally.undocumented_count++ == 0) tally.undocumented = &operation;
  }
  if (!limited && is_public(operation)) {
    if (tally.unlimited_count++ == 0) tally.unlimited = &operation;
  }
}

void LimitCheck::report_all() {
  const auto others = [](u32 count) {
    return count == 1 ? std::string() : fmt::format(" and {} more", count - 1);
  };
  for (const auto& [file, tally] : tallies_) {
    // A gateway without any limit has its reasons, or somebody before it who limits.
    if (!tally.has_limits) continue;
    if (tally.unlimited != nullptr) {
      report(module_, "ratelimit-missing-public", Severity::Warning, tally.unlimited->span,
             fmt::format("anybody may call operation `{}`{} as often as they like",
                         tally.unlimited->id, others(tally.unlimited_count)),
             "no authentication, and no limit",
             "add a limit to the root's `defaults`, such as "
             "`rateLimit: {perClient: {key: $client.ip, limit: 100/min}}`");
    }
    if (tally.undocumented != nullptr) {
      report(module_, "ratelimit-429-undocumented", Severity::Info, tally.undocumented->span,
             fmt::format("operation `{}`{} can answer 429, and does not say so",
                         tally.undocumented->id, others(tally.undocumented_count)),
             "limited, without a response 429",
             "declare `'429'` with a `Retry-After` header, so that clients are written for it");
    }
  }
}

}  // namespace gw::compiler
