#include "runtime/admin/unanswered_reloads.h"

#include <algorithm>
#include <utility>

#include "runtime/base/log.h"

namespace gw::admin {

void UnansweredReloads::hang_up() {
  hung_up_ = is_held_back("SIGHUP", "send it to the other process when that serves");
  if (!hung_up_) reloader_.reopen("SIGHUP");
}

void UnansweredReloads::offer(Offer offer) {
  waiting_.reset();
  if (offer.file != nullptr &&
      std::ranges::equal(offer.file->file_bytes(), reloader_.current()->file_bytes())) {
    return;
  }
  if (is_held_back("watch", "the other process sees it as well if it has --watch")) {
    waiting_ = std::move(offer);
  } else {
    reloader_.offer(offer.file, std::move(offer.problems), "watch");
  }
}

void UnansweredReloads::go_on() {
  if (handover_.is_under_way()) return;
  if (auto offered = std::exchange(waiting_, std::nullopt)) offer(*std::move(offered));
  if (std::exchange(hung_up_, false)) reloader_.reopen("SIGHUP");
}

bool UnansweredReloads::is_held_back(std::string_view origin, std::string_view help) const {
  if (!handover_.is_under_way()) return false;
  log(LogLevel::Warning, "reload_held_back",
      {{"origin", origin},
       {"reason", "another process is taking over from this one and would not hear of it"},
       {"help", help}});
  return true;
}

}  // namespace gw::admin
