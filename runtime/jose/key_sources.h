// The issuers of a gateway, over changes of its table.
#pragma once
#include <memory>
#include <vector>

#include "runtime/jose/key_source.h"

namespace gw::jose {

/// Keeps a KeySource for each issuer that is in use. One that a new table has as well goes on as it
/// is: with its keys, its slot and its memory of when it was asked. One thread, that of `loop`;
/// `loop`, `random` and `fetcher` outlive it.
class KeySources {
 public:
  KeySources(net::EventLoop& loop, Random& random, net::HttpFetcher& fetcher)
      : loop_(loop), random_(random), fetcher_(fetcher) {}

  /// These from now on, and no others; new ones are started. Slots in the order of `wanted`; equal
  /// options have the same one.
  std::vector<std::shared_ptr<KeySlot>> watch(const std::vector<KeySourceOptions>& wanted);
  /// Each has had an outcome: waiting for what is new is over.
  bool settled() const;
  /// Each has keys.
  bool ready() const;

  /// As of KeySource; for any of them.
  std::function<void()> on_change;
  std::function<void(const KeyEvent& event)> on_event;

 private:
  net::EventLoop& loop_;
  Random& random_;
  net::HttpFetcher& fetcher_;
  std::vector<std::unique_ptr<KeySource>> sources_;
};

}  // namespace gw::jose
