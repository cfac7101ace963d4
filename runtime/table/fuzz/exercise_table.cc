#include "runtime/table/fuzz/exercise_table.h"
#include "runtime/limits/local_counters.h"

#include <xxhash.h>

#include <cstring>
#include <string>

#include "runtime/base/check.h"
#include "runtime/engine/explain.h"
#include "runtime/engine/offline.h"
#include "runtime/http/forwarding.h"
#include "runtime/identity/services.h"
#include "runtime/json/tape.h"
#include "runtime/schema/evaluator.h"
#include "runtime/schema/verify.h"
#include "runtime/table/bound_table.h"
#include "runtime/table/contracts.h"
#include "runtime/table/digest.h"
#include "runtime/table/table_file.h"
#include "runtime/table/verify.h"

namespace gw::table {
namespace {

// Reads bytes so that a sanitizer sees them; the sum keeps the compiler from leaving it out.
class Reader {
 public:
  explicit Reader(const BoundTable& table) : table_(table), view_(table.view()) {}

  u64 read_all() {
    text(view_.gateway().title);
    text(view_.gateway().version);
    add(view_.settings()[view_.gateway().default_settings].timeout.total.value);
    add(view_.part(view_.networks(), view_.gateway().trusted_proxies).size());
    for (const auto& resolver : view_.policy_list<LateString>(view_.gateway().resolvers)) {
      add(table_.text(resolver).size());
    }
    for (const OriginRecord& origin : view_.part(view_.origins(), view_.gateway().origins)) {
      text(origin.field);
    }
    for (const RouteRecord& route : view_.routes()) read(route);
    for (const PlanRecord& plan : view_.plans()) read(plan);
    for (const policies::SettingsRecord& settings : view_.settings()) read(settings);
    for (const policies::UpstreamRecord& upstream : view_.upstreams()) read(upstream);
    for (const policies::ListenerRecord& listener : view_.listeners()) {
      add(table_.text(listener.address).size());
    }
    for (u32 i = 0; i < view_.late().size(); ++i) {
      add(table_.late_source(i).size());
      text(view_.late()[i].field);
      source(view_.late()[i].source);
    }
    for (u32 i = 0; i < view_.regexes().size(); ++i) {
      text(view_.regexes()[i].source);
      add(table_.matches(i, "abc-7") ? 1 : 2);
    }
    for (const NoteRecord& note : view_.notes()) {
      text(note.subject);
      text(note.where);
      text(note.reason);
      source(note.source);
    }
    for (const StringRef feature : view_.features()) text(feature);
    for (const StringRef schema : view_.schemas()) text(schema);
    evaluate_schemas();
    read_contracts();
    return sum_;
  }

 private:
  void add(u64 value) { sum_ = sum_ * 31 + value; }
  void text(StringRef ref) {
    const std::string_view value = view_.text(ref);
    if (!value.empty()) add(static_cast<u8>(value.front()) + static_cast<u8>(value.back()));
  }
  void source(const SourceRef& ref) {
    if (ref.file != kNone) text(view_.files()[ref.file]);
  }
  // Contracts are checked by whoever reads them.
  void read_contracts() {
    const auto contracts = Contracts::open(view_);
    if (!contracts) return;
    for (const ContractFragment& fragment : contracts->fragments()) {
      json::Tape tape;
      (void)tape.parse(contracts->text(fragment.text));
      PlaceReader places(contracts->text(fragment.places), fragment.source);
      for (u32 i = 0; i < tape.size(); ++i) add(places.next().line);
      for (const char c : contracts->text(fragment.name)) add(static_cast<u8>(c));
      source(fragment.source);
    }
    for (const ContractRoute& route : contracts->routes()) {
      add(contracts->fragments()[route.fragment].flags);
      add(contracts->documents()[route.document].gateway);
    }
    for (const ContractView& one : contracts->views()) {
      for (const char c : contracts->text(one.name)) add(static_cast<u8>(c));
      GW_CHECK(contracts->find_view(one.route, contracts->text(one.name)) != nullptr);
    }
  }
  // Every schema over a value that has something of each kind.
  void evaluate_schemas() {
    constexpr std::string_view kInstance =
        R"({"id":7,"name":"a\u0041","tags":["x",1,1.5,null,true,{"id":2}],"items":[{"id":3}]})";
    json::Tape tape;
    if (!tape.parse(kInstance)) return;
    std::vector<u32> roots;
    const auto words = view_.schema_programs();
    const std::string_view strings = as_text(view_.section(SectionKind::Strings));
    if (!schema::verify_schemas(words, strings, view_.regexes().size(), &roots)) return;
    if (roots.size() > 100) roots.resize(100);
    schema::Evaluator evaluator;
    for (const u32 root : roots) {
      for (u32 node = 0; node < tape.size(); ++node) {
        schema::ErrorList errors;
        add(evaluator.validate(table_.schemas(), root, tape, node) ? 1 : 2);
        add(evaluator.validate(table_.schemas(), root, tape, node, {}, &errors) ? 1 : 2);
        add(errors.all().size());
      }
    }
  }
  void read(const RouteRecord& route) {
    text(route.id);
    text(route.template_);
    text(route.method);
    text(route.host);
    add(view_.plans()[route.plan].upstream);
    add(view_.settings()[route.settings].max_body.value);
    for (const StringRef name : view_.part(view_.string_lists(), route.captures)) text(name);
    source(route.source);
  }
  void read(const PlanRecord& plan) {
    for (const StepRecord& step : view_.part(view_.steps(), plan.steps)) {
      add(step.policy);
      add(static_cast<u64>(view_.policy_record<u32>(step.record)));
    }
    for (const OriginRecord& origin : view_.part(view_.origins(), plan.origins)) {
      text(origin.field);
      text(origin.value);
      text(origin.level);
      source(origin.source);
    }
    if (plan.upstream != kNone) text(view_.upstreams()[plan.upstream].name);
  }
  void read(const policies::SettingsRecord& settings) {
    add(table_.number(settings.timeout.connect));
    add(table_.number(settings.timeout.try_));
    add(table_.number(settings.timeout.total));
    add(table_.number(settings.timeout.idle));
    add(table_.number(settings.max_body));
    add(table_.number(settings.max_stream_age));
  }
  void read(const policies::UpstreamRecord& upstream) {
    text(upstream.name);
    add(policies::kBalanceWords[upstream.balance.by].size());
    for (const auto& target : view_.policy_list<policies::TargetRecord>(upstream.targets)) {
      add(table_.text(target.url).size());
    }
    if (upstream.dns.is_given()) add(table_.text(upstream.dns.name).size());
    add(table_.number(upstream.dns.port) + table_.number(upstream.dns.refresh.max));
    text(upstream.dns.path);
    add(policies::kFamilyWords[upstream.dns.family].size());
    for (const auto& header :
         view_.policy_list<policies::HeaderValueRecord>(upstream.unavailable.headers)) {
      text(header.name);
      text(header.value);
    }
    text(upstream.unavailable.body);
    source(upstream.source);
  }

