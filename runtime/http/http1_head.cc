// Beast 1.81 checks the syntax of heads; it lets pass what this file refuses on top: transfer
// codings other than `chunked`, lists of lengths, several Host fields, folded lines, and bytes
// that a next server may read in another way.
#include "runtime/http/http1_head.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>

#include "runtime/http/limits.h"

namespace gw::http {
namespace {

namespace beast = boost::beast;

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

namespace {

// The `timeout` of Keep-Alive (RFC 2068 section 19.7.1.1), in seconds. 0: there is none.
u32 patience_of(std::string_view text) {
  constexpr std::string_view kName = "timeout=";
  constexpr u64 kDay = 86'400;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view part = trim(text.substr(0, comma));
    u64 seconds = 0;
    if (equal_fold(part.substr(0, kName.size()), kName) &&
        parse_length(part.substr(kName.size()), seconds)) {
      return static_cast<u32>(std::min(seconds, kDay));
    }
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
  }
  return 0;
}

}  // namespace

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
  wire.patience_s = patience_of(summary.patience);
  if (out.status == 101 && has_token(out.fields, FieldId::Connection, "upgrade")) {
    wire.upgrade = out.fields.value(FieldId::Upgrade);
  }
  strip_hop_by_hop(out.fields);
  out.fields.remove(FieldId::ContentLength);
  return {};
}

}  // namespace gw::http
