#include "runtime/admin/admin_server.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <string>

#include "runtime/server/listener.h"

using namespace gw;
using namespace gw::admin;

namespace {

struct Folder {
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() {
    ::unlink((path + "/socket").c_str());
    ::unlink((path + "/other").c_str());
    ::rmdir(path.c_str());
  }
  std::string path = "/tmp/gwctl-admin-XXXXXX";
};

UniqueDescriptor listening(const std::string& address) {
  const auto opened = server::open_listener(address);
  REQUIRE(opened.has_value());
  return UniqueDescriptor(*opened);
}

}  // namespace

TEST_CASE("admin: over TCP there is no interface without a token", "[admin]") {
  CHECK_FALSE(AdminServer::open({"127.0.0.1:0", {}}).has_value());
  CHECK(AdminServer::open({"127.0.0.1:0", {.orders = "0123456789abcdef", .reading = {}}})
            .has_value());
  // One that only reads is not enough.
  const AdminTokens reading{.orders = {}, .reading = "0123456789abcdef"};
  CHECK_FALSE(AdminServer::open({"127.0.0.1:0", reading}).has_value());
  // Not by way of another process, either.
  UniqueDescriptor inherited = listening("127.0.0.1:0");
  const std::string address = server::bound_address(inherited.get());
  CHECK_FALSE(AdminServer::open({address, {}}, std::move(inherited)).has_value());
}

TEST_CASE("admin: a socket of the process before is used where it belongs", "[admin]") {
  const Folder folder;
  const std::string address = "unix:" + folder.path + "/socket";
  UniqueDescriptor inherited = listening(address);
  const int number = inherited.get();
  SECTION("at its address") {
    const auto server = AdminServer::open({address, {}}, std::move(inherited));
    REQUIRE(server.has_value());
    CHECK((*server)->descriptor() == number);
  }
  SECTION("not at another") {
    const std::string other = "unix:" + folder.path + "/other";
    const auto server = AdminServer::open({other, {}}, std::move(inherited));
    REQUIRE(server.has_value());
    CHECK(server::bound_address((*server)->descriptor()) == other);
  }
  SECTION("nor where TCP was, for a place that asks for no token") {
    UniqueDescriptor tcp = listening("127.0.0.1:0");
    inherited.reset();
    const auto server = AdminServer::open({address, {}}, std::move(tcp));
    REQUIRE(server.has_value());
    CHECK(server::bound_address((*server)->descriptor()) == address);
  }
}
