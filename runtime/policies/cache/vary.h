// What answers vary on, where the gateway itself writes fields of the request; and whose entries a
// reference in an answer concerns.
#pragma once
#include <array>

#include "runtime/cache/entry.h"
#include "runtime/http/exchange.h"

namespace gw::policies {

/// Fields that reach the upstream with one value, whoever asks: an answer that varies on them does
/// not vary.
struct ConstantFields {
  std::array<std::string_view, 32> names{};
  size_t count = 0;
};

/// Whether the fields in Vary of exchange.response are those of the client's request, or constant.
/// False: one of them is written by the gateway from something else, such as the caller, so that
/// the request does not say which answer it would get.
bool vary_is_known(const Exchange& exchange, ConstantFields& constant);

/// The place of a Location or Content-Location, when it is one of this host (RFC 9111 section 4.4).
bool place_of_reference(Exchange& exchange, std::string_view reference, u64& out);

}  // namespace gw::policies
