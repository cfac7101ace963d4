// When spans are sent, again, or given up.
#include "runtime/server/span_exporter.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <deque>

#include "runtime/net/virtual_loop.h"

using namespace gw;
using namespace gw::server;
using namespace std::chrono_literals;

// Timers fire at the next tick of the wheel.
constexpr auto kTick = 2 * net::TimerWheel::kTick;

namespace {

// Answers in the order of the script; then with 200.
class Collector final : public net::HttpFetcher {
 public:
  explicit Collector(net::VirtualLoop& loop) : loop_(loop) {}
  void send(net::HttpCall call, Done done) override {
    calls.push_back(std::move(call));
    net::HttpReply reply{.status = 200};
    if (!script.empty()) {
      reply = script.front();
      script.pop_front();
    }
    if (silent) return;
    loop_.post([done, reply] { done(reply); });
  }
  std::vector<net::HttpCall> calls;
  std::deque<net::HttpReply> script;
  bool silent = false;

 private:
  net::VirtualLoop& loop_;
};

struct Bench {
  Bench() { exporter.use({.url = "http://127.0.0.1:4318/v1/traces", .service = "shop"}); }
  void add(u32 count) {
    std::string spans = "{}";
    for (u32 i = 1; i < count; ++i) spans += ",{}";
    queue.add(spans, count);
  }
  size_t spans_in(size_t call) {
    const auto body = boost::json::parse(*collector.calls.at(call).post);
    return body.at_pointer("/resourceSpans/0/scopeSpans/0/spans").as_array().size();
  }
  net::VirtualLoop loop;
  Collector collector{loop};
  observe::SpanQueue queue;
  SpanExporter exporter{loop, collector, queue};
};

}  // namespace

TEST_CASE("spans: are sent within a second, many together", "[spans]") {
  Bench bench;
  bench.add(3);
  bench.add(2);
  CHECK(bench.collector.calls.empty());
  bench.loop.advance(1s + kTick);
  REQUIRE(bench.collector.calls.size() == 1);
  CHECK(bench.spans_in(0) == 5);
  CHECK(bench.queue.exported() == 5);
  bench.loop.advance(10s);
  CHECK(bench.collector.calls.size() == 1);  // nothing to tell
}

TEST_CASE("spans: no request is larger than a batch", "[spans]") {
  Bench bench;
  for (u32 i = 0; i < 30; ++i) bench.add(100);
  bench.loop.advance(1s + kTick);
  u64 sent = 0;
  for (size_t i = 0; i < bench.collector.calls.size(); ++i) {
    CHECK(bench.spans_in(i) <= SpanExporter::kBatch + 100);
    sent += bench.spans_in(i);
  }
  bench.loop.advance(2s + kTick);
  CHECK(bench.queue.exported() == 3000);
}

TEST_CASE("spans: a collector that is busy is asked again, after growing pauses", "[spans]") {
  Bench bench;
  bench.collector.script = {{.status = 503}, {.problem = "cannot connect"}, {.status = 429}};
  bench.add(4);
  bench.loop.advance(1s + kTick);
  CHECK(bench.collector.calls.size() == 1);
  bench.loop.advance(500ms + kTick);
  CHECK(bench.collector.calls.size() == 2);
  bench.loop.advance(900ms);
  CHECK(bench.collector.calls.size() == 2);
  bench.loop.advance(100ms + kTick);
  CHECK(bench.collector.calls.size() == 3);
  bench.loop.advance(2s + kTick);
  CHECK(bench.collector.calls.size() == 4);
  CHECK(bench.queue.exported() == 4);
  CHECK(bench.queue.lost() == 0);
}

TEST_CASE("spans: a collector that says when is not asked before", "[spans]") {
  constexpr i64 kTenPastMidnight = 784'080'600'000;  // 6 November 1994
  for (const char* when : {"7", "Sun, 06 Nov 1994 00:10:08 GMT", "Sunday, 06-Nov-94 00:10:08 GMT",
                           "Sun Nov  6 00:10:08 1994"}) {
    CAPTURE(when);
    Bench bench;
    bench.loop.set_unix_ms(kTenPastMidnight);
    bench.collector.script = {{.status = 503, .retry_after = when}};
    bench.add(1);
    bench.loop.advance(1s + kTick);
    CHECK(bench.collector.calls.size() == 1);
    bench.loop.advance(6s);
    CHECK(bench.collector.calls.size() == 1);
    bench.loop.advance(1s + kTick);
    CHECK(bench.collector.calls.size() == 2);
    CHECK(bench.queue.exported() == 1);
  }
}

