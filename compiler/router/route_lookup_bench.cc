// How long a look-up takes as the number of routes grows, what the table costs, and how fast it is
// verified. Requests are uniform over all routes, shuffled, more than fit the second-level cache,
// with 20 % misses. Run: route_lookup_bench [github-routes.json [largest count]]
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "compiler/router/overlap.h"
#include "compiler/router/router_builder.h"
#include "runtime/router/router.h"
#include "runtime/router/verify.h"

namespace {

using namespace gw;
using namespace gw::compiler::router;
using Clock = std::chrono::steady_clock;

constexpr double kMissShare = 0.2;

class NoConstraints : public gw::router::ConstraintOracle {
 public:
  bool dfa_accepts(u32, std::string_view) const override { return true; }
  bool re2_accepts(u32, std::string_view) const override { return true; }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// `:name` templates of a routes file; a reader of just enough JSON for these lists.
std::vector<std::string> read_routes(const char* name) {
  std::ifstream file(name);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::set<std::string> out;
  const std::string key = "\"path\": \"";
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    const size_t begin = at + key.size();
    std::string path;
    bool parameter = false;
    for (size_t i = begin; text[i] != '"'; ++i) {
      if (text[i] == ':') {
        path += '{';
        parameter = true;
        continue;
      }
      if (text[i] == '/' && parameter) path += '}';
      if (text[i] == '/') parameter = false;
      path += text[i];
    }
    if (parameter) path += '}';
    out.insert(path);
  }
  return {out.begin(), out.end()};
}

/// Services with resources, the way a company's gateway looks.
std::vector<std::string> services(u32 count) {
  static const char* const kResources[] = {"users", "orders", "items",  "invoices", "carts",
                                           "teams", "tokens", "events", "payments", "files"};
  std::vector<std::string> out;
  for (u32 i = 0; out.size() < count; ++i) {
    const std::string service = "/api/v1/service-" + std::to_string(i * 7919 % 1'000'003);
    for (const char* resource : kResources) {
      if (out.size() + 2 > count) break;
      out.push_back(service + "/" + resource + "/{id}");
      out.push_back(service + "/" + resource + "/{id}/details/{part}");
    }
    if (out.size() + 1 == count) out.push_back(service + "/{other}");
  }
  return out;
}

/// Every first segment its own.
std::vector<std::string> flat(u32 count) {
  std::vector<std::string> out;
  for (u32 i = 0; i < count; ++i) {
    out.push_back("/resource-" + std::to_string(i * u64{2654435761} % 4294967291) + "/{id}/sub");
  }
  return out;
}

/// Parameters first: tenants, then the same tree for all.
std::vector<std::string> tenants(u32 count) {
  std::vector<std::string> out;
  for (u32 i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    out.push_back(i % 2 == 0 ? "/{tenant}/area-" + std::to_string(i % 100) + "/thing-" + n + "/{id}"
                             : "/fixed-" + n + "/{a}/{b}");
  }
  return out;
}

std::string filled(const std::string& path_template, std::mt19937& random) {
  std::string out;
  for (size_t i = 0; i < path_template.size(); ++i) {
    if (path_template[i] != '{') {
      out += path_template[i];
      continue;
    }
    out += std::to_string(random() % 1'000'000);
    i = path_template.find('}', i);
  }
  return out;
}

std::string missed(std::string path, std::mt19937& random) {
  const size_t at = 1 + random() % (path.size() - 1);
  if (random() % 2 == 0) return path + "/nothing";
  path[at] = path[at] == '/' ? '_' : '~';
  return path;
}

/// The blob in memory as a mapped table would be, with huge pages if asked.
std::byte* placed(const std::vector<std::byte>& blob, bool huge) {
  constexpr size_t kHuge = size_t{2} << 20;
  const size_t bytes = (blob.size() + 2 * kHuge) / kHuge * kHuge;
  void* memory =
      mmap(nullptr, bytes + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* at = reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(memory) + kHuge - 1) &
                                          ~(kHuge - 1));
  madvise(at, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  std::memcpy(at, blob.data(), blob.size());
  return at;
}

void measure(const char* name, const std::vector<std::string>& templates, bool huge) {
  RouterInput input;
  input.hosts.emplace_back();
  for (u32 i = 0; i < templates.size(); ++i) {
    input.hosts[0].paths.push_back(
        {.text = templates[i],
         .methods = {{http::Method::Get, "", 2 * i}, {http::Method::Post, "", 2 * i + 1}}});
  }
  auto start = Clock::now();
  const BuiltRouter built = build_router(input);
  const double build_seconds = seconds_since(start);
  start = Clock::now();
  const OverlapReport overlaps = find_overlaps(input);
  const double overlap_seconds = seconds_since(start);
  const std::byte* blob = placed(built.blob, huge);
  const u32 route_count = static_cast<u32>(2 * templates.size());
  double verify_seconds = 1e9;
  for (int i = 0; i < 5; ++i) {
    start = Clock::now();
    if (!gw::router::verify_router({blob, built.blob.size()}, route_count, 0, 0)) {
      std::printf("%s: refused\n", name);
      return;
    }
    verify_seconds = std::min(verify_seconds, seconds_since(start));
  }

  std::mt19937 random(1);
  std::vector<std::string> paths;
  const size_t wanted = std::max<size_t>(200'000, templates.size());
  for (size_t i = 0; i < wanted; ++i) {
    std::string path = filled(templates[i % templates.size()], random);
    if (static_cast<double>(random() % 1000) < 1000 * kMissShare) path = missed(path, random);
    paths.push_back(std::move(path));
  }
  std::shuffle(paths.begin(), paths.end(), random);
  // In memory in the order of use: a request's path has just been received when it is routed.
  std::string texts;
  std::vector<std::pair<u32, u32>> requests;
  for (const std::string& path : paths) {
    requests.emplace_back(static_cast<u32>(texts.size()), static_cast<u32>(path.size()));
    texts += path;
  }

  const gw::router::RouterView view(blob);
  const NoConstraints oracle;
  Capture captures[kMaxCaptures];
  const auto find = [&](const std::pair<u32, u32>& request) {
    return view.find("api.example.com", {texts.data() + request.first, request.second},
                     http::Method::Get, "", oracle, captures);
  };
  double best = 1e9;
  size_t found = 0;
  for (int round = 0; round < 7; ++round) {
    found = 0;
    start = Clock::now();
    for (const auto& request : requests) {
      found += find(request).outcome == gw::router::Outcome::Found ? 1u : 0u;
    }
    best = std::min(best, seconds_since(start));
  }
  // Single look-ups, with the clock's own cost taken off.
  std::vector<double> single;
  single.reserve(requests.size());
  double clock_cost = 1e9;
  for (int i = 0; i < 1000; ++i) {
    start = Clock::now();
    clock_cost = std::min(clock_cost, seconds_since(start));
  }
  for (const auto& request : requests) {
    start = Clock::now();
    found += find(request).outcome == gw::router::Outcome::Found ? 1u : 0u;
    single.push_back(seconds_since(start) - clock_cost);
  }
  std::sort(single.begin(), single.end());
  const double scale = 1e9 / static_cast<double>(requests.size());
  std::printf(
      "%-10s %7zu templates  mean %6.1f ns  p50 %4.0f  p99 %4.0f (timed singly)  found %2.0f %%  "
      "blob %5.1f MB  build %6.1f ms  overlaps %6.1f ms (%zu)  verify %5.2f ms  nodes %u lists %u "
      "splits %u bit sets %zu\n",
      name, templates.size(), best * scale, single[single.size() / 2] * 1e9,
      single[single.size() * 99 / 100] * 1e9,
      50.0 * static_cast<double>(found) / static_cast<double>(requests.size()),
      static_cast<double>(built.blob.size()) / 1e6, build_seconds * 1e3, overlap_seconds * 1e3,
      overlaps.findings.size(), verify_seconds * 1e3, built.report.nodes, built.report.lists,
      built.report.splits, built.report.bit_sets.size());
}

}  // namespace

int main(int argc, char** argv) {
  for (const bool huge : {false, true}) {
    std::printf("%s\n", huge ? "huge pages" : "4 KiB pages");
    if (argc > 1) measure("github", read_routes(argv[1]), huge);
    const u64 largest = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : ~u64{0};
    for (const u32 count : {1000u, 10'000u, 100'000u}) {
      if (count > largest) break;
      measure("services", services(count), huge);
      measure("flat", flat(count), huge);
      measure("tenants", tenants(count), huge);
    }
  }
  return 0;
}
