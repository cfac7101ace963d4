// Whatever a peer writes into the fields that the cache reads: no crash, no endless loop, and what
// is read stays in its bounds.
#include <cstdlib>

#include "runtime/cache/conditions.h"
#include "runtime/cache/entry.h"
#include "runtime/cache/rules.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace gw;
  if (size > 4096) return 0;
  Arena arena;
  http::FieldList request(arena);
  http::FieldList answer(arena);
  // Lines of `name: value`; a line that begins with `<` is the answer's.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    const bool of_answer = line.starts_with('<');
    if (of_answer) line.remove_prefix(1);
    const size_t colon = line.find(':');
    if (colon == line.npos || colon == 0) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    (of_answer ? answer : request).add(line.substr(0, colon), value);
  }
  const cache::Directives asks = cache::read_directives(request);
  cache::Wishes wishes;
  wishes.ttl_ms = 30'000;
  wishes.client_bypass = size % 2 == 0;
  wishes.for_everybody = size % 3 == 0;
  const cache::Moments moments{.answered_unix_ms = 1'700'000'000'000, .delay_ms = 5};
  const cache::Verdict verdict =
      cache::judge_answer(http::Method::Get, request, asks, 200, answer, moments, wishes);
  const cache::Freshness& freshness = verdict.freshness;
  require(freshness.age_ms >= 0 && freshness.age_ms <= 2 * cache::kMaxTimeMs);
  require(freshness.lifetime_ms >= 0 && freshness.lifetime_ms <= 3 * cache::kMaxTimeMs);
  static_cast<void>(cache::judge_use(freshness, freshness.age_ms, asks, wishes));

  const cache::Validators validators{.etag = answer.value(http::FieldId::Etag),
                                     .last_modified = answer.value(http::FieldId::LastModified)};
  static_cast<void>(cache::has_it_already(request, validators, 1'700'000'000));
  for (const u64 bytes : {u64{0}, u64{1}, u64{1000}}) {
    const cache::ByteRange range = cache::read_range(request, bytes, validators);
    if (range.kind != cache::ByteRange::Kind::Part) continue;
    require(range.first <= range.last && range.last < bytes);
  }
  require(cache::accepted_quality(request, "gzip") <= 1000);

  cache::EntryParts parts;
  parts.key = cache::make_key("k", 1);
  parts.status = 200;
  parts.answer = &answer;
  parts.request = &request;
  parts.body = cache::copy_body({});
  const auto entry = cache::make_entry(parts);
  if (entry == nullptr) return 0;
  require(entry->varies.size() <= cache::kMaxVaryNames);
  // A request fits the answer that it got, unless it does not accept its encoding.
  require(cache::fits(*entry, request) || cache::accepted_quality(request, entry->coding) == 0);
  return 0;
}
