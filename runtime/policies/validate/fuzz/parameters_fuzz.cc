// Property: whatever a text is, it is read by every style or refused; what is read is a sound value
// that can be written and read again. Two bytes choose the style, the place and the types.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime/policies/validate/testing/parameter_maker.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw;
  if (size < 3) return 0;
  constexpr u32 kPlaces = 5;
  constexpr u32 kStyles = static_cast<u32>(policies::ParameterStyle::Json);
  const auto place = static_cast<policies::Place>(data[0] % kPlaces);
  const auto style = static_cast<policies::ParameterStyle>(data[0] / kPlaces % kStyles);
  const bool explode = (data[1] & 128) != 0;
  const u32 types = data[1] & 127;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  validate::testing::ParameterMaker maker;
  const auto parameter = maker.make("a", place, style, explode, types, types & 31, data[0] & 31);
  const std::string value = maker.read(parameter, text);
  const bool is_value = value.front() == '[' || value.front() == '{';
  if (!is_value) return 0;
  // Texts keep what JSON would escape, so that only the shape can be looked at.
  require(value.back() == ']' || value.back() == '}');
  return 0;
}
