// gzip (RFC 1952) by zlib.
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "runtime/encoding/libraries.h"

namespace gw::encoding {
namespace {

constexpr int kGzipFormat = 16;  // added to the bits of the window

// Window (bits) and hash table (zlib's memLevel) for each class of sizes: zlib clears the table for
// every body. nginx chooses by the length of the body as well.
struct Shape {
  int window_bits;
  int memory_level;
};
constexpr Shape kShapes[kSizeClasses] = {{12, 5}, {14, 7}, {15, 8}};

int zlib_level(Level level) {
  switch (level) {
    case Level::Fast:
      return 1;
    case Level::Balanced:
      return 5;
    case Level::Small:
      return 9;
  }
  return 1;
}

// zlib counts in 32 bits and takes no const.
void set_buffers(z_stream& stream, Bytes input, MutableBytes output) {
  constexpr size_t kMost = std::numeric_limits<uInt>::max();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
  stream.avail_in = static_cast<uInt>(std::min(input.size(), kMost));
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(std::min(output.size(), kMost));
}

size_t written_bytes(const z_stream& stream, MutableBytes output) {
  return static_cast<size_t>(reinterpret_cast<std::byte*>(stream.next_out) - output.data());
}

void drop_read(const z_stream& stream, Bytes& input) {
  input = input.subspan(
      static_cast<size_t>(reinterpret_cast<const std::byte*>(stream.next_in) - input.data()));
}

class GzipEncoder final : public Encoder {
 public:
  GzipEncoder(Level level, u32 size_class) : level_(level), size_class_(size_class) {
    const Shape shape = kShapes[size_class];
    made_ = deflateInit2(&stream_, zlib_level(level), Z_DEFLATED, shape.window_bits + kGzipFormat,
                         shape.memory_level, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipEncoder() override { deflateEnd(&stream_); }

  bool start() override { return made_ && deflateReset(&stream_) == Z_OK; }

  Result<Progress> encode(Bytes& input, MutableBytes output, Flush flush) override {
    set_buffers(stream_, input, output);
    const bool takes_all = stream_.avail_in == input.size();
    const int wish = takes_all ? wish_of(flush) : Z_NO_FLUSH;
    const int said = deflate(&stream_, wish);
    // Z_BUF_ERROR: there was nothing to do.
    if (said != Z_OK && said != Z_STREAM_END && said != Z_BUF_ERROR) {
      return fail(Errc::Internal, "deflate");
    }
    Progress progress;
    progress.written = written_bytes(stream_, output);
    drop_read(stream_, input);
    // Room that is left shows that nothing is held back.
    const bool is_out = flush == Flush::Finish ? said == Z_STREAM_END : stream_.avail_out != 0;
    progress.done = input.empty() && is_out;
    return progress;
  }

  bool serves(Coding coding, Level level, u32 size_class) const override {
    return coding == Coding::Gzip && level == level_ && size_class == size_class_;
  }

 private:
  static int wish_of(Flush flush) {
    if (flush == Flush::None) return Z_NO_FLUSH;
    return flush == Flush::Sync ? Z_SYNC_FLUSH : Z_FINISH;
  }

  z_stream stream_{};
  Level level_;
  u32 size_class_;
  bool made_ = false;
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() { made_ = inflateInit2(&stream_, MAX_WBITS + kGzipFormat) == Z_OK; }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  bool start() override {
    ended_ = false;
    return made_ && inflateReset(&stream_) == Z_OK;
  }

  Result<Progress> decode(Bytes& input, MutableBytes output) override {
    // Without input there may still be output that did not fit; a member that has ended has none.
    if (input.empty() && ended_) return Progress{.done = true};
    // Members follow each other (section 2.2); what is no member is refused as one.
    if (ended_ && !start()) return fail(Errc::Internal, "inflate");
    set_buffers(stream_, input, output);
    const int said = inflate(&stream_, Z_NO_FLUSH);
    if (said != Z_OK && said != Z_STREAM_END && said != Z_BUF_ERROR) {
      return fail(Errc::BadRequest, "body is not gzip");
    }
    ended_ = said == Z_STREAM_END;
    drop_read(stream_, input);
    return Progress{.written = written_bytes(stream_, output), .done = ended_};
  }

  bool serves(Coding coding) const override { return coding == Coding::Gzip; }
  size_t held_bytes() const override { return 48 * 1024; }

 private:
  z_stream stream_{};
  bool made_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Encoder> make_gzip_encoder(Level level, u32 size_class) {
  return std::make_unique<GzipEncoder>(level, size_class);
}
std::unique_ptr<Decoder> make_gzip_decoder() { return std::make_unique<GzipDecoder>(); }

}  // namespace gw::encoding
