// Reads HTTP/1 messages off a connection in tests: what a strict peer would make of the bytes.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::server::testing {

struct WireField {
  std::string name;
  std::string value;
};

struct WireMessage {
  std::string start_line;
  std::vector<WireField> fields;
  std::vector<WireField> trailers;
  std::string body;  // kept up to WireReader::keep_bytes
  u64 body_bytes = 0;
  bool complete = false;
  bool chunked = false;
  bool until_close = false;

  /// Of a response.
  u32 status() const;
  /// Of the first field of this name (any case), or "".
  std::string_view field(std::string_view name) const;
  size_t count(std::string_view name) const;
};

/// Shares no code with the gateway on purpose, and knows no leniency: lines end with CRLF, chunk
/// sizes are bare hexadecimal numbers, a message has one framing. One direction of a connection.
class WireReader {
 public:
  enum class Kind : u8 { Requests, Responses };
  explicit WireReader(Kind kind) : kind_(kind) {}

  void feed(std::string_view bytes);
  /// The connection has ended.
  void end();

  /// For responses, in order of the requests: whether each is to HEAD. GET when missing.
  std::deque<bool> heads;
  size_t keep_bytes = ~size_t{0};

  /// Everything seen; the last one may be incomplete.
  std::vector<WireMessage> messages;
  /// Empty: all bytes so far were well formed.
  std::string problem;
  size_t complete() const;

 private:
  enum class State : u8 { Head, Length, ChunkSize, ChunkData, ChunkEnd, Trailers, UntilClose };
  bool step();
  bool take_line(std::string& line);
  bool take_head();
  void choose_body(WireMessage& message);
  void finish_message();
  bool wrong(std::string_view what);
  bool add_field(std::vector<WireField>& fields, const std::string& line);

  Kind kind_;
  State state_ = State::Head;
  std::string input_;
  u64 left_ = 0;
};

}  // namespace gw::server::testing
