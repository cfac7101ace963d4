// Counts what a test program allocates by operator new, on all its threads. For one source file of
// a program only, since it defines the operators. Sanitizers have operators of their own: where
// GW_SANITIZED is defined there is nothing here.
#pragma once

#ifndef GW_SANITIZED
#include <atomic>
#include <cstdlib>
#include <new>

#include "runtime/base/types.h"

namespace {

std::atomic<gw::u64> g_allocations{0};

}  // namespace

// Not inlined: g++ 12 takes a pair of which it has inlined one half for a mismatch.
[[gnu::noinline]] void* operator new(size_t bytes) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif
