#include "runtime/http/request_rules.h"

#include <arpa/inet.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>

#include "runtime/base/uri_path.h"
#include "runtime/http/field_names.h"

namespace gw::http {
namespace {

bool is_control(char c) { return (static_cast<u8>(c) < 0x20 && c != '\t') || c == 0x7f; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

Unexpected<Error> refuse_request(Errc code, std::string_view what) {
  return fail(Error{.code = code, .origin = Origin::Downstream, .what = what});
}

void read_connection(std::string_view list, FieldSummary& summary) {
  while (true) {
    const size_t comma = list.find(',');
    const std::string_view token = trim(list.substr(0, comma));
    ++summary.connection_options;
    if (equal_fold(token, "close")) summary.close = true;
    if (equal_fold(token, "keep-alive")) summary.keep_alive = true;
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// Servers that map names to environment variables (CGI, WSGI) cannot tell `content_length` from
// `content-length`. Framing lookalikes are refused, those of other fields we set are dropped.
void check_lookalike(Field& field, FieldSummary& summary) {
  if (looks_like_framing(field.name)) {
    summary.lookalike = true;
    field.removed = true;
    return;
  }
  if (field.name.find('_') == std::string_view::npos || field.name.size() > 64) return;
  char mapped[64];
  for (size_t i = 0; i < field.name.size(); ++i) {
    mapped[i] = field.name[i] == '_' ? '-' : field.name[i];
  }
  switch (field_id({mapped, field.name.size()})) {
    case FieldId::Other:
      return;
    case FieldId::Host:
    case FieldId::Connection:
      summary.lookalike = true;
      return;
    default:
      field.removed = true;
      return;
  }
}

std::string_view lower_case(std::string_view text, Arena& arena) {
  bool upper = false;
  for (const char c : text) upper |= c >= 'A' && c <= 'Z';
  if (!upper) return text;
  char* copy = static_cast<char*>(arena.allocate(text.size(), 1));
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    copy[i] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return {copy, text.size()};
}

constexpr std::array<bool, 256> kTokenBytes = [] {
  std::array<bool, 256> table{};
  for (u32 c = '0'; c <= '9'; ++c) table[c] = true;
  for (u32 c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (u32 c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<u8>(c)] = true;
  return table;
}();

bool is_host_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// IPv6 alone: nobody has a use for IPvFuture, and zones are for links (RFC 9844).
bool is_ip_literal(std::string_view host) {
  if (host.size() < 4 || host.size() > INET6_ADDRSTRLEN + 1 || host.back() != ']') return false;
  char text[INET6_ADDRSTRLEN] = {};
  host.substr(1, host.size() - 2).copy(text, sizeof text - 1);
  in6_addr address;
  return ::inet_pton(AF_INET6, text, &address) == 1;
}

bool is_host_name(std::string_view host) {
  char previous = '.';
  for (const char c : host) {
    if (!is_host_byte(c) || (c == '.' && previous == '.')) return false;
    previous = c;
  }
  return !host.empty();
}

}  // namespace

size_t find_control(std::string_view text, size_t from) {
#ifdef __SSE2__
  const __m128i below = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  while (from + 16 <= text.size()) {
    // SAFETY: 16 bytes from `from` on are inside `text`; the load needs no alignment.
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, below), bytes);
    const __m128i bad =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low), _mm_cmpeq_epi8(bytes, del));
    const auto mask = static_cast<u32>(_mm_movemask_epi8(bad));
    if (mask != 0) return from + static_cast<size_t>(std::countr_zero(mask));
    from += 16;
  }
#endif
  while (from < text.size() && !is_control(text[from])) ++from;
  return from;
}

bool parse_length(std::string_view text, u64& out) {
  if (text.empty() || text.size() > 18) return false;
  out = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    out = out * 10 + static_cast<u64>(c - '0');
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

FieldSummary summarise(FieldList& fields) {
  FieldSummary summary;
  for (Field& field : fields) {
    switch (field.id) {
      case FieldId::Host:
        ++summary.hosts;
        summary.host = field.value;
        break;
      case FieldId::ContentLength:
        ++summary.lengths;
        summary.length = field.value;
        break;
      case FieldId::TransferEncoding:
        ++summary.codings;
        summary.coding = field.value;
        break;
      case FieldId::Connection:
        read_connection(field.value, summary);
        break;
      case FieldId::KeepAlive:
        summary.patience = field.value;
        break;
      case FieldId::Expect:
        if (equal_fold(field.value, "100-continue")) {
          summary.expects_continue = true;
        } else {
          summary.expects_other = true;
        }
        break;
      case FieldId::Other:
        check_lookalike(field, summary);
        break;
      default:
        break;
    }
  }
  return summary;
}

// Splits the target into authority, path and query (RFC 9112 section 3.2).
Result<void> split_target(RequestHead& out, std::string_view& raw_path) {
  std::string_view rest = out.target;
  for (const char c : rest) {
    if (static_cast<u8>(c) <= 0x20 || static_cast<u8>(c) >= 0x7f || c == '#') {
      return refuse_request(Errc::BadRequest, "target holds a byte that no URI may hold");
    }
  }
  if (rest.empty()) return refuse_request(Errc::BadRequest, "empty target");
  if (out.method == Method::Connect) {
    return refuse_request(Errc::NotImplemented, "CONNECT is not served");
  }
  if (rest == "*") {
    if (out.method != Method::Options) {
      return refuse_request(Errc::BadRequest, "asterisk target without OPTIONS");
    }
    raw_path = rest;
    return {};
  }
  if (rest.front() != '/') {
    const size_t colon = rest.find("://");
    if (colon == std::string_view::npos) {
      return refuse_request(Errc::BadRequest, "target is neither a path nor a URI");
    }
    const std::string_view scheme = rest.substr(0, colon);
    if (!equal_fold(scheme, "http") && !equal_fold(scheme, "https")) {
      return refuse_request(Errc::BadRequest, "scheme of the target is not http");
    }
    rest.remove_prefix(colon + 3);
    const size_t end = rest.find_first_of("/?");
    out.authority = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
    if (out.authority.empty()) return refuse_request(Errc::BadRequest, "target without host");
  }
  const size_t mark = rest.find('?');
  raw_path = rest.substr(0, mark);
  if (mark != std::string_view::npos) {
    out.query = rest.substr(mark + 1);
    out.has_query = true;
  }
  if (raw_path.empty()) raw_path = "/";
  return {};
}

Result<void> settle_host(const FieldSummary& summary, RequestHead& out) {
  if (summary.hosts > 1) return refuse_request(Errc::BadRequest, "several Host fields");
  const bool named = out.version_major == 2 && !out.authority.empty();
  if (summary.hosts == 0 && out.version_minor == 1 && !named) {
    return refuse_request(Errc::BadRequest, "no Host field");
  }
  std::string_view host;
  std::string_view port;
  if (summary.hosts == 1 && !parse_authority(summary.host, host, port)) {
    return refuse_request(Errc::BadRequest, "malformed Host");
  }
  if (out.authority.empty()) {
    out.authority = summary.host;
  } else {
    if (!parse_authority(out.authority, host, port)) {
      return refuse_request(Errc::BadRequest, "malformed authority");
    }
    if (summary.hosts == 1 && !equal_fold(summary.host, out.authority)) {
      return refuse_request(Errc::BadRequest, "Host differs from the target");
    }
  }
  host = lower_case(host, out.fields.arena());
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  out.host = host;
  return {};
}

Result<void> settle_path(std::string_view raw_path, RequestHead& out) {
  if (raw_path == "*") {
    out.path = raw_path;
    return {};
  }
  // Most paths need no copy; the scratch is taken only for those with something to rewrite.
  char* scratch = nullptr;
  if (raw_path.find_first_of(".%") != std::string_view::npos) {
    scratch = static_cast<char*>(out.fields.arena().allocate(raw_path.size(), 1));
  }
  const PathProblem problem = normalise_path(raw_path, out.path_options, scratch, out.path);
  if (problem == PathProblem::None) return {};
  return refuse_request(Errc::BadRequest, path_problem_text(problem));
}

bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!kTokenBytes[static_cast<u8>(c)]) return false;
  }
  return !text.empty();
}

