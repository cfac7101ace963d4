#include "runtime/jose/key_sources.h"

#include <algorithm>

#include "runtime/net/tls_client.h"

namespace gw::jose {
namespace {

bool is_same_tls(const net::TlsClientOptions* a, const net::TlsClientOptions* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->verify == b->verify && a->ca == b->ca && a->identity.chain == b->identity.chain &&
         a->identity.key == b->identity.key;
}

bool is_same(const KeySourceOptions& a, const KeySourceOptions& b) {
  return a.kind == b.kind && a.location == b.location && a.issuer == b.issuer &&
         a.loopback_http == b.loopback_http && a.keys == b.keys && a.stale == b.stale &&
         is_same_tls(a.tls.get(), b.tls.get());
}

}  // namespace

std::vector<std::shared_ptr<KeySlot>> KeySources::watch(
    const std::vector<KeySourceOptions>& wanted) {
  std::vector<std::unique_ptr<KeySource>> kept;
  std::vector<std::shared_ptr<KeySlot>> slots;
  for (const KeySourceOptions& options : wanted) {
    const auto same = [&](const auto& source) {
      return source != nullptr && is_same(source->options(), options);
    };
    if (const auto twice = std::ranges::find_if(kept, same); twice != kept.end()) {
      slots.push_back((*twice)->slot());
      continue;
    }
    const auto known = std::ranges::find_if(sources_, same);
    if (known != sources_.end()) {
      kept.push_back(std::move(*known));
    } else {
      kept.push_back(std::make_unique<KeySource>(loop_, random_, fetcher_, options));
      kept.back()->on_change = [this] {
        if (on_change) on_change();
      };
      kept.back()->on_event = [this](const KeyEvent& event) {
        if (on_event) on_event(event);
      };
      kept.back()->start();
    }
    slots.push_back(kept.back()->slot());
  }
  sources_ = std::move(kept);
  return slots;
}

bool KeySources::settled() const {
  return std::ranges::all_of(sources_, [](const auto& source) { return source->settled(); });
}

bool KeySources::ready() const {
  return std::ranges::all_of(sources_, [](const auto& source) { return source->ready(); });
}

}  // namespace gw::jose
