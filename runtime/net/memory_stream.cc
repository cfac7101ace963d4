#include "runtime/net/memory_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/check.h"

namespace gw::net {
namespace {

void notify(const std::shared_ptr<MemoryWire>& wire) {
  if (wire->change_posted || !wire->on_change) return;
  wire->change_posted = true;
  wire->loop.post([wire] {
    wire->change_posted = false;
    if (wire->on_change) wire->on_change();
  });
}

void reset_wire(MemoryWire& wire, int error) {
  wire.reset_error = error;
  wire.there.clear();
  wire.read_bytes = 0;
  wire.coming.clear();
}

void arrive(const std::shared_ptr<MemoryWire>& wire) {
  wire->arriving = false;
  if (wire->coming.empty() || wire->reset_error != 0) return;
  MemoryWire::Arrival arrival = std::move(wire->coming.front());
  wire->coming.pop_front();
  if (arrival.reset) {
    reset_wire(*wire, ECONNRESET);
  } else if (wire->there.empty()) {
    wire->there = std::move(arrival.bytes);
  } else {
    wire->there.erase(0, wire->read_bytes);
    wire->read_bytes = 0;
    wire->there += arrival.bytes;
  }
  wire->ended |= arrival.end;
  wire->dead |= arrival.dead;
  wire->edge = true;
  if (wire->stream == nullptr) return;
  wire->stream->bytes_arrived();
  if (wire->reset_error != 0) wire->stream->room_came();
}

void tell_room(const std::shared_ptr<MemoryWire>& wire) {
  wire->loop.post([wire] {
    if (wire->stream != nullptr) wire->stream->room_came();
  });
}

// The next event comes when the one before has been read; an end or a reset need not wait.
void schedule(const std::shared_ptr<MemoryWire>& wire) {
  if (wire->arriving || wire->coming.empty()) return;
  const bool urgent = wire->coming.front().reset || wire->coming.front().bytes.empty();
  if (!wire->there.empty() && !urgent) return;
  wire->arriving = true;
  wire->loop.post([wire] { arrive(wire); });
}

void add(const std::shared_ptr<MemoryWire>& wire, MemoryWire::Arrival arrival) {
  wire->coming.push_back(std::move(arrival));
  schedule(wire);
}

}  // namespace

// The peer -------------------------------------------------------------------------------------

void MemoryPeer::send(std::string_view text) {
  if (!text.empty()) add(wire_, {std::string(text)});
}

void MemoryPeer::send_pieces(std::string_view text, size_t piece_bytes) {
  for (size_t at = 0; at < text.size(); at += piece_bytes) send(text.substr(at, piece_bytes));
}

void MemoryPeer::send_with_end(std::string_view text) {
  add(wire_, {.bytes = std::string(text), .end = true});
}

void MemoryPeer::finish() { add(wire_, {.bytes = {}, .end = true}); }

void MemoryPeer::close() {
  finish();
  wire_->peer_closed = true;
}

void MemoryPeer::send_and_close(std::string_view text) {
  send_with_end(text);
  wire_->peer_closed = true;
}

void MemoryPeer::send_and_reset(std::string_view text) {
  add(wire_, {.bytes = std::string(text), .end = true, .reset = false, .dead = true});
}

void MemoryPeer::reset() {
  wire_->coming.clear();
  add(wire_, {.bytes = {}, .end = false, .reset = true});
}

void MemoryPeer::set_window(size_t bytes) {
  wire_->window = bytes;
  tell_room(wire_);
}

std::string MemoryPeer::take(size_t max_bytes) {
  std::string taken;
  if (max_bytes >= wire_->received.size()) {
    taken.swap(wire_->received);
  } else {
    taken = wire_->received.substr(0, max_bytes);
    wire_->received.erase(0, max_bytes);
  }
  if (!taken.empty()) tell_room(wire_);
  return taken;
}

size_t MemoryPeer::unread() const {
  size_t bytes = wire_->there.size() - wire_->read_bytes;
  for (const auto& arrival : wire_->coming) bytes += arrival.bytes.size();
  return bytes;
}

bool MemoryPeer::closed() const { return wire_->stream == nullptr || !wire_->stream->is_open(); }

// The stream -----------------------------------------------------------------------------------

MemoryStream::MemoryStream(std::shared_ptr<MemoryWire> wire) : wire_(std::move(wire)) {
  wire_->stream = this;
}

MemoryStream::~MemoryStream() {
  GW_CHECK(!reading.pending && !writing.pending);
  close(false);
  wire_->stream = nullptr;
}

// Number of bytes, or -errno; remembers, as SocketStream does, whether more may be there.
i64 MemoryStream::receive() {
  MemoryWire& wire = *wire_;
  if (wire.faults != nullptr && wire.faults->strikes()) reset_wire(wire, wire.faults->error);
  if (wire.reset_error != 0) {
    drained_ = false;
    return -wire.reset_error;
  }
  const size_t there = wire.there.size() - wire.read_bytes;
  if (there == 0) {
    drained_ = !wire.ended;
    return wire.ended ? 0 : -EAGAIN;
  }
  const size_t bytes = std::min(there, into_.size());
  std::memcpy(into_.data(), wire.there.data() + wire.read_bytes, bytes);
  wire.read_bytes += bytes;
  wire.total_read += bytes;
  drained_ = bytes < into_.size();
  if (wire.read_bytes == wire.there.size()) {
    wire.there.clear();
    wire.read_bytes = 0;
    schedule(wire_);
    if (wire.on_read && !wire.read_posted && wire.coming.empty()) {
      wire.read_posted = true;
      wire.loop.post([shared = wire_] {
        shared->read_posted = false;
        if (shared->on_read) shared->on_read();
      });
    }
  }
  return static_cast<i64>(bytes);
}

i64 MemoryStream::send() {
  MemoryWire& wire = *wire_;
  const bool strikes = wire.faults != nullptr && wire.faults->strikes();
  if (wire.reset_error != 0 || wire.dead) return -EPIPE;
  while (out_begin_ < out_end_) {
    Bytes& piece = out_[out_begin_];
    const size_t room = wire.window - std::min(wire.window, wire.received.size());
    size_t bytes = std::min(room, piece.size());
    if (strikes) bytes = wire.faults->half_done ? bytes / 2 : 0;
    wire.received += as_text(piece.first(bytes));
    wire.total_received += bytes;
    if (bytes > 0) notify(wire_);
    piece = piece.subspan(bytes);
    if (strikes) {
      reset_wire(wire, wire.faults->error);
      return -wire.reset_error;
    }
    if (!piece.empty()) return -EAGAIN;
    ++out_begin_;
  }
  if (wire.peer_closed) {
    MemoryWire::Arrival answer;
    answer.reset = true;
    add(wire_, std::move(answer));
  }
  return static_cast<i64>(out_total_);
}

void MemoryStream::finish_later(IoOperation& operation, bool& queued, i64 outcome) {
  if (queued) return;
  queued = true;
  wire_->loop.post([wire = wire_, &operation, &queued, outcome] {
    GW_CHECK(wire->stream != nullptr);  // a stream outlives its operations
    queued = false;
    const bool good = outcome >= 0;
    operation.finish(good ? static_cast<size_t>(outcome) : 0,
                     good ? 0 : static_cast<int>(-outcome));
  });
}

void MemoryStream::start_read(MutableBytes into) {
  GW_CHECK(!reading.pending && !into.empty());
  into_ = into;
  reading.bytes = 0;
  reading.error = open_ ? 0 : ECANCELED;
  if (!open_) return;
  if (!drained_) {
    const i64 bytes = receive();
    if (bytes >= 0) {
      reading.bytes = static_cast<size_t>(bytes);
      return;
    }
    if (!drained_) {
      reading.error = static_cast<int>(-bytes);
      return;
    }
  }
  reading.pending = true;
  if (wire_->edge) bytes_arrived();
}

// What the reactor does at an event, and at the start of a read when it knows of one.
void MemoryStream::bytes_arrived() {
  if (!open_ || !reading.pending || read_queued_) return;
  const i64 bytes = receive();
  if (bytes == -EAGAIN) return;
  if (bytes > 0 && drained_) wire_->edge = false;
  finish_later(reading, read_queued_, bytes);
}

void MemoryStream::start_write(const Bytes* pieces, size_t count) {
  GW_CHECK(!writing.pending && count <= kMaxWritePieces);
  writing.bytes = 0;
  writing.error = open_ ? 0 : ECANCELED;
  if (!open_) return;
  out_begin_ = 0;
  out_end_ = count;
  out_total_ = 0;
  for (size_t i = 0; i < count; ++i) {
    out_[i] = pieces[i];
    out_total_ += pieces[i].size();
  }
  const i64 bytes = send();
  if (bytes >= 0) {
    writing.bytes = static_cast<size_t>(bytes);
  } else if (bytes == -EAGAIN) {
    writing.pending = true;
  } else {
    writing.error = static_cast<int>(-bytes);
  }
}

void MemoryStream::room_came() {
  if (!open_ || !writing.pending || write_queued_) return;
  const i64 bytes = send();
  if (bytes != -EAGAIN) finish_later(writing, write_queued_, bytes);
}

bool MemoryStream::has_input() noexcept {
  return !open_ || wire_->reset_error != 0 || wire_->ended || !wire_->there.empty();
}

void MemoryStream::cancel() noexcept {
  drained_ = false;
  if (reading.pending) finish_later(reading, read_queued_, -ECANCELED);
  if (writing.pending) finish_later(writing, write_queued_, -ECANCELED);
}

void MemoryStream::shutdown_write() noexcept {
  if (!open_ || wire_->got_end) return;
  wire_->got_end = true;
  notify(wire_);
}

void MemoryStream::close(bool hard) noexcept {
  if (!open_) return;
  cancel();
  open_ = false;
  // Bytes that nobody read make a close a reset, as in TCP.
  wire_->got_end = true;
  wire_->got_reset = hard || !wire_->there.empty();
  notify(wire_);
}

std::unique_ptr<MemoryStream> make_memory_stream(VirtualLoop& loop, MemoryPeer& peer,
                                                 FaultPlan* faults) {
  auto wire = std::make_shared<MemoryWire>(loop);
  wire->faults = faults;
  peer = MemoryPeer(wire);
  return std::make_unique<MemoryStream>(wire);
}

}  // namespace gw::net
