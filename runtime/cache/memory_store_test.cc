#include "runtime/cache/memory_store.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>

namespace gw::cache {
namespace {

struct Fields {
  Fields() : list(arena) {}
  Arena arena;
  http::FieldList list;
};

struct Maker {
  std::shared_ptr<Entry> make(const std::string& key, std::string_view body,
                              std::string_view language = {}, std::vector<u64> tags = {}) {
    Fields answer;
    Fields request;
    if (!language.empty()) {
      answer.list.add("vary", "accept-language");
      request.list.add("accept-language", language);
    }
    EntryParts parts;
    tags.insert(tags.begin(), place_of(key, "/"));
    parts.key = make_key(key, place_of(key, "/"));
    parts.status = 200;
    parts.answer = &answer.list;
    parts.request = &request.list;
    parts.tags = tags;
    parts.body = copy_body(as_bytes(body));
    return make_entry(parts);
  }
};

std::string body_of(MemoryStore& store, const std::string& key, std::string_view language = {}) {
  Fields request;
  if (!language.empty()) request.list.add("accept-language", language);
  const Found found = store.find(make_key(key, place_of(key, "/")), request.list);
  return found.entry == nullptr ? "(none)" : std::string(as_text(found.entry->body->view()));
}

}  // namespace

TEST_CASE("store: found by key and by what the answer varies on", "[cache]") {
  MemoryStore store;
  Maker maker;
  CHECK(store.put(maker.make("a", "one"), store.ticket()));
  CHECK(body_of(store, "a") == "one");
  CHECK(body_of(store, "b") == "(none)");
  CHECK(store.put(maker.make("a", "two"), store.ticket()));
  CHECK(body_of(store, "a") == "two");
  CHECK(store.counts().entries == 1);
  CHECK(store.put(maker.make("c", "deutsch", "de"), store.ticket()));
  CHECK(store.put(maker.make("c", "english", "en"), store.ticket()));
  CHECK(body_of(store, "c", "de") == "deutsch");
  CHECK(body_of(store, "c", "en") == "english");
  CHECK(body_of(store, "c", "fr") == "(none)");
  CHECK(body_of(store, "c") == "(none)");
}

TEST_CASE("store: keys whose hashes meet are still different keys", "[cache]") {
  MemoryStore store;
  Maker maker;
  const auto entry = maker.make("mine", "secret");
  Key other = make_key("theirs", entry->place);
  other.low = entry->key_low;
  other.high = entry->key_high;
  REQUIRE(store.put(entry, store.ticket()));
  const Fields request;
  CHECK(store.find(other, request.list).entry == nullptr);
}

TEST_CASE("store: purged by tag, place, key or all", "[cache]") {
  MemoryStore store;
  Maker maker;
  const u64 red = tag_of(TagKind::Named, "red");
  const u64 blue = tag_of(TagKind::Named, "blue");
  CHECK(red != tag_of(TagKind::Operation, "red"));
  store.put(maker.make("a", "a", {}, {red}), store.ticket());
  store.put(maker.make("b", "b", {}, {red, blue}), store.ticket());
  store.put(maker.make("c", "c", {}, {blue}), store.ticket());
  CHECK(store.purge_tag(red) == 2);
  CHECK(body_of(store, "a") == "(none)");
  CHECK(body_of(store, "c") == "c");
  CHECK(store.purge_tag(red) == 0);
  CHECK(store.purge_matching([](std::string_view key) { return key == "c"; }) == 1);
  const u64 ticket = store.ticket();
  CHECK(store.put(maker.make("d", "d"), ticket));
  CHECK(store.purge_place(place_of("d", "/")) == 1);
  // What was asked for before a purge that concerns it does not come in after it.
  CHECK_FALSE(store.put(maker.make("d", "d"), ticket));
  CHECK(store.put(maker.make("e", "e"), store.ticket()));
  CHECK(store.purge_all() == 1);
  CHECK_FALSE(store.put(maker.make("f", "f"), ticket));
  CHECK(store.put(maker.make("d", "d"), store.ticket()));
}

TEST_CASE("store: never more bytes than its limit, and what is wanted stays", "[cache]") {
  MemoryStore store(200'000);
  Maker maker;
  const std::string body(1'000, 'x');
  // Ten that are asked for all the time, among thousands that are asked for once.
  const auto is_there = [&](int hot) {
    return body_of(store, "hot" + std::to_string(hot)) == body;
  };
  int lost = 0;
  for (int i = 0; i < 5'000; ++i) {
    const int hot = i % 10;
    if (!is_there(hot)) {
      if (i >= 200) ++lost;
      store.put(maker.make("hot" + std::to_string(hot), body), store.ticket());
    }
    store.put(maker.make("cold" + std::to_string(i), body), store.ticket());
    REQUIRE(store.counts().bytes <= 200'000);
  }
  CHECK(lost < 100);
  CHECK(store.counts().evicted > 4'000);
  store.set_limit(50'000);
  CHECK(store.counts().bytes <= 50'000);
  store.set_limit(0);
  CHECK(store.counts().entries == 0);
  CHECK_FALSE(store.put(maker.make("a", "a"), store.ticket()));
}

TEST_CASE("store: who reads slowly keeps his answer, within bounds", "[cache]") {
  MemoryStore store(100'000);
  Maker maker;
  const std::string body(10'000, 'x');
  std::vector<EntryPtr> held;
  const Fields request;
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "k" + std::to_string(i);
    if (!store.put(maker.make(key, body), store.ticket())) continue;
    ++kept;
    held.push_back(store.find(make_key(key, place_of(key, "/")), request.list).entry);
  }
  // What was evicted lives on in readers' hands, and counts.
  CHECK(kept <= 14);
  for (const EntryPtr& entry : held) CHECK(entry->body->size == 10'000);
  held.clear();
  CHECK(store.put(maker.make("after", body), store.ticket()));
}

TEST_CASE("store: many threads", "[cache]") {
  MemoryStore store(300'000);
  std::vector<std::thread> threads;
  std::atomic<u64> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Maker maker;
      u64 state = static_cast<u64>(t) + 1;
      for (int i = 0; i < 3'000; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const std::string key = "k" + std::to_string((state >> 40) % 200);
        const u64 choice = (state >> 20) % 100;
        if (choice < 30) {
          store.put(maker.make(key, key + std::string(500, 'x'), {},
                               {tag_of(TagKind::Named, key.substr(0, 2))}),
                    store.ticket());
        } else if (choice < 97) {
          const std::string found = body_of(store, key);
          if (found != "(none)" && found != key + std::string(500, 'x')) ++wrong;
        } else if (choice < 99) {
          store.purge_tag(tag_of(TagKind::Named, key.substr(0, 2)));
        } else {
          store.set_limit(200'000 + (state >> 50) * 10);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  store.purge_all();
  CHECK(store.counts().bytes == 0);
}

}  // namespace gw::cache
