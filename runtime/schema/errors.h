// What is wrong with an instance, for whoever sent it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::schema {

struct SchemaError {
  std::string pointer;       // JSON Pointer of the value
  std::string_view keyword;  // "minLength"; static
  /// Short, of what the schema says: never a part of the instance.
  std::string message;
};

/// Faults in the order in which they were found, `limit` at the most.
class ErrorList {
 public:
  explicit ErrorList(u32 limit = 16) : limit_(limit) {}
  bool full() const { return errors_.size() >= limit_; }
  void add(SchemaError error) {
    if (!full()) errors_.push_back(std::move(error));
  }
  const std::vector<SchemaError>& all() const { return errors_; }

 private:
  u32 limit_;
  std::vector<SchemaError> errors_;
};

}  // namespace gw::schema
