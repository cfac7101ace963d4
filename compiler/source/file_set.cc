#include "compiler/source/file_set.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "runtime/base/check.h"

namespace gw::compiler {
namespace {

Unexpected<Error> cannot_read(int error_number) {
  return fail(Error{.code = Errc::FileUnreadable, .sys = error_number, .what = "cannot read"});
}

/// Reads to the end of `fd`, never past the limit, whatever the size was said to be: pipes and
/// /proc files report none.
Result<std::string> read_all(int fd) {
  std::string text;
  struct stat info {};
  if (::fstat(fd, &info) != 0) return cannot_read(errno);
  if (S_ISDIR(info.st_mode)) return cannot_read(EISDIR);
  const u64 expected = S_ISREG(info.st_mode) ? static_cast<u64>(info.st_size) : 0;
  if (expected > FileSet::kMaxFileBytes) return cannot_read(EFBIG);
  size_t used = 0;
  text.resize(static_cast<size_t>(expected) + 1);
  while (true) {
    const ssize_t got = ::read(fd, text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(errno);
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > FileSet::kMaxFileBytes) return cannot_read(EFBIG);
    if (used == text.size()) text.resize(std::max<size_t>(text.size() * 2, 65536));
  }
  text.resize(used);
  return text;
}

constexpr u32 kBlockBytes = 64;

bool is_continuation(char byte) { return (static_cast<u8>(byte) & 0xc0) == 0x80; }

}  // namespace

Result<FileId> FileSet::read(const std::string& path) {
  const FileId known = find(path);
  if (known != kNoFile) return known;
  Result<std::string> text = read_text(path);
  if (text) return add(path, *std::move(text));
  if (std::ranges::find(unreadable_, path) == unreadable_.end()) unreadable_.push_back(path);
  return fail(text.error());
}

Result<std::string> FileSet::read_text(const std::string& path) const {
  if (files_.size() >= kNoFile) return cannot_read(ENFILE);
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cannot_read(errno);
  Result<std::string> text = read_all(fd);
  if (!standard_input) ::close(fd);
  return text;
}

FileId FileSet::add(std::string name, std::string text) {
  GW_CHECK(files_.size() < kNoFile);
  files_.push_back({.name = std::move(name), .text = std::move(text)});
  return static_cast<FileId>(files_.size() - 1);
}

FileId FileSet::find(std::string_view name) const {
  for (size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].name == name) return static_cast<FileId>(i);
  }
  return kNoFile;
}

const std::vector<u32>& FileSet::line_starts(const File& file) const {
  if (!file.line_starts.empty()) return file.line_starts;
  const std::string_view text = file.text;
  file.line_starts.push_back(0);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool ends_line =
        text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
    if (ends_line) file.line_starts.push_back(static_cast<u32>(i + 1));
  }
  return file.line_starts;
}

Position FileSet::position(FileId id, u32 offset) const {
  const File& file = files_[id];
  const std::vector<u32>& starts = line_starts(file);
  offset = std::min(offset, static_cast<u32>(file.text.size()));
  const auto next = std::upper_bound(starts.begin(), starts.end(), offset);
  const u32 line = static_cast<u32>(next - starts.begin());
  u32 from = starts[line - 1];
  // A byte order mark takes no column.
  if (from == 0 && file.text.starts_with("\xef\xbb\xbf")) from = std::min<u32>(3, offset);
  return {.line = line, .column = 1 + characters_between(file, from, offset)};
}

// Documents of one huge line are common, and positions are asked for in any order.
u32 FileSet::characters_between(const File& file, u32 from, u32 to) {
  const auto count = [&](u32 begin, u32 end) {
    u32 characters = 0;
    for (u32 i = begin; i < end; ++i) characters += is_continuation(file.text[i]) ? 0u : 1u;
    return characters;
  };
  if (to - from <= 4 * kBlockBytes) return count(from, to);
  if (file.characters.empty()) {
    u32 characters = 0;
    for (u32 at = 0; at < file.text.size(); at += kBlockBytes) {
      file.characters.push_back(characters);
      characters += count(at, std::min(at + kBlockBytes, static_cast<u32>(file.text.size())));
    }
    file.characters.push_back(characters);
  }
  const auto before = [&](u32 offset) {
    const u32 block = offset / kBlockBytes;
    return file.characters[block] + count(block * kBlockBytes, offset);
  };
  return before(to) - before(from);
}

std::string_view FileSet::line(FileId id, u32 line) const {
  const File& file = files_[id];
  const std::vector<u32>& starts = line_starts(file);
  if (line == 0 || line > starts.size()) return {};
  const size_t begin = starts[line - 1];
  const size_t end = line < starts.size() ? starts[line] : file.text.size();
  std::string_view text = std::string_view(file.text).substr(begin, end - begin);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

Span FileSet::part(Span whole, std::string_view text, u32 begin, u32 end) const {
  if (!whole.valid()) return whole;
  const std::string_view file = files_[whole.file].text;
  const std::less_equal<const char*> not_after;
  const char* file_end = file.data() + file.size();
  if (!not_after(file.data(), text.data()) || !not_after(text.data(), file_end)) return whole;
  const u32 offset = static_cast<u32>(text.data() - file.data());
  if (offset < whole.begin || offset + text.size() > whole.end) return whole;
  return {.file = whole.file, .begin = offset + begin, .end = offset + end};
}

u32 FileSet::line_begin(FileId id, u32 line) const {
  const std::vector<u32>& starts = line_starts(files_[id]);
  return line == 0 || line > starts.size() ? static_cast<u32>(files_[id].text.size())
                                           : starts[line - 1];
}

u32 FileSet::line_count(FileId id) const {
  return static_cast<u32>(line_starts(files_[id]).size());
}

}  // namespace gw::compiler
