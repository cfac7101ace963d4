// An explanation as lines of text.
#pragma once
#include <boost/json.hpp>
#include <string>

namespace gw::cli {

/// Of what runtime/explain says of one request.
std::string explanation_text(const boost::json::object& explanation);

}  // namespace gw::cli
