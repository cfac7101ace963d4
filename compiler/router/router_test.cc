// The built router against the naive one, and what it promises about size and order.
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <random>
#include <unordered_map>

#include "cmake/source_dir.h"
#include "compiler/regex/regex.h"
#include "compiler/router/naive_router.h"
#include "compiler/router/router_builder.h"
#include "runtime/router/router.h"
#include "runtime/router/verify.h"

using namespace gw;
using namespace gw::compiler::router;
using gw::router::Outcome;
using gw::router::RouterView;
using http::Method;

namespace {

std::vector<std::byte> anchored(std::string_view pattern) {
  using namespace gw::compiler::regex;
  auto compiled = compile(pattern, Syntax::Re2, Mode::Anchored);
  return std::get<CompiledRegex>(std::move(compiled)).dfa;
}

/// Digits, letters and digits, letters, two words.
const std::vector<std::vector<std::byte>>& constraint_dfas() {
  static const std::vector<std::vector<std::byte>> dfas = {
      anchored("[0-9]+"), anchored("[a-z0-9]+"), anchored("[a-z]+"), anchored("a|ab")};
  return dfas;
}

RouterInput input_of(std::vector<HostInput> hosts) {
  RouterInput input;
  input.hosts = std::move(hosts);
  input.dfas = constraint_dfas();
  return input;
}

RouterInput get_only(const std::vector<std::string>& templates) {
  HostInput host;
  for (u32 i = 0; i < templates.size(); ++i) {
    host.paths.push_back({.text = templates[i], .methods = {{Method::Get, "", i}}});
  }
  return input_of({host});
}

BuiltRouter built(const RouterInput& input) {
  BuiltRouter out = build_router(input);
  REQUIRE(out.errors.empty());
  const auto verified =
      gw::router::verify_router(out.blob, 1u << 30, static_cast<u32>(input.dfas.size()), 0);
  INFO(verified.error().what);
  REQUIRE(verified.has_value());
  return out;
}

NaiveLookup look_up(const RouterInput& input, const BuiltRouter& router, std::string_view host,
                    std::string_view path, Method method, std::string_view method_text) {
  Capture captures[kMaxCaptures];
  const DfaOracle oracle(input);
  const auto found =
      RouterView(router.blob.data()).find(host, path, method, method_text, oracle, captures);
  NaiveLookup out{
      found.outcome, found.constraint_failed, found.route, {}, std::string(found.allow)};
  for (u32 i = 0; i < found.capture_count; ++i) {
    out.captures.emplace_back(path.substr(captures[i].begin, captures[i].end - captures[i].begin));
  }
  return out;
}

u32 route_for(const RouterInput& input, const BuiltRouter& router, std::string_view path) {
  return look_up(input, router, "", path, Method::Get, "").route;
}

class Generator {
 public:
  explicit Generator(u32 seed) : random_(seed) {}
  u32 below(u32 bound) { return static_cast<u32>(random_() % bound); }
  const char* pick(std::initializer_list<const char*> from) {
    return *(from.begin() + below(static_cast<u32>(from.size())));
  }

