// Where tests find this repository's files and those beside it.
#pragma once

#include <string>

namespace gw {

/// The top folder of the repository, absolute, without a slash at the end. It is compiled into one
/// object alone, so that clones share the others (ccache).
std::string source_dir();

}  // namespace gw
