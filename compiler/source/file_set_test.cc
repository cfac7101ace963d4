#include <catch2/catch.hpp>
#include <cerrno>

#include "cmake/source_dir.h"
#include "compiler/source/file_set.h"

namespace gw::compiler {

TEST_CASE("file set: lines end with LF, CRLF or CR", "[source]") {
  FileSet files;
  const FileId file = files.add("a", "one\ntwo\r\nthree\rfour");
  CHECK(files.line_count(file) == 4);
  CHECK(files.line(file, 1) == "one");
  CHECK(files.line(file, 2) == "two");
  CHECK(files.line(file, 3) == "three");
  CHECK(files.line(file, 4) == "four");
  CHECK(files.line(file, 0).empty());
  CHECK(files.line(file, 5).empty());
  CHECK(files.line_begin(file, 3) == 9);
}

TEST_CASE("file set: columns count characters", "[source]") {
  FileSet files;
  const FileId file = files.add("a", "\xef\xbb\xbfk: é€😀x\ny");
  const auto at = [&](u32 offset) { return files.position(file, offset); };
  CHECK(at(3).column == 1);  // the byte order mark takes none
  CHECK(at(6).column == 4);
  CHECK(at(8).column == 5);
  CHECK(at(11).column == 6);
  CHECK(at(15).column == 7);
  CHECK(at(17).line == 2);
  CHECK(at(17).column == 1);
  CHECK(at(6).column == 4);   // backwards as well
  CHECK(at(1000).line == 2);  // past the end: the end
  CHECK(at(1000).column == 2);
}

TEST_CASE("file set: a part of a text is found where it is written", "[source]") {
  FileSet files;
  const FileId file = files.add("a", "key: \"/a/{id}\"\n");
  const Span whole{.file = file, .begin = 5, .end = 14};
  const std::string_view text = files.text(file).substr(6, 7);
  CHECK(files.part(whole, text, 3, 7) == Span{.file = file, .begin = 9, .end = 13});
  const std::string decoded(text);
  CHECK(files.part(whole, decoded, 3, 7) == whole);
  const Span alias{.file = file, .begin = 0, .end = 3};
  CHECK(files.part(alias, text, 3, 7) == alias);
}

TEST_CASE("file set: reads files once and says why it cannot", "[source]") {
  FileSet files;
  const auto missing = files.read(source_dir() + "/no/such/file");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == Errc::FileUnreadable);
  CHECK(missing.error().sys == ENOENT);
  CHECK(files.read(source_dir()).error().sys == EISDIR);
  const auto first = files.read(source_dir() + "/CMakeLists.txt");
  const auto second = files.read(source_dir() + "/CMakeLists.txt");
  REQUIRE(first.has_value());
  CHECK(*first == *second);
  CHECK(files.text(*first).starts_with("cmake_minimum_required"));
  CHECK(files.find("other") == kNoFile);
}

TEST_CASE("file set: positions in a huge line, asked for in any order", "[source]") {
  std::string text = "\xef\xbb\xbf";  // a byte order mark takes no column
  for (int i = 0; i < 5000; ++i) text += i % 7 == 0 ? "\xc3\xa4" : "a";
  FileSet files;
  const FileId file = files.add("x.json", text);
  const auto counted = [&](u32 offset) {
    u32 column = 1;
    for (u32 i = 3; i < offset; ++i) {
      if ((static_cast<u8>(text[i]) & 0xc0) != 0x80) ++column;
    }
    return column;
  };
  const u32 bytes = static_cast<u32>(text.size());
  for (const u32 offset : {bytes, 3u, 64u, 4096u, 63u, 319u, 320u, 321u, bytes - 1, 1000u}) {
    CAPTURE(offset);
    CHECK(files.position(file, offset).line == 1);
    CHECK(files.position(file, offset).column == counted(offset));
  }
}

}  // namespace gw::compiler
