// Encoders and decoders of content codings: bytes in, bytes out, piece by piece. The libraries that
// do the work (zlib, libbrotli, libzstd) are seen by no other folder.
//
// What they need is kept per worker (thread): a lease takes a context that somebody has returned,
// and makes one only when none is there. After warm-up a body costs no allocation.
#pragma once
#include <memory>

#include "runtime/base/result.h"
#include "runtime/base/types.h"
#include "runtime/encoding/coding.h"

namespace gw::encoding {

/// What the encoder does once it has taken its input.
enum class Flush : u8 {
  None,    // waits for more, which makes the whole smaller
  Sync,    // all that was put in so far can be decoded from what came out
  Finish,  // ends the body
};

/// Of one call.
struct Progress {
  size_t written = 0;  // bytes of the output
  bool done = false;   // encoder: the input was taken and what Flush says is in the output.
                       // Decoder: the body is at its end, and the input may have more
};

/// Output of a context, for whoever holds its lease: of a size that a small body fits in whole.
inline constexpr size_t kBufferBytes = 32 * 1024;

/// In less than this zlib could not end a flush, and would begin it anew for ever.
inline constexpr size_t kLeastRoom = 16;

/// One body at a time; one thread.
class Encoder {
 public:
  Encoder() : buffer_(new std::byte[kBufferBytes]) {}
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() = default;

  /// Begins a body; what was there before is dropped. False: there is no memory.
  virtual bool start() = 0;
  /// Takes from `input` what it can and writes to `output`, which has kLeastRoom at least. Unless
  /// done it is called again with the same `flush` and what is left of the input. Errors: Internal.
  virtual Result<Progress> encode(Bytes& input, MutableBytes output, Flush flush) = 0;
  /// Whether this context may stand for one that is asked for.
  virtual bool serves(Coding coding, Level level, u32 size_class) const = 0;

  MutableBytes buffer() { return {buffer_.get(), kBufferBytes}; }

 private:
  std::unique_ptr<std::byte[]> buffer_;
};

/// One body at a time; one thread.
class Decoder {
 public:
  Decoder() : buffer_(new std::byte[kBufferBytes]) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  virtual bool start() = 0;
  /// Takes from `input` what it can and writes to `output`, which must not be empty. Done: a member
  /// or frame has ended; if there is more input the next one begins with the next call, where the
  /// coding knows several (gzip, zstd). With no input left and room in the output it needs more.
  /// Errors: BadRequest, whoever has sent it; nothing of the input is in the text.
  virtual Result<Progress> decode(Bytes& input, MutableBytes output) = 0;
  virtual bool serves(Coding coding) const = 0;
  /// Memory that it holds, about; a context that has grown beyond measure is not kept.
  virtual size_t held_bytes() const = 0;

  MutableBytes buffer() { return {buffer_.get(), kBufferBytes}; }

 private:
  std::unique_ptr<std::byte[]> buffer_;
};

/// A context of this thread for as long as the lease lives. Empty when made so, or without memory.
class EncoderLease {
 public:
  EncoderLease() = default;
  /// `bytes`: of the body, ~0 unknown: small ones take small contexts, which are cheaper to begin.
  EncoderLease(Coding coding, Level level, u64 bytes);
  EncoderLease(EncoderLease&&) noexcept = default;
  EncoderLease& operator=(EncoderLease&& other) noexcept;
  ~EncoderLease() { give_back(); }

  explicit operator bool() const { return encoder_ != nullptr; }
  Encoder* operator->() const { return encoder_.get(); }
  void give_back() noexcept;

 private:
  std::unique_ptr<Encoder> encoder_;
};

class DecoderLease {
 public:
  DecoderLease() = default;
  explicit DecoderLease(Coding coding);
  DecoderLease(DecoderLease&&) noexcept = default;
  DecoderLease& operator=(DecoderLease&& other) noexcept;
  ~DecoderLease() { give_back(); }

  explicit operator bool() const { return decoder_ != nullptr; }
  Decoder* operator->() const { return decoder_.get(); }
  void give_back() noexcept;

 private:
  std::unique_ptr<Decoder> decoder_;
};

/// Contexts that this thread keeps and nobody uses. For tests.
size_t idle_contexts();

}  // namespace gw::encoding
