// Options that the environment names where the command line does not.
#pragma once
#include <cstdlib>
#include <string>

namespace gw::cli {

/// `given`, or else what `variable` says, or "".
inline std::string given_or_usual(const std::string& given, const char* variable) {
  const char* usual = std::getenv(variable);
  return given.empty() && usual != nullptr ? usual : given;
}

}  // namespace gw::cli
