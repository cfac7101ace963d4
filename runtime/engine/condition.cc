#include <algorithm>
#include <cstring>

#include "runtime/engine/expression.h"

namespace gw::engine {
namespace {

using table::ConditionTest;
using table::NetworkRecord;
using table::TestKind;
using table::TestSource;

bool in_network(const PeerAddress& address, const NetworkRecord& network) {
  const u32 whole = network.prefix_bits / 8;
  if (std::memcmp(address.bytes, network.address, whole) != 0) return false;
  const u32 rest = network.prefix_bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<u8>(0xff00u >> rest);
  return ((address.bytes[whole] ^ network.address[whole]) & mask) == 0;
}

bool value_matches(const BoundTable& table, const ConditionTest& test, std::string_view value) {
  const table::TableView& view = table.view();
  switch (test.kind) {
    case TestKind::Present:
      return true;
    case TestKind::Matches:
      return table.matches(test.regex, value);
    case TestKind::Equals:
    case TestKind::Prefix:
      return std::ranges::any_of(
          view.part(view.string_lists(), test.values), [&](table::StringRef ref) {
            const std::string_view wanted = view.text(ref);
            return test.kind == TestKind::Equals ? value == wanted : value.starts_with(wanted);
          });
    case TestKind::Network:
      return false;
  }
  return false;
}

// Any value of a field that is sent several times will do.
bool header_matches(const Exchange& exchange, const ConditionTest& test) {
  const std::string_view name = exchange.table->text(test.name);
  for (const http::Field& field : exchange.request.fields) {
    if (field.removed || !http::equal_fold(field.name, name)) continue;
    if (value_matches(*exchange.table, test, field.value)) return true;
  }
  return false;
}

bool test_holds(Exchange& exchange, const ConditionTest& test) {
  const BoundTable& table = *exchange.table;
  const std::string_view name = table.text(test.name);
  std::string_view value;
  switch (test.source) {
    case TestSource::Header:
      return header_matches(exchange, test);
    case TestSource::Query:
      return query_value(exchange, name, value) && value_matches(table, test, value);
    case TestSource::Cookie:
      return cookie_value(exchange, name, value) && value_matches(table, test, value);
    case TestSource::Ip: {
      const auto networks = table.view().part(table.view().networks(), test.values);
      return std::ranges::any_of(networks, [&](const NetworkRecord& network) {
        return in_network(exchange.client, network);
      });
    }
    case TestSource::Host:
      return value_matches(table, test, exchange.request.host);
    case TestSource::Path:
      return value_matches(table, test, exchange.request.path);
    case TestSource::Method:
      return value_matches(table, test, exchange.request.method_text);
  }
  return false;
}

}  // namespace

bool holds(Exchange& exchange, u32 condition) {
  if (condition == table::kNone) return true;
  const table::TableView& view = exchange.table->view();
  for (u32 i = condition;; ++i) {  // the last of the section ends a condition: see verify
    const table::ConditionRecord& alternative = view.conditions()[i];
    const auto tests = view.part(view.condition_tests(), alternative.tests);
    const bool all = std::ranges::all_of(tests, [&](const ConditionTest& test) {
      return test_holds(exchange, test) != (test.negate != 0);
    });
    if (all) return true;
    if (alternative.last != 0) return false;
  }
}

}  // namespace gw::engine
