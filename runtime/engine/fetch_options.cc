#include "runtime/engine/fetch_options.h"

namespace gw::engine {

void set_timeouts(const BoundTable& table, const policies::SettingsRecord& settings,
                  FetchOptions& options) {
  options.connect_timeout_ms = static_cast<u32>(table.number(settings.timeout.connect));
  options.try_timeout_ms = static_cast<u32>(table.number(settings.timeout.try_));
  options.idle_timeout_ms = static_cast<u32>(table.number(settings.timeout.idle));
}

void set_retry(const BoundTable& table, const policies::SettingsRecord& settings,
               FetchOptions& options) {
  options.retry_budget_bp = static_cast<u32>(table.number(settings.retry.budget));
  options.retry_backoff_ms = static_cast<u32>(table.number(settings.retry.backoff));
  const auto causes = table.view().policy_list<policies::RetryCauseRecord>(settings.retry.causes);
  options.retry_causes = causes.data();
  options.retry_cause_count = static_cast<u32>(causes.size());
}

}  // namespace gw::engine
