// Asks a running gateway by its admin interface.
#pragma once
#include <CLI/App.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "cli/console.h"

namespace gw::cli {

/// Where the gateway is: `--admin`, else GWCTL_ADMIN, else the default socket.
struct AdminOptions {
  std::string address;
  std::string token_file;
};
/// --admin --admin-token-file
void add_admin_options(CLI::App& app, AdminOptions& options);

struct AdminReply {
  unsigned status = 0;
  std::string body;
};

/// One request. Blocks; a gateway that does not answer within 30 s is given up. nullopt after a
/// message.
std::optional<AdminReply> ask_admin(const AdminOptions& options, const Console& console,
                                    std::string_view method, const std::string& target,
                                    std::string body = {});
/// The same where the answer is an object; nullopt after a message for anything else. Refusals
/// (problems) are told; reports of reloads that were refused are answers.
std::optional<boost::json::object> ask_admin_json(const AdminOptions& options,
                                                  const Console& console, std::string_view method,
                                                  const std::string& target, std::string body = {});

/// What ask_admin_json() makes of a reply.
std::optional<boost::json::object> read_admin_reply(const AdminReply& reply,
                                                    const Console& console);

/// The same without a message.
std::optional<boost::json::object> admin_object(const AdminReply& reply);

/// Whether the interface is a Unix socket: both sides may see the same files.
bool is_unix_socket(const AdminOptions& options);

/// What a refusal says, or that it comes from no admin interface.
std::string refusal_text(const AdminReply& reply);

/// The first line of a file with a secret; nullopt after a message.
std::optional<std::string> read_token(const std::string& path, const Console& console);

}  // namespace gw::cli
