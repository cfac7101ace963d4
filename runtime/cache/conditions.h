// Conditional and range requests, judged against an answer that is at hand (RFC 9110 sections 13
// and 14).
#pragma once
#include <string_view>

#include "runtime/http/fields.h"

namespace gw::cache {

/// Same opaque tag, weak or not (section 8.8.3.2).
bool weakly_equal(std::string_view a, std::string_view b);
/// Same opaque tag, and both strong.
bool strongly_equal(std::string_view a, std::string_view b);

/// What validators an answer has; empty: none.
struct Validators {
  std::string_view etag;
  std::string_view last_modified;
};

/// Whether a client that asks so has this answer already, and 304 says all: If-None-Match, or else
/// If-Modified-Since. `now_s` in Unix seconds.
bool has_it_already(const http::FieldList& request, const Validators& validators, i64 now_s);

/// What Range and If-Range come to.
struct ByteRange {
  enum class Kind : u8 {
    Whole,          // no range, several, one that cannot be read, or one of another version
    Part,           // `first` to `last`
    Unsatisfiable,  // 416
  };
  Kind kind = Kind::Whole;
  u64 first = 0;
  u64 last = 0;  // inclusive
};
/// Of a body of `size` bytes. Several ranges at once are answered whole, as section 14.2 allows.
ByteRange read_range(const http::FieldList& request, u64 size, const Validators& validators);

/// Quality in thousandths that Accept-Encoding gives to `coding` (section 12.5.3); 0: not accepted.
/// An empty coding is `identity`, which is accepted unless it is excluded; of clients that do not
/// say what they accept nothing else is expected.
u32 accepted_quality(const http::FieldList& request, std::string_view coding);

}  // namespace gw::cache
