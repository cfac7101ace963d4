// Accept-Encoding of any bytes: what is chosen was named, or `*` was, and no capital or space
// between members changes it.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "runtime/encoding/coding.h"

using namespace gw;            // NOLINT(google-build-using-namespace)
using namespace gw::encoding;  // NOLINT(google-build-using-namespace)

namespace {

Coding chosen(const std::string& value) {
  Arena arena;
  http::FieldList fields(arena);
  fields.add(http::FieldId::AcceptEncoding, value);
  return negotiate(fields, kPreferred);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string value(reinterpret_cast<const char*>(data), size);
  const Coding coding = chosen(value);
  std::string low = value;
  std::transform(low.begin(), low.end(), low.begin(), lower);
  if (chosen(low) != coding || chosen(" " + value + "\t") != coding) std::abort();
  if (chosen(value + ",") != coding || chosen("," + value) != coding) std::abort();
  const bool named = low.find(coding_name(coding)) != low.npos || low.find('*') != low.npos;
  if (coding != Coding::Identity && !named) std::abort();

  Arena arena;
  http::FieldList fields(arena);
  fields.add(http::FieldId::ContentEncoding, value);
  const BodyCoding body = coding_of(fields);
  if (!body.known && body.coding != Coding::Identity) std::abort();
  return 0;
}
