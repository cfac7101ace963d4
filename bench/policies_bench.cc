// What policies cost: nanoseconds of CPU per request through the whole engine, in memory, from a
// parsed head over a proxied request to the last byte of the answer, less those of the same without
// the policy. All requests carry the same fields. Medians of 15 rounds that take turns.
//
// Run: policies_bench. For instructions: policies_bench CASE COUNT under callgrind, which is told
// to collect within nanoseconds_per_request() only (bench/policies.sh does that); CASE is one of
// the names that `policies_bench --list` prints.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/source/file_set.h"
#include "runtime/engine/offline.h"
#include "runtime/http/forwarding.h"
#include "runtime/identity/live_data.h"
#include "runtime/jose/signing_key.h"
#include "runtime/limits/local_counters.h"
#include "runtime/table/bound_table.h"

namespace {

using namespace gw;

constexpr i64 kNowMs = 1'700'000'000'000;
constexpr const char* kApiKey = "gw_0123456789abcdef0123456789abcdef0123456789abcdef";

struct PolicyCase {
  const char* name;
  const char* security;  // of the operation
  const char* fields;    // of x-gw of the operation
};
constexpr const char* kLimit = "rateLimit: {a: {key: $client.ip, limit: 1000000/s}}";
constexpr const char* kCors = "cors: {origins: ['https://shop.example'], credentials: true}";
constexpr const char* kBoth =
    "rateLimit: {a: {key: $consumer.name, limit: 1000000/s}}, "
    "cors: {origins: ['https://shop.example'], credentials: true}";
// Validation of requests belongs here as well, and into the last two.
constexpr PolicyCase kCases[] = {
    {"plain", "[]", ""},
    {"apiKey", "[{key: []}]", ""},
    {"rateLimit", "[]", kLimit},
    {"cors", "[]", kCors},
    {"jwt", "[{idp: []}]", ""},
    {"jwt with two scopes", "[{idp: ['users:read', 'orders:write']}]", ""},
    {"apiKey or jwt", "[{key: []}, {idp: []}]", ""},
    {"allow a group", "[{key: []}]", "allow: {consumer: {group: partners}}"},
    {"apiKey, rateLimit, cors", "[{key: []}]", kBoth},
    {"all", "[{key: [], idp: ['users:read']}]", kBoth},
};

// Of this thread on a processor, so that what others run at the same time does not count.
u64 now_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<u64>(now.tv_sec) * 1'000'000'000 + static_cast<u64>(now.tv_nsec);
}

std::string key_hash() {
  u8 digest[32];
  sha256(kApiKey, digest);
  std::string text = "sha256:";
  for (const u8 byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

struct Issuer {
  jose::SigningKey key = jose::SigningKey::make(jose::Algorithm::Rs256);
  std::string token = key.token(
      jose::Algorithm::Rs256, R"({"alg":"RS256","typ":"at+jwt","kid":"a"})",
      R"({"iss":"https://idp.example/realms/shop","sub":"248289761001","aud":["shop","orders"],)"
      R"("exp":1700003600,"iat":1699999900,"nbf":1699999900,"azp":"web",)"
      R"("scope":"openid profile users:read orders:write","tenant":"acme",)"
      R"("realm_access":{"roles":["user","support","offline_access"]},"email":"jane@acme.example"})");
};

std::string document_of(const PolicyCase& which, const Issuer& issuer) {
  return fmt::format(
      R"(openapi: 3.1.0
info: {{title: Shop, version: '1'}}
x-gw:
  upstreams: {{shop: {{targets: ['http://127.0.0.1:1']}}}}
  defaults: {{upstream: shop, timeout: 5s}}
  consumers: {{acme: {{keys: ['{}'], groups: [partners]}}}}
components:
  securitySchemes:
    key: {{type: apiKey, in: header, name: X-API-Key}}
    idp:
      type: http
      scheme: bearer
      x-gw:
        issuer: https://idp.example/realms/shop
        audiences: [shop]
        algorithms: [RS256]
        jwks: {{keys: [{}]}}
paths:
  /orders/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}]
    get:
      operationId: getOrder
      security: {}
      x-gw: {{{}}}
      responses: {{'200': {{description: ok}}}}
)",
      key_hash(), issuer.key.jwk("a"), which.security, which.fields);
}

std::shared_ptr<const BoundTable> table_of(const std::string& document) {
  compiler::Compilation compilation;
  compilation.files.add("bench.yaml", document);
  compiler::CompileOptions options;
  options.paths = {"bench.yaml"};
  compiler::compile(options, true, compilation);
  if (compilation.table.empty()) {
    fmt::print(stderr, "{}", compiler::render(compilation.files, compilation.sink.sorted(), {}));
    std::exit(1);
  }
  auto file = table::TableFile::from_bytes(compilation.table);
  std::vector<ReferenceProblem> problems;
  return file ? BoundTable::bind(*file, ReferenceSource::none(), problems).value() : nullptr;
}

