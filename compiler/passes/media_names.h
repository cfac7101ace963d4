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

/// A type and a subtype (RFC 6838 section 4.2). Of plain types, as what follows.
inline bool is_media_type(std::string_view type) {
  const auto is_name = [](std::string_view text) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+";
    return !text.empty() && text.find_first_not_of(kAllowed) == text.npos;
  };
  const size_t slash = type.find('/');
  return slash != type.npos && is_name(type.substr(0, slash)) && is_name(type.substr(slash + 1));
}

inline bool is_json_type(std::string_view type) {
  return type == "application/json" || type.ends_with("+json");
}
inline bool is_xml_type(std::string_view type) {
  return type == "application/xml" || type == "text/xml" || type.ends_with("+xml");
}

}  // namespace gw::compiler
