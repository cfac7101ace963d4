#include <algorithm>

#include "runtime/base/address_prefix.h"
#include "runtime/engine/expression.h"
#include "runtime/identity/live_data.h"

namespace gw::engine {
namespace {

using table::ConditionTest;
using table::NetworkRecord;
using table::TestKind;
using table::TestSource;

bool in_network(const PeerAddress& address, const NetworkRecord& network) {
  return same_prefix(address.bytes, network.address, network.prefix_bits);
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
    case TestKind::NetworkFile:
      return false;
  }
  return false;
}

// Of a list any item; of scopes in one text any word.
bool claim_matches(const Exchange& exchange, const ConditionTest& test) {
  const jose::Claims* claims = exchange.identity.claims;
  if (claims == nullptr) return false;
  const std::string_view pointer = exchange.table->text(test.name);
  const jose::JsonValue value = claims->at(pointer);
  if (!value.present() || value.is(jose::JsonKind::Null)) return false;
  if (test.kind == TestKind::Present) return true;
  const bool has_words = pointer == "/scope" || pointer == "/scp";
  if (value.is_scalar() && !has_words) return value_matches(*exchange.table, test, value.text());
  for (jose::ClaimWords words(value); words.next();) {
    if (value_matches(*exchange.table, test, words.word())) return true;
  }
  return false;
}

bool consumer_matches(const Exchange& exchange, const ConditionTest& test) {
  const u32 consumer = exchange.identity.consumer;
  if (consumer == table::kNoConsumer) return false;
  const BoundTable& table = *exchange.table;
  const table::ConsumerSet& consumers = exchange.live->consumers;
  if (test.source == TestSource::ConsumerName) {
    return value_matches(table, test, consumers.name(consumer));
  }
  if (test.source == TestSource::ConsumerPlan) {
    const std::string_view plan = consumers.plan(consumer);
    return !plan.empty() && value_matches(table, test, plan);
  }
  if (test.source == TestSource::ConsumerMetadata) {
    const auto value = consumers.metadata(consumer, table.text(test.name));
    return value && value_matches(table, test, *value);
  }
  for (u32 i = 0; i < consumers.group_count(consumer); ++i) {
    if (value_matches(table, test, consumers.group(consumer, i))) return true;
  }
  return false;
}

bool address_matches(const Exchange& exchange, const ConditionTest& test) {
  if (test.kind == TestKind::NetworkFile) {
    return exchange.live->networks[test.values.offset]->set.contains(exchange.client.bytes);
  }
  const table::TableView& view = exchange.table->view();
  return std::ranges::any_of(
      view.part(view.networks(), test.values),
      [&](const NetworkRecord& network) { return in_network(exchange.client, network); });
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
    case TestSource::Ip:
      return address_matches(exchange, test);
    case TestSource::Host:
      return value_matches(table, test, exchange.request.host);
    case TestSource::Path:
      return value_matches(table, test, exchange.request.path);
    case TestSource::Method:
      return value_matches(table, test, exchange.request.method_text);
    case TestSource::Claim:
      return claim_matches(exchange, test);
    case TestSource::ConsumerName:
    case TestSource::ConsumerGroup:
    case TestSource::ConsumerPlan:
    case TestSource::ConsumerMetadata:
      return consumer_matches(exchange, test);
    case TestSource::ClientClass:
      return value_matches(table, test, exchange.client_class);
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
