// Contexts of a thread that nobody uses at the moment.
//
// A context of zlib takes 40 to 270 KB, one of zstd about 1 MB, and making one costs more than
// encoding a small body. The lists are short and searched from the end: what was returned last is
// in the processor's cache.
#include <vector>

#include "runtime/encoding/encoder.h"
#include "runtime/encoding/libraries.h"

namespace gw::encoding {
namespace {

// Kept beyond these, memory would be held that only a burst has needed.
constexpr size_t kKeptEncoders = 8;
constexpr size_t kKeptDecoders = 4;
// A window that a sender has chosen: what is larger is given back to the system.
constexpr size_t kKeptDecoderBytes = 1 << 20;

struct Idle {
  Idle() {
    encoders.reserve(kKeptEncoders);
    decoders.reserve(kKeptDecoders);
  }
  std::vector<std::unique_ptr<Encoder>> encoders;
  std::vector<std::unique_ptr<Decoder>> decoders;
};

Idle& idle() {
  thread_local Idle instance;
  return instance;
}

template <class Context, class Fits>
std::unique_ptr<Context> take(std::vector<std::unique_ptr<Context>>& from, const Fits& fits) {
  for (size_t i = from.size(); i-- > 0;) {
    if (!fits(*from[i])) continue;
    std::unique_ptr<Context> found = std::move(from[i]);
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(i));
    return found;
  }
  return nullptr;
}

// The one that was not asked for longest makes room.
template <class Context>
void put(std::vector<std::unique_ptr<Context>>& to, std::unique_ptr<Context> context,
         size_t limit) {
  if (to.size() == limit) to.erase(to.begin());
  to.push_back(std::move(context));
}

std::unique_ptr<Encoder> make_encoder(Coding coding, Level level, u32 size_class) {
  switch (coding) {
    case Coding::Gzip:
      return make_gzip_encoder(level, size_class);
    case Coding::Brotli:
      return make_brotli_encoder(level, size_class);
    case Coding::Zstd:
      return make_zstd_encoder(level);
    case Coding::Identity:
      break;
  }
  return nullptr;
}

std::unique_ptr<Decoder> make_decoder(Coding coding) {
  switch (coding) {
    case Coding::Gzip:
      return make_gzip_decoder();
    case Coding::Brotli:
      return make_brotli_decoder();
    case Coding::Zstd:
      return make_zstd_decoder();
    case Coding::Identity:
      break;
  }
  return nullptr;
}

}  // namespace

EncoderLease::EncoderLease(Coding coding, Level level, u64 bytes) {
  const u32 size_class = size_class_of(bytes);
  encoder_ = take(idle().encoders, [&](const Encoder& encoder) {
    return encoder.serves(coding, level, size_class);
  });
  if (encoder_ == nullptr) encoder_ = make_encoder(coding, level, size_class);
  if (encoder_ != nullptr && !encoder_->start()) encoder_ = nullptr;
}

EncoderLease& EncoderLease::operator=(EncoderLease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  encoder_ = std::move(other.encoder_);
  return *this;
}

void EncoderLease::give_back() noexcept {
  if (encoder_ != nullptr) put(idle().encoders, std::move(encoder_), kKeptEncoders);
}

DecoderLease::DecoderLease(Coding coding) {
  decoder_ = take(idle().decoders, [&](const Decoder& decoder) { return decoder.serves(coding); });
  if (decoder_ == nullptr) decoder_ = make_decoder(coding);
  if (decoder_ != nullptr && !decoder_->start()) decoder_ = nullptr;
}

DecoderLease& DecoderLease::operator=(DecoderLease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  decoder_ = std::move(other.decoder_);
  return *this;
}

void DecoderLease::give_back() noexcept {
  if (decoder_ == nullptr) return;
  if (decoder_->held_bytes() > kKeptDecoderBytes) {
    decoder_ = nullptr;
  } else {
    put(idle().decoders, std::move(decoder_), kKeptDecoders);
  }
}

size_t idle_contexts() { return idle().encoders.size() + idle().decoders.size(); }

}  // namespace gw::encoding
