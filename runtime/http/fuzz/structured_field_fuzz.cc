// Property: what is read can be written, what is written is read as the same, and a second writing
// changes nothing. Input: one byte that chooses the kind of field, then the field.
#include <cstdint>
#include <string>

#include "runtime/base/check.h"
#include "runtime/http/structured_field.h"

using namespace gw;
using namespace gw::http::structured;

namespace {

template <class Parse, class Write>
void there_and_back(std::string_view text, Parse parse, Write write) {
  Arena arena;
  const auto first = parse(text, arena);
  GW_CHECK(arena.held_bytes() <= 8 * Arena::kFirstBlockBytes + 300 * text.size());
  if (!first) {
    GW_CHECK(!first.error().what.empty());
    return;
  }
  std::string written;
  GW_CHECK(write(*first, written));
  Arena other;
  const auto second = parse(written, other);
  GW_CHECK(second.has_value());
  std::string again;
  GW_CHECK(write(*second, again));
  GW_CHECK(again == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The canonical form may be longer: by an escape's three bytes for one, and the like.
  if (size == 0 || size > kMaxTextBytes / 4) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      there_and_back(text, parse_item, write_item);
      break;
    case 1:
      there_and_back(text, parse_list, write_list);
      break;
    default:
      there_and_back(text, parse_dictionary, write_dictionary);
  }
  return 0;
}
