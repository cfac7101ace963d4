// Beast 1.81 checks the syntax of heads; it lets pass what this file refuses on top: transfer
// codings other than `chunked`, lists of lengths, several Host fields, folded lines, and bytes
// that a next server may read in another way.
#include "runtime/http/http1_head.h"

#include <arpa/inet.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <boost/beast/http/basic_parser.hpp>

#include "runtime/base/uri_path.h"
#include "runtime/http/field_names.h"
#include "runtime/http/limits.h"

namespace gw::http {
namespace {

namespace beast = boost::beast;

bool is_control(char c) { return (static_cast<u8>(c) < 0x20 && c != '\t') || c == 0x7f; }

// Index of the first control byte in text[from, size), or size.
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

Unexpected<Error> refuse_request(Errc code, std::string_view what) {
  return fail(Error{.code = code, .origin = Origin::Downstream, .what = what});
}
Unexpected<Error> refuse_response(std::string_view what) {
  return fail(Error{.code = Errc::UpstreamInvalid, .origin = Origin::Upstream, .what = what});
}

std::string_view to_view(beast::string_view text) { return {text.data(), text.size()}; }

// Beast has looked the name up already; its numbers are translated instead of hashing again.
constexpr size_t kBeastFieldCount = 512;
const std::array<FieldId, kBeastFieldCount> kFieldIds = [] {
  std::array<FieldId, kBeastFieldCount> ids{};
  for (u32 known = 1; !field_name(static_cast<FieldId>(known)).empty(); ++known) {
    const auto id = static_cast<FieldId>(known);
    const std::string_view name = field_name(id);
    const auto number = static_cast<size_t>(
        beast::http::string_to_field(beast::string_view(name.data(), name.size())));
    if (number != 0 && number < kBeastFieldCount) ids[number] = id;
    if (id == FieldId::XRequestId) break;
  }
  return ids;
}();

FieldId translate(beast::http::field field, std::string_view name) {
  if (field == beast::http::field::unknown) return field_id(name);
  return kFieldIds[static_cast<size_t>(field) % kBeastFieldCount];
}

template <bool kIsRequest>
class HeadParser final : public beast::http::basic_parser<kIsRequest> {
 public:
  explicit HeadParser(FieldList& fields) : fields_(&fields) {
    this->header_limit(static_cast<u32>(kMaxHeadBytes));
    this->body_limit(boost::none);
  }
  bool too_many_fields() const { return too_many_; }
  std::string_view reason() const { return reason_; }

 private:
  using string_view = beast::string_view;
  using error_code = beast::error_code;

  void on_request_impl(beast::http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int, string_view reason, int, error_code&) override {
    reason_ = to_view(reason);
  }
  void on_field_impl(beast::http::field field, string_view name, string_view value,
                     error_code& ec) override {
    if (++count_ > kMaxFields) {
      too_many_ = true;
      ec = beast::http::error::header_limit;
      return;
    }
    Field read{to_view(name), to_view(value), translate(field, to_view(name))};
    read.checked = true;
    fields_->add(read);
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<u64> const&, error_code&) override {}
  size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(u64, string_view, error_code&) override {}
  size_t on_chunk_body_impl(u64, string_view body, error_code&) override { return body.size(); }
  void on_finish_impl(error_code&) override {}

