// What is wrong with a message, for whoever sent it and for the log.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/arena.h"
#include "runtime/policies/validate/record.h"
#include "runtime/schema/errors.h"

namespace gw::validate {

/// Never holds a part of the message but names of members in `pointer` and of fields in
/// `parameter`.
struct Fault {
  policies::Place in = policies::Place::Body;
  std::string_view parameter;  // empty: of a body
  std::string_view pointer;    // JSON Pointer within the value; empty: the whole
  std::string_view keyword;    // "minimum", "required", "style", ...
  std::string_view detail;
};

/// Longest pointer and name that are shown.
inline constexpr size_t kMaxShownBytes = 200;

/// Up to `limit` faults; counts the others. Allocates with the first one only. Texts are copied
/// into the arena where need be.
class FaultList {
 public:
  FaultList(Arena& arena, u32 limit) : arena_(arena), limit_(limit) {}

  void add(const Fault& fault);
  /// Those that a schema has found.
  void add(policies::Place in, std::string_view parameter, const schema::ErrorList& errors);
  bool empty() const { return count_ == 0; }
  u32 count() const { return count_; }
  /// How many more would be kept.
  u32 room() const { return count_ >= limit_ ? 0 : limit_ - count_; }
  const std::vector<Fault>& kept() const { return faults_; }

  /// As members of a problem (RFC 9457): `,"errors":[...]`; in the arena.
  std::string_view to_members() const;
  /// The first one for the log: `query limit: maximum`; in the arena.
  std::string_view to_note() const;

 private:
  Arena& arena_;
  u32 limit_;
  u32 count_ = 0;
  std::vector<Fault> faults_;
};

}  // namespace gw::validate
