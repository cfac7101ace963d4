// Who has signed a table, and that nothing about it can be changed afterwards.
#include "runtime/trust/signing.h"
#include "cmake/source_dir.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "runtime/server/table_trust.h"
#include "runtime/table/table_file.h"

namespace gw::trust {
namespace {

using File = std::vector<std::byte>;

File read_seed(const std::string& name) {
  std::ifstream file(source_dir() + "/runtime/table/fuzz/corpus/table_fuzz/" + name,
                     std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::unique_ptr<SigningKey> signing_key(const KeyPair& pair) {
  std::string problem;
  auto key = SigningKey::from_pem(pair.private_pem, problem);
  INFO(problem);
  REQUIRE(key != nullptr);
  return key;
}

TrustedKeys trusting(std::initializer_list<KeyPair> pairs) {
  TrustedKeys keys;
  std::string problem;
  for (const KeyPair& pair : pairs) REQUIRE(keys.add_pem(pair.public_pem, problem));
  return keys;
}

File signed_file(File table, const KeyPair& pair, u64 counter) {
  const table::Signature signature = signing_key(pair)->sign(table, counter);
  const auto* block = reinterpret_cast<const std::byte*>(&signature);
  table.insert(table.end(), block, block + sizeof signature);
  return table;
}

Verdict verdict(const TrustedKeys& keys, Bytes file) {
  const table::SplitFile split = table::split_signature(file);
  return keys.check(split.table, split.signature);
}

std::unique_ptr<server::TableTrust> in_memory(TrustedKeys keys) {
  auto trust = server::TableTrust::open(std::move(keys), nullptr);
  REQUIRE(trust.has_value());
  return *std::move(trust);
}

struct Folder {
  Folder() {
    char name[] = "/tmp/gwctl-trust-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("signing: a signed table is accepted from who is trusted, and from nobody else",
          "[trust]") {
  const KeyPair release = make_key_pair();
  const KeyPair other = make_key_pair();
  const File table = read_seed("smallest.gwt");
  const File file = signed_file(table, release, 7);
  CHECK(verdict(trusting({release}), file) == Verdict::Good);
  CHECK(verdict(trusting({other, release}), file) == Verdict::Good);
  CHECK(verdict(trusting({other}), file) == Verdict::UnknownKey);
  CHECK(verdict(trusting({release}), table) == Verdict::Unsigned);
  CHECK(verdict(TrustedKeys(), file) == Verdict::UnknownKey);
}

TEST_CASE("signing: a key's name is not enough", "[trust]") {
  const KeyPair release = make_key_pair();
  const KeyPair other = make_key_pair();
  const File table = read_seed("smallest.gwt");
  table::Signature signature = signing_key(other)->sign(table, 7);
  const table::Signature genuine = signing_key(release)->sign(table, 7);
  std::memcpy(signature.key_id, genuine.key_id, sizeof signature.key_id);
  CHECK(trusting({release}).check(table, signature) == Verdict::Forged);
}

TEST_CASE("signing: signing changes nothing of the table", "[trust]") {
  const File table = read_seed("smallest.gwt");
  const auto opened = table::TableFile::from_bytes(signed_file(table, make_key_pair(), 7));
  REQUIRE(opened.has_value());
  CHECK(as_text((*opened)->bytes()) == as_text(table));
  CHECK((*opened)->file_bytes().size() == table.size() + sizeof(table::Signature));
  REQUIRE((*opened)->signature().has_value());
  CHECK((*opened)->signature()->counter == 7);
}

TEST_CASE("signing: the same table, key and counter give the same file", "[trust]") {
  const KeyPair pair = make_key_pair();
  const File table = read_seed("smallest.gwt");
  CHECK(signed_file(table, pair, 7) == signed_file(table, pair, 7));
  CHECK(signed_file(table, pair, 7) != signed_file(table, pair, 8));
}

TEST_CASE("signing: no byte of table or signature can be changed", "[trust]") {
  const KeyPair pair = make_key_pair();
  const TrustedKeys keys = trusting({pair});
  const File good = signed_file(read_seed("smallest.gwt"), pair, 0x0102030405060708);
  REQUIRE(verdict(keys, good) == Verdict::Good);
  for (size_t at = 0; at < good.size(); ++at) {
    for (const u8 change : {u8{0x01}, u8{0x80}, u8{0xff}}) {
      File file = good;
      file[at] ^= std::byte{change};
      CAPTURE(at, change);
      REQUIRE(verdict(keys, file) != Verdict::Good);
    }
  }
}

TEST_CASE("signing: no byte can be taken away or added", "[trust]") {
  const KeyPair pair = make_key_pair();
  const TrustedKeys keys = trusting({pair});
  const File good = signed_file(read_seed("smallest.gwt"), pair, 7);
  for (size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    REQUIRE(verdict(keys, Bytes(good).first(size)) != Verdict::Good);
  }
  File longer = good;
  longer.push_back(std::byte{0});
  CHECK(verdict(keys, longer) != Verdict::Good);
  CHECK_FALSE(table::TableFile::from_bytes(longer).has_value());
  // Not a second signature either.
  const File twice = signed_file(good, pair, 8);
  CHECK(verdict(keys, twice) != Verdict::Good);
  CHECK_FALSE(table::TableFile::from_bytes(twice).has_value());
}

TEST_CASE("signing: a table with a changed signature is still read as the table that it is",
          "[trust]") {
  const File table = read_seed("smallest.gwt");
  const File good = signed_file(table, make_key_pair(), 7);
  for (size_t at = table.size(); at < good.size(); ++at) {
    File file = good;
    file[at] ^= std::byte{1};
    const auto opened = table::TableFile::from_bytes(file);
    CAPTURE(at);
    // Without its magic it is something that stands behind the table.
    REQUIRE(opened.has_value() == (at >= table.size() + sizeof table::kSignatureMagic));
  }
}

TEST_CASE("signing: what is no key of the right kind is refused, in plain words", "[trust]") {
  const KeyPair pair = make_key_pair();
  // Made by `openssl ecparam -name prime256v1 -genkey | openssl ec -pubout`.
  const std::string other_kind =
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcRHy4qYTZNecEIaBYJ7KlcWFGTpQ\n"
      "n2PkZqxZqLKW2meXrHPFapsMYV/qlwCIi75QxxxMGcLBvwozPCKbZzfLwQ==\n"
      "-----END PUBLIC KEY-----\n";
  std::string problem;
  TrustedKeys keys;
  CHECK_FALSE(keys.add_pem(pair.private_pem, problem));
  CHECK(problem.find("private key") != problem.npos);
  CHECK_FALSE(keys.add_pem(other_kind, problem));
  CHECK(problem.find("Ed25519") != problem.npos);
  CHECK_FALSE(keys.add_pem("", problem));
  CHECK_FALSE(keys.add_pem(pair.public_pem.substr(0, 60), problem));
  CHECK_FALSE(keys.add_pem(std::string(kMaxPemBytes + 1, 'x'), problem));
  CHECK(keys.empty());
  CHECK(SigningKey::from_pem(pair.public_pem, problem) == nullptr);
  CHECK(problem.find("public key") != problem.npos);
  CHECK(SigningKey::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED "
                             "PRIVATE KEY-----\n",
                             problem) == nullptr);
  CHECK(problem.find("encrypted") != problem.npos);
  CHECK(problem.find("AAAA") == problem.npos);
}

TEST_CASE("table trust: tables may be as new as the newest, or newer", "[trust]") {
  const KeyPair pair = make_key_pair();
  const auto trust = in_memory(trusting({pair}));
  const File table = read_seed("smallest.gwt");
  std::string problem;
  const auto accept = [&](u64 counter) {
    const File file = signed_file(table, pair, counter);
    if (!trust->allows(file, problem)) return false;
    return trust->note_accepted(**table::TableFile::from_bytes(file), problem);
  };
  CHECK(accept(5));
  CHECK(accept(5));
  CHECK_FALSE(accept(4));
  CHECK(problem.find("its counter is 4, that one's 5") != problem.npos);
  CHECK(problem.find(pair.id) != problem.npos);
  CHECK(accept(6));
  CHECK_FALSE(accept(5));
  // One that was only looked at does not count.
  CHECK(trust->allows(signed_file(table, pair, 100), problem));
  CHECK(accept(7));
}

TEST_CASE("table trust: what was accepted before may come back, and opens the door to no other",
          "[trust]") {
  const KeyPair pair = make_key_pair();
  const auto trust = in_memory(trusting({pair}));
  const File table = read_seed("smallest.gwt");
  const auto old = *table::TableFile::from_bytes(signed_file(table, pair, 3));
  const auto newer = *table::TableFile::from_bytes(signed_file(table, pair, 9));
  std::string problem;
  REQUIRE(trust->note_accepted(*newer, problem));
  CHECK(trust->allows_again(*old, problem));
  REQUIRE(trust->note_accepted(*old, problem));
  CHECK_FALSE(trust->allows(signed_file(table, pair, 8), problem));
  // Its signature is looked at again.
  const auto other = *table::TableFile::from_bytes(signed_file(table, make_key_pair(), 9));
  CHECK_FALSE(trust->allows_again(*other, problem));
  CHECK_FALSE(trust->allows_again(**table::TableFile::from_bytes(table), problem));
}

TEST_CASE("table trust: the highest counter outlives the process", "[trust]") {
  const Folder folder;
  const KeyPair pair = make_key_pair();
  const File table = read_seed("smallest.gwt");
  const u64 highest = ~u64{0} - 1;
  std::string problem;
  {
    const auto state = server::StateDirectory::open(folder.path + "/state");
    REQUIRE(state.has_value());
    const auto trust = server::TableTrust::open(trusting({pair}), state->get());
    REQUIRE(trust.has_value());
    const auto file = *table::TableFile::from_bytes(signed_file(table, pair, highest));
    REQUIRE((*trust)->note_accepted(*file, problem));
  }
  const auto state = server::StateDirectory::open(folder.path + "/state");
  const auto trust = server::TableTrust::open(trusting({pair}), state->get());
  REQUIRE(trust.has_value());
  CHECK((*trust)->allows(signed_file(table, pair, highest), problem));
  CHECK_FALSE((*trust)->allows(signed_file(table, pair, highest - 1), problem));

  SECTION("a counter that cannot be read is not taken for none") {
    for (const std::string text : {"", "\n", "12", "12 \n", "-1\n", "99999999999999999999\n"}) {
      std::ofstream(folder.path + "/state/counter", std::ios::trunc) << text;
      CAPTURE(text);
      CHECK_FALSE(server::TableTrust::open(trusting({pair}), state->get()).has_value());
    }
  }
  SECTION("what another process has kept there meanwhile is not lowered") {
    std::filesystem::remove(folder.path + "/state/counter");
    const auto early = server::TableTrust::open(trusting({pair}), state->get());
    REQUIRE((*state)->keep_counter(highest).has_value());
    REQUIRE((*early)->note_accepted(
        **table::TableFile::from_bytes(signed_file(table, pair, highest - 1)), problem));
    CHECK(*(*state)->counter() == highest);
    CHECK_FALSE((*early)->allows(signed_file(table, pair, highest - 1), problem));
  }
  SECTION("a counter that cannot be kept keeps the table from being served") {
    const auto file = *table::TableFile::from_bytes(signed_file(table, pair, highest + 1));
    std::filesystem::remove_all(folder.path + "/state");
    CHECK_FALSE((*trust)->note_accepted(*file, problem));
    CHECK(problem.find("cannot be kept") != problem.npos);
  }
}

TEST_CASE("state directory: a table is kept with its signature, the newest it came with",
          "[trust]") {
  const Folder folder;
  const auto state = server::StateDirectory::open(folder.path + "/state");
  REQUIRE(state.has_value());
  const KeyPair pair = make_key_pair();
  const File table = read_seed("smallest.gwt");
  const auto kept = *table::TableFile::from_bytes(signed_file(table, pair, 3));
  REQUIRE((*state)->take(*kept).has_value());
  REQUIRE((*state)->accept(*kept).has_value());
  const auto again = (*state)->accepted();
  REQUIRE((again.has_value() && again->has_value()));
  CHECK((**again)->signature()->counter == 3);
  // Signed anew, the same table has the same name; the newer signature is kept.
  const auto anew = *table::TableFile::from_bytes(signed_file(table, pair, 4));
  REQUIRE((*state)->take(*anew).has_value());
  CHECK((**(*state)->accepted())->signature()->counter == 4);
}

}  // namespace gw::trust
