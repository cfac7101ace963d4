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

std::shared_ptr<const EncodedVariant> variant(encoding::Coding coding, std::string_view body) {
  auto made = std::make_shared<EncodedVariant>();
  made->coding = coding;
  made->body = copy_body(as_bytes(body));
  return made;
}

EntryPtr entry_of(MemoryStore& store, const std::string& key) {
  const Fields request;
  return store.find(make_key(key, place_of(key, "/")), request.list).entry;
}

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

TEST_CASE("store: a body in a coding is kept once, for as long as its entry", "[cache]") {
  using encoding::Coding;
  MemoryStore store(100'000);
  Maker maker;
  REQUIRE(store.put(maker.make("a", "plain"), store.ticket()));
  const EntryPtr entry = entry_of(store, "a");
  const u64 before = store.counts().bytes;
  CHECK(store.put_variant(*entry, variant(Coding::Gzip, "first")));
  CHECK_FALSE(store.put_variant(*entry, variant(Coding::Gzip, "second")));
  CHECK(store.put_variant(*entry, variant(Coding::Brotli, "other")));
  CHECK(as_text(entry->encoded.find(Coding::Gzip)->body->view()) == "first");
  CHECK(entry->encoded.find(Coding::Zstd) == nullptr);
  StoreCounts counts = store.counts();
  CHECK(counts.variants == 2);
  CHECK(counts.variants_stored == 2);
  CHECK(counts.bytes == before + counts.variant_bytes);
  CHECK(counts.bytes == entry->bytes());
  SECTION("another entry in its place has none") {
    REQUIRE(store.put(maker.make("a", "new"), store.ticket()));
    CHECK(store.counts().variants == 0);
    CHECK(entry_of(store, "a")->encoded.find(Coding::Gzip) == nullptr);
    CHECK_FALSE(store.put_variant(*entry, variant(Coding::Zstd, "late")));
    CHECK(store.counts().bytes == entry_of(store, "a")->bytes());
  }
  SECTION("one that says anew of the same body that it holds has them") {
    const Fields fields;
    REQUIRE(store.put(renewed_entry(*entry, fields.list, {}, {}), store.ticket()));
    const EntryPtr renewed = entry_of(store, "a");
    REQUIRE(renewed != entry);
    CHECK(renewed->encoded.find(Coding::Gzip) == entry->encoded.find(Coding::Gzip));
    CHECK(store.counts().variants == 2);
    CHECK(store.counts().bytes == renewed->bytes());
  }
  SECTION("one that has gone takes none, and frees what it had") {
    CHECK(store.purge_all() == 1);
    CHECK_FALSE(store.put_variant(*entry, variant(Coding::Zstd, "late")));
    counts = store.counts();
    CHECK(counts.bytes == 0);
    CHECK(counts.variants == 0);
    CHECK(counts.variant_bytes == 0);
    // Whoever reads it still does.
    CHECK(as_text(entry->encoded.find(Coding::Brotli)->body->view()) == "other");
  }
  SECTION("an entry is not more than its share with all of them") {
    CHECK_FALSE(store.put_variant(*entry, variant(Coding::Zstd, std::string(25'000, 'x'))));
    CHECK(store.put_variant(*entry, variant(Coding::Zstd, std::string(20'000, 'x'))));
  }
}

TEST_CASE("store: its limit holds for bodies in codings, too", "[cache]") {
  MemoryStore store(200'000);
  Maker maker;
  u64 state = 3;
  const auto random = [&](u64 below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % below;
  };
  std::vector<EntryPtr> held;
  u64 kept = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "k" + std::to_string(random(150));
    if (random(3) == 0) store.put(maker.make(key, std::string(random(3'000), 'x')), store.ticket());
    if (const EntryPtr entry = entry_of(store, key)) {
      const auto coding = static_cast<encoding::Coding>(random(encoding::kCodings));
      kept += store.put_variant(*entry, variant(coding, std::string(random(3'000), 'y'))) ? 1U : 0U;
      if (random(50) == 0) held.push_back(entry);
    }
    if (random(500) == 0) store.purge_place(place_of(key, "/"));
    if (random(50) == 0) held.clear();
    const StoreCounts counts = store.counts();
    REQUIRE(counts.bytes <= 200'000);
    REQUIRE(counts.variant_bytes <= counts.bytes);
  }
  CHECK(kept > 1'000);
  held.clear();
  store.set_limit(0);
  const StoreCounts counts = store.counts();
  CHECK(counts.bytes == 0);
  CHECK(counts.variants == 0);
  CHECK(counts.variant_bytes == 0);
  // What was alive is counted out: there is room for as much again.
  store.set_limit(200'000);
  for (int i = 0; i < 60; ++i) {
    CHECK(store.put(maker.make("n" + std::to_string(i), std::string(2'000, 'z')), store.ticket()));
  }
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
        } else if (choice < 50) {
          const EntryPtr entry = entry_of(store, key);
          if (entry == nullptr) continue;
          const auto coding = static_cast<encoding::Coding>(choice % encoding::kCodings);
          const EncodedVariant* seen = entry->encoded.find(coding);
          if (seen == nullptr) {
            store.put_variant(*entry, variant(coding, "e" + key));
          } else if (as_text(seen->body->view()) != "e" + key) {
            ++wrong;
          }
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
  CHECK(store.counts().variant_bytes == 0);
}

}  // namespace gw::cache