  std::string path_template(bool partials) {
    std::string out;
    const u32 count = 1 + below(4);
    for (u32 i = 0; i < count; ++i) {
      out += '/';
      const std::string n = std::to_string(i);
      const u32 kind = below(10);
      if (kind < 5) {
        out +=
            pick({"a", "b", "ab", "a.b", "c", "d", "e", "f", "g", "h", "i", "j1", "", "abcdefghi"});
      } else if (kind < 8 || (!partials && kind == 8)) {
        out += "{p" + n + "}";
      } else if (kind == 8) {
        const std::string p = "{p" + n + "}";
        const std::string q = "{q" + n + "}";
        switch (below(5)) {
          case 0:
            out += p + ".json";
            break;
          case 1:
            out += "a" + p;
            break;
          case 2:
            out += p + "." + q;
            break;
          case 3:
            out += p + ".b";
            break;
          default:
            out += "a" + p + ".b" + q + "b";
            break;
        }
      } else if (i + 1 == count) {
        out += "{r+}";
      } else {
        out += "{p" + n + "}";
      }
    }
    return out;
  }
  std::string path() {
    std::string out;
    for (u32 i = 1 + below(5); i > 0; --i) {
      out += '/';
      out += pick({"a",     "b",       "ab",  "a.b",     "c",  "d",         "e",       "f",
                   "g",     "h",       "i",   "j1",      "",   "1",         "12",      "x.json",
                   "aa.bb", "aa.b.bb", "%61", "ab.json", "zz", "abcdefghi", "a.b.json"});
    }
    return out;
  }
  HostInput host(const char* name, u32 paths, bool partials, u32& next_route) {
    HostInput out;
    out.name = name;
    std::vector<std::string> seen;
    for (u32 i = 0; i < paths; ++i) {
      PathInput path;
      path.text = path_template(partials);
      const auto names = std::get<PathTemplate>(parse_template(path.text)).names();
      for (size_t p = 0; p < names.size(); ++p) {
        if (below(3) != 0) {
          path.constraints.push_back({});
        } else {
          path.constraints.push_back({Constraint::Kind::Dfa, below(4), below(3) == 0});
        }
      }
      std::string key = path.text;
      for (const Constraint& c : path.constraints) {
        key += c.kind == Constraint::Kind::None ? "-" : std::to_string(c.index);
      }
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
      seen.push_back(key);
      for (const Method method : {Method::Get, Method::Post, Method::Options, Method::Delete}) {
        if (below(3) == 0) path.methods.push_back({method, "", next_route++});
      }
      if (below(8) == 0) path.methods.push_back({Method::Other, "PURGE", next_route++});
      if (below(8) == 0 || path.methods.empty()) path.any_route = next_route++;
      out.paths.push_back(std::move(path));
    }
    return out;
  }

 private:
  std::mt19937 random_;
};

std::string described(const NaiveLookup& it) {
  std::string out = std::to_string(static_cast<int>(it.outcome)) + " route " +
                    std::to_string(it.route) + (it.constraint_failed ? " failed" : "") + " [" +
                    it.allow + "]";
  for (const std::string& capture : it.captures) out += " " + capture;
  return out;
}

void compare(u32 seed, u32 sets, u32 requests) {
  Generator generator(seed);
  for (u32 set = 0; set < sets; ++set) {
    u32 next_route = 0;
    const u32 size = 1 + generator.below(set % 4 == 3 ? 80 : 16);
    std::vector<HostInput> hosts = {generator.host("", size, set % 2 == 0, next_route)};
    if (set % 3 == 0) {
      for (const char* name : {"x.test", "*.test", "*.x.test", "y.x.test"}) {
        hosts.push_back(generator.host(name, 5, set % 2 == 0, next_route));
      }
    }
    const RouterInput input = input_of(std::move(hosts));
    const BuiltRouter router = built(input);
    for (u32 i = 0; i < requests; ++i) {
      const std::string path = generator.path();
      const char* host = generator.pick({"x.test", "y.x.test", "z.x.test", "z.test", "", "a.b"});
      const Method method = static_cast<Method>(generator.below(http::kMethodCount));
      const std::string method_text =
          method == Method::Other ? generator.pick({"PURGE", "LOCK"}) : "";
      const NaiveLookup expected = naive_find(input, host, path, method, method_text);
      const NaiveLookup actual = look_up(input, router, host, path, method, method_text);
      if (expected == actual) continue;
      std::string templates;
      for (const HostInput& it : input.hosts) {
        for (const PathInput& p : it.paths) templates += it.name + p.text + "\n";
      }
      FAIL("seed " << seed << " set " << set << " " << http::method_name(method) << " " << host
                   << path << "\nexpected " << described(expected) << "\nactual   "
                   << described(actual) << "\n"
                   << templates);
    }
  }
}

}  // namespace

