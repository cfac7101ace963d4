// Bodies for tests of this folder: sources that come in pieces, and the libraries' own decoders.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/encoding/decoded_body.h"
#include "runtime/encoding/encoded_body.h"

namespace gw::encoding::testing {

/// Gives its pieces one by one.
class PieceBody final : public http::BodySource {
 public:
  /// `waits`: each piece is one that the next must be waited for.
  PieceBody(std::vector<std::string> pieces, bool waits)
      : pieces_(std::move(pieces)), waits_(waits) {}

  Task<Result<http::BodyChunk>> next(size_t) override {
    http::BodyChunk chunk;
    if (at_ < pieces_.size()) chunk.bytes = as_bytes(pieces_[at_++]);
    chunk.end = at_ >= pieces_.size();
    if (chunk.end) chunk.trailers = trailers;
    co_return chunk;
  }
  bool must_wait() const override { return waits_ && at_ < pieces_.size(); }
  size_t given() const { return at_; }

  const http::FieldList* trailers = nullptr;

 private:
  std::vector<std::string> pieces_;
  bool waits_;
  size_t at_ = 0;
};

/// `text` in pieces of `bytes`.
inline std::vector<std::string> cut(const std::string& text, size_t bytes) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size(); at += bytes) pieces.push_back(text.substr(at, bytes));
  if (pieces.empty()) pieces.emplace_back();
  return pieces;
}

/// All of a source that never waits; the error when it fails.
struct ReadAll {
  std::string text;
  Error error;
  u32 pieces = 0;
};
inline ReadAll read_all(http::BodySource& body, size_t max_bytes = 64 * 1024) {
  ReadAll out;
  for (bool end = false; !end;) {
    auto task = body.next(max_bytes);
    task.start();
    const Result<http::BodyChunk> piece = task.result();
    if (!piece) {
      out.error = piece.error();
      return out;
    }
    out.text += as_text(piece->bytes);
    out.pieces += 1;
    end = piece->end;
  }
  return out;
}

/// A whole body, by an encoder of ours.
inline std::string encode(Coding coding, const std::string& text, Level level = Level::Fast) {
  http::MemoryBody memory(as_bytes(text));
  EncodedBody encoded;
  return encoded.begin(coding, level, memory) ? read_all(encoded).text : std::string();
}

/// Text that is neither random nor a single character.
inline std::string sample_json(size_t bytes) {
  std::string text = "[";
  for (u32 i = 0; text.size() < bytes; ++i) {
    text += "{\"id\":" + std::to_string(i * 7919 % 100003) + ",\"name\":\"item " +
            std::to_string(i % 97) +
            "\",\"tags\":[\"a\",\"b\"],\"price\":" + std::to_string(i * 31 % 1009) + ".5},";
  }
  text.resize(bytes);
  return text;
}

}  // namespace gw::encoding::testing
