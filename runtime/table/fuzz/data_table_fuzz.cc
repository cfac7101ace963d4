// Property: whatever verify() accepts as a data table of consumers, or as a set of networks, can be
// looked up in, and so can networks that are read from a text. What the input is:
//
//   a table's magic   a data table of consumers; its digest is repaired, or the fuzzer would see
//                     nothing behind it
//   'N'               a set of networks, whose index of 256 KiB is written as steps: the header as
//                     in the set, u8 the number of steps, {u16 until, u16 value} each, and what
//                     comes behind the index. The length in the header is repaired
//   anything else     networks as text
//
// Seeds: corpus/data_table_fuzz, made by compiler/consumers/data_table_test.cc.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/identity/live_data.h"
#include "runtime/table/fuzz/exercise_table.h"
#include "runtime/table/view.h"

namespace gw::table {
namespace {

constexpr u32 kSome = 64;  // records that are looked at: lists of a hostile table may overlap

// Reads what a view covers, so that a sanitizer sees it.
u64 sum_of(std::string_view text) {
  u64 sum = text.size();
  for (const char c : text) sum = sum * 31 + static_cast<u8>(c);
  return sum;
}

u64 read_consumer(const ConsumerSet& set, u32 consumer) {
  u64 sum = sum_of(set.name(consumer)) + sum_of(set.plan(consumer));
  const u32 groups = std::min(set.group_count(consumer), kSome);
  for (u32 i = 0; i < groups; ++i) sum += sum_of(set.group(consumer, i));
  if (groups > 0) GW_CHECK(set.in_group(consumer, set.group(consumer, 0)));
  sum += sum_of(set.metadata(consumer, "tier").value_or(""));
  for (const ConsumerOverride& one : set.overrides(consumer)) {
    sum += sum_of(set.text(one.name)) + one.limit.value + one.burst.value;
  }
  // Names need not be in order; what is found has the name.
  const u32 found = set.find_name(set.name(consumer));
  GW_CHECK(found == kNoConsumer || set.name(found) == set.name(consumer));
  return sum;
}

u64 read_consumers(Bytes file) {
  const ConsumerSet set(TableView(file).section(SectionKind::Consumers));
  u64 sum = set.key_count();
  for (u32 i = 0; i < std::min(set.size(), kSome); ++i) sum += read_consumer(set, i);
  for (u32 i = 0; i < std::min(set.profile_count(), kSome); ++i) {
    sum += sum_of(set.plan_of_profile(i));
  }
  for (const ConsumerOverride& one : set.all_overrides()) sum += sum_of(set.text(one.name));
  // Any 32 bytes may be asked for; those of the file have a chance to be a key.
  u8 digest[kKeyDigestBytes];
  for (size_t at = 0; at + sizeof digest <= file.size(); at += 4) {
    std::memcpy(digest, file.data() + at, sizeof digest);
    const u32 found = set.find_key(digest);
    GW_CHECK(found == kNoConsumer || found < set.size());
  }
  for (const std::string_view text : {"", "alice", "CN=c", "DNS:c.example", "\xff\xff"}) {
    if (const ConsumerLogin* login = set.find_login(text)) {
      GW_CHECK(set.text(login->user) == text && login->consumer < set.size());
      sum += sum_of(set.text(login->password));
    }
    for (const auto field :
         {CertificateField::Subject, CertificateField::San, CertificateField::Fingerprint}) {
      const u32 found = set.find_certificate(field, text);
      GW_CHECK(found == kNoConsumer || found < set.size());
    }
  }
  return sum;
}

u64 read_addresses(const NetworkSet& set, Bytes file) {
  u64 sum = set.range_count();
  u8 address[16] = {};
  for (size_t at = 0; at + sizeof address <= file.size(); at += 4) {
    std::memcpy(address, file.data() + at, sizeof address);
    sum += set.contains(address) ? u64{1} : 0;
    std::fill_n(address, 10, u8{0});  // the same four bytes as an address of IPv4
    address[10] = address[11] = 0xff;
    sum += set.contains(address) ? u64{1} : 0;
  }
  return sum;
}

// A network set as the head of this file says; empty: the input is too short.
std::vector<std::byte> expand_networks(Bytes input) {
  constexpr size_t kIndexEntries = 65'537;
  constexpr size_t kIndexBytes = (kIndexEntries * 4 + 7) / 8 * 8;
  NetworkSetHeader header;
  if (input.size() < sizeof header + 1) return {};
  std::memcpy(&header, input.data(), sizeof header);
  const size_t steps = static_cast<u8>(input[sizeof header]);
  input = input.subspan(sizeof header + 1);
  if (input.size() < steps * 4) return {};
  const Bytes tail = input.subspan(steps * 4);
  std::vector<u32> index(kIndexBytes / 4);
  size_t at = 0;
  for (size_t i = 0; i < steps; ++i) {
    u16 step[2];
    std::memcpy(step, input.data() + i * 4, sizeof step);
    for (; at <= step[0]; ++at) index[at] = step[1];
    if (i + 1 == steps) std::fill(index.begin() + static_cast<i64>(at), index.end(), step[1]);
  }
  header.bytes = sizeof header + kIndexBytes + tail.size();
  std::vector<std::byte> blob(header.bytes);
  std::memcpy(blob.data(), &header, sizeof header);
  std::memcpy(blob.data() + sizeof header, index.data(), kIndexBytes);
  std::copy(tail.begin(), tail.end(), blob.begin() + sizeof header + kIndexBytes);
  return blob;
}

void try_consumers(std::vector<std::byte> file) {
  repair_digest(file);
  const auto table = TableFile::from_bytes(file, TableKind::Consumers);
  volatile u64 sum = table ? read_consumers((*table)->bytes()) : 0;
  (void)sum;
}

void try_network_set(Bytes input) {
  const std::vector<std::byte> blob = expand_networks(input);
  if (blob.empty() || !verify_network_set(blob)) return;
  volatile u64 sum = read_addresses(NetworkSet(blob), input);
  (void)sum;
}

void try_network_text(Bytes input) {
  std::string problem;
  const auto networks = read_networks(as_text(input), problem);
  GW_CHECK((networks != nullptr) == problem.empty());
  if (networks == nullptr) return;
  GW_CHECK(verify_network_set(networks->blob));  // what is made is what may be loaded
  volatile u64 sum = read_addresses(networks->set, input);
  (void)sum;
}

}  // namespace
}  // namespace gw::table

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw;
  if (size == 0 || size > 64 * 1024) return 0;
  const Bytes input(reinterpret_cast<const std::byte*>(data), size);
  if (data[0] == table::kMagic[0]) table::try_consumers({input.begin(), input.end()});
  if (data[0] == 'N') table::try_network_set(input.subspan(1));
  if (data[0] != table::kMagic[0] && data[0] != 'N') table::try_network_text(input);
  return 0;
}
