// Bodies of stored answers in the codings that clients are sent, so that a hit is not compressed
// again.
//
// A variant is of one entry, and goes with it. It stands for the bytes that it was made of: those
// of the entry, or those that the gateway has made of them for a client (transformations and views
// come before compression), which are kept beside it and compared. The level of an encoder is no
// part of it: one that was made before a reload is another spelling of the same content.
#pragma once
#include "runtime/cache/use.h"
#include "runtime/encoding/coding.h"
#include "runtime/http/body.h"
#include "runtime/policies/policy.h"

namespace gw::policies {

/// What stands for `body` in `coding`; null: nothing. `plain`: all bytes of `body`, where they are
/// in memory. Lives in the arena, and as long as exchange.cache. Takes no lock; compares bytes that
/// were changed.
http::BodySource* stored_variant(Exchange& exchange, encoding::Coding coding,
                                 const http::BodySource* body, Bytes plain);

/// `encoded`, which is `body` in `coding`, or a source of the same that keeps what passes through
/// it where that is the body of a stored answer, complete, and no longer than `maxBody`.
http::BodySource* keep_variant(Exchange& exchange, encoding::Coding coding,
                               const http::BodySource* body, Bytes plain,
                               http::BodySource& encoded);

/// Ends the keeping: what is whole goes into the store. Any number of times.
void end_variant(cache::Use& use) noexcept;

}  // namespace gw::policies
