#include "runtime/server/testing/wire_reader.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace gw::server::testing {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool number_of(std::string_view text, int base, u64& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

u32 WireMessage::status() const {
  u64 value = 0;
  if (start_line.size() < 12 || !number_of(start_line.substr(9, 3), 10, value)) return 0;
  return static_cast<u32>(value);
}

std::string_view WireMessage::field(std::string_view name) const {
  for (const WireField& field : fields) {
    if (same_name(field.name, name)) return field.value;
  }
  return {};
}

size_t WireMessage::count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(
      fields.begin(), fields.end(), [&](const WireField& f) { return same_name(f.name, name); }));
}

size_t WireReader::complete() const {
  return static_cast<size_t>(std::count_if(messages.begin(), messages.end(),
                                           [](const WireMessage& m) { return m.complete; }));
}

bool WireReader::wrong(std::string_view what) {
  if (problem.empty()) problem = what;
  return false;
}

void WireReader::feed(std::string_view bytes) {
  if (!problem.empty()) return;
  input_ += bytes;
  while (problem.empty() && step()) {
  }
}

void WireReader::end() {
  if (state_ == State::UntilClose) finish_message();
}

bool WireReader::take_line(std::string& line) {
  const size_t end = input_.find('\n');
  if (end == std::string::npos) return false;
  if (end == 0 || input_[end - 1] != '\r') return wrong("line without CR");
  line = input_.substr(0, end - 1);
  input_.erase(0, end + 1);
  if (line.find('\r') != std::string::npos) return wrong("bare CR");
  if (line.find('\0') != std::string::npos) return wrong("NUL");
  return true;
}

bool WireReader::add_field(std::vector<WireField>& fields, const std::string& line) {
  const size_t colon = line.find(':');
  if (colon == std::string::npos) return wrong("field without colon");
  WireField field{line.substr(0, colon), line.substr(colon + 1)};
  if (!is_name(field.name)) return wrong("field name");
  while (!field.value.empty() && field.value.front() == ' ') field.value.erase(0, 1);
  fields.push_back(std::move(field));
  return true;
}

bool WireReader::take_head() {
  const size_t end = input_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  WireMessage message;
  std::string line;
  if (!take_line(message.start_line)) return false;
  const std::string_view start = message.start_line;
  if (kind_ == Kind::Requests) {
    const size_t first = start.find(' ');
    const size_t second = first == start.npos ? first : start.find(' ', first + 1);
    if (second == start.npos || start.substr(second) != " HTTP/1.1" ||
        !is_name(start.substr(0, first)) || second == first + 1) {
      return wrong("request line");
    }
  } else if (start.substr(0, 9) != "HTTP/1.1 " || start.size() < 13 || start[12] != ' ') {
    return wrong("status line");
  }
  while (take_line(line)) {
    if (line.empty()) break;
    if (!add_field(message.fields, line)) return false;
  }
  if (!problem.empty()) return false;
  choose_body(message);
  if (!problem.empty()) return false;
  messages.push_back(std::move(message));
  const bool interim = kind_ == Kind::Responses && messages.back().status() / 100 == 1;
  if (interim) {
    messages.back().complete = true;
  } else if (state_ == State::Head) {
    finish_message();
  }
  return true;
}

void WireReader::choose_body(WireMessage& message) {
  const size_t codings = message.count("transfer-encoding");
  const size_t lengths = message.count("content-length");
  if (codings + lengths > 1) {
    wrong("more than one framing");
    return;
  }
  if (kind_ == Kind::Requests && message.count("host") != 1) {
    wrong("not one Host");
    return;
  }
  if (lengths == 1 && !number_of(message.field("content-length"), 10, left_)) {
    wrong("Content-Length");
    return;
  }
  if (kind_ == Kind::Responses) {
    const u32 status = message.status();
    const bool head = !heads.empty() && heads.front();
    if (status / 100 == 1 || status == 204) {
      if (codings + lengths > 0) wrong("framing where none may be");
      return;
    }
    if (head || status == 304) return;
  }
  if (codings == 1) {
    if (message.field("transfer-encoding") != "chunked") wrong("transfer coding");
    message.chunked = true;
    state_ = State::ChunkSize;
  } else if (lengths == 1) {
    if (left_ > 0) state_ = State::Length;
  } else if (kind_ == Kind::Responses) {
    message.until_close = true;
    state_ = State::UntilClose;
  }
}

void WireReader::finish_message() {
  messages.back().complete = true;
  state_ = State::Head;
  if (!heads.empty()) heads.pop_front();
}

bool WireReader::step() {
  if (input_.empty()) return false;
  if (state_ == State::Head) return take_head();
  WireMessage& message = messages.back();
  std::string line;
  switch (state_) {
    case State::Length:
    case State::ChunkData:
    case State::UntilClose: {
      size_t bytes = input_.size();
      if (state_ != State::UntilClose) {
        bytes = static_cast<size_t>(std::min<u64>(bytes, left_));
        left_ -= bytes;
      }
      const size_t room = keep_bytes - std::min(keep_bytes, message.body.size());
      message.body.append(input_, 0, std::min(bytes, room));
      message.body_bytes += bytes;
      input_.erase(0, bytes);
      if (state_ == State::UntilClose || left_ > 0) return false;
      if (state_ == State::Length) finish_message();
      if (state_ == State::ChunkData) state_ = State::ChunkEnd;
      return true;
    }
    case State::ChunkSize:
      if (!take_line(line)) return false;
      if (!number_of(line, 16, left_)) return wrong("chunk size");
      state_ = left_ == 0 ? State::Trailers : State::ChunkData;
      return true;
    case State::ChunkEnd:
      if (!take_line(line)) return false;
      if (!line.empty()) return wrong("chunk longer than its size");
      state_ = State::ChunkSize;
      return true;
    case State::Trailers:
      if (!take_line(line)) return false;
      if (line.empty()) {
        finish_message();
        return true;
      }
      return add_field(message.trailers, line);
    case State::Head:
      break;
  }
  return false;
}

}  // namespace gw::server::testing
