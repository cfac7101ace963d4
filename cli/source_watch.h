// `serve --watch`: another table when a source of the gateway changes.
#pragma once
#include <thread>

#include "cli/file_watch.h"
#include "cli/source_state.h"
#include "cli/spec_options.h"
#include "runtime/serve.h"

namespace gw::cli {

/// A thread that waits for changes of the files that the gateway was made of, and of those that it
/// could not be made of because they were missing. It opens the gateway anew and offers it; when
/// that fails, the findings go to standard error, once for each state of the files, and it waits
/// for the next change. start() and stop() on one thread, once each.
class SourceWatch {
 public:
  /// `read`: the sources of the table that is there already. `spec` and `console` outlive it.
  SourceWatch(const SpecOptions& spec, const Console& console, SourceState read)
      : spec_(spec), console_(console), state_(std::move(read)) {}

  void start(server::OfferTable offer);
  void stop();

 private:
  void run();
  void open_again();
  void watch_files();

  const SpecOptions& spec_;
  const Console& console_;
  server::OfferTable offer_;
  SourceState state_;
  FileWatch files_;
  bool told_of_polling_ = false;
  std::thread thread_;
};

}  // namespace gw::cli
