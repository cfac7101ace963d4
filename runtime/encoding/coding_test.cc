#include "runtime/encoding/coding.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace gw::encoding {
namespace {

struct Request {
  explicit Request(const std::vector<std::string>& values) : fields(arena) {
    for (const std::string& value : values) {
      fields.add(http::FieldId::AcceptEncoding, arena.copy(value));
    }
  }
  Arena arena;
  http::FieldList fields;
};

Coding chosen(const std::vector<std::string>& values) {
  return negotiate(Request(values).fields, kPreferred);
}

BodyCoding body_coding(const std::vector<std::string>& values) {
  Arena arena;
  http::FieldList fields(arena);
  for (const std::string& value : values) fields.add(http::FieldId::ContentEncoding, value);
  return coding_of(fields);
}

}  // namespace

TEST_CASE("accept-encoding: the best quality wins, then our preference", "[encoding]") {
  struct Case {
    std::vector<std::string> fields;
    Coding coding;
  };
  const std::vector<Case> cases = {
      {{}, Coding::Identity},
      {{""}, Coding::Identity},
      {{"gzip"}, Coding::Gzip},
      {{"GZip"}, Coding::Gzip},
      {{"x-gzip"}, Coding::Gzip},
      {{"br"}, Coding::Brotli},
      {{"gzip, deflate, br, zstd"}, Coding::Zstd},
      {{"gzip, deflate, br"}, Coding::Brotli},
      {{"gzip;q=1.0, br;q=0.9"}, Coding::Gzip},
      {{"gzip;q=0.5,br;q=0.501"}, Coding::Brotli},
      {{"gzip ; q=0.5 , br ;\tq=0.4"}, Coding::Gzip},
      {{"gzip", "br"}, Coding::Brotli},
      {{"*"}, Coding::Zstd},
      {{"*;q=0"}, Coding::Identity},
      {{"zstd;q=0, *"}, Coding::Brotli},
      {{"gzip, *;q=0"}, Coding::Gzip},
      {{"gzip;q=0"}, Coding::Identity},
      {{"identity;q=0"}, Coding::Identity},
      {{"identity;q=0, gzip;q=0.001"}, Coding::Gzip},
      {{"identity, gzip;q=0.5"}, Coding::Identity},
      {{"identity;q=0.5, gzip;q=0.5"}, Coding::Gzip},
      {{"deflate, compress"}, Coding::Identity},
      // What cannot be read says nothing, and takes nothing else with it.
      {{"gzip;q=2, br;q=0.1"}, Coding::Brotli},
      {{"gzip;q=0.1234"}, Coding::Identity},
      {{"gzip;level=1"}, Coding::Identity},
      {{"gzip;q=0.5;q=1"}, Coding::Identity},
      {{"\"gzip, br\", gzip"}, Coding::Gzip},
      {{",,gzip,,"}, Coding::Gzip},
      {{"gzip;q=0, gzip"}, Coding::Gzip},
  };
  for (const Case& row : cases) {
    CAPTURE(row.fields);
    CHECK(chosen(row.fields) == row.coding);
  }
}

TEST_CASE("accept-encoding: only what is offered is chosen, in its order", "[encoding]") {
  const Request all({"gzip, br, zstd"});
  CHECK(negotiate(all.fields, {}) == Coding::Identity);
  CHECK(negotiate(all.fields, std::vector{Coding::Gzip}) == Coding::Gzip);
  CHECK(negotiate(all.fields, std::vector{Coding::Gzip, Coding::Zstd}) == Coding::Gzip);
  CHECK(negotiate(Request({"zstd, br"}).fields, std::vector{Coding::Gzip}) == Coding::Identity);
}

// The oracle reads nothing: it is told the members that the text is made of.
TEST_CASE("accept-encoding: as the model says, for any list", "[encoding]") {
  std::mt19937 random(7);
  const auto draw = [&](u32 below) { return static_cast<u32>(random() % below); };
  const std::vector<std::string> names = {"zstd", "br", "gzip", "identity", "*", "deflate"};
  for (u32 round = 0; round < 20'000; ++round) {
    std::map<std::string, int> model;
    std::string text;
    for (u32 i = draw(6); i-- > 0;) {
      const std::string& name = names[draw(static_cast<u32>(names.size()))];
      const int tenths = static_cast<int>(draw(11));
      const int stated = model.contains(name) ? model[name] : -1;
      model[name] = std::max(stated, tenths);
      if (!text.empty()) text += draw(2) == 0 ? "," : " , ";
      text += name;
      if (tenths == 10 && draw(2) == 0) continue;
      text += draw(2) == 0 ? ";q=" : " ; Q=";
      text += tenths == 10 ? "1.0" : "0." + std::to_string(tenths);
    }
    const auto quality = [&](std::string_view name) {
      if (const auto found = model.find(std::string(name)); found != model.end()) {
        return found->second;
      }
      if (name == "identity") return 0;
      return model.contains("*") ? model["*"] : 0;
    };
    Coding expected = Coding::Identity;
    int best = std::max(quality("identity"), 1);  // nothing below counts
    for (const Coding coding : {Coding::Gzip, Coding::Brotli, Coding::Zstd}) {
      if (quality(coding_name(coding)) < best) continue;
      best = quality(coding_name(coding));
      expected = coding;  // of equal ones the one that is asked last
    }
    CAPTURE(text);
    REQUIRE(chosen({text}) == expected);
  }
}

TEST_CASE("content-encoding: one coding of ours, or nothing that can be read", "[encoding]") {
  CHECK(body_coding({}).coding == Coding::Identity);
  CHECK(body_coding({"identity"}).coding == Coding::Identity);
  CHECK(body_coding({"gzip"}).coding == Coding::Gzip);
  CHECK(body_coding({"X-GZIP"}).coding == Coding::Gzip);
  CHECK(body_coding({" br , identity"}).coding == Coding::Brotli);
  CHECK(body_coding({"zstd"}).known);
  CHECK_FALSE(body_coding({"deflate"}).known);
  CHECK_FALSE(body_coding({"gzip, br"}).known);
  CHECK_FALSE(body_coding({"gzip", "gzip"}).known);
  CHECK_FALSE(body_coding({"gzip;q=1"}).known);
}

}  // namespace gw::encoding
