// The header field of an explain token: named where it is read, and where it is kept from
// upstreams.
#pragma once
#include <string_view>

namespace gw {

/// By which a client has one request of his explained (trust::ExplainTokens). For gateways alone:
/// no upstream gets it, whether it is good or not.
inline constexpr std::string_view kExplainField = "gw-explain";

}  // namespace gw