TEST_CASE("spans: a collector that names a time long gone, or none, is asked as usual", "[spans]") {
  for (const char* when : {"Fri, 31 Dec 1999 23:59:59 GMT", "soon", "-5", ""}) {
    CAPTURE(when);
    Bench bench;
    bench.collector.script = {{.status = 503, .retry_after = when}};
    bench.add(1);
    bench.loop.advance(1s + kTick);
    CHECK(bench.collector.calls.size() == 1);
    bench.loop.advance(500ms + kTick);
    CHECK(bench.collector.calls.size() == 2);
  }
}

TEST_CASE("spans: nobody makes us wait for more than a minute", "[spans]") {
  for (const char* when : {"86400", "Fri, 31 Dec 9999 23:59:59 GMT"}) {
    CAPTURE(when);
    Bench bench;
    bench.collector.script = {{.status = 503, .retry_after = when}};
    bench.add(1);
    bench.loop.advance(1s + kTick);
    bench.loop.advance(59s);
    CHECK(bench.collector.calls.size() == 1);
    bench.loop.advance(1s + kTick);
    CHECK(bench.collector.calls.size() == 2);
  }
}

TEST_CASE("spans: are given up when the collector will not have them", "[spans]") {
  Bench bench;
  SECTION("at once, where it says so") {
    bench.collector.script = {{.status = 400}};
    bench.add(4);
    bench.loop.advance(1s + kTick);
    CHECK(bench.collector.calls.size() == 1);
    CHECK(bench.queue.lost() == 4);
  }
  SECTION("after some tries, where it is away") {
    bench.collector.script.assign(SpanExporter::kTries, {.problem = "cannot connect"});
    bench.add(4);
    bench.loop.advance(60s);
    CHECK(bench.collector.calls.size() == SpanExporter::kTries);
    CHECK(bench.queue.lost() == 4);
    bench.add(2);
    bench.loop.advance(1s + kTick);
    CHECK(bench.queue.exported() == 2);
  }
}

TEST_CASE("spans: what a collector takes in part is lost in part", "[spans]") {
  Bench bench;
  bench.collector.script = {
      {.status = 200, .body = R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}})"},
      {.status = 200, .body = R"({"partialSuccess":{"rejectedSpans":9}})"},
      {.status = 200, .body = R"({"partialSuccess":{}})"},
      {.status = 200, .body = R"({"partialSuccess":)"}};
  const auto send = [&] {
    bench.add(5);
    bench.loop.advance(2s);
  };
  send();
  CHECK(bench.queue.exported() == 3);
  CHECK(bench.queue.lost() == 2);
  send();  // no more than there were
  CHECK(bench.queue.exported() == 3);
  CHECK(bench.queue.lost() == 7);
  send();
  send();
  CHECK(bench.queue.exported() == 13);
  CHECK(bench.queue.lost() == 7);
  CHECK(bench.collector.calls.size() == 4);
}

TEST_CASE("spans: without a collector there is nothing to keep", "[spans]") {
  Bench bench;
  bench.exporter.use({});
  for (u32 i = 0; i < 30; ++i) bench.add(100);  // more than a batch
  bench.loop.advance(2s + kTick);
  CHECK(bench.collector.calls.empty());
  CHECK(bench.queue.waiting() == 0);
  CHECK(bench.queue.lost() == 3000);
}

TEST_CASE("spans: the last ones are sent before the end, which does not wait for long", "[spans]") {
  Bench bench;
  bench.add(2);
  SECTION("taken") {
    CHECK_FALSE(bench.exporter.finish());
    bench.loop.run();
    CHECK(bench.exporter.finish());
    CHECK(bench.queue.exported() == 2);
  }
  SECTION("not answered") {
    bench.collector.silent = true;
    CHECK_FALSE(bench.exporter.finish());
    bench.loop.advance(1s + kTick);
    CHECK_FALSE(bench.exporter.finish());
    bench.loop.advance(1s + kTick);
    CHECK(bench.exporter.finish());
  }
}
