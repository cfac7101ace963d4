#include "cli/doctor/places.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "cli/token_file.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/base/units.h"
#include "runtime/http/http1_head.h"
#include "runtime/observe/log_sink.h"
#include "runtime/server/state_directory.h"

namespace gw::cli::doctor {
namespace {

constexpr u64 kLittleRoom = u64{64} << 20;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// 0, or errno; -1: `address` is none.
int try_to_listen(const std::string& address) {
  std::string_view host;
  std::string_view port;
  if (!http::parse_authority(address, host, port) || port.empty()) return -1;
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (::getaddrinfo(std::string(host).c_str(), std::string(port).c_str(), &hints, &list) != 0) {
    return -1;
  }
  const std::unique_ptr<addrinfo, FreeAddresses> found(list);
  const UniqueDescriptor probe(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return errno;
  // Not SO_REUSEPORT: beside another process of this user it would succeed.
  const int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(probe.get(), found->ai_addr, found->ai_addrlen) != 0) return errno;
  return ::listen(probe.get(), 1) == 0 ? 0 : errno;
}

std::string help_for(int error) {
  switch (error) {
    case EADDRINUSE:
      return "`ss -ltnp` names the process; --takeover takes the place of another gateway";
    case EACCES:
      return "ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE, which "
             "gwctl.service has; or listen on a higher one";
    case EADDRNOTAVAIL:
      return "no interface has this address: `ip addr` lists them";
    default:
      return "see listen(2)";
  }
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool can_make_within(const std::string& directory) {
  return ::access(directory.c_str(), W_OK | X_OK) == 0;
}

std::string reason() { return std::strerror(errno); }

void judge_socket_file(const std::string& check, const std::string& path, Findings& out) {
  const std::string parent = parent_of(path);
  struct stat status {};
  if (::stat(parent.c_str(), &status) != 0) {
    if (can_make_within(parent_of(parent))) {
      return note(out, check, fmt::format("unix:{}: its directory will be made", path));
    }
    return fail(out, check, fmt::format("{} is missing, and cannot be made: {}", parent, reason()),
                "make it for the user of the gateway, or RuntimeDirectory=gwctl in the unit");
  }
  const bool sticky = (status.st_mode & S_ISVTX) != 0;
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (!ours || ((status.st_mode & 022) != 0 && !sticky)) {
    return fail(out, check, fmt::format("others may write to {}", parent),
                "they could put a socket of theirs in its place: chmod go-w, or another directory");
  }
  if (!can_make_within(parent)) {
    return fail(out, check, fmt::format("cannot write to {}: {}", parent, reason()),
                "give the directory to the user of the gateway");
  }
  note(out, check, fmt::format("unix:{} can be had", path));
}

void judge_room(const std::string& path, Findings& out) {
  struct statvfs room {};
  if (::statvfs(path.c_str(), &room) != 0) return;
  const u64 bytes = u64{room.f_bavail} * room.f_frsize;
  if (bytes >= kLittleRoom) return;
  warn(out, "state", fmt::format("{} MiB are free in {}", bytes >> 20, path),
       "eleven tables are kept there; make room");
}

constexpr std::string_view kLogHelp =
    "`serve` does not start: make the directory for the user of the gateway, or let the unit say "
    "LogsDirectory=gwctl";

// Whether the file could be made; nothing is.
void judge_new_log(const std::string& path, Findings& out) {
  const std::string parent = parent_of(path);
  if (can_make_within(parent)) {
    return note(out, "access_log", fmt::format("{} will be made", path));
  }
  fail(out, "access_log", fmt::format("cannot write to {}: {}", parent, reason()),
       std::string(kLogHelp));
}

// Nullopt after a finding.
std::optional<std::string> judge_token_file(const std::string& path, Findings& out) {
  std::string problem;
  auto token = read_token_file(path, problem);
  struct stat status {};
  if (!token) {
    fail(out, "admin", problem,
         "`openssl rand -hex 32` makes one; the user of the gateway must be able to read it");
  } else if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0) {
    warn(out, "admin", fmt::format("everybody on this machine can read {}", path),
         "chmod o-rwx, and chgrp to the group of the gateway");
  }
  return token;
}

}  // namespace

void judge_listener(const std::string& address, const RunningGateway& running, Findings& out) {
  const std::string_view path = parse_unix_address(address);
  if (!path.empty()) return judge_socket_file("listen", std::string(path), out);
  const int error = try_to_listen(address);
  if (error == 0) return note(out, "listen", fmt::format("{} can be had", address));
  if (error < 0) {
    return fail(out, "listen", fmt::format("{} is no address of this machine", address),
                "HOST:PORT, with a port up to 65535, or unix:/PATH");
  }
  if (error == EADDRINUSE && running.listening.contains(address)) {
    return note(out, "listen", fmt::format("{} is held by the gateway that runs here", address));
  }
  fail(out, "listen", fmt::format("{}: {}", address, std::strerror(error)), help_for(error));
}

void judge_state_directory(const std::string& path, const RunningGateway& running, Findings& out) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) {
    if (can_make_within(parent_of(path))) {
      return note(out, "state", fmt::format("{} will be made", path));
    }
    return fail(out, "state", fmt::format("{} is missing, and cannot be made: {}", path, reason()),
                "make it for the user of the gateway, with mode 0700, or StateDirectory=gwctl");
  }
  const auto opened = server::StateDirectory::open(path);
  if (opened) {
    note(out, "state", fmt::format("{} can be written and locked", path));
    return judge_room(path, out);
  }
  const int error = opened.error().sys;
  if (error == EBUSY) {
    if (running.found) {
      return note(out, "state", fmt::format("{} is held by the gateway that runs here", path));
    }
    return fail(out, "state", fmt::format("another process has {}", path),
                "each gateway needs one of its own; --takeover goes on with this one");
  }
  fail(out, "state", fmt::format("{}: {}", path, std::strerror(error)),
       "it must belong to the user of the gateway, and nobody else may write to it: "
       "chown, chmod 0700");
}

