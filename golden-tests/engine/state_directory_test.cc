// What a gateway keeps over restarts, and what it refuses to trust.
#include "runtime/server/state_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include "compiler/compile.h"
#include "runtime/server/kept_drains.h"

namespace gw::server {
namespace {

using TableFilePtr = std::shared_ptr<const table::TableFile>;

TableFilePtr table_with_title(const std::string& title) {
  compiler::Compilation compilation;
  compilation.files.add("api.yaml", "openapi: 3.1.0\ninfo: {title: " + title +
                                        ", version: '1'}\npaths: {/: {get: {operationId: a, "
                                        "x-gw: {respond: 200}, responses: {'200': {description: "
                                        "ok}}}}}\n");
  compiler::CompileOptions options;
  options.paths = {"api.yaml"};
  compiler::compile(options, true, compilation);
  REQUIRE_FALSE(compilation.table.empty());
  return *table::TableFile::from_bytes(compilation.table);
}

struct Folder {
  Folder() {
    char name[] = "/tmp/gwctl-state-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("state directory: the table accepted last comes back", "[server][state]") {
  const Folder folder;
  const std::string path = folder.path + "/state";
  const auto first = table_with_title("one");
  const auto second = table_with_title("two");
  {
    auto state = StateDirectory::open(path);
    REQUIRE(state.has_value());
    CHECK_FALSE((*state)->accepted()->has_value());
    REQUIRE((*state)->take(*first).has_value());
    REQUIRE((*state)->take(*second).has_value());
    // Taken is not accepted.
    CHECK_FALSE((*state)->accepted()->has_value());
    REQUIRE((*state)->accept(*first).has_value());
    REQUIRE((*state)->accept(*second).has_value());
  }
  auto state = StateDirectory::open(path);
  REQUIRE(state.has_value());
  const auto accepted = (*state)->accepted();
  REQUIRE((accepted.has_value() && accepted->has_value()));
  CHECK(as_text((**accepted)->bytes()) == as_text(second->bytes()));
}

TEST_CASE("state directory: what is damaged is refused, not served", "[server][state]") {
  const Folder folder;
  auto state = StateDirectory::open(folder.path + "/state");
  REQUIRE(state.has_value());
  const auto file = table_with_title("one");
  REQUIRE((*state)->take(*file).has_value());
  REQUIRE((*state)->accept(*file).has_value());
  const auto damage = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder.path + "/state/tables")) {
      std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_all);
      std::fstream kept(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      kept.seekp(100);
      kept.put('x');
    }
  };

  SECTION("a kept table that was changed is not accepted") {
    damage();
    CHECK_FALSE((*state)->accepted().has_value());
  }
  SECTION("the same table, taken once more, mends it") {
    damage();
    REQUIRE((*state)->take(*file).has_value());
    REQUIRE((*state)->accepted().has_value());
    CHECK(as_text((**(*state)->accepted())->bytes()) == as_text(file->bytes()));
  }
  SECTION("a name that is none is not followed") {
    std::ofstream(folder.path + "/state/accepted") << "../../etc/passwd";
    CHECK_FALSE((*state)->accepted().has_value());
  }
}

TEST_CASE("state directory: what is kept, and what goes", "[server][state]") {
  const Folder folder;
  const std::string path = folder.path + "/state";
  const auto names = [&] {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path + "/tables")) {
      found.insert(entry.path().filename().string());
    }
    return found;
  };
  auto state = StateDirectory::open(path);
  REQUIRE(state.has_value());
  const auto kept = table_with_title("kept");
  REQUIRE((*state)->take(*kept).has_value());
  REQUIRE((*state)->accept(*kept).has_value());
  const std::set<std::string> accepted = names();
  REQUIRE(accepted.size() == 1);

  SECTION("a table that was not to be served goes") {
    const auto refused = table_with_title("refused");
    REQUIRE((*state)->take(*refused).has_value());
    CHECK(names().size() == 2);
    (*state)->discard(*refused);
    CHECK(names() == accepted);
  }
  SECTION("one that was accepted before does not, even where no history says so") {
    (*state)->discard(*kept);
    CHECK(names() == accepted);
    std::filesystem::remove(path + "/history");
    (*state)->discard(*kept);
    CHECK(names() == accepted);
  }
  SECTION("what a killed process has left behind goes when the next one comes") {
    REQUIRE((*state)->take(*table_with_title("unaccepted")).has_value());
    std::ofstream(path + "/tables/.0123456789abcdef.gwt.77") << "half";
    std::ofstream(path + "/tables/0123456789abcdef.coming") << "by a version before";
    state->reset();
    auto next = StateDirectory::open(path);
    REQUIRE(next.has_value());
    CHECK(names() == accepted);
    CHECK((*next)->accepted().has_value());
  }
  SECTION("ten are kept, the newest last") {
    for (int i = 0; i < 12; ++i) {
      const auto file = table_with_title("t" + std::to_string(i));
      REQUIRE((*state)->take(*file).has_value());
      REQUIRE((*state)->accept(*file).has_value());
    }
    CHECK(names().size() == StateDirectory::kKeptTables);
    CHECK((*state)->history().size() == StateDirectory::kKeptTables);
    REQUIRE((*state)->accept(**(*state)->open_kept((*state)->history().front())).has_value());
    CHECK((*state)->history().size() == StateDirectory::kKeptTables);
  }
}

TEST_CASE("state directory: it belongs to one process and one user", "[server][state]") {
  const Folder folder;
  const std::string path = folder.path + "/state";
  auto state = StateDirectory::open(path);
  REQUIRE(state.has_value());
  const auto again = StateDirectory::open(path);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().sys == EBUSY);

  ::mkdir((folder.path + "/open").c_str(), 0700);
  ::chmod((folder.path + "/open").c_str(), 0777);
  const auto open = StateDirectory::open(folder.path + "/open");
  REQUIRE_FALSE(open.has_value());
  CHECK(open.error().sys == EPERM);
}

TEST_CASE("state directory: drains are kept, whatever names are like", "[server][state]") {
  const Folder folder;
  const std::string path = folder.path + "/state";
  const std::vector<Drain> drains = {{"billing", ""},
                                     {"a/b\tc\n100%", ""},
                                     {"users", "tls 192.0.2.1:443"},
                                     {"users", "unix:/run/a b.sock"}};
  {
    auto state = StateDirectory::open(path);
    REQUIRE(state.has_value());
    REQUIRE(read_drains(**state).has_value());
    CHECK(read_drains(**state)->empty());
    REQUIRE(keep_drains(**state, drains).has_value());
  }
  auto state = StateDirectory::open(path);
  REQUIRE(state.has_value());
  const auto kept = read_drains(**state);
  REQUIRE(kept.has_value());
  CHECK(*kept == drains);
  REQUIRE(keep_drains(**state, {}).has_value());
  CHECK(read_drains(**state)->empty());
}

TEST_CASE("state directory: drains that were cut off are not guessed at", "[server][state]") {
  const Folder folder;
  auto state = StateDirectory::open(folder.path + "/state");
  REQUIRE(state.has_value());
  for (const char* text : {"users", "users\nbil", "\n", "users\n\nbilling\n", "\ttarget\n", "a%\n",
                           "a%2\n", "a%zz\n", "users\ta%0\n"}) {
    CAPTURE(text);
    std::ofstream(folder.path + "/state/drains") << text;
    CHECK_FALSE(read_drains(**state).has_value());
  }
}

}  // namespace gw::server
