#include "runtime/observe/recent.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>

using namespace gw;
using namespace gw::observe;

namespace {

RecentRequest request(u64 duration_us, i64 now_ms, std::string_view operation = "getUser") {
  RecentRequest one;
  one.duration_us = duration_us;
  one.unix_ms = one.steady_ms = now_ms;
  one.operation = operation;
  return one;
}

void note_if_slow(RecentRequests& recent, u64 duration_us, i64 now_ms) {
  if (recent.is_slow(duration_us, now_ms)) recent.note_slow(request(duration_us, now_ms));
}

u64 slowest(const RecentRequests& recent) {
  RecentRequests::Snapshot snapshot;
  recent.add_to(snapshot);
  return std::ranges::max_element(snapshot.slow, {}, &RecentRequest::duration_us)->duration_us;
}

}  // namespace

TEST_CASE("recent: the last failures are kept, the newest first", "[recent]") {
  RecentRequests recent;
  for (i64 i = 0; i < 50; ++i) recent.note_failing(request(1, i));
  RecentRequests::Snapshot snapshot;
  recent.add_to(snapshot);
  REQUIRE(snapshot.failing.size() == RecentRequests::kEach);
  CHECK(snapshot.failing.front().unix_ms == 49);
  CHECK(snapshot.failing.back().unix_ms == 50 - i64{RecentRequests::kEach});
}

TEST_CASE("recent: the slowest are kept, whenever they came", "[recent]") {
  RecentRequests recent;
  for (u64 i = 0; i < 1'000; ++i) note_if_slow(recent, (i * 7'919) % 1'000, 1'000);
  RecentRequests::Snapshot snapshot;
  recent.add_to(snapshot);
  REQUIRE(snapshot.slow.size() == RecentRequests::kEach);
  for (const RecentRequest& one : snapshot.slow) {
    CHECK(one.duration_us >= 1'000 - RecentRequests::kEach);
  }
  CHECK_FALSE(recent.is_slow(1, 1'000));
}

TEST_CASE("recent: what was slow is forgotten after some minutes", "[recent]") {
  RecentRequests recent;
  for (u64 i = 0; i < RecentRequests::kEach; ++i) note_if_slow(recent, 1'000'000, 1'000);
  note_if_slow(recent, 10, 2'000);
  CHECK(slowest(recent) == 1'000'000);
  const i64 later = 1'000 + RecentRequests::kSlowForMs;
  for (u64 i = 0; i < RecentRequests::kEach; ++i) note_if_slow(recent, 10, later);
  CHECK(slowest(recent) == 10);
}

TEST_CASE("recent: texts are cut", "[recent]") {
  const std::string text(1'000, 'x');
  const RecentRequest one = request(1, 1, text);
  CHECK(one.operation.view() == text.substr(0, 96));
}

TEST_CASE("recent: reading while requests come gives whole records", "[recent]") {
  RecentRequests recent;
  std::atomic<bool> ending = false;
  std::thread writer([&] {
    for (i64 i = 1; !ending; ++i) {
      recent.note_failing(request(static_cast<u64>(i), i, std::to_string(i)));
    }
  });
  for (int round = 0; round < 200; ++round) {
    RecentRequests::Snapshot snapshot;
    recent.add_to(snapshot);
    for (const RecentRequest& one : snapshot.failing) {
      CHECK(one.operation.view() == std::to_string(one.unix_ms));
    }
  }
  ending = true;
  writer.join();
}

TEST_CASE("recent: what the client has done wrong is no failure", "[recent]") {
  Exchange exchange;
  exchange.response.status = 200;
  CHECK_FALSE(has_failed(exchange));
  exchange.error = {.code = Errc::UpstreamClosed};
  CHECK(has_failed(exchange));  // broken off within the body
  exchange.response.status = 404;
  exchange.error = {.code = Errc::BadRequest};
  CHECK_FALSE(has_failed(exchange));
  exchange.response.status = 503;
  CHECK(has_failed(exchange));
  exchange.response.status = 0;
  CHECK(has_failed(exchange));
  exchange.client_gone = true;
  CHECK_FALSE(has_failed(exchange));
}
