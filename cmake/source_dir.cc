#include "cmake/source_dir.h"

namespace gw {

std::string source_dir() { return GW_SOURCE_DIR; }

}  // namespace gw
