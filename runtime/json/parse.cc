// The parser of tapes: one pass over the text, a loop instead of recursion.
//
// Strings, which are most of what APIs send, are scanned sixteen bytes at a time for the bytes that
// need a look (quote, backslash, control characters, anything beyond ASCII).
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>

#include "runtime/json/tape_writer.h"

namespace gw::json {
namespace {

// The first byte of [at, end) that is a quote, a backslash, a control character or not ASCII.
const char* find_special(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(' ');
  for (; end - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // Signed: bytes from 0x80 on are less than a space as well.
    const __m128i special =
        _mm_or_si128(_mm_cmplt_epi8(block, space),
                     _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
    const u32 mask = static_cast<u32>(_mm_movemask_epi8(special));
    if (mask != 0) return at + std::countr_zero(mask);
  }
#endif
  while (at != end && *at != '"' && *at != '\\' && static_cast<u8>(*at) - 0x20u < 0x60u) ++at;
  return at;
}

class Parser {
 public:
  Parser(std::string_view text, Tape& tape, const TapeLimits& limits)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), writer_(tape, limits) {
    writer_.set_source(begin_);
  }

  Result<void> run() {
    if (document()) return {};
    writer_.set_error(static_cast<u32>(at_ - begin_));
    return fail(code_, what_);
  }

 private:
  bool refuse(std::string_view what, Errc code = Errc::BadRequest) {
    what_ = what;
    code_ = code;
    return false;
  }
  // Zero at the end, which no rule of the grammar accepts outside strings.
  char peek() const { return at_ != end_ ? *at_ : '\0'; }
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool room() {
    return !writer_.is_full() || refuse("more values than the limit", Errc::BodyTooLarge);
  }

  bool document() {
    skip_space();
    for (;;) {
      bool opened = false;
      if (!value(opened)) return false;
      if (opened) continue;
      for (bool more = false; !more;) {
        if (writer_.depth() == 0) {
          skip_space();
          return at_ == end_ || refuse("something follows the value");
        }
        if (!after_value(more)) return false;
      }
    }
  }

  // Reads a scalar or an empty container, or enters a container (`opened`), up to its first value.
  bool value(bool& opened) {
    if (!room()) return false;
    switch (peek()) {
      case '"':
        return string();
      case '{':
        return enter(Kind::Object, '}', opened);
      case '[':
        return enter(Kind::Array, ']', opened);
      case 't':
        return word("true", Kind::Bool, kNodeTrue);
      case 'f':
        return word("false", Kind::Bool, 0);
      case 'n':
        return word("null", Kind::Null, 0);
      default:
        return number();
    }
  }

  bool enter(Kind kind, char bracket, bool& opened) {
    if (writer_.at_max_depth())
      return refuse("nested more deeply than the limit", Errc::BodyTooLarge);
    writer_.open(kind, at_++);
    skip_space();
    if (peek() == bracket) return leave();
    opened = true;
    return kind == Kind::Array ? count_item() : key();
  }

  bool leave() {
    if (writer_.in_object()) {
      const u32 duplicate = writer_.find_duplicate_key();
      if (duplicate != kNoNode) {
        at_ = writer_.tape().node(duplicate).text - 1;
        return refuse("an object has the same key twice");
      }
    }
    ++at_;
    Node& node = writer_.close();
    node.bytes = static_cast<u32>(at_ - node.text);
    return true;
  }

  // Behind a value in a container: the next one (`more`), or the end of the container.
  bool after_value(bool& more) {
    skip_space();
    const bool object = writer_.in_object();
    const char c = peek();
    if (c == ',') {
      ++at_;
      skip_space();
      more = true;
      return object ? key() : count_item();
    }
    if (c == (object ? '}' : ']')) return leave();
    return refuse(object ? "`,` or `}` is expected" : "`,` or `]` is expected");
  }

  bool count_item() {
    ++writer_.open_node().count;
    return true;
  }

  bool key() {
    if (peek() != '"') return refuse("a key in quotes is expected");
    if (!room()) return false;
    std::string_view text;
    bool escaped = false;
    if (!quoted(text, escaped)) return false;
    writer_.add_key(text, escaped);
    if (peek() != ':') skip_space();
    if (peek() != ':') return refuse("`:` is expected");
    ++at_;
    skip_space();
    return true;
  }

  bool string() {
    std::string_view text;
    bool escaped = false;
    if (!quoted(text, escaped)) return false;
    writer_.add(Kind::String, escaped ? kNodeEscaped : 0, text.data(),
                static_cast<u32>(text.size()));
    return true;
  }

  bool quoted(std::string_view& text, bool& escaped) {
    const char* const begin = ++at_;
    for (;;) {
      at_ = find_special(at_, end_);
      if (at_ == end_) return refuse("the text ends within a string");
      const char c = *at_;
      if (c == '"') break;
      const char* behind = nullptr;
      if (c == '\\') {
        escaped = true;
        behind = skip_escape(at_, end_);
        if (behind == nullptr) return refuse("no escape of JSON, or half a pair of surrogates");
      } else if (static_cast<u8>(c) < 0x20) {
        return refuse("a control character in a string");
      } else {
        behind = skip_character(at_, end_);
        if (behind == nullptr) return refuse("a string is not UTF-8");
      }
      at_ = behind;
    }
    text = {begin, static_cast<size_t>(at_ - begin)};
    ++at_;
    return true;
  }

  bool number() {
    bool integer = false;
    const char* const behind = skip_number(at_, end_, integer);
    if (behind == nullptr) return refuse("a value is expected");
    writer_.add(Kind::Number, integer ? kNodeInteger : 0, at_, static_cast<u32>(behind - at_));
    at_ = behind;
    return true;
  }

  bool word(std::string_view expected, Kind kind, u8 flags) {
    const std::string_view rest(at_, static_cast<size_t>(end_ - at_));
    if (!rest.starts_with(expected)) return refuse("a value is expected");
    writer_.add(kind, flags, at_, static_cast<u32>(expected.size()));
    at_ += expected.size();
    return true;
  }

  const char* const begin_;
  const char* at_;
  const char* const end_;
  TapeWriter writer_;
  std::string_view what_;
  Errc code_ = Errc::BadRequest;
};

}  // namespace

Result<void> Tape::parse(std::string_view text, const TapeLimits& limits) {
  if (text.size() >= kNoNode) {
    clear();
    error_offset_ = 0;
    return fail(Errc::BodyTooLarge, "more than 4 GiB");
  }
  if (text.data() == nullptr) text = std::string_view("", 0);
  return Parser(text, *this, limits).run();
}

}  // namespace gw::json
