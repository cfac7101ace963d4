#include "runtime/engine/affinity.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>

#include "runtime/engine/expression.h"

namespace gw::engine {
namespace {

constexpr size_t kTokenDigits = 16;

u64 parse_token(std::string_view text) {
  u64 token = 0;
  if (text.size() != kTokenDigits) return 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, token, 16);
  return parsed.ec == std::errc() && parsed.ptr == end ? token : 0;
}

}  // namespace

void read_affinity(Exchange& exchange, const policies::UpstreamRecord& record,
                   FetchOptions& options) {
  std::string_view value;
  if (record.balance.key.count != 0 && evaluate(exchange, record.balance.key, value)) {
    options.hashed = true;
    options.balance_hash = XXH3_64bits(value.data(), value.size());
  }
  if (record.sticky.cookie.offset == table::kNone) return;
  const std::string_view name = exchange.table->text(record.sticky.cookie);
  if (cookie_value(exchange, name, value)) options.sticky_token = parse_token(value);
}

void write_affinity(Exchange& exchange, const policies::UpstreamRecord& record,
                    const FetchOptions& options, const Fetched& fetched) {
  if (record.sticky.cookie.offset == table::kNone || fetched.target_token == 0) return;
  if (fetched.target_token == options.sticky_token) return;
  const std::string_view name = exchange.table->text(record.sticky.cookie);
  const bool secure = exchange.request.scheme == "https";
  const std::string cookie = fmt::format("{}={:016x}; Path=/; HttpOnly; SameSite=Lax{}", name,
                                         fetched.target_token, secure ? "; Secure" : "");
  exchange.response.fields.add("set-cookie", exchange.arena.copy(cookie));
}

}  // namespace gw::engine