// Looks at each field once, as a writer does, and keeps nothing.
class SilentResponder final : public Responder {
 public:
  Task<Result<void>> inform(const http::ResponseHead&) override { co_return Result<void>(); }
  void head(const http::ResponseHead& head) override {
    status = head.status;
    for (const http::Field& field : head.fields) bytes += field.name.size() + field.value.size();
  }
  Task<Result<void>> data(Bytes) override { co_return Result<void>(); }
  Task<Result<void>> end(Bytes, const http::FieldList*) override { co_return Result<void>(); }
  void reset() noexcept override {}
  bool head_sent() const override { return false; }
  bool client_gone() const override { return false; }
  u16 status = 0;
  u64 bytes = 0;
};

// The same towards an upstream, whose answer is there at once.
class SilentFetcher final : public Fetcher {
 public:
  Task<Result<void>> fetch(Exchange&, const http::RequestHead& request, http::BodySource*,
                           const FetchOptions&, Responder*, Fetched& out) override {
    for (const http::Field& field : request.fields) {
      bytes += field.name.size() + field.value.size();
    }
    out.head.status = 200;
    out.head.fields.add("content-type", "application/json");
    out.head.fields.add("etag", "\"1\"");
    out.head.framing = http::Framing::Length;
    out.head.content_length = 0;
    co_return Result<void>{};
  }
  void release(Fetched& out) noexcept override { out.body = nullptr; }
  u64 bytes = 0;
};

// Runs requests one after the other in one exchange, as a keep-alive connection does.
class Runner {
 public:
  Runner(const PolicyCase& which, const Issuer& issuer)
      : table_(table_of(document_of(which, issuer))) {
    std::vector<std::string> problems;
    live_ = load_live_data(*table_, ReferenceSource::process({}), problems);
    identity_.emplace(services_, *live_);
    env_.identity = &*identity_;
    env_.counters = &counters_;
    clock_.set_unix_ms(kNowMs);
    fields_ = {{"origin", "https://shop.example"},
               {"accept", "application/json"},
               {"x-api-key", kApiKey},
               {"authorization", "Bearer " + issuer.token}};
    run_one();
    if (responder_.status == 200) return;
    fmt::print(stderr, "{}: status {}\n", which.name, responder_.status);
    std::exit(1);
  }

  [[gnu::noinline]] double nanoseconds_per_request(u32 requests) {
    const u64 start = now_ns();
    for (u32 i = 0; i < requests; ++i) run_one();
    return static_cast<double>(now_ns() - start) / requests;
  }

 private:
  void run_one() {
    exchange_.reset();
    std::string problem;
    engine::make_request(exchange_, "GET", "/orders/7", host_, problem);
    // As the server does: views of what was read.
    for (const auto& [name, value] : fields_) exchange_.request.fields.add(name, value);
    exchange_.table = table_.get();
    exchange_.live = live_.get();
    exchange_.client_text = exchange_.peer_text = "192.0.2.7";
    http::parse_address("192.0.2.7", exchange_.client);
    exchange_.peer = exchange_.client;
    exchange_.request_id = "r1";
    Task<void> task = run(exchange_, env_, responder_);
    task.start();
  }

  std::shared_ptr<const BoundTable> table_;
  std::shared_ptr<const LiveData> live_;
  engine::OfflinePasswords passwords_;
  IdentityServices services_{1, passwords_};
  std::optional<IdentityEnv> identity_;
  const std::vector<engine::OfflineField> host_ = {{"host", "api.shop.example"}};
  std::vector<engine::OfflineField> fields_;
  engine::FakeClock clock_;
  engine::FixedRandom random_;
  SilentFetcher fetcher_;
  engine::NullObserver observer_;
  SilentResponder responder_;
  limits::LocalCounters counters_;
  Env env_{clock_, random_, fetcher_, observer_};
  Exchange exchange_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure(const Issuer& issuer) {
  fmt::print("| policy | ns per request | over plain |\n|---|---:|---:|\n");
  constexpr u32 kRequests = 20'000;
  constexpr u32 kRounds = 15;
  std::vector<std::unique_ptr<Runner>> runners;
  for (const PolicyCase& which : kCases) {
    runners.push_back(std::make_unique<Runner>(which, issuer));
  }
  std::vector<std::vector<double>> times(runners.size());
  for (u32 round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < runners.size(); ++i) {
      times[i].push_back(runners[i]->nanoseconds_per_request(kRequests));
    }
  }
  const double plain = median(times[0]);
  for (size_t i = 0; i < runners.size(); ++i) {
    const double all = median(times[i]);
    fmt::print("| {} | {:.0f} | {:.0f} |\n", kCases[i].name, all, all - plain);
  }
}

int run_alone(const Issuer& issuer, std::string_view name, u32 count) {
  for (const PolicyCase& which : kCases) {
    if (which.name != name) continue;
    Runner(which, issuer).nanoseconds_per_request(count);
    return 0;
  }
  fmt::print(stderr, "policies_bench: no case `{}`\n", name);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--list") {
    for (const PolicyCase& which : kCases) fmt::print("{}\n", which.name);
    return 0;
  }
  const Issuer issuer;
  if (argc == 3) {
    return run_alone(issuer, argv[1], static_cast<u32>(std::strtoul(argv[2], nullptr, 10)));
  }
  measure(issuer);
  return 0;
}
