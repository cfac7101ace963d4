// The stories of hpack-test-case: as HPACK alone, and as requests over one connection, whose table
// must stay in step through all of them.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cmake/source_dir.h"
#include "runtime/server/testing/http2_fixture.h"

using namespace gw;
using namespace gw::server;
using namespace gw::server::testing;

namespace {

namespace json = boost::json;

struct Block {
  std::string wire;
  HeaderFields fields;
  u32 table_size = 4096;
};

std::filesystem::path suite() { return source_dir() + "/../shared/conformance/hpack-test-case"; }

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

std::vector<Block> read_story(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  const json::value story = json::parse(text.str());
  std::vector<Block> blocks;
  for (const json::value& entry : story.at("cases").as_array()) {
    const json::object& object = entry.as_object();
    Block block;
    if (!object.contains("wire")) continue;
    block.wire = from_hex(object.at("wire").as_string());
    if (const json::value* size = object.if_contains("header_table_size")) {
      block.table_size = static_cast<u32>(size->as_int64());
    }
    for (const json::value& field : object.at("headers").as_array()) {
      for (const auto& pair : field.as_object()) {
        block.fields.emplace_back(std::string(pair.key()), std::string(pair.value().as_string()));
      }
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

// Calls `with` for each story of a folder; the number of stories.
template <class Function>
size_t for_each_story(const char* folder, Function with) {
  if (!std::filesystem::exists(suite() / folder)) {
    WARN("skipped: no hpack-test-case");
    return 0;
  }
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(suite() / folder)) {
    if (entry.path().extension() != ".json") continue;
    ++count;
    CAPTURE(entry.path().string());
    with(read_story(entry.path()));
  }
  return count;
}

bool inflates(nghttp2_hd_inflater* inflater, const Block& block) {
  auto* in = reinterpret_cast<const u8*>(block.wire.data());
  size_t left = block.wire.size();
  HeaderFields fields;
  while (true) {
    nghttp2_nv pair;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &pair, &flags, in, left, 1);
    if (used < 0) return false;
    in += used;
    left -= static_cast<size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<char*>(pair.name), pair.namelen),
                          std::string(reinterpret_cast<char*>(pair.value), pair.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater);
  return fields == block.fields;
}

void check_inflating(const std::vector<Block>& blocks) {
  nghttp2_hd_inflater* inflater = nullptr;
  REQUIRE(nghttp2_hd_inflate_new(&inflater) == 0);
  u32 size = 4096;
  bool good = true;
  for (const Block& block : blocks) {
    if (block.table_size != size) {
      size = block.table_size;
      good &= nghttp2_hd_inflate_change_table_size(inflater, size) == 0;
    }
    good &= inflates(inflater, block);
  }
  CHECK(good);
  nghttp2_hd_inflate_del(inflater);
}

std::string_view value_of(const Block& block, std::string_view name) {
  for (const auto& [key, value] : block.fields) {
    if (key == name) return value;
  }
  return {};
}

// They were recorded from HTTP/1, some of them with fields that HTTP/2 has no place for.
bool is_malformed(const Block& block) {
  for (const char* name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding"}) {
    if (value_of(block, name) != std::string_view{}) return true;
  }
  return false;
}

// Every request of the story is answered, or refused by name; the connection outlives them all.
void check_serving(const std::vector<Block>& blocks) {
  if (blocks.empty() || value_of(blocks[0], ":method").empty()) return;
  Http2Fixture f;
  u32 id = 1;
  for (const Block& block : blocks) {
    f.client.frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, id, block.wire);
    f.gateway.loop.run();
    const Http2Answer& answer = f.client.answer(id);
    CAPTURE(value_of(block, ":path"), answer.status(), answer.reset);
    if (is_malformed(block)) {
      CHECK(answer.reset == h2::kProtocolError);
    } else {
      CHECK((answer.status() == 200 || answer.status() == 400));
    }
    if (answer.status() == 200) {
      const WireMessage& seen = f.gateway.origin.back()->reader.messages.back();
      CHECK(seen.field("host") == value_of(block, ":authority"));
      CHECK(seen.field("user-agent") == value_of(block, "user-agent"));
      CHECK(seen.field("cookie") == value_of(block, "cookie"));
    }
    id += 2;
  }
  CHECK(f.client.goaway_code() == h2::kNone);
  f.client.get(id);
  f.gateway.loop.run();
  CHECK(f.client.answer(id).status() == 200);
}

}  // namespace

TEST_CASE("RFC 7541: the stories of hpack-test-case are read", "[http2][hpack]") {
  const size_t stories = for_each_story("nghttp2", check_inflating);
  if (stories > 0) CHECK(stories >= 20);
}

TEST_CASE("RFC 7541 4.2: the stories whose table changes its size are read", "[http2][hpack]") {
  for_each_story("nghttp2-change-table-size", check_inflating);
}

TEST_CASE("RFC 7541: the requests of hpack-test-case are served", "[http2][hpack]") {
  for_each_story("nghttp2", check_serving);
}
