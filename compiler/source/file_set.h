// The texts that a compilation reads, and positions in them.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/types.h"

namespace gw::compiler {

using FileId = u16;
inline constexpr FileId kNoFile = 0xffff;

/// Half-open range of bytes in one file.
struct Span {
  FileId file = kNoFile;
  u32 begin = 0;
  u32 end = 0;
  bool valid() const { return file != kNoFile; }
  friend bool operator==(const Span&, const Span&) = default;
};

/// 1-based. Columns count Unicode characters, not bytes; a line ends with LF, CRLF or CR.
struct Position {
  u32 line = 1;
  u32 column = 1;
};

/// A place inside `span` (e.g. inside a path key), by byte offsets relative to its begin.
inline Span sub_span(Span span, u32 begin, u32 end) {
  return {.file = span.file, .begin = span.begin + begin, .end = span.begin + end};
}

/// Owns the text of every file; views into them stay valid for its life. Not thread-safe.
class FileSet {
 public:
  static constexpr u64 kMaxFileBytes = u64{256} << 20;

  /// Reads `path` ("-" is standard input). `path` is shown in diagnostics as given. Errors:
  /// FileUnreadable with errno (EFBIG: longer than kMaxFileBytes). A path is read once.
  Result<FileId> read(const std::string& path);
  /// Adds a text under a name, e.g. for tests.
  FileId add(std::string name, std::string text);
  /// Id of a file read before under this very name, or kNoFile.
  FileId find(std::string_view name) const;

  std::string_view name(FileId file) const { return files_[file].name; }
  std::string_view text(FileId file) const { return files_[file].text; }
  size_t size() const { return files_.size(); }
  /// Paths that could not be read, as given.
  const std::vector<std::string>& unreadable() const { return unreadable_; }

  /// Line and column of a byte offset. O(log lines), after one or two passes over the file, however
  /// long its lines are.
  Position position(FileId file, u32 offset) const;
  /// Text of a line without its line end; `line` is 1-based.
  std::string_view line(FileId file, u32 line) const;
  /// The place of the bytes [begin, end) of `text`, which was read from the place `whole`. All of
  /// `whole` when the text is not written there as it is, as after escapes or at an alias.
  Span part(Span whole, std::string_view text, u32 begin, u32 end) const;
  /// Byte offset at which a line begins.
  u32 line_begin(FileId file, u32 line) const;
  u32 line_count(FileId file) const;

 private:
  struct File {
    std::string name;
    std::string text;
    mutable std::vector<u32> line_starts = {};  // filled on first use
    // Characters before each block of bytes; filled when a position far into a line is asked for.
    mutable std::vector<u32> characters = {};
  };
  const std::vector<u32>& line_starts(const File& file) const;
  static u32 characters_between(const File& file, u32 from, u32 to);
  Result<std::string> read_text(const std::string& path) const;
  std::deque<File> files_;
  std::vector<std::string> unreadable_;
};

}  // namespace gw::compiler