bool is_field_value(std::string_view text) { return find_control(text, 0) == text.size(); }

bool parse_authority(std::string_view text, std::string_view& host, std::string_view& port) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  host = text.substr(0, colon);
  port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (host.empty() || host.size() > 255 || port.size() > 5) return false;
  u32 number = 0;
  for (const char c : port) {
    if (!is_digit(c)) return false;
    number = number * 10 + static_cast<u32>(c - '0');
  }
  if (number > 65535) return false;
  return host.front() == '[' ? is_ip_literal(host) : is_host_name(host);
}

// Servers that map names to environment variables cannot tell `_` from `-`; one in a trailer is no
// loss, as trailers may always be dropped.
bool may_be_trailer(FieldId id, std::string_view name) {
  switch (id) {
    case FieldId::Other:
      return name.find('_') == std::string_view::npos && !looks_like_framing(name) &&
             !overrides_request(name) && !claims_forwarding(name);
    case FieldId::Authorization:
    case FieldId::CacheControl:
    case FieldId::Connection:
    case FieldId::ContentEncoding:
    case FieldId::ContentLength:
    case FieldId::ContentType:
    case FieldId::Cookie:
    case FieldId::Expect:
    case FieldId::Forwarded:
    case FieldId::Host:
    case FieldId::Http2Settings:
    case FieldId::KeepAlive:
    case FieldId::Location:
    case FieldId::MaxForwards:
    case FieldId::Pragma:
    case FieldId::ProxyAuthenticate:
    case FieldId::ProxyAuthorization:
    case FieldId::ProxyConnection:
    case FieldId::Range:
    case FieldId::RetryAfter:
    case FieldId::SetCookie:
    case FieldId::Te:
    case FieldId::Trailer:
    case FieldId::TransferEncoding:
    case FieldId::Upgrade:
    case FieldId::Vary:
    case FieldId::WwwAuthenticate:
    case FieldId::XForwardedFor:
    case FieldId::XForwardedHost:
    case FieldId::XForwardedPort:
    case FieldId::XForwardedProto:
    case FieldId::XRequestId:
      return false;
    default:
      return true;
  }
}

}  // namespace gw::http
