#include "runtime/server/data_watch.h"

#include "runtime/base/log.h"

namespace gw::server {

DataWatch::DataWatch(Gateway& gateway, const BoundTable& table, const ReferenceSource& references)
    : gateway_(gateway),
      table_(table),
      references_(references),
      files_(live_files(table)),
      stamps_(stamps_of(files_)) {}

void DataWatch::look() {
  std::vector<FileStamp> now = stamps_of(files_);
  if (now == stamps_) return;
  // What could not be used is tried again only when it has changed again.
  stamps_ = std::move(now);
  std::vector<std::string> problems;
  auto data = load_live_data(table_, references_, problems);
  if (!problems.empty()) {
    log(LogLevel::Warning, "data_unusable",
        {{"reason", problems[0]}, {"help", "what was there before goes on counting"}});
    return;
  }
  const auto consumers = static_cast<i64>(data->consumers.size());
  gateway_.replace_data(std::move(data));
  log(LogLevel::Info, "data_changed", {{"consumers", consumers}});
}

}  // namespace gw::server