// As LogSink opens it, but for the file that it would make.
void judge_access_log(const std::string& place, Findings& out) {
  if (place.empty() || place == "-") return;
  struct stat status {};
  const bool is_file = place != "syslog" && !place.starts_with("syslog:");
  if (is_file && ::stat(place.c_str(), &status) != 0 && errno == ENOENT) {
    return judge_new_log(place, out);
  }
  const auto opened = observe::LogSink::open(place);
  if (opened) return note(out, "access_log", fmt::format("{} can be written", place));
  fail(out, "access_log", fmt::format("{}: {}", place, std::strerror(opened.error().sys)),
       is_file ? std::string(kLogHelp)
               : "`serve` does not start: is the system's log daemon there, and its socket?");
}

void judge_token_files(const std::string& orders, const std::string& reading, Findings& out) {
  const auto giving = orders.empty() ? std::nullopt : judge_token_file(orders, out);
  if (reading.empty()) return;
  if (orders.empty()) {
    return fail(out, "admin", fmt::format("{} is read without a token for orders", reading),
                "--admin-token-file FILE: without it nobody is asked for a token");
  }
  const auto taken = judge_token_file(reading, out);
  if (!giving || taken != giving) return;
  fail(out, "admin", fmt::format("{} holds the token that gives orders, too", reading),
       "`openssl rand -hex 32` makes another");
}

void judge_admin(const std::string& address, bool has_token, const RunningGateway& running,
                 Findings& out) {
  if (running.found) {
    return note(out, "admin", fmt::format("a gateway takes orders at {}", address));
  }
  const std::string_view path = parse_unix_address(address);
  if (!path.empty()) return judge_socket_file("admin", std::string(path), out);
  if (!has_token) {
    return fail(out, "admin", fmt::format("{} needs a token", address),
                "--admin-token-file FILE; unix:/PATH needs none");
  }
  const int error = try_to_listen(address);
  if (error == 0) return note(out, "admin", fmt::format("{} can be had", address));
  fail(out, "admin",
       fmt::format("{}: {}", address,
                   error < 0 ? "no address of this machine" : std::strerror(error)),
       help_for(error));
}

}  // namespace gw::cli::doctor
