#include "runtime/policies/validate/multipart.h"

#include <catch2/catch.hpp>
#include <string>

namespace gw::validate {
namespace {

// Parts as `name=content`, or why there are none.
std::string parts_of(std::string_view body, std::string_view boundary = "x") {
  MultipartReader reader(body, boundary);
  std::string out;
  for (;;) {
    Part part;
    const Result<bool> more = reader.next(part);
    if (!more) return "(" + std::string(more.error().what) + ")";
    if (!*more) return out;
    out += std::string(part.name) + "=" + std::string(part.content) + (part.is_file ? "*;" : ";");
  }
}

const std::string kHead = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";

}  // namespace

TEST_CASE("multipart: parts in order, whatever is around them", "[validate]") {
  CHECK(parts_of("--x\r\n" + kHead + "1\r\n--x--") == "a=1;");
  CHECK(parts_of("hello\r\n--x \t\r\n" + kHead + "\r\n--x--\r\nbye") == "a=;");
  CHECK(parts_of("--x\r\n" + kHead + "y--x\r\n\r\n--y\r\n--x--") == "a=y--x\r\n\r\n--y;");
  CHECK(parts_of("--x\r\nContent-Type: text/plain\r\ncontent-disposition:form-data;"
                 "filename=\"a;b\\\"\"; name=b\r\n\r\n1\r\n--x\r\n" +
                 kHead + "2\r\n--x--") == "b=1*;a=2;");
  CHECK(parts_of("--x--").empty());
  // The line end of an empty line is that of a boundary behind it: a part without body.
  CHECK(parts_of("--x\r\n" + kHead + "--x--\r\n--x--") == "a=;");
}

TEST_CASE("multipart: what is cut off or ambiguous is refused", "[validate]") {
  for (const std::string& body : {
           std::string(),
           std::string("--y--"),
           "--x\r\n" + kHead + "1",
           "--x\r\n" + kHead + "1\r\n--x",
           "--xx\r\n" + kHead + "1\r\n--xx--",
           std::string("--x\r\n\r\n1\r\n--x--"),
           std::string("--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"),
           std::string("--x\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--x--"),
           std::string("--x\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--x--"),
           std::string("--x\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--x--"),
           std::string("--x\r\nContent-Disposition: form-data; name=a\r\n"
                       "Content-Disposition: form-data; name=b\r\n\r\n1\r\n--x--"),
           std::string("--x\r\nContent-Disposition: form-data; name=a\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--x--"),
           "--x\r\nx: " + std::string(kMaxPartHeadBytes, 'x') + "\r\n" + kHead + "1\r\n--x--",
       }) {
    CAPTURE(body.substr(0, 100));
    CHECK(parts_of(body).starts_with('('));
  }
  CHECK(parts_of("--", "").starts_with('('));
  CHECK(parts_of("--x--", std::string(kMaxBoundaryBytes + 1, 'x')).starts_with('('));
}

TEST_CASE("multipart: there are not more parts than the limit", "[validate]") {
  std::string body;
  for (u32 i = 0; i < kMaxParts; ++i) body += "--x\r\n" + kHead + "\r\n";
  CHECK_FALSE(parts_of(body + "--x--").starts_with('('));
  CHECK(parts_of(body + "--x\r\n" + kHead + "\r\n--x--").starts_with('('));
}

}  // namespace gw::validate
