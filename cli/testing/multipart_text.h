// Bodies of multipart/form-data (RFC 7578).
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/openapi/model.h"

namespace gw::cli::tests {

inline constexpr std::string_view kPartBoundary = "gwctl-part";

/// A part for each field, and for each item of a list, by the schema and the `encoding` of the
/// media type. nullopt: one of the values has no place in a part.
std::optional<std::string> multipart_text(const compiler::openapi::Document& document,
                                          const compiler::openapi::MediaType& media,
                                          const boost::json::value& fields);

/// `type` with the boundary that such a body is written with.
std::string with_boundary(std::string_view type, std::string_view boundary);

}  // namespace gw::cli::tests
