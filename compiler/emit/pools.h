// The growing parts of a table while it is compiled: strings, policy data, expressions, ...
//
// Everything is appended in a deterministic order and deduplicated by content, so that equal
// input gives equal bytes.
#pragma once
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/types.h"
#include "runtime/table/format.h"

namespace gw::compiler {

/// Appends runs of `Record`, giving an equal run its earlier place.
template <class Record>
class RunPool {
 public:
  table::Extent add(const std::vector<Record>& run) {
    if (run.empty()) return {};
    const std::string key(reinterpret_cast<const char*>(run.data()), run.size() * sizeof(Record));
    const auto [entry, fresh] = known_.try_emplace(key, static_cast<u32>(records_.size()));
    if (fresh) records_.insert(records_.end(), run.begin(), run.end());
    return {.offset = entry->second, .count = static_cast<u32>(run.size())};
  }
  const std::vector<Record>& records() const { return records_; }

 private:
  std::vector<Record> records_;
  std::unordered_map<std::string, u32> known_;
};

class StringPool {
 public:
  table::StringRef add(std::string_view text);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::unordered_map<std::string, u32> known_;
};

/// 8-byte aligned blobs.
class BytePool {
 public:
  /// Offset of `bytes`, or of an equal earlier blob.
  u32 add(Bytes bytes);
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  std::unordered_map<std::string, u32> known_;
};

struct Pools {
  StringPool strings;
  BytePool policy_data;
  BytePool dfa_data;
  RunPool<table::ExpressionPart> expressions;
  RunPool<table::StringRef> string_lists;
  RunPool<table::NetworkRecord> networks;
  RunPool<table::ConditionTest> condition_tests;
  RunPool<table::ConditionRecord> conditions;
  RunPool<table::LatePart> late_parts;
  RunPool<table::LateRecord> late;
  RunPool<table::RegexRecord> regexes;
  RunPool<table::StringRef> schemas;
  RunPool<table::OriginRecord> origins;
  std::vector<u32> schema_programs;  // words, runtime/schema/format.h; compiler/schema appends
  std::vector<table::StringRef> network_files;  // each once

  u32 add_network_file(std::string_view path) {
    const table::StringRef ref = strings.add(path);
    for (u32 i = 0; i < network_files.size(); ++i) {
      if (network_files[i] == ref) return i;
    }
    network_files.push_back(ref);
    return static_cast<u32>(network_files.size() - 1);
  }
};

/// Puts records into the policy data, as a list of a record has them.
template <class Record>
table::Extent store_list(Pools& pools, const std::vector<Record>& records) {
  if (records.empty()) return {};
  return {pools.policy_data.add(std::as_bytes(std::span(records))),
          static_cast<u32>(records.size())};
}

/// The records of such a list.
template <class Record>
std::vector<Record> list_of(const Pools& pools, table::Extent extent) {
  std::vector<Record> out(extent.count);
  if (extent.count == 0) return out;
  std::memcpy(out.data(), pools.policy_data.bytes().data() + extent.offset,
              extent.count * sizeof(Record));
  return out;
}

}  // namespace gw::compiler
