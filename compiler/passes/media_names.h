// Names of media types as documents write them.
#pragma once
#include <string>
#include <string_view>

#include "runtime/base/letter_case.h"

namespace gw::compiler {

/// A media type without its parameters, in lower case.
inline std::string plain_type(std::string_view media) {
  std::string type = lower_case(media.substr(0, media.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  return type;
}

/// Of plain types.
inline bool is_json_type(std::string_view type) {
  return type == "application/json" || type.ends_with("+json");
}
inline bool is_xml_type(std::string_view type) {
  return type == "application/xml" || type == "text/xml" || type.ends_with("+xml");
}

}  // namespace gw::compiler
