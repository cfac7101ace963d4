#include "runtime/http/problem.h"

#include <charconv>
#include <cstring>

namespace gw::http {
namespace {

constexpr std::string_view kTypePrefix = "urn:gwctl:problem:";

// Titles and names are our own static text: nothing in them needs escaping.
class Text {
 public:
  Text(Arena& arena, size_t room) : begin_(static_cast<char*>(arena.allocate(room, 1))) {
    to_ = begin_;
  }
  Text& operator<<(std::string_view text) {
    if (!text.empty()) std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
    return *this;
  }
  Text& operator<<(u16 number) {
    to_ = std::to_chars(to_, to_ + 5, number).ptr;
    return *this;
  }
  std::string_view view() const { return {begin_, static_cast<size_t>(to_ - begin_)}; }

 private:
  char* begin_;
  char* to_;
};

}  // namespace

Problem problem_of(const Error& error) {
  Problem problem;
  switch (error.code) {
    case Errc::BadRequest:
    case Errc::RequestInvalid:
      problem.status = 400;
      break;
    case Errc::UriTooLong:
      problem.status = 414;
      break;
    case Errc::HeadTooLarge:
      problem.status = 431;
      break;
    case Errc::BodyTooLarge:
      problem.status = 413;
      break;
    case Errc::RequestTimeout:
      problem.status = 408;
      break;
    case Errc::VersionUnsupported:
      problem.status = 505;
      break;
    case Errc::ExpectationUnsupported:
      problem.status = 417;
      break;
    case Errc::Misdirected:
      problem.status = 421;
      break;
    case Errc::NotImplemented:
      problem.status = 501;
      break;
    case Errc::PeerClosed:
      problem.status = error.origin == Origin::Downstream ? 400 : 502;
      break;
    case Errc::TlsFailed:
    case Errc::ConnectFailed:
      problem = {502, "upstream-unreachable", "Upstream Unreachable"};
      break;
    case Errc::UpstreamClosed:
      problem = {502, "upstream-closed", "Upstream Closed The Connection"};
      break;
    case Errc::UpstreamInvalid:
      problem = {502, "upstream-invalid", "Upstream Sent An Invalid Answer"};
      break;
    case Errc::ResponseInvalid:
      problem = {502, "invalid-response", "Answer Does Not Match Its Description"};
      break;
    case Errc::UpstreamTimeout:
      problem = {504, "upstream-timeout", "Upstream Took Too Long"};
      break;
    case Errc::UpstreamOverflow:
      problem = {503, "upstream-overflow", "Upstream Is At Its Limit"};
      break;
    case Errc::StreamEnded:
      problem = {503, "stream-ended", "Stream Was Ended"};
      break;
    case Errc::CircuitOpen:
      problem = {503, "upstream-circuit-open", "Upstream Fails Too Often"};
      break;
    case Errc::Unauthenticated:
      problem.status = 401;
      break;
    case Errc::Forbidden:
      problem.status = 403;
      break;
    case Errc::IdentityUnknown:
    case Errc::Cancelled:
      problem.status = 503;
      break;
    default:
      problem.status = 500;
      break;
  }
  return problem;
}

std::string_view problem_name(u16 status) {
  switch (status) {
    case 400:
      return "bad-request";
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not-found";
    case 405:
      return "method-not-allowed";
    case 406:
      return "not-acceptable";
    case 408:
      return "request-timeout";
    case 409:
      return "conflict";
    case 411:
      return "length-required";
    case 412:
      return "precondition-failed";
    case 413:
      return "content-too-large";
    case 414:
      return "uri-too-long";
    case 415:
      return "unsupported-media-type";
    case 417:
      return "expectation-failed";
    case 421:
      return "misdirected-request";
    case 422:
      return "unprocessable-content";
    case 429:
      return "too-many-requests";
    case 431:
      return "head-too-large";
    case 500:
      return "internal-error";
    case 501:
      return "not-implemented";
    case 502:
      return "bad-gateway";
    case 503:
      return "service-unavailable";
    case 504:
      return "gateway-timeout";
    case 505:
      return "version-not-supported";
    default:
      return "error";
  }
}

Bytes make_problem(const Problem& problem, ResponseHead& head) {
  const std::string_view name = problem.name.empty() ? problem_name(problem.status) : problem.name;
  std::string_view title = problem.title.empty() ? reason_phrase(problem.status) : problem.title;
  if (title.empty()) title = "Error";
  Text text(head.fields.arena(),
            64 + kTypePrefix.size() + name.size() + title.size() + problem.members.size());
  text << R"({"type":")" << kTypePrefix << name << R"(","title":")" << title << R"(","status":)"
       << problem.status << problem.members << "}\n";
  head.status = problem.status;
  head.reason = {};
  head.fields.set(FieldId::ContentType, "application/problem+json");
  head.fields.set(FieldId::CacheControl, "no-store");
  head.framing = Framing::Length;
  head.content_length = text.view().size();
  return as_bytes(text.view());
}

}  // namespace gw::http
