// zstd (RFC 8878, RFC 9659) by libzstd.
#include <zstd.h>

#include "runtime/encoding/libraries.h"

namespace gw::encoding {
namespace {

// Bounds the memory of a context to about 1 MB; what lies further back than this seldom helps.
constexpr int kEncoderWindowBits = 17;
// What a decoder of this coding must take, and the most that it may (RFC 9659 section 3).
constexpr int kDecoderWindowBits = 23;

int zstd_level(Level level) {
  switch (level) {
    case Level::Fast:
      return 1;
    case Level::Balanced:
      return 3;
    case Level::Small:
      return 9;
  }
  return 1;
}

void drop_read(size_t bytes, Bytes& input) { input = input.subspan(bytes); }

class ZstdEncoder final : public Encoder {
 public:
  explicit ZstdEncoder(Level level) : context_(ZSTD_createCCtx()), level_(level) {
    if (context_ == nullptr) return;
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, zstd_level(level));
    ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kEncoderWindowBits);
  }
  ~ZstdEncoder() override { ZSTD_freeCCtx(context_); }

  bool start() override {
    return context_ != nullptr &&
           ZSTD_isError(ZSTD_CCtx_reset(context_, ZSTD_reset_session_only)) == 0;
  }

  // A body that comes whole with Finish is encoded for its size by the library itself.
  Result<Progress> encode(Bytes& input, MutableBytes output, Flush flush) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const size_t left = ZSTD_compressStream2(context_, &out, &in, wish_of(flush));
    if (ZSTD_isError(left) != 0) return fail(Errc::Internal, "zstd");
    drop_read(in.pos, input);
    const bool is_out = flush == Flush::None || left == 0;
    return Progress{.written = out.pos, .done = input.empty() && is_out};
  }

  bool serves(Coding coding, Level level, u32) const override {
    return coding == Coding::Zstd && level == level_;
  }

 private:
  static ZSTD_EndDirective wish_of(Flush flush) {
    if (flush == Flush::None) return ZSTD_e_continue;
    return flush == Flush::Sync ? ZSTD_e_flush : ZSTD_e_end;
  }

  ZSTD_CCtx* context_;
  Level level_;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) return;
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kDecoderWindowBits);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  bool start() override {
    ended_ = false;
    return context_ != nullptr &&
           ZSTD_isError(ZSTD_DCtx_reset(context_, ZSTD_reset_session_only)) == 0;
  }

  Result<Progress> decode(Bytes& input, MutableBytes output) override {
    // Without input there may still be output that did not fit; a frame that has ended has none.
    if (input.empty() && ended_) return Progress{.done = true};
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const size_t hint = ZSTD_decompressStream(context_, &out, &in);
    if (ZSTD_isError(hint) != 0) return fail(Errc::BadRequest, "body is not zstd");
    drop_read(in.pos, input);
    ended_ = hint == 0;
    return Progress{.written = out.pos, .done = ended_};
  }

  bool serves(Coding coding) const override { return coding == Coding::Zstd; }
  size_t held_bytes() const override { return ZSTD_sizeof_DCtx(context_); }

 private:
  ZSTD_DCtx* context_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Encoder> make_zstd_encoder(Level level) {
  return std::make_unique<ZstdEncoder>(level);
}
std::unique_ptr<Decoder> make_zstd_decoder() { return std::make_unique<ZstdDecoder>(); }

}  // namespace gw::encoding
