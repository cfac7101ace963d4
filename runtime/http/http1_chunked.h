// The chunked transfer coding (RFC 9112 section 7.1), strictly.
#pragma once
#include <string>

#include "runtime/base/result.h"
#include "runtime/http/fields.h"

namespace gw::http {

/// Decodes one chunked body that arrives in pieces. Refused: sizes beyond 2^60 or of more than 32
/// digits, white space after a size, bare CR or LF, extensions that do not follow the grammar or
/// exceed 4 KiB per message, trailers that are malformed, folded or exceed 8 KiB or 32 fields. One
/// thread.
class ChunkedDecoder {
 public:
  struct Step {
    size_t consumed = 0;  // bytes of the input that are done with
    size_t produced = 0;  // body bytes written
    bool end = false;     // the last byte of the message was consumed
  };

  /// Takes bytes from `in` and writes body bytes to `out`, at most `max_bytes`; `out` may be the
  /// start of `in` itself. Stops when the input is used up, `max_bytes` are there, or the message
  /// ends. False: the coding is broken; problem() says how, and the decoder is of no more use.
  bool decode(const char* in, size_t in_bytes, char* out, size_t max_bytes, Step& step);
  std::string_view problem() const { return problem_; }

  /// Puts the trailers into `out`; names that must not come as trailers (framing, routing,
  /// authentication; RFC 9110 section 6.5.1) are left out. Views point into the decoder. False:
  /// malformed.
  bool parse_trailers(FieldList& out);
  bool has_trailers() const { return !trailers_.empty(); }

  void reset();

 private:
  enum class State : u8 {
    FirstDigit,
    Digits,
    SpaceBeforeExtension,
    ExtensionStart,
    ExtensionName,
    SpaceAfterName,
    ExtensionValueStart,
    ExtensionToken,
    ExtensionQuoted,
    ExtensionEscape,
    SpaceAfterValue,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
    Broken,
  };

  bool take(char c);
  bool take_size(char c);
  bool take_extension(char c);
  bool take_trailer(char c);
  bool broken(std::string_view what);

  State state_ = State::FirstDigit;
  u64 left_ = 0;         // of the current chunk's size or data
  u32 size_digits_ = 0;  // of the current chunk
  u32 extension_bytes_ = 0;
  u32 trailer_fields_ = 0;
  std::string trailers_;  // lines with CRLF
  std::string_view problem_;
};

}  // namespace gw::http
