#include "compiler/passes/declared_stream.h"

#include <string>

#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

bool is_event_stream(std::string_view media_type) {
  constexpr std::string_view kType = "text/event-stream";
  std::string type(media_type.substr(0, media_type.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  type = lower_case(type);
  return type == kType;
}

}  // namespace

bool declares_stream(const openapi::Operation& operation) {
  for (const openapi::Response& response : operation.responses) {
    for (const openapi::MediaType& media : response.content) {
      if (is_event_stream(media.name.value)) return true;
    }
  }
  return false;
}

}  // namespace gw::compiler
