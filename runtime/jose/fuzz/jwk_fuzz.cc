// Property: whatever an issuer publishes, what is taken of it is bounded, fits what it is offered
// for and verifies nothing that was not signed with it. Input: a byte of options, then the
// document.
#include <openssl/err.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime/jose/key.h"
#include "runtime/jose/key_source.h"
#include "runtime/jose/signature.h"

using namespace gw;
using namespace gw::jose;

namespace {

void require(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  KeySetOptions options;
  options.secrets = (data[0] & 1U) != 0;
  options.private_parts = (data[0] & 2U) != 0;
  if ((data[0] & 4U) != 0) options.key_id = "k";
  std::string problem;
  KeySetNotes notes;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto wait = refresh_after(text, text);  // what it says beside the document
  require(wait >= KeySource::kMinRefresh && wait <= KeySource::kMaxRefresh);
  if (const auto url = net::parse_fetch_url(text)) {
    require(url->target.starts_with('/') && url->port != 0 && !url->host.empty());
    require((url->authority + url->target).find_first_of(" \r\n\t@#") == std::string::npos ||
            url->target.find('@') != std::string::npos);
  }
  const auto set = KeySet::parse(text, options, problem, &notes);
  require((set == nullptr) == !problem.empty());
  require(ERR_peek_error() == 0);
  if (set == nullptr) return 0;
  require(set->size() >= 1 && set->size() <= kMaxKeys && set->size() <= text.size());
  for (u32 i = 0; i < kAlgorithmCount; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    const auto candidates = set->candidates(algorithm, nullptr);
    require(candidates.count <= KeySet::kMaxCandidates);
    for (size_t at = 0; at < candidates.count; ++at) {
      const Key& key = *candidates.keys[at];
      require(key.fits(algorithm));
      require((key.type == KeyType::Secret) == is_hmac(algorithm));
      require((key.type == KeyType::Secret) == options.secrets);
      // One with exponent 3 and modulus of the fuzzer's making could be signed with; a hash of 256
      // bits of nothing it does not find.
      require(!verify_signature(key, algorithm, "text", std::string(64, '\1')));
      require(!verify_signature(key, algorithm, "text", ""));
    }
  }
  require(ERR_peek_error() == 0);
  return 0;
}
