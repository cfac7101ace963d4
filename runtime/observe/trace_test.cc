// Against W3C Trace Context, Level 2; numbers of sections are its.
#include <catch2/catch.hpp>
#include <memory>

#include "runtime/base/random.h"
#include "runtime/http/forwarding.h"
#include "runtime/observe/trace_context.h"
#include "runtime/observe/tracer.h"

using namespace gw;
using namespace gw::observe;

namespace {

constexpr std::string_view kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TraceContext read(std::initializer_list<std::pair<std::string_view, std::string_view>> fields,
                  Arena& arena) {
  http::FieldList list(arena);
  for (const auto& [name, value] : fields) list.add(name, value);
  return read_trace_context(list, arena);
}

struct FakeClock final : Clock {
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  i64 unix_ms() const override { return 1'700'000'000'000; }
  Task<void> sleep_until(TimePoint) override { co_return; }
};

struct SeededRandom final : Random {
  u64 next() override { return source.next(); }
  Xoshiro source{7};
};

}  // namespace

TEST_CASE("trace: a traceparent is read to the letter (3.2)", "[trace]") {
  const TraceContext context = parse_traceparent(kParent);
  REQUIRE(context.present);
  CHECK(hex_text(context.trace_id) == "0af7651916cd43dd8448eb211c80319c");
  CHECK(hex_text(context.parent) == "b7ad6b7169203331");
  CHECK(context.flags == kTraceSampled);
  CHECK(parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").flags == 0);
  // Flags that nobody knows yet are not passed on (3.2.2.5).
  CHECK(parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff").flags ==
        (kTraceSampled | kTraceRandom));
}

TEST_CASE("trace: what is no traceparent begins the trace anew (3.2, 4.3)", "[trace]") {
  for (const std::string_view wrong : {
           std::string_view(),
           std::string_view("00"),
           std::string_view("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
           std::string_view("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
           std::string_view("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-.0"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-"),
           std::string_view("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what"),
           std::string_view("0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
           std::string_view("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what"),
       }) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_traceparent(wrong).present);
  }
}

TEST_CASE("trace: versions to come are read as this one (3.2.4)", "[trace]") {
  CHECK(parse_traceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").present);
  CHECK(parse_traceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what").present);
}

TEST_CASE("trace: a tracestate is a list of members (3.3)", "[trace]") {
  for (const std::string_view right :
       {"", "rojo=00f067aa0ba902b7", "foo=1,bar=2", "foo=1 , \t bar=2", "foo=1,", ",foo=1",
        "fw529a3039@dt=FfSbw2", "0tenant@vendor=1", "a_-*/b=~!", "foo= 1", "1a=2"}) {
    CAPTURE(right);
    CHECK(is_tracestate(right));
  }
  const std::string long_key(256, 'a');
  const std::string long_value(256, 'v');
  CHECK(is_tracestate(long_key + "=" + long_value));
  CHECK_FALSE(is_tracestate(long_key + "a=1"));
  CHECK_FALSE(is_tracestate("a=" + long_value + "v"));
  for (const std::string_view wrong :
       {"foo", "foo=", "=1", "foo@=1", "@foo=1", "foo@bar@baz=1", "FOO=1", "foo=bar=baz", "foo =1",
        "f\xc3\xa9=1", "foo=\xc3\xa9", "foo=1,foo=2", "foo@0vendor=1", "foo.bar=1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(is_tracestate(wrong));
  }
  std::string many;
  for (int i = 0; i < 32; ++i) many += "k" + std::to_string(i) + "=v,";
  CHECK(is_tracestate(many));
  CHECK_FALSE(is_tracestate(many + "more=v"));
}

TEST_CASE("trace: fields of a request are read together (3.2, 3.3.1)", "[trace]") {
  Arena arena;
  CHECK_FALSE(read({}, arena).present);
  CHECK(read({{"TraceParent", kParent}}, arena).present);
  CHECK_FALSE(read({{"traceparent", kParent}, {"traceparent", kParent}}, arena).present);
  // Without a parent the state means nothing.
  CHECK(read({{"tracestate", "a=1"}}, arena).state.empty());
  CHECK(read({{"traceparent", kParent}, {"tracestate", "a=1"}}, arena).state == "a=1");
  CHECK(
      read({{"traceparent", kParent}, {"tracestate", "a=1"}, {"tracestate", "b=2"}}, arena).state ==
      "a=1,b=2");
  // A state that is none is left out, and the parent is not.
  const TraceContext half = read({{"traceparent", kParent}, {"tracestate", "nonsense"}}, arena);
  CHECK(half.present);
  CHECK(half.state.empty());
  const std::string huge = "a=" + std::string(255, 'v') + std::string(9000, ',');
  CHECK(read({{"traceparent", kParent}, {"tracestate", huge}}, arena).state.empty());
}

TEST_CASE("trace: a caller's decision is ours, unless nobody is believed", "[trace]") {
  FakeClock clock;
  SeededRandom random;
  SpanQueue queue;
  Exchange exchange;
  exchange.request.fields.add("traceparent", kParent);
  exchange.request.fields.add("tracestate", "a=1");
  SECTION("believed") {
    Tracer tracer({.sample_bp = 0}, clock, random, nullptr, queue);
    tracer.begin(exchange);
    CHECK(exchange.trace->sampled);
    CHECK(hex_text(exchange.trace->trace_id) == "0af7651916cd43dd8448eb211c80319c");
    CHECK(hex_text(exchange.trace->parent) == "b7ad6b7169203331");
    forward_trace(exchange);
    const auto sent = exchange.upstream_request.fields.find("traceparent");
    REQUIRE(sent != nullptr);
    CHECK(sent->value.substr(0, 36) == kParent.substr(0, 36));
    CHECK(sent->value != kParent);  // another parent: us
    CHECK(exchange.upstream_request.fields.find("tracestate")->value == "a=1");
    // Each try is one more.
    const std::string before(sent->value);
    exchange.trace->begin_try(0);
    CHECK(exchange.upstream_request.fields.find("traceparent")->value != before);
    CHECK(parse_traceparent(exchange.upstream_request.fields.find("traceparent")->value).present);
  }
  SECTION("not believed") {
    Tracer tracer({.sample_bp = 0, .trust_callers = false}, clock, random, nullptr, queue);
    tracer.begin(exchange);
    CHECK_FALSE(exchange.trace->sampled);
    CHECK(hex_text(exchange.trace->trace_id) != "0af7651916cd43dd8448eb211c80319c");
    forward_trace(exchange);
    CHECK(exchange.upstream_request.fields.find("tracestate") == nullptr);
  }
}

TEST_CASE("trace: traces that begin here are sampled by their share", "[trace]") {
  FakeClock clock;
  SeededRandom random;
  SpanQueue queue;
  const auto share_of = [&](u32 sample_bp) {
    Tracer tracer({.sample_bp = sample_bp}, clock, random, nullptr, queue);
    u32 sampled = 0;
    for (int i = 0; i < 20'000; ++i) {
      Exchange exchange;
      tracer.begin(exchange);
      sampled += exchange.trace->sampled ? 1 : 0;
    }
    return sampled;
  };
  CHECK(share_of(0) == 0);
  CHECK(share_of(10'000) == 20'000);
  const u32 tenth = share_of(1'000);
  CHECK(tenth > 1'800);
  CHECK(tenth < 2'200);
}

TEST_CASE("trace: what is not recorded makes no spans", "[trace]") {
  FakeClock clock;
  SeededRandom random;
  SpanQueue queue;
  Tracer tracer({.sample_bp = 0}, clock, random, nullptr, queue);
  Exchange exchange;
  tracer.begin(exchange);
  exchange.trace->note_step(policies::PolicyId::Cors, {}, false, false);
  tracer.finished(exchange);
  CHECK(queue.waiting() == 0);
}

namespace {

// The value of an attribute of the first span that has it; "": none has.
std::string attribute(const std::string& spans, std::string_view key) {
  const std::string begin = R"({"key":")" + std::string(key) + R"(","value":{)";
  const size_t at = spans.find(begin);
  if (at == spans.npos) return {};
  const size_t value = spans.find(':', at + begin.size()) + 1;
  std::string text = spans.substr(value, spans.find("}}", value) - value);
  std::erase(text, '"');
  return text;
}

}  // namespace

TEST_CASE("trace: spans tell versions, peers and places as OpenTelemetry names them", "[trace]") {
  FakeClock clock;
  SeededRandom random;
  SpanQueue queue;
  Tracer tracer({.sample_bp = 10'000}, clock, random, nullptr, queue);
  Exchange exchange;
  exchange.request.method_text = exchange.upstream_request.method_text = "GET";
  exchange.request.version_major = 2;
  exchange.request.authority = "[2001:db8::1]";
  exchange.peer_text = "192.0.2.7";
  exchange.peer.port = 4711;
  exchange.response.status = 200;
  tracer.begin(exchange);
  struct {
    std::string_view target, version, led_to, address, port, peer, peer_port;
  } const cases[] = {
      {"unix:/run/a", "1.1", "", "/run/a", "", "/run/a", ""},
      {"[::1]:80", "2", "[::1]:80", "::1", "80", "::1", "80"},
      {"10.0.0.1:80", "", "", "10.0.0.1", "80", "10.0.0.1", "80"},
      {"shop.internal:443", "", "", "shop.internal", "443", "", ""},
      {"shop.internal:443", "2", "10.0.0.7:443", "shop.internal", "443", "10.0.0.7", "443"},
      {"shop.internal:443", "2", "[2001:db8::7]:443", "shop.internal", "443", "2001:db8::7",
       "443"}};
  exchange.try_count = 1;
  for (const auto& one : cases) {
    CAPTURE(one.target);
    exchange.trace->begin_try(0);
    exchange.tries[0] = {.target = one.target, .status = 200};
    if (!one.version.empty()) exchange.trace->connected(0, one.version, one.led_to);
    tracer.finished(exchange);
    const std::string spans = queue.take(100).spans;
    const size_t middle = spans.find(R"("kind":3)");
    REQUIRE(middle != spans.npos);
    const std::string server = spans.substr(0, middle);
    CHECK(attribute(server, "network.protocol.version") == "2");
    CHECK(attribute(server, "server.address") == "2001:db8::1");
    CHECK(attribute(server, "server.port").empty());
    CHECK(attribute(server, "network.peer.address") == "192.0.2.7");
    CHECK(attribute(server, "network.peer.port") == "4711");
    const std::string client = spans.substr(middle);
    CHECK(attribute(client, "network.protocol.version") == one.version);
    CHECK(attribute(client, "server.address") == one.address);
    CHECK(attribute(client, "server.port") == one.port);
    CHECK(attribute(client, "network.peer.address") == one.peer);
    CHECK(attribute(client, "network.peer.port") == one.peer_port);
  }
}

TEST_CASE("trace: a request is what its client has asked, by proxies that are trusted", "[trace]") {
  FakeClock clock;
  SeededRandom random;
  SpanQueue queue;
  Tracer tracer({.sample_bp = 10'000}, clock, random, nullptr, queue);
  for (const bool trusted : {false, true}) {
    CAPTURE(trusted);
    auto forwarding = std::make_unique<http::ForwardingOptions>();
    forwarding->trusted_proxies.push_back(
        http::parse_address_range(trusted ? "192.0.2.0/24" : "10.0.0.0/8").value());
    Exchange exchange;
    exchange.request.scheme = "http";
    exchange.request.authority = "10.0.0.1:8080";
    exchange.request.fields.add("x-forwarded-proto", "https");
    exchange.request.fields.add("x-forwarded-host", "shop.example:8443");
    REQUIRE(http::parse_address("192.0.2.7", exchange.peer));
    exchange.forwarding = forwarding.get();
    tracer.begin(exchange);
    forwarding.reset();  // with its table, as of a request that goes on for long
    tracer.finished(exchange);
    const std::string span = queue.take(1).spans;
    CHECK(attribute(span, "url.scheme") == (trusted ? "https" : "http"));
    CHECK(attribute(span, "server.address") == (trusted ? "shop.example" : "10.0.0.1"));
    CHECK(attribute(span, "server.port") == (trusted ? "8443" : "8080"));
  }
}

TEST_CASE("trace: an exchange that broke off has failed, whatever its status", "[trace]") {
  FakeClock clock;
  SeededRandom random;
  SpanQueue queue;
  Tracer tracer({.sample_bp = 10'000}, clock, random, nullptr, queue);
  const auto span_of = [&](const auto& change) {
    Exchange exchange;
    exchange.response.status = 200;
    tracer.begin(exchange);
    change(exchange);
    tracer.finished(exchange);
    return queue.take(1).spans;
  };
  const auto has_failed = [](const std::string& span) {
    return span.find(R"("status":{"code":2})") != span.npos;
  };
  const std::string fine = span_of([](Exchange&) {});
  CHECK_FALSE(has_failed(fine));
  CHECK(attribute(fine, "error.type").empty());
  const std::string broken =
      span_of([](Exchange& exchange) { exchange.error.code = Errc::UpstreamClosed; });
  CHECK(has_failed(broken));
  CHECK(attribute(broken, "error.type") == "upstream-closed");
  const std::string left = span_of([](Exchange& exchange) { exchange.client_gone = true; });
  CHECK(has_failed(left));
  CHECK(attribute(left, "error.type") == "peer-closed");
  // Streams end by somebody leaving.
  CHECK_FALSE(has_failed(
      span_of([](Exchange& exchange) { exchange.client_gone = exchange.streams = true; })));
  const std::string refused = span_of([](Exchange& exchange) { exchange.response.status = 404; });
  CHECK_FALSE(has_failed(refused));
  CHECK(attribute(refused, "error.type").empty());
}

TEST_CASE("trace: spans beyond the bound are dropped and counted", "[trace]") {
  SpanQueue queue;
  const std::string half(SpanQueue::kMostBytes / 2, 'x');
  for (int i = 0; i < 3; ++i) {
    std::string spans = half;
    queue.add(spans, 10);
    CHECK(spans.empty());
  }
  CHECK(queue.waiting() == 20);
  CHECK(queue.lost() == 10);
  const SpanQueue::Batch first = queue.take(1);
  CHECK(first.count == 10);
  std::string spans = half;
  queue.add(spans, 10);
  CHECK(queue.waiting() == 20);
  CHECK(queue.take(100).count == 20);
  CHECK(queue.take(100).count == 0);
}
