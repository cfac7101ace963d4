// `when` and its relatives: conditions on requests, to tests.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/xgw/value.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using table::ConditionTest;
using table::ExpressionPart;
using table::TestKind;
using table::TestSource;

struct WhenKey {
  std::string_view name;
  TestSource source;
  bool named;  // takes a map from name to value
};
constexpr WhenKey kWhenKeys[] = {{"header", TestSource::Header, true},
                                 {"query", TestSource::Query, true},
                                 {"cookie", TestSource::Cookie, true},
                                 {"ip", TestSource::Ip, false},
                                 {"host", TestSource::Host, false},
                                 {"path", TestSource::Path, false},
                                 {"method", TestSource::Method, false},
                                 {"jwt", TestSource::Claim, true},
                                 {"consumer", TestSource::ConsumerName, true},
                                 {"client", TestSource::ClientClass, false}};

class ConditionEncoder {
 public:
  ConditionEncoder(const EncodeScope& scope, Pools& pools, DiagnosticSink& sink)
      : scope_(scope), pools_(pools), sink_(sink) {}

  u32 encode(NodeRef node) {
    std::vector<table::ConditionRecord> alternatives;
    if (node.is_seq()) {
      for (const NodeRef item : node.items()) alternatives.push_back(alternative(item));
    } else {
      alternatives.push_back(alternative(node));
    }
    if (alternatives.empty()) {
      refuse(node.span(), "`when` is an empty list", "nothing could ever match");
      return table::kNone;
    }
    alternatives.back().last = 1;
    if (failed_) return table::kNone;
    return pools_.conditions.add(alternatives).offset;
  }

 private:
  void refuse(Span span, std::string message, std::string label, std::string help = {},
              std::string_view rule = "extension-value") {
    failed_ = true;
    sink_.report({.rule = rule,
                  .severity = Severity::Error,
                  .message = std::move(message),
                  .primary = {span, std::move(label)},
                  .help = std::move(help)});
  }

  table::ConditionRecord alternative(NodeRef node) {
    std::vector<ConditionTest> tests;
    if (!node.is_map()) {
      refuse(node.span(), "`when` is not a map", "here",
             "write for example `when: {header: {x-client: mobile}}`");
      return {};
    }
    for (const auto [key, value] : node.entries()) test_key(key, value, tests);
    if (tests.empty() && !failed_) {
      refuse(node.span(), "`when` is empty", "it would hold for every request",
             "remove it, or name a header, query, cookie, ip, host, path, method, jwt, consumer or "
             "client");
    }
    return {.tests = pools_.condition_tests.add(tests), .last = 0, .reserved = 0};
  }

  void test_key(NodeRef key, NodeRef value, std::vector<ConditionTest>& tests) {
    const auto known = std::ranges::find(kWhenKeys, key.text(), &WhenKey::name);
    if (known == std::end(kWhenKeys)) {
      std::vector<std::string_view> names;
      for (const WhenKey& name : kWhenKeys) names.push_back(name.name);
      refuse(key.span(), fmt::format("`when` has no key `{}`", key.text()), "here",
             did_you_mean(key.text(), names), "extension-unknown");
      return;
    }
    if (known->source == TestSource::ConsumerName) {
      test_consumer(*known, key, value, tests);
      return;
    }
    if (!known->named) {
      if (known->source == TestSource::ClientClass) check_classes(value);
      test_value(*known, {}, value, false, tests);
      return;
    }
    if (!value.is_map()) {
      refuse(value.span(), fmt::format("`when.{}` is not a map from name to value", key.text()),
             "here", fmt::format("write `{}: {{NAME: VALUE}}`", key.text()));
      return;
    }
    for (const auto [name, expected] : value.entries()) {
      if (known->source == TestSource::Header && !is_token(name.text())) {
        refuse(name.span(), fmt::format("`{}` is not a header field name", name.text()), "here");
        continue;
      }
      std::string stored(name.text());
      if (known->source == TestSource::Header) stored = lower_case(name.text());
      if (known->source == TestSource::Claim) stored = pointer_of(name);
      if (stored.empty()) continue;
      test_value(*known, pools_.strings.add(stored), expected, false, tests);
    }
  }

