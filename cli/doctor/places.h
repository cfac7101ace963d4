// Where a gateway listens, keeps its state, writes its log and takes orders.
#pragma once
#include <set>
#include <string>

#include "cli/doctor/finding.h"

namespace gw::cli::doctor {

/// What a gateway that runs here already has.
struct RunningGateway {
  bool found = false;
  std::set<std::string> listening = {};  // as its status says
};

/// Whether somebody could listen at `address` (`HOST:PORT`, `unix:/path`): opens it for a moment,
/// as the gateway does, but not beside another process. Nothing is left behind.
void judge_listener(const std::string& address, const RunningGateway& running, Findings& out);
/// `path` of --state. A directory that is missing is not made.
void judge_state_directory(const std::string& path, const RunningGateway& running, Findings& out);
/// Where the access log goes: a file, or `syslog` with or without `:unix:/PATH`; of standard output
/// (`-`) there is nothing to say. A file that is missing is not made.
void judge_access_log(const std::string& place, Findings& out);
/// Files with the tokens of the admin interface; "": there is none. What is right is not told.
void judge_token_files(const std::string& orders, const std::string& reading, Findings& out);
/// `address` of --admin: `unix:/path`, or `HOST:PORT`, which needs a token.
void judge_admin(const std::string& address, bool has_token, const RunningGateway& running,
                 Findings& out);

}  // namespace gw::cli::doctor
