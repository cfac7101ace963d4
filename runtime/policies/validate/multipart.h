// multipart/form-data in memory (RFC 7578, RFC 2046 section 5.1).
#pragma once
#include <string_view>

#include "runtime/base/result.h"

namespace gw::validate {

struct Part {
  std::string_view name;  // of Content-Disposition
  std::string_view content_type;
  std::string_view content;
  bool is_file = false;  // it has a filename
};

inline constexpr u32 kMaxParts = 1024;
inline constexpr size_t kMaxBoundaryBytes = 70;
inline constexpr size_t kMaxPartHeadBytes = 8 * 1024;

/// Parts one after the other. Views into the body; allocates nothing. What is before the first
/// boundary and behind the last is passed over.
class MultipartReader {
 public:
  MultipartReader(std::string_view body, std::string_view boundary)
      : rest_(body), boundary_(boundary) {}

  /// True: `out` is the next part. False: there are no more. BadRequest: it is no multipart body,
  /// and next() must not be called again.
  Result<bool> next(Part& out);

 private:
  size_t find_delimiter(std::string_view text) const;
  bool pass_delimiter();

  std::string_view rest_;
  std::string_view boundary_;
  u32 parts_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace gw::validate