  // Names of classes that the gateway has, wherever they stand.
  void check_classes(NodeRef value) {
    if (scope_.client_classes == nullptr || !value) return;
    if (value.is_map()) {
      for (const auto [op, operand] : value.entries()) {
        if (op.text() == "not") check_classes(operand);
      }
      return;
    }
    if (value.is_seq()) {
      for (const NodeRef item : value.items()) check_classes(item);
      return;
    }
    const auto& classes = *scope_.client_classes;
    if (!value.is_string() || std::ranges::find(classes, value.text()) != classes.end()) return;
    refuse(value.span(), fmt::format("there is no client class `{}`", value.text()),
           "not in `clients`", did_you_mean(value.text(), classes), "extension-dangling");
  }

  // `tenant`, or `/realm_access/roles` for a deeper one. Empty: reported.
  std::string pointer_of(NodeRef name) {
    const std::string text = name.text().starts_with("/") ? fmt::format("$jwt#{}", name.text())
                                                          : fmt::format("$jwt.{}", name.text());
    return check_identity(text, name) ? claim_pointer(text) : std::string();
  }

  // Whether this operation's callers have such a value: absent, it holds no test, so that some of
  // them may be without.
  bool check_identity(std::string_view text, NodeRef at) {
    std::vector<ExpressionPart> parts;
    ValueError error;
    EncodeScope scope = scope_;
    scope.may_be_absent = true;
    StringPool scratch;
    if (parse_expression(text, false, scope, scratch, {}, parts, error)) return true;
    refuse(at.span(), error.message, "here", error.help);
    return false;
  }

  // A name or several, or a map of what consumers have.
  void test_consumer(const WhenKey& key, NodeRef at, NodeRef value,
                     std::vector<ConditionTest>& tests) {
    if (!check_identity("$consumer.name", at)) return;
    const bool is_operator = value.is_map() && (value.get("not") || value.get("prefix") ||
                                                value.get("matches") || value.get("present"));
    if (!value.is_map() || is_operator) {
      test_value(key, {}, value, false, tests);
      return;
    }
    static constexpr WhenKey kParts[] = {{"name", TestSource::ConsumerName, true},
                                         {"group", TestSource::ConsumerGroup, true},
                                         {"plan", TestSource::ConsumerPlan, true}};
    for (const auto [name, expected] : value.entries()) {
      const auto part = std::ranges::find(kParts, name.text(), &WhenKey::name);
      if (part != std::end(kParts)) {
        test_value(*part, {}, expected, false, tests);
      } else if (name.text() == "metadata" && expected.is_map()) {
        static constexpr WhenKey kMetadata{"metadata", TestSource::ConsumerMetadata, true};
        for (const auto [field, text] : expected.entries()) {
          test_value(kMetadata, pools_.strings.add(field.text()), text, false, tests);
        }
      } else {
        refuse(name.span(), fmt::format("a consumer has no `{}`", name.text()), "here",
               "known are `name`, `group`, `plan` and `metadata: {NAME: VALUE}`",
               "extension-unknown");
      }
    }
  }

  void test_value(const WhenKey& key, table::StringRef name, NodeRef value, bool negate,
                  std::vector<ConditionTest>& tests) {
    ConditionTest test{.source = key.source,
                       .kind = key.source == TestSource::Ip ? TestKind::Network : TestKind::Equals,
                       .negate = negate ? u8{1} : u8{0},
                       .reserved = 0,
                       .regex = table::kNone,
                       .name = name,
                       .values = {}};
    if (value.is_map()) {
      operators(key, name, value, negate, tests);
      return;
    }
    if (key.source == TestSource::Ip && value.is_scalar() && has_late_reference(value.text())) {
      test_network_file(value, test, tests);
      return;
    }
    if (value.is_seq()) {
      std::vector<NodeRef> items;
      for (const NodeRef item : value.items()) items.push_back(item);
      if (!values(key, items, test)) return;
      if (items.empty()) refuse(value.span(), "the list is empty", "nothing could ever match");
    } else if (!values(key, {value}, test)) {
      return;
    }
    tests.push_back(test);
  }

