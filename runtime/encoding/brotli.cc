// br (RFC 7932) by libbrotli.
//
// Its states cannot be used a second time: they are made anew for each body, out of memory that the
// context keeps.
#include <brotli/decode.h>
#include <brotli/encode.h>

#include <array>
#include <cstdlib>

#include "runtime/encoding/libraries.h"

namespace gw::encoding {
namespace {

constexpr u32 kWindowBits = 18;  // 256 KiB: bounds the memory of a context
constexpr u32 kSmallWindowBits = 16;
// A state of one kind asks for the same few sizes for each body.
constexpr size_t kKeptBlocks = 16;
constexpr size_t kKeptBytes = 4 << 20;

u32 brotli_quality(Level level) {
  switch (level) {
    case Level::Fast:
      return 2;
    case Level::Balanced:
      return 4;
    case Level::Small:
      return 7;
  }
  return 2;
}

// Freed blocks of one context, by their exact size.
class BlockCache {
 public:
  BlockCache() = default;
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;
  ~BlockCache() {
    for (Header* block : blocks_) std::free(block);
  }

  static void* allocate(void* self, size_t bytes) {
    return static_cast<BlockCache*>(self)->take(bytes);
  }
  static void release(void* self, void* memory) {
    if (memory != nullptr) static_cast<BlockCache*>(self)->put(static_cast<Header*>(memory) - 1);
  }
  size_t held_bytes() const { return kept_bytes_ + lent_bytes_; }

 private:
  struct alignas(16) Header {
    size_t bytes;
  };

  void* take(size_t bytes) {
    for (Header*& block : blocks_) {
      if (block == nullptr || block->bytes != bytes) continue;
      Header* found = block;
      block = nullptr;
      kept_bytes_ -= bytes;
      lent_bytes_ += bytes;
      return found + 1;
    }
    auto* made = static_cast<Header*>(std::malloc(sizeof(Header) + bytes));
    if (made == nullptr) return nullptr;
    made->bytes = bytes;
    lent_bytes_ += bytes;
    return made + 1;
  }

  void put(Header* block) {
    lent_bytes_ -= block->bytes;
    if (kept_bytes_ + block->bytes <= kKeptBytes) {
      for (Header*& place : blocks_) {
        if (place != nullptr) continue;
        place = block;
        kept_bytes_ += block->bytes;
        return;
      }
      // All places are taken: what was kept there is of a size that is asked for no longer.
      next_ = (next_ + 1) % kKeptBlocks;
      std::swap(blocks_[next_], block);
      kept_bytes_ += blocks_[next_]->bytes;
      kept_bytes_ -= block->bytes;
    }
    std::free(block);
  }

  std::array<Header*, kKeptBlocks> blocks_{};
  size_t next_ = 0;
  size_t kept_bytes_ = 0;
  size_t lent_bytes_ = 0;
};

const u8* octets(Bytes bytes) { return reinterpret_cast<const u8*>(bytes.data()); }

class BrotliEncoder final : public Encoder {
 public:
  BrotliEncoder(Level level, u32 size_class) : level_(level), size_class_(size_class) {}
  ~BrotliEncoder() override { drop(); }

  bool start() override {
    drop();
    state_ = BrotliEncoderCreateInstance(&BlockCache::allocate, &BlockCache::release, &memory_);
    if (state_ == nullptr) return false;
    const bool is_large = size_class_ + 1 == kSizeClasses;
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, brotli_quality(level_));
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN,
                              is_large ? kWindowBits : kSmallWindowBits);
    if (!is_large) {
      BrotliEncoderSetParameter(state_, BROTLI_PARAM_SIZE_HINT, u32{kMediumBytes});
    }
    return true;
  }

  Result<Progress> encode(Bytes& input, MutableBytes output, Flush flush) override {
    size_t available_in = input.size();
    const u8* next_in = octets(input);
    size_t available_out = output.size();
    u8* next_out = reinterpret_cast<u8*>(output.data());
    if (BrotliEncoderCompressStream(state_, wish_of(flush), &available_in, &next_in, &available_out,
                                    &next_out, nullptr) == BROTLI_FALSE) {
      return fail(Errc::Internal, "brotli");
    }
    input = input.last(available_in);
    const bool is_out = flush == Flush::Finish ? BrotliEncoderIsFinished(state_) == BROTLI_TRUE
                                               : BrotliEncoderHasMoreOutput(state_) == BROTLI_FALSE;
    return Progress{.written = output.size() - available_out, .done = input.empty() && is_out};
  }

  bool serves(Coding coding, Level level, u32 size_class) const override {
    return coding == Coding::Brotli && level == level_ && size_class == size_class_;
  }

 private:
  static BrotliEncoderOperation wish_of(Flush flush) {
    if (flush == Flush::None) return BROTLI_OPERATION_PROCESS;
    return flush == Flush::Sync ? BROTLI_OPERATION_FLUSH : BROTLI_OPERATION_FINISH;
  }
  void drop() {
    if (state_ != nullptr) BrotliEncoderDestroyInstance(state_);
    state_ = nullptr;
  }

  BlockCache memory_;
  BrotliEncoderState* state_ = nullptr;
  Level level_;
  u32 size_class_;
};

class BrotliDecoder final : public Decoder {
 public:
  ~BrotliDecoder() override { drop(); }

  bool start() override {
    drop();
    state_ = BrotliDecoderCreateInstance(&BlockCache::allocate, &BlockCache::release, &memory_);
    return state_ != nullptr;
  }

  Result<Progress> decode(Bytes& input, MutableBytes output) override {
    if (BrotliDecoderIsFinished(state_) == BROTLI_TRUE) {
      if (!input.empty()) return fail(Errc::BadRequest, "bytes behind the end of the body");
      return Progress{.done = true};
    }
    size_t available_in = input.size();
    const u8* next_in = octets(input);
    size_t available_out = output.size();
    u8* next_out = reinterpret_cast<u8*>(output.data());
    const BrotliDecoderResult said = BrotliDecoderDecompressStream(
        state_, &available_in, &next_in, &available_out, &next_out, nullptr);
    if (said == BROTLI_DECODER_RESULT_ERROR) return fail(Errc::BadRequest, "body is not brotli");
    input = input.last(available_in);
    return Progress{.written = output.size() - available_out,
                    .done = said == BROTLI_DECODER_RESULT_SUCCESS};
  }

  bool serves(Coding coding) const override { return coding == Coding::Brotli; }
  // Only what is kept: the state of the body that has just ended goes back into it first.
  size_t held_bytes() const override { return memory_.held_bytes(); }

 private:
  void drop() {
    if (state_ != nullptr) BrotliDecoderDestroyInstance(state_);
    state_ = nullptr;
  }

  BlockCache memory_;
  BrotliDecoderState* state_ = nullptr;
};

}  // namespace

std::unique_ptr<Encoder> make_brotli_encoder(Level level, u32 size_class) {
  return std::make_unique<BrotliEncoder>(level, size_class);
}
std::unique_ptr<Decoder> make_brotli_decoder() { return std::make_unique<BrotliDecoder>(); }

}  // namespace gw::encoding
