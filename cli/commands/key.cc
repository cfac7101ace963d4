// gwctl key: credentials for consumers, and what of them is stored.
#include <fmt/format.h>
#include <openssl/rand.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "cli/commands/commands.h"
#include "runtime/base/check.h"
#include "runtime/identity/password_hash.h"
#include "runtime/identity/services.h"
#include "runtime/jose/base64url.h"

namespace gw::cli {
namespace {

struct KeyCommand {
  std::string kind;
  bool hash = false;
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

}  // namespace

Run add_key(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("key", "Make a credential, or what is stored of one");
  const auto command = std::make_shared<KeyCommand>();
  app.add_option("kind", command->kind,
                 "api: an API key; password: the hash of a password, which "
                 "is read from standard input")
      ->option_text("KIND")
      ->required()
      ->check(CLI::IsMember({"api", "password"}));
  app.add_flag("--hash", command->hash, "Hash the key on standard input instead of making one");
  app.footer(
      "Documents and tables hold hashes only: whoever reads them cannot call.\n"
      "\n"
      "Examples:\n"
      "  gwctl key api\n"
      "  printf %s \"$KEY\" | gwctl key api --hash\n"
      "  gwctl key password < password.txt\n"
      "\n"
      "Exit status: 0 done, 2 wrong use.\n"
      "See gwctl-key(1).");
  return [command](const Console& console) {
    return command->kind == "api" ? run_api(*command, console) : run_password(console);
  };
}

}  // namespace gw::cli