TEST_CASE("router: agrees with the naive router", "[router]") { compare(1, 300, 200); }

TEST_CASE("router: agrees with the naive router, many sets", "[.long]") {
  for (u32 seed = 2; seed < 40; ++seed) compare(seed, 1000, 300);
}

TEST_CASE("router: the more specific template wins, the leftmost segment first", "[router]") {
  const RouterInput input =
      get_only({"/a/{x}/b", "/a/b/{y}", "/a/{x+}", "/{x}/b/b", "/a/{x}.json", "/a/{x}/{y}", "/"});
  const BuiltRouter router = built(input);
  CHECK(route_for(input, router, "/a/b/b") == 1);
  CHECK(route_for(input, router, "/a/c/b") == 0);
  CHECK(route_for(input, router, "/c/b/b") == 3);
  CHECK(route_for(input, router, "/a/q.json") == 4);
  CHECK(route_for(input, router, "/a/.json") == 2);
  CHECK(route_for(input, router, "/a/x/y/z") == 2);
  CHECK(route_for(input, router, "/a/") == gw::router::kNone);
  CHECK(route_for(input, router, "/") == 6);
  CHECK(route_for(input, router, "") == gw::router::kNone);
  CHECK(route_for(input, router, "*") == gw::router::kNone);
}

TEST_CASE("router: parameters within a segment split leftmost and shortest", "[router]") {
  const RouterInput input = get_only({"/{a}.{b}", "/v1/{x}:{verb}", "/f/{n}-{m}.tar.gz"});
  const BuiltRouter router = built(input);
  const auto captures = [&](std::string_view path) {
    return look_up(input, router, "", path, Method::Get, "").captures;
  };
  CHECK(captures("/a.b.c") == std::vector<std::string>{"a", "b.c"});
  CHECK(captures("/..x") == std::vector<std::string>{".", "x"});
  CHECK(captures("/v1/s:merge") == std::vector<std::string>{"s", "merge"});
  CHECK(captures("/f/a-b-1.tar.gz") == std::vector<std::string>{"a", "b-1"});
  CHECK(captures("/f/a-.tar.gz").empty());
}

TEST_CASE("router: HEAD follows GET, OPTIONS and Allow are derived", "[router]") {
  HostInput host;
  host.paths.push_back(
      {.text = "/x/{id}", .methods = {{Method::Post, "", 1}, {Method::Get, "", 0}}});
  host.paths.push_back({.text = "/x/{id}",
                        .constraints = {{Constraint::Kind::Dfa, 0, false}},
                        .methods = {{Method::Other, "PURGE", 2}}});
  const RouterInput input = input_of({host});
  const BuiltRouter router = built(input);
  CHECK(look_up(input, router, "", "/x/1", Method::Head, "").route == 0);
  const auto options = look_up(input, router, "", "/x/1", Method::Options, "");
  CHECK(options.outcome == Outcome::OptionsDefault);
  CHECK(options.allow == "GET, HEAD, POST, OPTIONS, PURGE");
  const auto put = look_up(input, router, "", "/x/1", Method::Put, "");
  CHECK(put.outcome == Outcome::MethodNotAllowed);
  CHECK(put.allow == "GET, HEAD, POST, OPTIONS, PURGE");
  CHECK(look_up(input, router, "", "/x/1", Method::Other, "PURGE").route == 2);
  const auto failed = look_up(input, router, "", "/x/a", Method::Other, "PURGE");
  CHECK(failed.constraint_failed);
}

