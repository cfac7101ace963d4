#include "runtime/identity/identity.h"

namespace gw {

void Identity::reset() {
  for (u32 i = 0; i < slots; ++i) proofs[i] = Proof{};
  slots = 0;
  authenticated = false;
  alternative = ~u32{0};
  consumer = table::kNoConsumer;
  consumer_name = {};
  claims = nullptr;
  authorizer = AuthorizerAnswer{};
}

const jose::Claims* Identity::claims_of(u32 scheme) const {
  for (u32 i = 0; i < slots; ++i) {
    if (schemes[i] == scheme && proofs[i].state == ProofState::Valid) return proofs[i].claims.get();
  }
  return nullptr;
}

}  // namespace gw
