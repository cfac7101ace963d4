#include "compiler/publish/class_access.h"

#include <re2/re2.h>

#include <algorithm>
#include <vector>

namespace gw::compiler {
namespace {

enum class Truth : u8 { No, Depends, Yes };

Truth negate(Truth truth) {
  return static_cast<Truth>(static_cast<u8>(Truth::Yes) - static_cast<u8>(truth));
}

Truth of(bool truth) { return truth ? Truth::Yes : Truth::No; }

// Whether the class is what a condition's value says.
Truth names_class(NodeRef value, std::string_view client) {
  if (value.is_seq()) {
    const auto items = value.items();
    bool any = false;
    for (const NodeRef item : items) any = any || (item.is_scalar() && item.text() == client);
    return of(any);
  }
  if (!value.is_map()) return of(value.text() == client);
  Truth all = Truth::Yes;
  for (const auto [op, operand] : value.entries()) {
    Truth one = Truth::Depends;
    if (op.text() == "not") one = negate(names_class(operand, client));
    if (op.text() == "prefix") one = of(client.starts_with(operand.text()));
    if (op.text() == "matches") one = of(RE2::FullMatch(client, std::string(operand.text())));
    all = std::min(all, one);
  }
  return all;
}

// All keys of a map must hold, and one map of a list.
Truth holds(NodeRef condition, std::string_view client) {
  if (condition.is_seq()) {
    Truth any = Truth::No;
    for (const NodeRef item : condition.items()) any = std::max(any, holds(item, client));
    return any;
  }
  Truth all = Truth::Yes;
  for (const auto [key, value] : condition.entries()) {
    const bool of_class = key.text() == "client";
    all = std::min(all, of_class ? names_class(value, client) : Truth::Depends);
  }
  return all;
}

}  // namespace

bool class_may_call(const Effective& fields, std::string_view client) {
  for (const std::string_view rule : {"allow", "deny"}) {
    const Effective* all = fields.find(rule);
    if (all == nullptr) continue;
    const Truth refused = rule == "allow" ? Truth::No : Truth::Yes;
    for (const Effective::Entry& entry : all->entries) {
      if (entry.value.node && holds(entry.value.node, client) == refused) return false;
    }
  }
  return true;
}

}  // namespace gw::compiler
