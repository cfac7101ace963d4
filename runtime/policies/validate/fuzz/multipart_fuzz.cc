// Property: a multipart body is read to its end or refused with a reason; parts lie inside the
// body, one behind the other. The first byte is the length of the boundary, which follows.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/policies/validate/multipart.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw::validate;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const size_t length = static_cast<unsigned char>(input[0]) % (kMaxBoundaryBytes + 4);
  if (input.size() < 1 + length) return 0;
  const std::string_view body = input.substr(1 + length);
  MultipartReader reader(body, input.substr(1, length));
  const char* at = body.data();
  for (gw::u32 count = 0;; ++count) {
    Part part;
    const gw::Result<bool> more = reader.next(part);
    if (!more) {
      require(!more.error().what.empty());
      return 0;
    }
    if (!*more) return 0;
    require(count < kMaxParts);
    require(part.name.data() != nullptr);
    if (part.content.empty()) continue;
    require(part.content.data() >= at);
    at = part.content.data() + part.content.size();
    require(at <= body.data() + body.size());
  }
}
