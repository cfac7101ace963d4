// Reloads to whose sender nobody can answer.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/admin/takeover.h"
#include "runtime/server/reloader.h"

namespace gw::admin {

/// What SIGHUP and `--watch` ask for. While another process takes over it waits, where orders of
/// the admin interface are refused: that process would not hear of it. What comes of a reload is
/// said in the log. Main thread.
class UnansweredReloads {
 public:
  /// A table that was found, or why there is none (null).
  struct Offer {
    server::TableFilePtr file;
    std::vector<std::string> problems;
  };

  UnansweredReloads(server::Reloader& reloader, const Handover& handover)
      : reloader_(reloader), handover_(handover) {}

  void hang_up();
  /// A table that is served already is no change, and takes one back that waits.
  void offer(Offer offer);
  /// When a takeover was given up; another one may be under way already.
  void go_on();

 private:
  bool is_held_back(std::string_view origin, std::string_view help) const;

  server::Reloader& reloader_;
  const Handover& handover_;
  bool hung_up_ = false;
  std::optional<Offer> waiting_;
};

}  // namespace gw::admin
