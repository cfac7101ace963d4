#include "runtime/jose/claims.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace gw::jose {

ClaimsPtr Claims::parse(std::string_view json) {
  auto document = JsonDocument::parse(json);
  if (!document || !document->root().is(JsonKind::Object)) return {};
  return ClaimsPtr(new Claims(*std::move(document)));
}

std::string_view Claims::subject() const {
  const JsonValue value = find("sub");
  return value.is(JsonKind::String) ? value.text() : std::string_view{};
}

JsonValue Claims::scopes() const {
  const JsonValue scope = find("scope");
  return scope.present() ? scope : find("scp");
}

ClaimWords::ClaimWords(JsonValue value) {
  if (value.is(JsonKind::Array)) item_ = value.first();
  if (value.is(JsonKind::String)) rest_ = value.text();
}

bool ClaimWords::next() {
  while (item_.present()) {
    const JsonValue item = item_;
    item_ = item_.next();
    if (!item.is_scalar()) continue;
    word_ = item.text();
    return true;
  }
  rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
  if (rest_.empty()) return false;
  word_ = rest_.substr(0, rest_.find(' '));
  rest_.remove_prefix(word_.size());
  return true;
}

bool has_word(JsonValue value, std::string_view word) {
  for (ClaimWords words(value); words.next();) {
    if (words.word() == word) return true;
  }
  return false;
}

std::string pointer_to(std::string_view name) {
  std::string out = "/";
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<i64> date_ms(JsonValue value) {
  if (!value.is(JsonKind::Number)) return std::nullopt;
  constexpr double kFarthest = 253'402'300'799.0;  // the end of the year 9999, in seconds
  const std::string_view text = value.text();
  double seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // Beyond what a double holds: too large, or as good as zero.
  if (read.ec == std::errc::result_out_of_range) return std::nullopt;
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return static_cast<i64>(std::floor(std::clamp(seconds, -kFarthest, kFarthest) * 1000.0));
}

}  // namespace gw::jose
