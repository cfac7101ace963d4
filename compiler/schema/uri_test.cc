#include "compiler/schema/uri.h"

#include <catch2/catch.hpp>

namespace gw::compiler::schema {

TEST_CASE("schema uri: references are resolved as RFC 3986 section 5.4 says", "[schema][uri]") {
  const std::string base = "http://a/b/c/d;p?q";
  const std::pair<std::string, std::string> cases[] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"g?y", "http://a/b/c/g?y"},
      {"", "http://a/b/c/d;p?q"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"g/../h", "http://a/b/c/h"},
      {"http://x/y/../z", "http://x/z"},
  };
  for (const auto& [reference, expected] : cases) {
    CAPTURE(reference);
    CHECK(resolve_uri(base, reference) == expected);
  }
  CHECK(resolve_uri("urn:a:b#c", "#d") == "urn:a:b");
  CHECK(resolve_uri("http://h", "a") == "http://h/a");
  CHECK(fragment_of("a#b%25c") == "b%c");
  CHECK(fragment_of("a").empty());
  CHECK(pointer_step("a~1b~0c~2") == "a/b~c~2");
}

}  // namespace gw::compiler::schema
