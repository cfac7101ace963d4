// When keys are fetched, and how long they stay.
#include "runtime/jose/key_source.h"

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "runtime/base/random.h"
#include "runtime/jose/key_sources.h"
#include "runtime/jose/signing_key.h"
#include "runtime/net/virtual_loop.h"

using namespace gw;
using namespace gw::jose;
using namespace std::chrono_literals;

namespace {

const std::string& key_a() {
  static const std::string jwk = SigningKey::make(Algorithm::Es256).jwk("a");
  return jwk;
}
const std::string& key_b() {
  static const std::string jwk = SigningKey::make(Algorithm::Es256).jwk("b");
  return jwk;
}

// Answers by what has been said of a URL; nothing said: no connection.
class ScriptedFetcher final : public net::HttpFetcher {
 public:
  explicit ScriptedFetcher(net::VirtualLoop& loop) : loop_(loop) {}
  void send(net::HttpCall call, Done done) override {
    ++asked[call.url];
    last = call;
    if (silent) {
      held.push_back([this, url = call.url, done] { answer(url, done); });
      return;
    }
    answer(call.url, done);
  }
  void release() {
    silent = false;
    for (auto& one : std::exchange(held, {})) one();
  }
  void set(const std::string& url, const std::string& body, const std::string& cache = "") {
    replies[url] = {.status = 200, .body = body, .cache_control = cache};
  }

  std::map<std::string, net::HttpReply> replies;
  std::map<std::string, u32> asked;
  net::HttpCall last;
  bool silent = false;
  std::deque<std::function<void()>> held;

