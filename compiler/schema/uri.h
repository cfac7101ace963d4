// References between schemas: resolving one URI against another (RFC 3986 section 5.2).
#pragma once
#include <string>
#include <string_view>

namespace gw::compiler::schema {

/// The URI that `reference` means where `base` is the base, without a fragment. Neither needs to be
/// valid; whatever they are, equal references give equal results.
std::string resolve_uri(std::string_view base, std::string_view reference);

/// What follows the first `#`, percent-decoded; empty without one.
std::string fragment_of(std::string_view reference);

/// One step of a JSON Pointer without its escapes.
std::string pointer_step(std::string_view token);

}  // namespace gw::compiler::schema
