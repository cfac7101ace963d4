// How errors are called in logs and traces.
#pragma once
#include <string_view>

#include "runtime/base/error.h"

namespace gw::observe {

/// `upstream-timeout`; empty for None.
std::string_view error_name(Errc code);

}  // namespace gw::observe