TEST_CASE("router: the order of the input does not show in the bytes", "[router]") {
  Generator generator(7);
  u32 next_route = 0;
  RouterInput input = input_of({generator.host("", 60, true, next_route),
                                generator.host("*.test", 10, true, next_route),
                                generator.host("x.test", 10, true, next_route)});
  for (u32 i = 0; i < input.hosts.size(); ++i) input.hosts[i].host_id = i;
  const auto expected = built(input).blob;
  std::mt19937 random(3);
  for (int i = 0; i < 5; ++i) {
    std::shuffle(input.hosts.begin(), input.hosts.end(), random);
    for (HostInput& host : input.hosts) {
      std::shuffle(host.paths.begin(), host.paths.end(), random);
    }
    CHECK(built(input).blob == expected);
  }
}

TEST_CASE("router: segments with equal fingerprints are told apart", "[router]") {
  std::unordered_map<u32, std::string> seen;
  std::vector<std::pair<std::string, std::string>> pairs;
  std::mt19937 random(5);
  while (pairs.size() < 3) {
    std::string text;
    for (int i = 0; i < 10; ++i) text += static_cast<char>('a' + random() % 26);
    const u32 fingerprint =
        gw::router::fingerprint_of(gw::router::segment_hash(text.data(), text.size()));
    const auto [it, added] = seen.emplace(fingerprint, text);
    if (!added && it->second != text) pairs.emplace_back(it->second, text);
  }
  for (const auto& [known, unknown] : pairs) {
    std::vector<std::string> templates;
    for (const char* tail : {"/a/{y}", "/b/{y}", "/c/{y}", "/d/{y}", "/e/{y}"}) {
      templates.push_back("/" + known + tail);
      templates.push_back(std::string("/{x}") + tail + "/f");
    }
    templates.push_back("/{x}/{y}");
    RouterInput input = get_only(templates);
    for (const bool both : {false, true}) {
      if (both) {
        const u32 count = static_cast<u32>(templates.size());
        input.hosts[0].paths.push_back(
            {.text = "/" + unknown + "/a/{z}", .methods = {{Method::Get, "", count}}});
      }
      const BuiltRouter router = built(input);
      for (const std::string& path :
           {"/" + unknown + "/a/1", "/" + known + "/a/1", "/" + unknown + "/a",
            "/" + unknown + "/a/1/f", "/" + unknown + "/e/1"}) {
        CAPTURE(path);
        CHECK(route_for(input, router, path) == naive_find(input, "", path, Method::Get, "").route);
      }
    }
  }
}

TEST_CASE("router: templates that would explode become bit sets", "[router]") {
  std::vector<std::string> templates;
  for (int i = 0; i < 16; ++i) {
    std::string text = "/x";
    for (int k = 0; k < 16; ++k) text += k == i ? "/a" : "/{p" + std::to_string(k) + "}";
    templates.push_back(text + "/z" + std::to_string(i));
  }
  templates.push_back("/y/{a}");
  const RouterInput input = get_only(templates);
  const BuiltRouter router = built(input);
  CHECK(router.report.bit_sets.size() >= 1);
  CHECK(router.report.nodes <= 4 * router.report.segments + 64);
  CHECK(router.blob.size() < 200'000);
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string path = "/x";
    for (int k = 0; k < 16; ++k) path += random() % 3 == 0 ? "/a" : "/b";
    path += "/z" + std::to_string(random() % 17);
    CHECK(route_for(input, router, path) == naive_find(input, "", path, Method::Get, "").route);
  }
}

TEST_CASE("router: many literals beside many parameters stay small", "[router]") {
  std::vector<std::string> templates;
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    templates.push_back("/l" + n + "/{x}/m" + n);
    templates.push_back("/{x}/l" + n + "/{y}");
    templates.push_back("/{x}/{y}/n" + n + "/{z}");
  }
  templates.emplace_back("/{rest+}");
  const RouterInput input = get_only(templates);
  const BuiltRouter router = built(input);
  CHECK(router.report.splits >= 1);
  CHECK(router.blob.size() < 400'000);
  std::mt19937 random(1);
  const auto any = [&random](const char* prefix) {
    return "/" + std::string(random() % 4 == 0 ? "q" : prefix) + std::to_string(random() % 300);
  };
  for (int i = 0; i < 400; ++i) {
    const std::string path = random() % 2 == 0 ? any("l") + any("l") + any("m")
                                               : any("l") + any("l") + any("n") + any("z");
    CAPTURE(path);
    CHECK(route_for(input, router, path) == naive_find(input, "", path, Method::Get, "").route);
  }
}

