#include "runtime/encoding/head.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace gw::encoding {
namespace {

constexpr std::string_view kDescribing[] = {"content-encoding", "content-length", "accept-ranges",
                                            "content-digest",   "repr-digest",    "digest",
                                            "content-md5"};

bool describes_bytes(const http::Field& field) {
  return std::ranges::any_of(
      kDescribing, [&](std::string_view name) { return http::equal_fold(name, field.name); });
}

}  // namespace

const http::FieldList* trailers_without_bytes(const http::FieldList* trailers) {
  if (trailers == nullptr) return nullptr;
  if (std::none_of(trailers->begin(), trailers->end(), describes_bytes)) return trailers;
  Arena& arena = trailers->arena();
  void* memory = arena.allocate(sizeof(http::FieldList), alignof(http::FieldList));
  auto* kept = new (memory) http::FieldList(arena);
  for (const http::Field& field : *trailers) {
    if (!field.removed && !describes_bytes(field)) kept->add(field);
  }
  return kept;
}

void forget_bytes(http::FieldList& fields) {
  for (const std::string_view name : kDescribing) fields.remove(name);
}

void weaken_etag(http::FieldList& fields) {
  const std::string_view etag = fields.value(http::FieldId::Etag);
  if (!is_strong_etag(etag)) return;
  char* weak = static_cast<char*>(fields.arena().allocate(etag.size() + 2, 1));
  std::memcpy(weak, "W/", 2);
  std::memcpy(weak + 2, etag.data(), etag.size());
  fields.set(http::FieldId::Etag, {weak, etag.size() + 2});
}

}  // namespace gw::encoding
