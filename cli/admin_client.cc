#include "cli/admin_client.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>

#include "cli/environment.h"
#include "cli/token_file.h"
#include "runtime/admin/admin_server.h"
#include "runtime/base/units.h"

namespace gw::cli {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace asio = boost::asio;
using LocalStream = beast::basic_stream<asio::local::stream_protocol>;
using TcpStream = beast::basic_stream<asio::ip::tcp>;
using ErrorCode = boost::system::error_code;

constexpr std::chrono::seconds kPatience{30};
constexpr u64 kMaxReplyBytes = u64{1} << 30;

using Request = http::request<http::string_body>;

std::string address_of(const AdminOptions& options) {
  const std::string address = given_or_usual(options.address, "GWCTL_ADMIN");
  return address.empty() ? admin::default_admin_address() : address;
}

// Written and read with a deadline, which blocking calls of Beast do not have.
template <class Stream>
ErrorCode exchange(asio::io_context& io, Stream& stream, const Request& request,
                   http::response_parser<http::string_body>& parser) {
  ErrorCode result;
  beast::flat_buffer buffer;
  stream.expires_after(kPatience);
  http::async_write(stream, request, [&](ErrorCode ec, size_t) { result = ec; });
  io.run();
  if (result) return result;
  io.restart();
  http::async_read(stream, buffer, parser, [&](ErrorCode ec, size_t) { result = ec; });
  io.run();
  return result;
}

ErrorCode send(const std::string& address, const Request& request,
               http::response_parser<http::string_body>& parser) {
  asio::io_context io;
  ErrorCode ec;
  const std::string path(parse_unix_address(address));
  if (!path.empty()) {
    LocalStream stream(io);
    stream.socket().connect(asio::local::stream_protocol::endpoint(path), ec);
    return ec ? ec : exchange(io, stream, request, parser);
  }
  const auto parts = parse_host_port(address);
  if (!parts) return asio::error::invalid_argument;
  asio::ip::tcp::resolver resolver(io);
  const std::string host(parts->host.empty() ? "127.0.0.1" : parts->host);
  const auto found = resolver.resolve(host, std::to_string(parts->port), ec);
  if (ec) return ec;
  TcpStream stream(io);
  asio::connect(stream.socket(), found, ec);
  return ec ? ec : exchange(io, stream, request, parser);
}

}  // namespace

void add_admin_options(CLI::App& app, AdminOptions& options) {
  app.add_option("--admin", options.address,
                 "The gateway's admin interface [$GWCTL_ADMIN, else the default socket]")
      ->option_text("unix:PATH|ADDR:PORT");
  app.add_option(
         "--admin-token-file", options.token_file,
         "A file with the bearer token, for an admin interface over TCP [$GWCTL_ADMIN_TOKEN_FILE]")
      ->option_text("FILE");
}

std::optional<std::string> read_token(const std::string& path, const Console& console) {
  std::string problem;
  auto token = read_token_file(path, problem);
  if (!token) console.error(problem);
  return token;
}

std::optional<AdminReply> ask_admin(const AdminOptions& options, const Console& console,
                                    std::string_view method, const std::string& target,
                                    std::string body) {
  Request request;
  request.version(11);
  request.method_string(method);
  request.target(target);
  request.set(http::field::host, "gwctl");
  request.set(http::field::connection, "close");
  const std::string token_file = given_or_usual(options.token_file, "GWCTL_ADMIN_TOKEN_FILE");
  if (!token_file.empty()) {
    const auto token = read_token(token_file, console);
    if (!token) return std::nullopt;
    request.set(http::field::authorization, "Bearer " + *token);
  }
  request.body() = std::move(body);
  request.prepare_payload();
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxReplyBytes);
  const std::string address = address_of(options);
  if (parse_unix_address(address).empty() && !parse_host_port(address)) {
    console.error(
        fmt::format("`{}` is no admin interface: write unix:/PATH or ADDR:PORT", address));
    return std::nullopt;
  }
  const ErrorCode problem = send(address, request, parser);
  if (problem) {
    console.error(
        fmt::format("no gateway answers at {}: {}; --admin or GWCTL_ADMIN names another "
                    "place, as for `gwctl serve`",
                    address, problem.message()));
    return std::nullopt;
  }
  return AdminReply{parser.get().result_int(), std::move(parser.get().body())};
}

std::string refusal_text(const AdminReply& reply) {
  ErrorCode malformed;
  const boost::json::value value = boost::json::parse(reply.body, malformed);
  const auto* detail = malformed ? nullptr : value.find_pointer("/detail", malformed);
  if (detail != nullptr && detail->is_string()) return std::string(detail->get_string());
  return fmt::format("this is no admin interface: it answers {}", reply.status);
}

std::optional<boost::json::object> ask_admin_json(const AdminOptions& options,
                                                  const Console& console, std::string_view method,
                                                  const std::string& target, std::string body) {
  const auto reply = ask_admin(options, console, method, target, std::move(body));
  if (!reply) return std::nullopt;
  return read_admin_reply(*reply, console);
}

std::optional<boost::json::object> read_admin_reply(const AdminReply& reply,
                                                    const Console& console) {
  auto object = admin_object(reply);
  if (!object) console.error(refusal_text(reply));
  return object;
}

std::optional<boost::json::object> admin_object(const AdminReply& reply) {
  ErrorCode malformed;
  boost::json::value value = boost::json::parse(reply.body, malformed);
  if (malformed || !value.is_object()) return std::nullopt;
  boost::json::object& object = value.get_object();
  if (reply.status >= 400 && object.contains("title")) return std::nullopt;
  return std::move(object);
}

bool is_unix_socket(const AdminOptions& options) {
  return !parse_unix_address(address_of(options)).empty();
}

}  // namespace gw::cli