 private:
  void answer(const std::string& url, const Done& done) {
    const auto found = replies.find(url);
    net::HttpReply reply{.problem = "cannot connect"};
    if (found != replies.end()) reply = found->second;
    loop_.post([done, reply] { done(reply); });
  }
  net::VirtualLoop& loop_;
};

struct Fixed final : Random {
  u64 next() override { return source.next(); }
  Xoshiro source{7};
};

const std::string kUrl = "https://idp.test/jwks";
const std::string kWellKnown = "https://idp.test/.well-known/openid-configuration";

struct Bench {
  explicit Bench(KeySourceOptions options = {.location = kUrl}) { make(std::move(options)); }
  void make(KeySourceOptions options) {
    source = std::make_unique<KeySource>(loop, random, fetcher, std::move(options));
    source->on_change = [this] { ++changes; };
    source->on_event = [this](const KeyEvent& event) {
      static constexpr const char* kNames[] = {"loaded", "failing", "recovered", "expired"};
      std::string line = kNames[static_cast<size_t>(event.kind)];
      if (!event.reason.empty()) line += ": " + std::string(event.reason);
      if (event.known) line += ", known";
      log.push_back(line);
    };
  }
  void start() {
    source->start();
    loop.run();
  }
  bool has(std::string_view id) { return source->ready() && source->keys()->has_key_id(id); }
  u32 asked(const std::string& url = kUrl) { return fetcher.asked[url]; }
  void miss() {
    const auto now = loop.now().time_since_epoch();
    source->slot()->key_missing(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    loop.run();
  }

  net::VirtualLoop loop;
  ScriptedFetcher fetcher{loop};
  Fixed random;
  u32 changes = 0;
  std::vector<std::string> log;
  std::unique_ptr<KeySource> source;
};

}  // namespace

TEST_CASE("key source: is ready when the first keys are there", "[jose][source]") {
  Bench at;
  at.fetcher.silent = true;
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  at.start();
  CHECK(!at.source->ready());
  CHECK(!at.source->settled());
  CHECK(at.changes == 0);
  at.fetcher.release();
  at.loop.run();
  CHECK(at.source->ready());
  CHECK(at.source->settled());
  CHECK(at.has("a"));
  CHECK(at.changes == 1);
  CHECK(at.log == std::vector<std::string>{"loaded"});
  CHECK(at.fetcher.last.max_body_bytes == kMaxKeyDocumentBytes);
}

TEST_CASE("key source: an issuer that is away settles, and is asked again ever later",
          "[jose][source]") {
  Bench at;
  at.start();
  CHECK(at.source->settled());
  CHECK(!at.source->ready());
  CHECK(at.changes == 1);
  CHECK(at.log == std::vector<std::string>{"failing: cannot connect"});
  at.loop.advance(700ms);
  CHECK(at.asked() == 1);
  at.loop.advance(600ms);
  CHECK(at.asked() == 2);
  at.loop.advance(1h);
  // 1, 2, 4 ... 256, 300, 300: a quarter more or less.
  CHECK(at.asked() >= 16);
  CHECK(at.asked() <= 26);
  CHECK(at.log.size() == 1);
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  at.loop.advance(400s);
  CHECK(at.has("a"));
  CHECK(at.log == std::vector<std::string>{"failing: cannot connect", "loaded", "recovered"});
}

TEST_CASE("key source: fetches again when keys are old, within bounds", "[jose][source]") {
  struct Case {
    const char* cache;
    const char* age;
    std::chrono::seconds not_before;
    std::chrono::seconds by;
  };
  for (const Case& row :
       {Case{"", "", 539s, 601s}, Case{"public, max-age=300", "", 269s, 301s},
        Case{"Max-Age=\"300\" , must-revalidate", "", 269s, 301s},
        Case{"max-age=300", "100", 179s, 201s}, Case{"max-age=300", "nonsense", 269s, 301s},
        Case{"max-age=300", "99999999999999999999", 59s, 61s}, Case{"max-age=1", "", 59s, 61s},
        Case{"max-age=0", "", 59s, 61s}, Case{"no-store", "", 59s, 61s},
        Case{"max-age=500, no-cache", "", 59s, 61s}, Case{"max-age=-5", "", 539s, 601s},
        Case{"max-age", "", 539s, 601s}, Case{",,=,", "", 539s, 601s},
        Case{"s-maxage=9", "", 539s, 601s},
        Case{"max-age=99999999999999999999999", "", 77'759s, 86'401s}}) {
    DYNAMIC_SECTION(row.cache << " " << row.age) {
      Bench at;
      at.fetcher.set(kUrl, key_set_of({key_a()}), row.cache);
      at.fetcher.replies[kUrl].age = row.age;
      at.start();
      at.loop.advance(row.not_before);
      CHECK(at.asked() == 1);
      at.loop.advance(row.by - row.not_before);
      CHECK(at.asked() == 2);
    }
  }
}

TEST_CASE("key source: rotation replaces the keys, equal documents do not", "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  at.start();
  const u64 fingerprint = at.source->keys()->fingerprint();
  KeySlot::Reader reader(at.source->slot());
  CHECK(reader.current()->has_key_id("a"));
  at.loop.advance(11min);
  CHECK(at.asked() == 2);
  CHECK(at.source->keys()->fingerprint() == fingerprint);
  CHECK(at.changes == 1);
  at.fetcher.set(kUrl, key_set_of({key_a(), key_b()}));
  at.loop.advance(11min);
  CHECK(at.has("b"));
  CHECK(at.source->keys()->fingerprint() != fingerprint);
  CHECK(reader.current()->has_key_id("b"));
  CHECK(at.changes == 2);
  at.fetcher.set(kUrl, key_set_of({key_b()}));
  at.loop.advance(11min);
  CHECK(!at.has("a"));
  CHECK(!reader.current()->has_key_id("a"));
  CHECK(at.log == std::vector<std::string>{"loaded", "loaded", "loaded"});
}

TEST_CASE("key source: an unknown key has them fetched, once in five minutes", "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}), "max-age=86400");
  at.start();
  at.loop.advance(1h);
  REQUIRE(at.asked() == 1);
  at.fetcher.set(kUrl, key_set_of({key_a(), key_b()}), "max-age=86400");
  at.miss();
  CHECK(at.asked() == 2);
  CHECK(at.has("b"));
  for (int i = 0; i < 298; ++i) {
    for (int j = 0; j < 10; ++j) at.miss();
    at.loop.advance(1s);
  }
  CHECK(at.asked() == 2);
  at.loop.advance(3s);
  at.miss();
  at.miss();
  CHECK(at.asked() == 3);
  at.loop.advance(6min);
  CHECK(at.asked() == 3);  // nobody misses anything
}

TEST_CASE("key source: a key that is new right behind a fetch is fetched", "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  at.start();
  at.fetcher.set(kUrl, key_set_of({key_b()}));
  at.miss();
  CHECK(at.has("b"));
  CHECK(at.asked() == 2);
}

TEST_CASE("key source: who misses a key during a fetch waits for that one", "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}), "max-age=86400");
  at.start();
  at.loop.advance(1h);
  at.fetcher.silent = true;
  for (int i = 0; i < 1000; ++i) at.miss();
  for (int i = 0; i < 10; ++i) at.source->key_missing();
  CHECK(at.asked() == 2);
  at.fetcher.release();
  at.loop.run();
  for (int i = 0; i < 1000; ++i) at.miss();
  CHECK(at.asked() == 2);
}

TEST_CASE("key source: an unknown key does not hurry an issuer that is away", "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}), "max-age=86400");
  at.start();
  at.fetcher.replies.clear();
  at.loop.advance(1h);
  at.miss();
  CHECK(at.asked() == 2);
  for (int i = 0; i < 100; ++i) at.miss();
  CHECK(at.asked() == 2);
  at.loop.advance(10min);
  const u32 tries = at.asked();
  for (int i = 0; i < 100; ++i) at.miss();
  CHECK(at.asked() == tries);
  CHECK(at.has("a"));
}

TEST_CASE("key source: who waits for a key is let go when the fetch ends, whatever it brings",
          "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}), "max-age=86400");
  at.start();
  at.loop.advance(1h);
  KeySlot& slot = *at.source->slot();
  CHECK_FALSE(slot.is_asking());
  at.fetcher.silent = true;
  at.miss();
  CHECK(at.asked() == 2);
  CHECK(slot.is_asking());
  at.loop.advance(1s);
  CHECK(slot.is_asking());
  SECTION("the same keys") {}
  SECTION("others") { at.fetcher.set(kUrl, key_set_of({key_b()})); }
  SECTION("no answer") { at.fetcher.replies.clear(); }
  SECTION("no keys") { at.fetcher.set(kUrl, "{}"); }
  at.fetcher.release();
  at.loop.run();
  CHECK_FALSE(slot.is_asking());
  // Nobody waits any more for what was asked a moment ago.
  const auto now = at.loop.now().time_since_epoch();
  CHECK_FALSE(slot.key_missing(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
  CHECK(at.asked() == 2);
}

TEST_CASE("key source: with discovery the wait lasts until the keys are there", "[jose][source]") {
  Bench at({.kind = KeySourceKind::Discovery, .location = kWellKnown});
  at.fetcher.set(kWellKnown, R"({"issuer":"https://idp.test","jwks_uri":"https://idp.test/jwks"})",
                 "max-age=86400");
  at.fetcher.set(kUrl, key_set_of({key_a()}), "max-age=86400");
  at.start();
  REQUIRE(at.has("a"));
  at.loop.advance(1h);
  at.fetcher.silent = true;
  at.miss();
  REQUIRE(at.asked(kWellKnown) == 2);
  at.fetcher.silent = false;
  for (auto& one : std::exchange(at.fetcher.held, {})) one();
  at.fetcher.silent = true;
  at.loop.run();
  REQUIRE(at.asked(kUrl) == 2);
  CHECK(at.source->slot()->is_asking());
  at.fetcher.release();
  at.loop.run();
  CHECK_FALSE(at.source->slot()->is_asking());
}

TEST_CASE("key source: nobody waits where nothing is fetched", "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}), "max-age=86400");
  at.start();
  const auto slot = at.source->slot();
  at.miss();  // fetched, in vain
  CHECK_FALSE(slot->is_asking());
  at.loop.advance(3s);
  at.miss();  // not again in five minutes
  CHECK(at.asked() == 2);
  CHECK_FALSE(slot->is_asking());
  at.loop.advance(6min);
  at.fetcher.silent = true;
  at.miss();
  CHECK(slot->is_asking());
  at.source.reset();  // another table has other issuers
  CHECK_FALSE(slot->is_asking());
}

TEST_CASE("key source: a question that a fetch has not heard is not answered by it",
          "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  at.start();
  at.fetcher.silent = true;
  at.loop.advance(11min);  // a usual fetch
  REQUIRE(at.asked() == 2);
  at.fetcher.set(kUrl, key_set_of({key_b()}));
  KeySlot& slot = *at.source->slot();
  const auto now = at.loop.now().time_since_epoch();
  at.fetcher.release();  // its reply is on its way to the loop, and so is, behind it, the question
  REQUIRE(slot.key_missing(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
  CHECK(slot.is_asking());
  at.loop.run();
  CHECK_FALSE(slot.is_asking());
  CHECK(at.asked() == 3);
  CHECK(at.has("b"));
}

TEST_CASE("key source: keys outlive their issuer for a day", "[jose][source]") {
  Bench at;
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  at.start();
  KeySlot::Reader reader(at.source->slot());
  at.fetcher.replies.clear();
  at.loop.advance(23h);
  CHECK(at.has("a"));
  CHECK(reader.current() != nullptr);
  SECTION("it comes back") {
    at.fetcher.set(kUrl, key_set_of({key_a()}));
    at.loop.advance(2h);
    CHECK(at.has("a"));
    CHECK(at.log ==
          std::vector<std::string>{"loaded", "failing: cannot connect, known", "recovered"});
    at.fetcher.replies.clear();
    at.loop.advance(23h);  // a new day
    CHECK(at.has("a"));
  }
  SECTION("it does not") {
    at.loop.advance(2h);
    CHECK(!at.source->ready());
    CHECK(reader.current() == nullptr);
    CHECK(at.log ==
          std::vector<std::string>{"loaded", "failing: cannot connect, known", "expired"});
    at.fetcher.set(kUrl, key_set_of({key_a()}));
    at.loop.advance(10min);
    CHECK(at.has("a"));
    CHECK(reader.current() != nullptr);
    CHECK(at.log.size() == 5);
  }
}

TEST_CASE("key source: how long keys outlive their issuer can be set", "[jose][source]") {
  Bench at({.location = kUrl, .stale = 10min});
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  at.start();
  at.fetcher.replies.clear();
  at.loop.advance(15min);  // it is asked again after 9 to 10 minutes
  CHECK(at.has("a"));
  at.loop.advance(6min);
  CHECK(!at.source->ready());
}

TEST_CASE("key source: bad answers leave the keys alone", "[jose][source]") {
  struct Case {
    net::HttpReply reply;
    const char* reason;
  };
  const Case rows[] = {
      {{.problem = "no answer in time"}, "no answer in time"},
      {{.status = 302, .body = key_set_of({key_b()})}, "the issuer answers with a redirect"},
      {{.status = 404}, "the issuer answers with an error"},
      {{.status = 503, .body = key_set_of({key_b()})}, "the issuer answers with an error"},
      {{.status = 204}, "the issuer answers with an error"},
      {{.status = 200, .body = ""}, "neither JSON nor PEM"},
      {{.status = 200, .body = "<html>"}, "neither JSON nor PEM"},
      {{.status = 200, .body = R"({"keys":[]})"}, "no usable key"},
      {{.status = 200, .body = R"({"keys":[],"keys":[]})"},
       "not a JSON object, or one with a member twice"},
      {{.status = 200, .body = SigningKey::from_secret(std::string(64, 'k')).jwk("b")},
       "a secret among public keys"}};
  for (const Case& row : rows) {
    DYNAMIC_SECTION(row.reason << row.reply.status) {
      Bench at;
      at.fetcher.set(kUrl, key_set_of({key_a()}));
      at.start();
      at.fetcher.replies[kUrl] = row.reply;
      at.loop.advance(11min);
      CHECK(at.has("a"));
      CHECK(at.log.back() == "failing: " + std::string(row.reason) + ", known");
    }
  }
}

TEST_CASE("key source: discovery names the keys of the issuer that was asked", "[jose][source]") {
  const auto document = [](std::string_view issuer, std::string_view url) {
    return fmt::format(R"({{"issuer":"{}","jwks_uri":"{}","x":[1]}})", issuer, url);
  };
  Bench at({.kind = KeySourceKind::Discovery, .location = kWellKnown});
  CHECK(issuer_of(at.source->options()) == "https://idp.test");
  at.fetcher.set(kUrl, key_set_of({key_a()}));
  SECTION("it does") {
    at.fetcher.set(kWellKnown, document("https://idp.test", kUrl));
    at.start();
    CHECK(at.has("a"));
    at.fetcher.set("https://idp.test/moved", key_set_of({key_b()}));
    at.fetcher.set(kWellKnown, document("https://idp.test", "https://idp.test/moved"));
    at.loop.advance(11min);
    CHECK(at.has("b"));
    CHECK(at.asked(kWellKnown) == 2);
    CHECK(at.asked(kUrl) == 1);
  }
  SECTION("it is of another one") {
    for (const char* other : {"https://evil.test", "https://idp.test/", "https://IDP.test", ""}) {
      at.fetcher.set(kWellKnown, document(other, kUrl));
      at.make({.kind = KeySourceKind::Discovery, .location = kWellKnown});
      at.start();
      CHECK(!at.source->ready());
      CHECK(at.log.back() == "failing: the discovery document is of another issuer");
    }
    CHECK(at.asked(kUrl) == 0);
  }
  SECTION("an issuer is configured") {
    at.fetcher.set(kWellKnown, document("https://idp.test", kUrl));
    at.make({.kind = KeySourceKind::Discovery, .location = kWellKnown, .issuer = "https://b.test"});
    at.start();
    CHECK(!at.source->ready());
  }
  SECTION("its keys are not where they may be") {
    for (const char* url : {"http://idp.test/jwks", "file:///etc/passwd", "//idp.test/jwks", "",
                            "https://u:p@idp.test/", "ftp://idp.test/", "http://127.0.0.1/jwks",
                            "https://idp.test/a b", "unix:/run/x"}) {
      CAPTURE(url);
      at.fetcher.set(kWellKnown, document("https://idp.test", url));
      at.make({.kind = KeySourceKind::Discovery, .location = kWellKnown});
      at.start();
      CHECK(!at.source->ready());
      CHECK(at.asked(url) == 0);
    }
  }
  SECTION("it is none") {
    for (const char* text :
         {"", "[]", R"({"issuer":"https://idp.test"})",
          R"({"issuer":"https://idp.test","jwks_uri":["https://idp.test/jwks"]})",
          R"({"issuer":"a","issuer":"https://idp.test","jwks_uri":"https://a/"})"}) {
      CAPTURE(text);
      at.fetcher.set(kWellKnown, text);
      at.make({.kind = KeySourceKind::Discovery, .location = kWellKnown});
      at.start();
      CHECK(!at.source->ready());
    }
  }
}

TEST_CASE("key source: http will do on this machine only, and if it is allowed", "[jose][source]") {
  for (const auto& [url, allowed] :
       {std::pair("http://127.0.0.1:8080/jwks", true), std::pair("http://127.9.9.9/jwks", true),
        std::pair("http://[::1]:80/jwks", true), std::pair("http://localhost/jwks", true),
        std::pair("http://localhost.evil.test/jwks", false), std::pair("http://10.0.0.1/", false),
        std::pair("http://[::2]/jwks", false), std::pair("http://2130706433/jwks", false)}) {
    CAPTURE(url);
    Bench at({.location = url, .loopback_http = true});
    at.fetcher.set(url, key_set_of({key_a()}));
    at.start();
    CHECK(at.source->ready() == allowed);
    at.make({.location = url});
    at.start();
    CHECK(!at.source->ready());
  }
}

TEST_CASE("key source: inline keys are there at once or never", "[jose][source]") {
  Bench at({.kind = KeySourceKind::Inline, .location = key_a()});
  at.source->start();
  CHECK(at.has("a"));
  at.loop.advance(48h);
  at.miss();
  CHECK(at.has("a"));
  CHECK(at.changes == 1);
  at.make({.kind = KeySourceKind::Inline, .location = "{}"});
  at.start();
  CHECK(!at.source->ready());
  CHECK(at.source->settled());
  CHECK(at.log.back() == "failing: key without `kty`");
}

TEST_CASE("key source: a file is looked at again", "[jose][source]") {
  const auto path = std::filesystem::temp_directory_path() /
                    fmt::format("gw-keys-{}.json", std::random_device{}());
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write(key_a());
  Bench at({.kind = KeySourceKind::File, .location = path});
  at.source->start();
  CHECK(at.has("a"));
  write(key_b());
  at.loop.advance(61s);
  CHECK(at.has("b"));
  write("{");
  at.loop.advance(61s);
  CHECK(at.has("b"));
  std::filesystem::remove(path);
  at.loop.advance(5min);
  CHECK(at.has("b"));
  CHECK(at.log.back() == "failing: not a JSON object, or one with a member twice, known");
  CHECK(issuer_of(at.source->options()).empty());
}

TEST_CASE("key source: may end while a fetch is under way", "[jose][source]") {
  Bench at;
  at.fetcher.silent = true;
  at.start();
  const std::shared_ptr<KeySlot> slot = at.source->slot();
  at.source.reset();
  at.fetcher.release();
  at.loop.run();
  slot->key_missing(0);
  at.loop.run();
  CHECK(at.changes == 0);
}

TEST_CASE("key sources: an issuer goes on over a change of tables", "[jose][source]") {
  net::VirtualLoop loop;
  ScriptedFetcher fetcher(loop);
  Fixed random;
  KeySources sources(loop, random, fetcher);
  u32 changes = 0;
  sources.on_change = [&] { ++changes; };
  CHECK(sources.settled());
  CHECK(sources.ready());
  fetcher.set(kUrl, key_set_of({key_a()}));
  const KeySourceOptions one{.location = kUrl};
  const KeySourceOptions two{.location = "https://other.test/"};
  auto slots = sources.watch({one, two, one});
  REQUIRE(slots.size() == 3);
  CHECK(slots[0] == slots[2]);
  CHECK(slots[0] != slots[1]);
  CHECK(!sources.settled());
  loop.run();
  CHECK(sources.settled());
  CHECK(!sources.ready());
  CHECK(changes == 2);
  const auto again = sources.watch({one});
  CHECK(again[0] == slots[0]);
  CHECK(sources.ready());
  loop.run();
  CHECK(fetcher.asked[kUrl] == 1);
  loop.advance(1h);
  CHECK(fetcher.asked[two.location] == 1);  // nobody wants it any more
  KeySourceOptions strict = one;
  strict.keys.private_parts = true;
  CHECK(sources.watch({strict})[0] != slots[0]);
  loop.run();
}

TEST_CASE("key slot: workers read while keys are replaced", "[jose][source][threads]") {
  const auto slot = std::make_shared<KeySlot>();
  std::string problem;
  const auto a = KeySet::parse(key_a(), {}, problem);
  const auto b = KeySet::parse(key_b(), {}, problem);
  std::atomic<u32> told{0};
  std::atomic<bool> ended{false};
  slot->listen([&] { ++told; });
  std::vector<std::thread> workers;
  std::atomic<u64> wrong{0};
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      KeySlot::Reader reader(slot);
      while (!ended) {
        const KeySet* keys = reader.current();
        if (keys != nullptr && !keys->has_key_id("a") && !keys->has_key_id("b")) ++wrong;
        slot->key_missing(1);
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    slot->publish(i % 3 == 0 ? nullptr : i % 3 == 1 ? a : b);
    if (i % 100 == 0) slot->wait_until(0);
  }
  ended = true;
  for (auto& worker : workers) worker.join();
  CHECK(wrong == 0);
  CHECK(told <= 21);  // once for each time that somebody listened
  KeySlot::Reader reader(slot);
  slot->publish(a);
  CHECK(reader.current() == a.get());
  slot->publish(nullptr);
  CHECK(reader.current() == nullptr);
}
