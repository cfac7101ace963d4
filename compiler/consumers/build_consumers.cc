// Consumers to the section that is looked up in: see runtime/table/consumer_format.h.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>

#include "compiler/consumers/consumers.h"
#include "compiler/phf/build.h"
#include "runtime/table/format.h"
#include "runtime/table/phf.h"

namespace gw::compiler {
namespace {

using table::ConsumerCertificate;
using table::ConsumerHeader;
using table::ConsumerKey;
using table::ConsumerList;
using table::ConsumerLogin;
using table::ConsumerOverride;
using table::ConsumerPart;
using table::ConsumerProfile;

// Slots have 36 bytes here, so that few are left empty.
constexpr u32 kKeysPerSpareSlot = 100;

class ConsumerBuilder {
 public:
  ConsumerBuilder(std::vector<Consumer> consumers, DiagnosticSink& sink)
      : consumers_(std::move(consumers)), sink_(sink) {
    std::ranges::stable_sort(consumers_, {}, &Consumer::name);
  }

  std::vector<std::byte> run() {
    for (u32 i = 0; i < consumers_.size(); ++i) {
      const Consumer& consumer = consumers_[i];
      add_consumer(consumer);
      add_logins(i, consumer);
      add_certificates(i, consumer);
    }
    place_keys();
    return lay_out();
  }

 private:
  u32 add_text(std::string_view text) {
    const auto known = texts_known_.find(std::string(text));
    if (known != texts_known_.end()) return known->second;
    const u32 offset = static_cast<u32>(texts_.size());
    append_text(text);
    texts_known_.emplace(text, offset);
    return offset;
  }

  void append_number(u32 value) {
    for (; value >= 0x80; value >>= 7) texts_ += static_cast<char>(value | 0x80);
    texts_ += static_cast<char>(value);
  }
  void append_text(std::string_view text) {
    append_number(static_cast<u32>(text.size()));
    texts_ += text;
  }

  void add_consumer(const Consumer& consumer) {
    const u32 profile = add_profile(consumer);
    if (consumer.source.file != table::kNone) has_places_ = true;
    places_.push_back(consumer.source);
    consumer_offsets_.push_back(static_cast<u32>(texts_.size()));
    append_number(profile);
    append_text(consumer.name);
  }

  ConsumerList add_list(const std::vector<u32>& texts) {
    if (texts.empty()) return {};
    const auto [entry, fresh] = lists_known_.try_emplace(texts, static_cast<u32>(lists_.size()));
    if (fresh) lists_.insert(lists_.end(), texts.begin(), texts.end());
    return {.first = entry->second, .count = static_cast<u32>(texts.size())};
  }

  ConsumerList add_overrides(const std::vector<ConsumerLimit>& limits) {
    if (limits.empty()) return {};
    std::vector<ConsumerOverride> run;
    for (const ConsumerLimit& limit : limits) {
      run.push_back({.name = add_text(limit.name),
                     .kind = limit.kind,
                     .limit = limit.limit,
                     .burst = limit.burst});
    }
    const std::string key(reinterpret_cast<const char*>(run.data()), run.size() * sizeof(run[0]));
    const auto [entry, fresh] =
        overrides_known_.try_emplace(key, static_cast<u32>(overrides_.size()));
    if (fresh) overrides_.insert(overrides_.end(), run.begin(), run.end());
    return {.first = entry->second, .count = static_cast<u32>(run.size())};
  }

  u32 add_profile(const Consumer& consumer) {
    std::vector<u32> groups;
    for (const std::string_view group : consumer.groups) groups.push_back(add_text(group));
    std::vector<u32> metadata;
    for (const auto& [name, value] : consumer.metadata) {
      metadata.push_back(add_text(name));
      metadata.push_back(add_text(value));
    }
    ConsumerProfile profile;
    if (!consumer.plan.empty()) profile.plan = add_text(consumer.plan);
    profile.groups = add_list(groups);
    profile.metadata = add_list(metadata);
    profile.overrides = add_overrides(consumer.limits);
    const std::string key(reinterpret_cast<const char*>(&profile), sizeof profile);
    const auto [entry, fresh] =
        profiles_known_.try_emplace(key, static_cast<u32>(profiles_.size()));
    if (fresh) profiles_.push_back(profile);
    return entry->second;
  }

  void report_shared(std::string_view what, const Consumer& first, const Consumer& second) {
    sink_.report({.rule = "extension-conflict",
                  .severity = Severity::Error,
                  .message = fmt::format("consumers `{}` and `{}` have the same {}", first.name,
                                         second.name, what),
                  .primary = {second.span, "the second one"},
                  .related = {{first.span, "the first one"}},
                  .help = "it would not be known whose request it is"});
  }

  void add_logins(u32 index, const Consumer& consumer) {
    for (const auto& [user, password] : consumer.logins) {
      const auto [known, fresh] = logins_.try_emplace(user, index, password);
      if (!fresh) report_shared("user name", consumers_[std::get<0>(known->second)], consumer);
    }
  }

  void add_certificates(u32 index, const Consumer& consumer) {
    for (const auto& certificate : consumer.certificates) {
      const auto [known, fresh] = certificates_.try_emplace(certificate, index);
      if (!fresh) report_shared("certificate", consumers_[known->second], consumer);
    }
  }

