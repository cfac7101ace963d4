// Fast pseudo-random numbers: xoshiro256** (Blackman and Vigna, 2018), seeded by the system.
#pragma once
#include <bit>
#include <random>

#include "runtime/base/types.h"

namespace gw {

/// For jitter, sampling and ids that need not be secret. One thread.
class Xoshiro {
 public:
  Xoshiro() {
    std::random_device device;
    for (u64& word : state_) word = (static_cast<u64>(device()) << 32) | device();
  }
  explicit Xoshiro(u64 seed) {
    // SplitMix64, as the authors advise for filling the state from one word.
    for (u64& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      u64 mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
      word = mixed ^ (mixed >> 31);
    }
  }
  u64 next() {
    const u64 result = std::rotl(state_[1] * 5, 7) * 9;
    const u64 shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  u64 state_[4];
};

}  // namespace gw