TEST_CASE("router: any length of path is safe", "[router]") {
  const RouterInput input = get_only({"/a/{x}", "/{x+}", "/a/{b}/{c}/{d}/{e}"});
  const BuiltRouter router = built(input);
  std::string path;
  for (int i = 0; i < 200; ++i) {
    path += "/a";
    CAPTURE(i);
    CHECK(route_for(input, router, path) == naive_find(input, "", path, Method::Get, "").route);
    CHECK(route_for(input, router, path + "/") ==
          naive_find(input, "", path + "/", Method::Get, "").route);
  }
}

TEST_CASE("router: verify refuses truncations and survives changed bytes", "[router]") {
  Generator generator(11);
  u32 next_route = 0;
  const RouterInput input = input_of(
      {generator.host("", 40, true, next_route), generator.host("*.test", 5, true, next_route)});
  const auto good = built(input).blob;
  for (size_t size = 0; size < good.size(); size += 8) {
    CHECK_FALSE(gw::router::verify_router(Bytes(good).first(size), next_route, 4, 0));
  }
  CHECK_FALSE(gw::router::verify_router(good, next_route - 1, 4, 0));
  CHECK_FALSE(gw::router::verify_router(good, next_route, 0, 0));
  std::mt19937 random(1);
  u32 accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto bad = good;
    for (auto k = random() % 3 + 1; k > 0; --k) {
      bad[random() % bad.size()] = static_cast<std::byte>(random());
    }
    if (!gw::router::verify_router(bad, next_route, 4, 0)) continue;
    ++accepted;
    BuiltRouter router;
    router.blob = std::move(bad);
    (void)look_up(input, router, generator.pick({"a.test", ""}), generator.path(), Method::Get, "");
  }
  CHECK(accepted > 0);
}

TEST_CASE("router: every route of the published lists reaches itself", "[router][conformance]") {
  for (const char* name : {"github", "gplus", "parse", "static"}) {
    std::ifstream file(gw::source_dir() + "/../shared/conformance/router-cases/" + name +
                       "-routes.json");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.empty()) {
      WARN("skipped: no " << name << "-routes.json");
      continue;
    }
    HostInput host;
    std::vector<std::pair<std::string, Method>> requests;
    const auto document = boost::json::parse(text);
    u32 route = 0;
    for (const auto& value : document.as_array()) {
      const std::string pattern(value.at("path").as_string());
      const Method method = http::parse_method(value.at("method").as_string());
      std::string path_template;
      std::string filled;
      for (size_t at = 0; at < pattern.size();) {
        const char c = pattern[at];
        if (c != ':' && c != '*') {
          path_template += c;
          filled += c;
          ++at;
          continue;
        }
        const size_t end = std::min(pattern.find('/', at), pattern.size());
        const std::string parameter = pattern.substr(at + 1, end - at - 1);
        path_template += "{" + parameter + (c == '*' ? "+}" : "}");
        filled += c == '*' ? "some/thing" : "value-" + parameter;
        at = end;
      }
      host.paths.push_back({.text = path_template, .methods = {{method, "", route++}}});
      requests.emplace_back(filled, method);
    }
    const RouterInput input = input_of({host});
    const BuiltRouter router = built(input);
    for (u32 i = 0; i < requests.size(); ++i) {
      CAPTURE(requests[i].first);
      const auto naive = naive_find(input, "", requests[i].first, requests[i].second, "");
      const auto found = look_up(input, router, "h", requests[i].first, requests[i].second, "");
      CHECK(found == naive);
    }
  }
}