  void place_keys() {
    struct Owned {
      const KeyDigest* digest;
      u32 consumer;
    };
    std::vector<Owned> owned;
    for (u32 i = 0; i < consumers_.size(); ++i) {
      for (const KeyDigest& digest : consumers_[i].keys) owned.push_back({&digest, i});
    }
    std::ranges::stable_sort(owned,
                             [](const Owned& a, const Owned& b) { return *a.digest < *b.digest; });
    std::vector<phf::Key> keys;
    std::vector<Owned> unique;
    for (const Owned& one : owned) {
      if (!unique.empty() && *unique.back().digest == *one.digest) {
        if (unique.back().consumer != one.consumer) {
          report_shared("key", consumers_[unique.back().consumer], consumers_[one.consumer]);
        }
        continue;
      }
      unique.push_back(one);
      keys.push_back({std::string_view(reinterpret_cast<const char*>(one.digest->data()),
                                       one.digest->size())});
    }
    key_count_ = static_cast<u32>(unique.size());
    if (unique.empty()) return;
    const auto blob = phf::build(keys, kKeysPerSpareSlot);  // they differ: there is one
    PhfHeader header;
    std::memcpy(&header, blob->data(), sizeof header);
    phf_seed_ = header.seed;
    const std::byte* pilots = blob->data() + sizeof header;
    pilots_.resize(header.bucket_count);
    std::memcpy(pilots_.data(), pilots, size_t{header.bucket_count} * 2);
    const std::byte* slots = pilots + ((size_t{header.bucket_count} * 2 + 7) & ~size_t{7});
    // The digests lie in the slots themselves: they are better than any fingerprint.
    keys_.resize(header.slot_count, ConsumerKey{.digest = {}, .consumer = table::kNoConsumer});
    for (u32 i = 0; i < header.slot_count; ++i) {
      PhfSlot slot;
      std::memcpy(&slot, slots + size_t{i} * sizeof slot, sizeof slot);
      if (slot.index == kNoKey) continue;
      std::memcpy(keys_[i].digest, unique[slot.index].digest->data(), table::kKeyDigestBytes);
      keys_[i].consumer = unique[slot.index].consumer;
    }
  }

  template <class T>
  void put(const std::vector<T>& records, ConsumerPart& part) {
    bytes_.resize((bytes_.size() + 7) & ~size_t{7});
    part = {.offset = static_cast<u32>(bytes_.size()), .count = static_cast<u32>(records.size())};
    const auto* from = reinterpret_cast<const std::byte*>(records.data());
    bytes_.insert(bytes_.end(), from, from + records.size() * sizeof(T));
  }

  std::vector<std::byte> lay_out() {
    std::vector<ConsumerLogin> logins;
    for (const auto& [user, login] : logins_) {
      logins.push_back({.user = add_text(user),
                        .password = add_text(std::get<1>(login)),
                        .consumer = std::get<0>(login)});
    }
    std::vector<ConsumerCertificate> certificates;
    for (const auto& [certificate, consumer] : certificates_) {
      certificates.push_back({.field = certificate.first,
                              .value = add_text(certificate.second),
                              .consumer = consumer});
    }
    ConsumerHeader header;
    header.phf_seed = phf_seed_;
    header.key_count = key_count_;
    bytes_.resize(sizeof header);
    put(pilots_, header.pilots);
    put(keys_, header.keys);
    put(consumer_offsets_, header.consumers);
    put(profiles_, header.profiles);
    put(lists_, header.lists);
    put(overrides_, header.overrides);
    put(logins, header.logins);
    put(certificates, header.certificates);
    if (has_places_) put(places_, header.places);
    put(std::vector<char>(texts_.begin(), texts_.end()), header.texts);
    bytes_.resize((bytes_.size() + 7) & ~size_t{7});
    header.bytes = bytes_.size();
    std::memcpy(bytes_.data(), &header, sizeof header);
    return std::move(bytes_);
  }

  std::vector<Consumer> consumers_;
  DiagnosticSink& sink_;
  std::string texts_;
  std::unordered_map<std::string, u32> texts_known_;
  std::vector<u32> lists_;
  std::map<std::vector<u32>, u32> lists_known_;
  std::vector<ConsumerOverride> overrides_;
  std::unordered_map<std::string, u32> overrides_known_;
  std::vector<ConsumerProfile> profiles_;
  std::unordered_map<std::string, u32> profiles_known_;
  std::vector<u32> consumer_offsets_;
  std::vector<table::SourceRef> places_;  // by consumer
  bool has_places_ = false;
  std::map<std::string_view, std::pair<u32, std::string_view>> logins_;
  std::map<std::pair<table::CertificateField, std::string_view>, u32> certificates_;
  std::vector<u16> pilots_;
  std::vector<ConsumerKey> keys_;
  u64 phf_seed_ = 0;
  u32 key_count_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace

std::vector<std::byte> build_consumers(std::vector<Consumer> consumers, DiagnosticSink& sink) {
  return ConsumerBuilder(std::move(consumers), sink).run();
}

}  // namespace gw::compiler
