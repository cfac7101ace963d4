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

bool asks_weakly(const http::FieldList& request, std::string_view etag) {
  for (const http::Field& field : request) {
    if (field.removed || field.id != http::FieldId::IfNoneMatch) continue;
    size_t at = field.value.find(etag);
    while (at != field.value.npos && (at < 2 || field.value.substr(at - 2, 2) != "W/")) {
      at = field.value.find(etag, at + 1);
    }
    if (at != field.value.npos) return true;
  }
  return false;
}

const http::Field* find_of_body(const http::FieldList& fields, http::FieldId id) {
  if (const http::Field* field = fields.find(id)) return field;
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.id == id; });
  return found == fields.end() ? nullptr : &*found;
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
