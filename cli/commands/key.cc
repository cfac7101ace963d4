// gwctl key: credentials for consumers, and what of them is stored; keys that sign tables.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "cli/commands/commands.h"
#include "runtime/base/check.h"
#include "runtime/identity/password_hash.h"
#include "runtime/identity/services.h"
#include "runtime/jose/base64url.h"
#include "runtime/trust/signing.h"

namespace gw::cli {
namespace {

struct KeyCommand {
  std::string kind;
  bool hash = false;
  std::string output;
};

std::string digest_text(std::string_view key) {
  u8 digest[32];
  sha256(key, digest);
  std::string out = "sha256:";
  for (const u8 byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

// 256 random bits: a digest without salt cannot be tried out.
std::string make_key() {
  char bytes[32];
  GW_CHECK(RAND_bytes(reinterpret_cast<u8*>(bytes), sizeof bytes) == 1);
  return "gw_" + jose::base64url_encode({bytes, sizeof bytes});
}

bool read_line(std::string& line, const Console& console) {
  if (std::getline(std::cin, line) && !line.empty()) return true;
  console.error("there is nothing on standard input");
  return false;
}

ExitCode run_api(const KeyCommand& command, const Console& console) {
  if (command.hash) {
    std::string key;
    if (!read_line(key, console)) return ExitCode::Usage;
    if (key.size() < 20)
      console.note("short keys can be guessed; `gwctl key api` makes better ones");
    console.out(digest_text(key) + "\n");
    return ExitCode::Ok;
  }
  const std::string key = make_key();
  console.out(fmt::format("key   {}\nhash  {}\n", key, digest_text(key)));
  console.note(
      "give the key to the consumer; the hash goes into `consumers: {NAME: {keys: [...]}}`");
  return ExitCode::Ok;
}

ExitCode run_password(const Console& console) {
  std::string password;
  if (!read_line(password, console)) return ExitCode::Usage;
  const std::string hash = identity::hash_password(password);
  if (hash.empty()) {
    console.error("this password cannot be hashed");
    return ExitCode::Usage;
  }
  console.out(hash + "\n");
  return ExitCode::Ok;
}

// Never over a file that is there: it may be the only copy of a key.
bool write_new(const std::string& path, std::string_view text, mode_t mode,
               const Console& console) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  int problem = fd < 0 ? errno : 0;
  if (problem == 0) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n != static_cast<ssize_t>(text.size())) problem = n < 0 ? errno : ENOSPC;
  }
  if (problem == 0 && ::fsync(fd) != 0) problem = errno;
  if (fd >= 0) ::close(fd);
  if (problem == 0) return true;
  if (fd >= 0) ::unlink(path.c_str());
  console.error(fmt::format("cannot make {}: {}", path, std::strerror(problem)));
  return false;
}

ExitCode run_sign(const KeyCommand& command, const Console& console) {
  const std::string name = command.output.empty() ? "signing" : command.output;
  const std::string secret = name + ".pem", open = name + ".pub.pem";
  trust::KeyPair pair = trust::make_key_pair();
  bool written = write_new(secret, pair.private_pem, 0600, console);
  trust::wipe(pair.private_pem);
  if (!written) return ExitCode::Usage;
  written = write_new(open, pair.public_pem, 0644, console);
  if (!written) {
    ::unlink(secret.c_str());
    return ExitCode::Usage;
  }
  console.out(fmt::format("id       {}\nprivate  {}\npublic   {}\n", pair.id, secret, open));
  console.note(
      fmt::format("keep {} where tables are made (`compile --sign`); gateways get {} "
                  "(`serve --trust`)",
                  secret, open));
  return ExitCode::Ok;
}

ExitCode run_key(const KeyCommand& command, const Console& console) {
  if (!command.output.empty() && command.kind != "sign") {
    console.error("--output is for `gwctl key sign`; the others print what they make");
    return ExitCode::Usage;
  }
  if (command.hash && command.kind != "api") {
    console.error("--hash is for `gwctl key api`");
    return ExitCode::Usage;
  }
  if (command.kind == "sign") return run_sign(command, console);
  return command.kind == "api" ? run_api(command, console) : run_password(console);
}

}  // namespace

Run add_key(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("key", "Make a credential, or what is stored of one");
  const auto command = std::make_shared<KeyCommand>();
  app.add_option("kind", command->kind,
                 "api: an API key; password: the hash of a password, which "
                 "is read from standard input; sign: a pair of keys that signs tables")
      ->option_text("KIND")
      ->required()
      ->check(CLI::IsMember({"api", "password", "sign"}));
  app.add_flag("--hash", command->hash, "Hash the key on standard input instead of making one");
  app.add_option("-o,--output", command->output,
                 "Of sign: NAME.pem gets the private key, NAME.pub.pem the public one; files that "
                 "are there stay as they are [signing]")
      ->option_text("NAME");
  app.footer(
      "Documents and tables hold hashes only: whoever reads them cannot call.\n"
      "\n"
      "Examples:\n"
      "  gwctl key api\n"
      "  printf %s \"$KEY\" | gwctl key api --hash\n"
      "  gwctl key password < password.txt\n"
      "  gwctl key sign -o release\n"
      "\n"
      "Exit status: 0 done, 2 wrong use.\n"
      "See gwctl-key(1).");
  return [command](const Console& console) { return run_key(*command, console); };
}

}  // namespace gw::cli