  void test_network_file(NodeRef value, ConditionTest test, std::vector<ConditionTest>& tests) {
    constexpr std::string_view kFile = "$file.";
    const std::string_view text = value.text();
    if (!text.starts_with(std::string(kFile) + "/")) {
      refuse(value.span(), "networks come from a file with an absolute path", "here",
             "write '$file./etc/gwctl/networks.txt', with a network in each line");
      return;
    }
    test.kind = TestKind::NetworkFile;
    test.values = {.offset = pools_.add_network_file(text.substr(kFile.size())), .count = 1};
    tests.push_back(test);
  }

  bool values(const WhenKey& key, const std::vector<NodeRef>& nodes, ConditionTest& test) {
    std::vector<table::StringRef> texts;
    std::vector<table::NetworkRecord> networks;
    for (const NodeRef node : nodes) {
      if (!node.is_scalar() || node.is_null()) {
        refuse(node.span(), "a condition compares with text",
               fmt::format("this is {}", kind_name(node.kind())));
        return false;
      }
      if (test.kind != TestKind::Network) {
        const bool fold = key.source == TestSource::Host;
        texts.push_back(
            pools_.strings.add(fold ? lower_case(node.text()) : std::string(node.text())));
        continue;
      }
      table::NetworkRecord record{};
      if (!parse_network(node.text(), record.address, record.prefix_bits)) {
        refuse(node.span(), fmt::format("`{}` is not an address or a CIDR block", node.text()),
               "here");
        return false;
      }
      networks.push_back(record);
    }
    test.values = test.kind == TestKind::Network ? pools_.networks.add(networks)
                                                 : pools_.string_lists.add(texts);
    return true;
  }

  void operators(const WhenKey& key, table::StringRef name, NodeRef map, bool negate,
                 std::vector<ConditionTest>& tests) {
    for (const auto [op, value] : map.entries()) {
      ConditionTest test{.source = key.source,
                         .kind = TestKind::Present,
                         .negate = negate ? u8{1} : u8{0},
                         .reserved = 0,
                         .regex = table::kNone,
                         .name = name,
                         .values = {}};
      if (op.text() == "not") {
        test_value(key, name, value, !negate, tests);
      } else if (op.text() == "present" && key.named) {
        if (value.kind() != NodeKind::Bool) {
          refuse(value.span(), "`present` is not `true` or `false`", "here");
          continue;
        }
        if (!value.boolean()) test.negate ^= 1;
        tests.push_back(test);
      } else if (op.text() == "matches" && key.source != TestSource::Ip) {
        test.kind = TestKind::Matches;
        test.regex = encode_regex(value.text(), false, true, value.span(), pools_, sink_);
        if (test.regex == table::kNone) {
          failed_ = true;
          continue;
        }
        tests.push_back(test);
      } else if (op.text() == "prefix" && key.source != TestSource::Ip) {
        test.kind = TestKind::Prefix;
        if (values(key, {value}, test)) tests.push_back(test);
      } else {
        refuse(op.span(), fmt::format("a condition has no operator `{}` here", op.text()), "here",
               did_you_mean(op.text(), {"not", "present", "matches", "prefix"}),
               "extension-unknown");
      }
    }
  }

  const EncodeScope& scope_;
  Pools& pools_;
  DiagnosticSink& sink_;
  bool failed_ = false;
};

}  // namespace

u32 encode_condition(NodeRef node, const EncodeScope& scope, Pools& pools, DiagnosticSink& sink) {
  return ConditionEncoder(scope, pools, sink).encode(node);
}

}  // namespace gw::compiler
