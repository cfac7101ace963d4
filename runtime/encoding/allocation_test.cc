// What a body costs once the worker is warm: no allocation at all, by us or by the libraries.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "runtime/encoding/testing/pieces.h"

#ifndef GW_SANITIZED
namespace {
std::atomic<gw::u64> g_allocations{0};
}  // namespace

// In place of the system's, which does the work: libraries in C and operator new come here.
extern "C" void* __libc_malloc(size_t bytes);                // NOLINT(bugprone-reserved-identifier)
extern "C" void* __libc_calloc(size_t count, size_t bytes);  // NOLINT(bugprone-reserved-identifier)
extern "C" void* malloc(size_t bytes) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
extern "C" void* calloc(size_t count, size_t bytes) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, bytes);
}
#endif

namespace gw::encoding {

TEST_CASE("encoding: a warm worker allocates nothing", "[encoding]") {
#ifdef GW_SANITIZED
  WARN("skipped: sanitizers replace malloc");
#else
  const Coding coding = GENERATE(Coding::Gzip, Coding::Brotli, Coding::Zstd);
  const size_t bytes = GENERATE(size_t{130}, size_t{10'000}, size_t{200'000});
  const std::string text = testing::sample_json(bytes);
  const std::string body = testing::encode(coding, text);
  u64 encoding = 0;
  u64 decoding = 0;
  for (u32 round = 0; round < 3; ++round) {
    http::MemoryBody memory(as_bytes(text));
    const u64 before = g_allocations.load();
    {
      EncodedBody encoded;
      http::BodyChunk chunk;
      const bool begun = encoded.begin(coding, Level::Fast, memory);
      if (begun && !encoded.take_buffered(chunk)) {
        while (!chunk.end) {
          auto task = encoded.next(64 * 1024);
          task.start();
          chunk = *task.result();
        }
      }
      REQUIRE(begun);
    }
    encoding = g_allocations.load() - before;
    http::MemoryBody again(as_bytes(body));
    const u64 middle = g_allocations.load();
    {
      DecodedBody decoded;
      const DecodeLimits limits{.bytes = 1 << 20};
      const bool begun = decoded.begin(coding, limits, again);
      for (bool end = !begun; !end;) {
        auto task = decoded.next(64 * 1024);
        task.start();
        end = task.result()->end;
      }
    }
    decoding = g_allocations.load() - middle;
  }
  CAPTURE(coding_name(coding), bytes);
  CHECK(encoding == 0);
  CHECK(decoding == 0);
#endif
}

}  // namespace gw::encoding
