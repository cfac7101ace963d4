// How values are written as texts: parameters by style and explode, forms, and bodies.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/openapi/model.h"

namespace gw::cli::tests {

/// Percent-encoded so that it can stand anywhere in a path, a query or a form.
std::string percent_encoded(std::string_view text);
/// A scalar without quotes, anything else as JSON.
std::string plain_text(const boost::json::value& value);

/// What stands for a path parameter, a header field or a cookie after `name=`. nullopt: the value
/// has no place in its style.
std::optional<std::string> parameter_text(const compiler::openapi::Parameter& parameter,
                                          const boost::json::value& value);
/// `name=value`, once or several times.
std::optional<std::string> query_text(const compiler::openapi::Parameter& parameter,
                                      const boost::json::value& value);
/// A body of application/x-www-form-urlencoded, by the `encoding` of its media type.
std::optional<std::string> form_text(const compiler::openapi::MediaType& media,
                                     const boost::json::value& fields);

}  // namespace gw::cli::tests
