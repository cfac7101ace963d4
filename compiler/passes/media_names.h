// Names of media types as documents write them.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

namespace gw::compiler {

/// Of ASCII.
inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

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
