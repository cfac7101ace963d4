#include "runtime/encoding/head.h"

#include <cstring>

namespace gw::encoding {
namespace {

constexpr std::string_view kDescribing[] = {"content-encoding", "content-length", "accept-ranges",
                                            "content-digest",   "repr-digest",    "digest",
                                            "content-md5"};

}  // namespace

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
