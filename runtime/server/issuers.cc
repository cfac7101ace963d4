#include "runtime/server/issuers.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/log.h"

namespace gw::server {
namespace {

using jose::KeyEvent;
using jose::KeySourceOptions;

// Two schemes that ask the same thing share the answer.
std::string key_of(const KeySourceOptions& options) {
  return fmt::format("{}|{}|{}", static_cast<u32>(options.kind), options.location, options.issuer);
}

void write_event(const KeyEvent& event) {
  switch (event.kind) {
    case KeyEvent::Kind::Loaded:
      log(LogLevel::Info, "issuer_keys",
          {{"location", event.location},
           {"state", "loaded"},
           {"keys", static_cast<i64>(event.keys)},
           {"left_out", static_cast<i64>(event.notes.skipped)}});
      return;
    case KeyEvent::Kind::Recovered:
      log(LogLevel::Info, "issuer_keys", {{"location", event.location}, {"state", "recovered"}});
      return;
    case KeyEvent::Kind::Failing:
      log(LogLevel::Warning, "issuer_keys",
          {{"location", event.location},
           {"state", "failing"},
           {"reason", event.reason},
           {"using", event.known ? "the last keys" : "nothing"}});
      return;
    case KeyEvent::Kind::Expired:
      log(LogLevel::Error, "issuer_keys",
          {{"location", event.location},
           {"state", "expired"},
           {"reason", "the issuer has been away for too long"}});
      return;
  }
}

}  // namespace

std::shared_ptr<const LiveData> Issuers::watch(const BoundTable& table, const LiveData& data) {
  Sources next;
  auto with_slots = std::make_shared<LiveData>(data);
  for (u32 i = 0; i < data.schemes.size(); ++i) {
    const auto options = key_source_of(table, i);
    if (!options) continue;
    with_slots->schemes[i].slot = source(next, *options).slot();
  }
  sources_ = std::move(next);
  return with_slots;
}

jose::KeySource& Issuers::source(Sources& next, const KeySourceOptions& options) {
  const std::string key = key_of(options);
  if (const auto known = next.find(key); known != next.end()) return *known->second;
  std::unique_ptr<jose::KeySource>& place = next[key];
  if (const auto old = sources_.find(key); old != sources_.end()) {
    place = std::move(old->second);
    sources_.erase(old);
    return *place;
  }
  place = std::make_unique<jose::KeySource>(loop_, random_, fetcher_, options);
  place->on_event = &write_event;
  place->on_change = [this] {
    if (on_change) on_change();
  };
  place->start();
  return *place;
}

bool Issuers::is_ready() const {
  return std::ranges::all_of(sources_,
                             [](const auto& entry) { return entry.second->settled(); });
}

}  // namespace gw::server