  FieldList* fields_;
  std::string_view reason_;
  u32 count_ = 0;
  bool too_many_ = false;
};

template <bool kIsRequest>
bool feed(HeadParser<kIsRequest>& parser, std::string_view head) {
  beast::error_code ec;
  const size_t used = parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  return !ec && parser.is_header_done() && used == head.size();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool parse_length(std::string_view text, u64& out) {
  // 18 digits hold more than any disk and cannot overflow.
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

// What the fields say together about framing and persistence.
struct FieldSummary {
  u32 hosts = 0;
  u32 lengths = 0;
  u32 codings = 0;
  std::string_view host;
  std::string_view length;
  std::string_view coding;
  bool close = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool expects_other = false;
  bool lookalike = false;
  u32 connection_options = 0;
};

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

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

Result<RequestLine> split_request_line(std::string_view head) {
  const size_t end = head.find('\r');
  const std::string_view line = head.substr(0, end);
  if (line.size() > kMaxRequestLineBytes) {
    return refuse_request(Errc::UriTooLong, "request line too long");
  }
  const size_t first = line.find(' ');
  if (first == std::string_view::npos) {
    return refuse_request(Errc::BadRequest, "malformed request line");
  }
  const size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) {
    return refuse_request(Errc::BadRequest, "request line without version");
  }
  RequestLine out{line.substr(0, first), line.substr(first + 1, second - first - 1),
                  line.substr(second + 1)};
  if (!is_token(out.method)) return refuse_request(Errc::BadRequest, "method is no token");
  return out;
}

Result<u8> parse_version(std::string_view version) {
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || version[6] != '.' ||
      !is_digit(version[5]) || !is_digit(version[7])) {
    return refuse_request(Errc::BadRequest, "malformed version");
  }
  if (version[5] != '1') {
    return refuse_request(Errc::VersionUnsupported, "HTTP version not supported");
  }
  return static_cast<u8>(version[7] - '0');
}

// A later minor version is read as the last one there is (RFC 9110 section 2.5). Beast knows no
// other, so it gets a copy that says 1.1.
std::string_view as_version_1_1(std::string_view head, const RequestLine& line, Arena& arena) {
  char* copy = static_cast<char*>(arena.allocate(head.size(), 1));
  std::copy(head.begin(), head.end(), copy);
  copy[line.version.data() - head.data() + 7] = '1';
  return {copy, head.size()};
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

Result<void> settle_host(const FieldSummary& summary, RequestHead& out) {
  if (summary.hosts > 1) return refuse_request(Errc::BadRequest, "several Host fields");
  if (summary.hosts == 0 && out.version_minor == 1) {
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

// A list of codings that ends in chunked could be read by a server that knew the others: 501. So
// could a single unknown one; anything else is malformed, or its end cannot be found: 400
// (RFC 9112 section 6.3).
Errc refusal_of_coding(std::string_view list) {
  if (is_token(list)) return Errc::NotImplemented;
  u32 chunked = 0;
  bool last = false;
  while (true) {
    const size_t comma = list.find(',');
    const std::string_view coding = trim(list.substr(0, comma));
    if (!is_token(coding)) return Errc::BadRequest;
    last = equal_fold(coding, "chunked");
    chunked += last ? 1 : 0;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return last && chunked == 1 ? Errc::NotImplemented : Errc::BadRequest;
}

Result<void> settle_request_framing(const FieldSummary& summary, RequestHead& out) {
  if (summary.codings > 0) {
    if (out.version_minor == 0) {
      return refuse_request(Errc::BadRequest, "Transfer-Encoding in HTTP/1.0");
    }
    if (summary.lengths > 0) {
      return refuse_request(Errc::BadRequest, "Transfer-Encoding with Content-Length");
    }
    if (summary.codings > 1) {
      return refuse_request(Errc::BadRequest, "several Transfer-Encoding fields");
    }
    if (!equal_fold(summary.coding, "chunked")) {
      return refuse_request(refusal_of_coding(summary.coding),
                            "transfer coding other than chunked");
    }
    out.framing = Framing::Chunked;
    return {};
  }
  if (summary.lengths > 1) {
    return refuse_request(Errc::BadRequest, "several Content-Length fields");
  }
  if (summary.lengths == 1) {
    if (!parse_length(summary.length, out.content_length)) {
      return refuse_request(Errc::BadRequest, "malformed Content-Length");
    }
    out.framing = Framing::Length;
  }
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

Result<void> settle_response_framing(const FieldSummary& summary, Method method, bool http11,
                                     ResponseHead& out, ResponseWire& wire) {
  const bool interim = out.status < 200;
  if (summary.codings > 0) {
    if (!http11 || summary.lengths > 0 || summary.codings > 1 ||
        !equal_fold(summary.coding, "chunked")) {
      return refuse_response("unusable Transfer-Encoding");
    }
    if (interim || out.status == 204) return refuse_response("body where none can be");
    out.framing = Framing::Chunked;
  } else if (summary.lengths > 0) {
    if (summary.lengths > 1 || !parse_length(summary.length, out.content_length)) {
      return refuse_response("unusable Content-Length");
    }
    if ((interim || out.status == 204) && out.content_length > 0) {
      return refuse_response("body where none can be");
    }
    out.framing = interim || out.status == 204 ? Framing::None : Framing::Length;
  } else {
    out.framing =
        interim || out.status == 204 || out.status == 304 ? Framing::None : Framing::UntilClose;
  }
  const bool bodiless = interim || method == Method::Head || out.status == 204 || out.status == 304;
  wire.framing = bodiless ? Framing::None : out.framing;
  wire.content_length = bodiless ? 0 : out.content_length;
  if (bodiless && out.framing == Framing::UntilClose) out.framing = Framing::None;
  return {};
}

// Many servers leave the space out when there is no reason phrase. Beast wants it, and gets a copy.
std::string_view with_space_after_status(std::string_view head, Arena& arena) {
  if (head.size() < 13 || head[12] != '\r') return head;
  char* copy = static_cast<char*>(arena.allocate(head.size() + 1, 1));
  std::copy_n(head.data(), 12, copy);
  copy[12] = ' ';
  std::copy(head.begin() + 12, head.end(), copy + 13);
  return {copy, head.size() + 1};
}

bool parse_status_line(std::string_view head, ResponseHead& out, bool& http11) {
  if (head.size() < 13 || head.substr(0, 7) != "HTTP/1." || (head[7] != '0' && head[7] != '1') ||
      head[8] != ' ' || head[12] != ' ') {
    return false;
  }
  http11 = head[7] == '1';
  if (head[9] < '1' || head[9] > '5' || !is_digit(head[10]) || !is_digit(head[11])) return false;
  out.status = static_cast<u16>((head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0'));
  return true;
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

HeadScanner::State HeadScanner::scan(std::string_view data) {
  while (true) {
    at_ = find_control(data, at_);
    if (at_ == data.size()) return State::NeedMore;
    if (data[at_] != '\r') return State::Invalid;
    if (at_ + 1 == data.size()) return State::NeedMore;
    if (data[at_ + 1] != '\n') return State::Invalid;
    if (at_ == line_start_) {
      at_ += 2;
      return State::Complete;
    }
    // A folded line can only be told by the first byte of the next one.
    if (at_ + 2 == data.size()) return State::NeedMore;
    if (data[at_ + 2] == ' ' || data[at_ + 2] == '\t') return State::Invalid;
    at_ += 2;
    line_start_ = at_;
    ++line_count_;
  }
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

Result<void> parse_request_head(std::string_view head, RequestHead& out) {
  GW_TRY_ASSIGN(const RequestLine line, split_request_line(head));
  GW_TRY_ASSIGN(out.version_minor, parse_version(line.version));
  out.method = parse_method(line.method);
  out.method_text = line.method;
  out.target = line.target;
  std::string_view raw_path;
  GW_TRY(split_target(out, raw_path));

  if (out.version_minor > 1) {
    head = as_version_1_1(head, line, out.fields.arena());
    out.version_minor = 1;
  }
  HeadParser<true> parser(out.fields);
  if (!feed(parser, head)) {
    if (parser.too_many_fields()) return refuse_request(Errc::HeadTooLarge, "too many fields");
    // A coding other than chunked beside a length is refused here as well; both are 400.
    return refuse_request(Errc::BadRequest, "malformed fields");
  }
  const FieldSummary summary = summarise(out.fields);
  if (summary.lookalike) return refuse_request(Errc::BadRequest, "name that looks like framing");
  // Each of them is looked for among the fields.
  if (summary.connection_options > kMaxConnectionOptions) {
    return refuse_request(Errc::BadRequest, "too many names in Connection");
  }
  GW_TRY(settle_host(summary, out));
  GW_TRY(settle_request_framing(summary, out));
  GW_TRY(settle_path(raw_path, out));
  if (summary.expects_other) {
    return refuse_request(Errc::ExpectationUnsupported, "expectation other than 100-continue");
  }
  out.expect_continue = summary.expects_continue && out.version_minor == 1;
  out.keep_alive = out.version_minor == 1 ? !summary.close : summary.keep_alive && !summary.close;
  return {};
}

Result<void> parse_response_head(std::string_view head, Method method, ResponseHead& out,
                                 ResponseWire& wire) {
  head = with_space_after_status(head, out.fields.arena());
  bool http11 = false;
  if (!parse_status_line(head, out, http11)) return refuse_response("malformed status line");
  HeadParser<false> parser(out.fields);
  parser.skip(true);
  if (!feed(parser, head)) return refuse_response("malformed head");
  out.reason = parser.reason();
  const FieldSummary summary = summarise(out.fields);
  if (summary.connection_options > kMaxConnectionOptions) {
    return refuse_response("too many names in Connection");
  }
  GW_TRY(settle_response_framing(summary, method, http11, out, wire));
  wire.keep_alive = http11 ? !summary.close : summary.keep_alive && !summary.close;
  if (wire.framing == Framing::UntilClose) wire.keep_alive = false;
  if (out.status == 101 && has_token(out.fields, FieldId::Connection, "upgrade")) {
    wire.upgrade = out.fields.value(FieldId::Upgrade);
  }
  strip_hop_by_hop(out.fields);
  out.fields.remove(FieldId::ContentLength);
  return {};
}

}  // namespace gw::http
