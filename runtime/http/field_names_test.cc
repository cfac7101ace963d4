#include "runtime/http/field_names.h"

#include <catch2/catch.hpp>

using namespace gw::http;

TEST_CASE("field names: lookalikes of framing", "[http]") {
  for (const char* name :
       {"Content_Length", "CONTENT.LENGTH", "contentlength", "Content--Length", "Content-Length!",
        "'Content-Length'", "Content-Length0", "Transfer_Encoding", "TransferEncoding",
        "~Transfer-Encoding", "transfer-encoding_"}) {
    CAPTURE(name);
    CHECK(looks_like_framing(name));
  }
  for (const char* name : {"X-Content-Length", "Content-Lengths", "Content-Type", "TE", "T", "-",
                           "Transfer-Encodin", "Host", "Content-Encoding"}) {
    CAPTURE(name);
    CHECK_FALSE(looks_like_framing(name));
  }
}

TEST_CASE("field names: what overrides the request line", "[http]") {
  for (const char* name : {"X-Original-URL", "x_original_url", "X-Rewrite-Url", "Proxy",
                           "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}) {
    CAPTURE(name);
    CHECK(overrides_request(name));
  }
  for (const char* name : {"X-Original", "X-Original-URLs", "Proxy-Status", "Prefer", "X", "A"}) {
    CAPTURE(name);
    CHECK_FALSE(overrides_request(name));
  }
}

TEST_CASE("field names: who the client is, in other words", "[http]") {
  for (const char* name : {"X-Real-IP", "x_real_ip", "X-Forwarded-Prefix", "X_Forwarded_Uri",
                           "True-Client-IP", "CF-Connecting-IP", "Client-IP", "Front-End-Https"}) {
    CAPTURE(name);
    CHECK(claims_forwarding(name));
  }
  for (const char* name : {"X-Forwarded", "X-Request-Start", "Client-Id", "Content-Type", "Z"}) {
    CAPTURE(name);
    CHECK_FALSE(claims_forwarding(name));
  }
}
