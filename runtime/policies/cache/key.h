// What names the answer that a request asks for.
#pragma once
#include "runtime/cache/entry.h"
#include "runtime/http/env.h"
#include "runtime/policies/cache/record.h"
#include "runtime/table/bound_table.h"

namespace gw::policies {

/// The query in the one spelling that entries are kept by: the parameters that count, by name,
/// those of one name in their order. Others are left out: what is not in the key must not reach
/// the upstream either, or one client could choose what others are given. In the arena, or a view
/// of the query where nothing changes.
std::string_view canonical_query(Exchange& exchange, const CacheRecord& record);

/// The key of a request, with exchange.request.query in its canonical spelling. False: it is not
/// known what the answer depends on, above all who calls; nothing is looked up or kept then. The
/// upstream of a split is chosen here, since its name is a part of the key.
bool make_cache_key(Exchange& exchange, Random& random, const CacheRecord& record, cache::Key& out);

/// Tags of an answer to this request: its place, its operation and what the record says. A tag
/// whose value is absent is left out. In the arena.
std::span<const u64> make_cache_tags(Exchange& exchange, const CacheRecord& record);

/// The line of a key that says which URI it is of: `http://host/path?query`.
std::string_view uri_of_key(std::string_view key_text);

}  // namespace gw::policies
