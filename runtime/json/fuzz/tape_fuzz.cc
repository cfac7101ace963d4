// Property: parse() accepts or gives a reason; what it accepts is a sound tape. Nodes nest, ranges
// lie inside their parents, a value's own text parses to the same value, and pointers lead back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime/json/tape.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_node(const gw::json::Tape& tape, gw::u32 index, gw::u32 end) {
  using namespace gw::json;
  const Node& node = tape.node(index);
  require(node.next > index && node.next <= end);
  std::string buffer;
  switch (node.kind) {
    case Kind::Array: {
      gw::u32 count = 0;
      for (const gw::u32 item : tape.items(index)) {
        require(tape.source(item).end <= tape.source(index).end);
        check_node(tape, item, node.next);
        ++count;
      }
      require(count == node.count);
      return;
    }
    case Kind::Object: {
      gw::u32 count = 0;
      for (const Member member : tape.members(index)) {
        require((tape.node(member.key).flags & kNodeKey) != 0);
        check_node(tape, member.value, node.next);
        if (count < 8) require(tape.find(index, tape.string(member.key, buffer)) == member.value);
        ++count;
      }
      require(count == node.count);
      return;
    }
    case Kind::String:
      require(is_utf8(tape.string(index, buffer)));
      require(tape.string_equals(index, std::string(tape.string(index, buffer))));
      break;
    case Kind::Number:
      require(is_number(tape.text(index)));
      break;
    default:
      break;
  }
  require(node.next == index + 1);
}

void check_pointer(const gw::json::Tape& tape, gw::u32 index) {
  if ((tape.node(index).flags & gw::json::kNodeKey) != 0) return;
  std::string pointer;
  tape.append_pointer(index, pointer);
  require(tape.resolve(pointer) == index);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  gw::json::Tape tape;
  const auto result = tape.parse(text, {.depth = 64, .nodes = 10'000});
  require(result.has_value() == !tape.empty());
  if (!result) {
    require(!result.error().what.empty() && tape.error_offset() <= size);
    return 0;
  }
  check_node(tape, 0, tape.size());
  require(tape.next(0) == tape.size());
  for (gw::u32 i = 0; i < tape.size() && i < 64; ++i) check_pointer(tape, i);
  const auto range = tape.source(0);
  gw::json::Tape again;
  require(
      again.parse(std::string_view(text).substr(range.begin, range.end - range.begin)).has_value());
  require(again.size() == tape.size());
  return 0;
}