  const BoundTable& table_;
  const TableView& view_;
  u64 sum_ = 0;
};

void run_request(const BoundTable& table, std::string_view method, std::string_view target,
                 std::string_view host) {
  engine::FakeClock clock;
  engine::FixedRandom random;
  engine::ScriptedFetcher fetcher{clock};
  // Answers that can be changed and composed.
  fetcher.script.assign(8,
                        {.status = 200,
                         .fields = {{"content-type", "application/json"}},
                         .body = R"({"id":7,"items":[{"id":1,"a":{"b":null}},[2]],"s":"\u00e9"})"});
  engine::NullObserver observer;
  engine::MemoryResponder responder;
  Exchange exchange;
  std::string problem;
  const std::vector<engine::OfflineField> fields = {{"host", std::string(host)},
                                                    {"x-a", "abc7"},
                                                    {"cookie", "s=1; t=2"},
                                                    {"origin", "https://a.shop.example"},
                                                    {"access-control-request-method", "GET"}};
  if (!engine::make_request(exchange, method, target, fields, problem)) return;
  http::ForwardingOptions forwarding;
  exchange.table = &table;
  std::vector<std::string> data_problems;
  const auto data = load_live_data(table, {}, data_problems);
  exchange.live = data.get();
  engine::OfflinePasswords passwords;
  IdentityServices services(1, passwords);
  IdentityEnv identity(services, *data);
  exchange.forwarding = &forwarding;
  exchange.client_text = exchange.peer_text = "127.0.0.1";
  exchange.request_id = "fuzzed";
  limits::LocalCounters counters(
      {.rate_bytes = 4096, .quota_bytes = 4096, .permit_bytes = 4096, .shared_bytes = 1024});
  Env env{clock, random, fetcher, observer};
  env.counters = &counters;
  env.identity = &identity;
  Task<void> task = run(exchange, env, responder);
  task.start();
  (void)engine::explain_candidates(exchange);
}

// A request path that the template takes, most often.
std::string example_path(std::string_view path) {
  std::string out;
  bool in_name = false;
  for (const char c : path.substr(0, 512)) {
    if (c == '{') out += '7';
    in_name = (in_name || c == '{') && c != '}';
    if (!in_name && c != '}') out += c;
  }
  return out + "?a=1";
}

}  // namespace

void repair_digest(std::vector<std::byte>& file) {
  const Bytes table = split_signature(file).table;
  if (table.size() < sizeof(Header) + kTrailerBytes) return;
  const size_t body = table.size() - sizeof(u64);
  const u64 digest = digest_of(table);
  std::memcpy(file.data() + body, &digest, sizeof digest);
}

bool exercise_table(Bytes file) {
  const auto opened = TableFile::from_bytes(file);
  if (!opened) return false;
  if (const auto& signature = (*opened)->signature()) {
    GW_CHECK((*opened)->bytes().size() + sizeof *signature == file.size());
  }
  std::vector<ReferenceProblem> problems;
  const auto bound = BoundTable::bind(*opened, ReferenceSource::none(), problems);
  if (!bound) return true;
  const BoundTable& table = **bound;
  volatile u64 sum = Reader(table).read_all();
  (void)sum;
  u32 left = 24;  // requests are the slow part
  for (const RouteRecord& route : table.view().routes()) {
    if (left-- == 0) break;
    std::string method(table.text(route.method));
    if (method == "*" || method.empty()) method = "GET";
    const std::string path = example_path(table.text(route.template_));
    run_request(table, method, path, table.text(route.host));
    run_request(table, "OPTIONS", path, table.text(route.host));  // a preflight
  }
  for (const std::string_view target : {"/", "/a/b/c", "/orders/7.pdf", "/%41?x"}) {
    run_request(table, "OPTIONS", target, "api.example");
  }
  return true;
}

}  // namespace gw::table
