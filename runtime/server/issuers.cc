#include "runtime/server/issuers.h"

#include "runtime/base/log.h"

namespace gw::server {
namespace {

using jose::KeyEvent;

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

Issuers::Issuers(net::EventLoop& loop, Random& random, net::HttpFetcher& fetcher,
                 FollowedState& followed)
    : sources_(loop, random, fetcher) {
  sources_.on_event = [&followed](const KeyEvent& event) {
    followed.note(event);
    write_event(event);
  };
  sources_.on_change = [this] {
    if (on_change) on_change();
  };
}

std::shared_ptr<const LiveData> Issuers::watch(const BoundTable& table, const LiveData& data) {
  std::vector<jose::KeySourceOptions> wanted;
  std::vector<u32> schemes;
  for (u32 i = 0; i < data.schemes.size(); ++i) {
    const auto options = key_source_of(table, i);
    if (!options) continue;
    wanted.push_back(*options);
    schemes.push_back(i);
  }
  locations_.clear();
  for (const jose::KeySourceOptions& options : wanted) {
    if (options.kind != jose::KeySourceKind::Inline) locations_.insert(options.location);
  }
  const auto slots = sources_.watch(wanted);
  auto with_slots = std::make_shared<LiveData>(data);
  for (size_t i = 0; i < schemes.size(); ++i) with_slots->schemes[schemes[i]].slot = slots[i];
  return with_slots;
}

}  // namespace gw::server
