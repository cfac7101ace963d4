// Names and values of a head or of trailers as the codec of HTTP/2 takes them.
#pragma once
#include <nghttp2/nghttp2.h>

#include <vector>

#include "runtime/http/fields.h"

namespace gw::upstream {

/// Views of names and values; the codec copies what it is given.
class Http2Pairs {
 public:
  explicit Http2Pairs(Arena& arena) : arena_(arena) {}
  void add(std::string_view name, std::string_view value) {
    nghttp2_nv pair{};
    pair.name = reinterpret_cast<u8*>(const_cast<char*>(name.data()));
    pair.namelen = name.size();
    pair.value = reinterpret_cast<u8*>(const_cast<char*>(value.data()));
    pair.valuelen = value.size();
    pairs_.push_back(pair);
  }
  /// Names in lower case; without what belongs to a hop or would break the field.
  void add_fields(const http::FieldList& fields);
  const nghttp2_nv* data() const { return pairs_.data(); }
  size_t size() const { return pairs_.size(); }

 private:
  Arena& arena_;
  std::vector<nghttp2_nv> pairs_;
};

}  // namespace gw::upstream
