#include "runtime/policies/validate/multipart.h"

#include "runtime/http/fields.h"

namespace gw::validate {
namespace {

constexpr std::string_view kLine = "\r\n";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes `name="value"` or `name=value` off the front of `rest`, which stands behind a semicolon.
bool next_parameter(std::string_view& rest, std::string_view& name, std::string_view& value) {
  rest = trimmed(rest);
  const size_t equals = rest.find('=');
  if (equals == rest.npos) return false;
  name = trimmed(rest.substr(0, equals));
  rest.remove_prefix(equals + 1);
  if (!rest.starts_with('"')) {
    const size_t end = rest.find(';');
    value = trimmed(rest.substr(0, end));
    rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    return true;
  }
  size_t end = 1;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2u : 1u;
  if (end >= rest.size()) return false;
  value = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  rest = trimmed(rest);
  if (rest.empty()) return true;
  if (rest.front() != ';') return false;
  rest.remove_prefix(1);
  return true;
}

bool read_disposition(std::string_view text, Part& out) {
  const size_t end = text.find(';');
  if (end == text.npos || !http::equal_fold(trimmed(text.substr(0, end)), "form-data")) {
    return false;
  }
  std::string_view rest = text.substr(end + 1);
  bool named = false;
  while (!trimmed(rest).empty()) {
    std::string_view name;
    std::string_view value;
    if (!next_parameter(rest, name, value)) return false;
    if (http::equal_fold(name, "name")) {
      if (named) return false;  // two readers could see two names
      named = true;
      out.name = value;
    }
    out.is_file =
        out.is_file || http::equal_fold(name, "filename") || http::equal_fold(name, "filename*");
  }
  return named;
}

bool is_plain_encoding(std::string_view text) {
  return http::equal_fold(text, "binary") || http::equal_fold(text, "8bit") ||
         http::equal_fold(text, "7bit");
}

// Null: it is fine.
std::string_view read_head(std::string_view head, Part& out) {
  bool disposed = false;
  while (!head.empty()) {
    const size_t end = head.find(kLine);
    const std::string_view line = head.substr(0, end);
    head = end == head.npos ? std::string_view{} : head.substr(end + kLine.size());
    const size_t colon = line.find(':');
    if (colon == line.npos) return "a header of a part has no colon";
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (http::equal_fold(name, "content-disposition")) {
      if (disposed || !read_disposition(value, out)) return "a part has no single name";
      disposed = true;
    } else if (http::equal_fold(name, "content-type")) {
      out.content_type = value;
    } else if (http::equal_fold(name, "content-transfer-encoding")) {
      if (!is_plain_encoding(value)) return "a part is encoded";
    }
  }
  return disposed ? std::string_view{} : "a part has no name";
}

}  // namespace

// Where `--boundary` begins a line; npos: nowhere. The line end in front of it belongs to it.
size_t MultipartReader::find_delimiter(std::string_view text) const {
  size_t at = 0;
  for (;;) {
    at = text.find("\r\n--", at);
    if (at == text.npos || text.substr(at + 4).starts_with(boundary_)) return at;
    at += 2;
  }
}

// Passes what follows `--boundary` on its line; false: no delimiter after all.
bool MultipartReader::pass_delimiter() {
  if (rest_.starts_with("--")) {
    ended_ = true;
    return true;
  }
  while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  if (!rest_.starts_with(kLine)) return false;
  rest_.remove_prefix(kLine.size());
  return true;
}

Result<bool> MultipartReader::next(Part& out) {
  if (!begun_) {
    begun_ = true;
    if (boundary_.empty() || boundary_.size() > kMaxBoundaryBytes) {
      return fail(Errc::BadRequest, "no boundary, or one that is too long");
    }
    if (rest_.starts_with("--") && rest_.substr(2).starts_with(boundary_)) {
      rest_.remove_prefix(2 + boundary_.size());
    } else {
      const size_t first = find_delimiter(rest_);
      if (first == rest_.npos) return fail(Errc::BadRequest, "the boundary is not there");
      rest_.remove_prefix(first + 4 + boundary_.size());
    }
    if (!pass_delimiter()) return fail(Errc::BadRequest, "a boundary goes on");
  }
  if (ended_) return false;
  if (++parts_ > kMaxParts) return fail(Errc::BodyTooLarge, "too many parts");
  out = {};
  // A part without headers would begin with an empty line; it has no name.
  const std::string_view window = rest_.substr(0, kMaxPartHeadBytes);
  const size_t head_end = window.find("\r\n\r\n");
  if (head_end == window.npos) return fail(Errc::BadRequest, "the head of a part does not end");
  const std::string_view problem = read_head(rest_.substr(0, head_end), out);
  if (!problem.empty()) return fail(Errc::BadRequest, problem);
  rest_.remove_prefix(head_end + 2);  // the empty line may be the one in front of a boundary
  const size_t end = find_delimiter(rest_);
  if (end == rest_.npos) return fail(Errc::BadRequest, "the last boundary is missing");
  out.content = end < 2 ? std::string_view{} : rest_.substr(2, end - 2);
  rest_.remove_prefix(end + 4 + boundary_.size());
  if (!pass_delimiter()) return fail(Errc::BadRequest, "a boundary goes on");
  return true;
}

}  // namespace gw::validate
