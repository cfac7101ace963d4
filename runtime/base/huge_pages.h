// Memory in fewer and larger pages.
#pragma once
#include <cstddef>

namespace gw {

/// Asks for pages of 2 MiB where `bytes` at `data` hold whole ones: getting 43 MB in pages of 4 KiB
/// takes 10,000 faults, which cost more than what is written there. Before it is first used; where
/// the kernel has none it changes nothing. Any thread.
void prefer_huge_pages(void* data, std::size_t bytes);

}  // namespace gw
