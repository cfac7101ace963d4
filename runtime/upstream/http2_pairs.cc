#include "runtime/upstream/http2_pairs.h"

#include <algorithm>

#include "runtime/base/letter_case.h"
#include "runtime/http/http1_writer.h"
#include "runtime/http/request_rules.h"

namespace gw::upstream {
namespace {

using http::Field;
using http::FieldId;

// Besides what is of a hop in any version: what pseudo-header fields and frames say.
bool is_sendable(const Field& field) {
  if (field.id == FieldId::Te || field.id == FieldId::Host || field.id == FieldId::Expect) {
    return false;
  }
  return http::is_writable(field) && http::is_token(field.name);
}

std::string_view lower_case(std::string_view name, Arena& arena) {
  char* lower = static_cast<char*>(arena.allocate(name.size(), 1));
  std::ranges::transform(name, lower, to_lower);
  return {lower, name.size()};
}

}  // namespace

void Http2Pairs::add_fields(const http::FieldList& fields) {
  for (const Field& field : fields) {
    if (is_sendable(field)) add(lower_case(field.name, arena_), field.value);
  }
}

}  // namespace gw::upstream
