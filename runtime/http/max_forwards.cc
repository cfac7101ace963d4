#include "runtime/http/max_forwards.h"

#include <charconv>

namespace gw::http {
namespace {

bool is_limited(Method method) { return method == Method::Options || method == Method::Trace; }

// False: no number. One too large for its type is as good as the largest.
bool parse(std::string_view text, u32& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc::result_out_of_range) out = ~u32{0};
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

}  // namespace

MaxForwards read_max_forwards(const RequestHead& request) {
  if (!is_limited(request.method)) return MaxForwards::Further;
  bool seen = false;
  u32 hops = 0;
  for (const Field& field : request.fields) {
    if (field.id != FieldId::MaxForwards || field.removed) continue;
    if (seen || !parse(field.value, hops)) return MaxForwards::Malformed;
    seen = true;
  }
  return seen && hops == 0 ? MaxForwards::LastHop : MaxForwards::Further;
}

void count_hop(Method method, FieldList& fields) {
  if (!is_limited(method)) return;
  const Field* field = fields.find(FieldId::MaxForwards);
  u32 hops = 0;
  if (field == nullptr || !parse(field->value, hops) || hops == 0) return;
  char text[10];
  const char* end = std::to_chars(text, text + sizeof text, hops - 1).ptr;
  const std::string_view left(text, static_cast<size_t>(end - text));
  fields.set(FieldId::MaxForwards, fields.arena().copy(left));
}

}  // namespace gw::http
