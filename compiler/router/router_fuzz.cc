// Property: a router section that verify_router() accepts can be asked anything and never reads
// outside itself. Input: how many bytes to change, for each a place and a value, then a path. The
// section is built from templates that use every kind of state.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "compiler/router/router_builder.h"
#include "runtime/router/router.h"
#include "runtime/router/verify.h"

namespace {

using namespace gw;
using namespace gw::compiler::router;

class NoConstraints : public gw::router::ConstraintOracle {
 public:
  bool dfa_accepts(u32, std::string_view value) const override { return value.size() % 2 == 0; }
  bool re2_accepts(u32, std::string_view value) const override { return !value.empty(); }
};

constexpr u32 kRouteCount = 200;

std::vector<std::byte> build() {
  RouterInput input;
  const std::vector<Re2Pattern> re2s = {{"[a-z]+"}};
  input.re2s = re2s;
  input.hosts.resize(2);
  input.hosts[1].name = "*.test";
  u32 route = 0;
  const auto add = [&](std::string text) {
    input.hosts[route % 7 == 6 ? 1 : 0].paths.push_back(
        {.text = std::move(text), .methods = {{http::Method::Get, "", route}}});
    ++route;
  };
  for (int i = 0; i < 12; ++i) {
    const std::string n = std::to_string(i);
    add("/s" + n);
    add("/l" + n + "/{x}/{y}");
    add("/{x}/l" + n + "/{y}.json");
    add("/{x}/{y}/l" + n + "/{rest+}");
    std::string wide = "/w";
    for (int k = 0; k < 12; ++k) wide += k == i ? "/a" : "/{p" + std::to_string(k) + "}";
    add(wide + "/z" + n);
    add("/p/v{x}-" + n + "/{y}");
  }
  input.hosts[0].paths[1].constraints = {{Constraint::Kind::Re2, 0, true}};
  input.hosts[0].paths[2].any_route = 3;
  return build_router(input).blob;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<std::byte> good = build();
  if (size == 0) return 0;
  // Of the exact size, so that the sanitizer sees every byte beyond.
  const std::unique_ptr<std::byte[]> blob(new std::byte[good.size()]);
  std::memcpy(blob.get(), good.data(), good.size());
  size_t at = 1;
  for (u32 changes = data[0] % 16; changes > 0 && at + 5 <= size; --changes, at += 5) {
    u32 place = 0;
    std::memcpy(&place, data + at, sizeof place);
    blob[place % good.size()] = static_cast<std::byte>(data[at + 4]);
  }
  const Bytes bytes(blob.get(), good.size());
  if (!gw::router::verify_router(bytes, kRouteCount, 0, 1)) return 0;
  const gw::router::RouterView view(blob.get());
  const NoConstraints oracle;
  Capture captures[kMaxCaptures];
  const std::string given(reinterpret_cast<const char*>(data) + at, size - at);
  for (const std::string& path :
       {given, std::string("/w/a/b/a/b/a/b/a/b/a/b/a/b/z3"), std::string("/l3/q/r"),
        std::string("/k/l4/x.json"), std::string("/p/vx-1-2/y"), std::string("/s5"),
        std::string("/a/b/l7/c/d/e")}) {
    for (const char* host : {"", "a.test"}) {
      const auto found = view.find(host, path, http::Method::Get, "", oracle, captures);
      for (u32 i = 0; i < found.capture_count; ++i) {
        if (captures[i].begin > captures[i].end || captures[i].end > path.size()) __builtin_trap();
      }
      (void)view.find(host, path, http::Method::Other, "PURGE", oracle, captures);
    }
  }
  return 0;
}
