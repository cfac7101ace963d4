#include "runtime/server/table_trust.h"

#include <fmt/format.h>

#include <cstring>

#include "runtime/base/log.h"
#include "runtime/table/view.h"

namespace gw::server {
namespace {

std::string listed(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : ", ") + id;
  return text;
}

}  // namespace

Result<std::unique_ptr<TableTrust>> TableTrust::open(trust::TrustedKeys keys,
                                                     StateDirectory* state) {
  u64 highest = 0;
  if (state != nullptr) {
    GW_TRY_ASSIGN(highest, state->counter());
  }
  return std::unique_ptr<TableTrust>(new TableTrust(std::move(keys), state, highest));
}

bool TableTrust::is_signed(const table::SplitFile& file, std::string& problem) const {
  const trust::Verdict verdict = keys_.check(file.table, file.signature);
  if (verdict == trust::Verdict::Good) return true;
  if (verdict == trust::Verdict::Unsigned) {
    problem =
        "the table is not signed, and --trust asks for it: `gwctl compile --sign KEY` makes one "
        "that is; documents given to `serve` or `reload` never are";
    return false;
  }
  const std::string id = table::key_id_text(file.signature->key_id);
  problem = verdict == trust::Verdict::UnknownKey
                ? fmt::format("the table is signed by key {}, which is not trusted (trusted: {})",
                              id, listed(keys_.ids()))
                : fmt::format(
                      "the signature does not hold: key {} has not signed this table with "
                      "counter {}",
                      id, file.signature->counter);
  return false;
}

bool TableTrust::allows(Bytes file, std::string& problem) const {
  const table::SplitFile split = table::split_signature(file);
  if (!is_signed(split, problem)) return false;
  if (split.signature->counter >= highest_) return true;
  problem = fmt::format(
      "the table is older than one that was accepted: its counter is {}, that one's {} (signed by "
      "key {}); `gwctl rollback` goes back to a table that was accepted here",
      split.signature->counter, highest_, table::key_id_text(split.signature->key_id));
  return false;
}

bool TableTrust::allows_again(const table::TableFile& file, std::string& problem) const {
  if (!is_signed({file.bytes(), file.signature()}, problem)) return false;
  if (file.signature()->counter < highest_) {
    log(LogLevel::Warning, "older_table",
        {{"table", fmt::format("{:016x}", table::TableView(file.bytes()).digest())},
         {"counter", std::to_string(file.signature()->counter)},
         {"highest", std::to_string(highest_)},
         {"reason", "it was accepted before"}});
  }
  return true;
}

bool TableTrust::note_accepted(const table::TableFile& file, std::string& problem) {
  const u64 counter = file.signature()->counter;
  log(LogLevel::Info, "signed",
      {{"key", table::key_id_text(file.signature()->key_id)},
       {"counter", std::to_string(counter)}});
  if (counter <= highest_) return true;
  if (state_ != nullptr) {
    // The process that this one has taken over from may have accepted another one meanwhile.
    const Result<u64> by_others = state_->counter();
    if (by_others && *by_others >= counter) {
      highest_ = *by_others;
      return true;
    }
    if (const Result<void> kept = state_->keep_counter(counter); !kept) {
      problem = fmt::format("the counter of the table cannot be kept in the state directory: {}",
                            std::strerror(kept.error().sys));
      return false;
    }
  }
  highest_ = counter;
  return true;
}

}  // namespace gw::server
