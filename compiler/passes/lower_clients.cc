#include "compiler/passes/lower_clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>

#include "compiler/passes/passes.h"
#include "compiler/xgw/language.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

using table::ConditionTest;
using table::TestKind;
using table::TestSource;

// A condition in terms that can be compared.
struct Test {
  TestSource source;
  TestKind kind;
  bool negated;
  std::string name;
  std::set<std::string> values;  // of Equals and Prefix; the pattern of Matches
};
using Alternative = std::vector<Test>;

class ConditionReader {
 public:
  explicit ConditionReader(const Pools& pools) : pools_(pools) {}

  std::vector<Alternative> read(u32 condition) const {
    std::vector<Alternative> all;
    for (u32 i = condition;; ++i) {
      const table::ConditionRecord& record = pools_.conditions.records()[i];
      Alternative alternative;
      for (u32 test = 0; test < record.tests.count; ++test) {
        alternative.push_back(
            test_of(pools_.condition_tests.records()[record.tests.offset + test]));
      }
      all.push_back(std::move(alternative));
      if (record.last != 0) return all;
    }
  }

 private:
  std::string text(table::StringRef ref) const {
    return ref.offset == table::kNone
               ? std::string()
               : std::string(pools_.strings.bytes().substr(ref.offset, ref.bytes));
  }

  Test test_of(const ConditionTest& record) const {
    Test test{record.source, record.kind, record.negate != 0, text(record.name), {}};
    if (record.kind == TestKind::Equals || record.kind == TestKind::Prefix) {
      for (u32 i = 0; i < record.values.count; ++i) {
        test.values.insert(text(pools_.string_lists.records()[record.values.offset + i]));
      }
    } else if (record.kind == TestKind::Matches) {
      test.values.insert(text(pools_.regexes.records()[record.regex].source));
    } else if (record.kind != TestKind::Present) {  // networks are compared by where they lie
      test.values.insert(fmt::format("{} {}", record.values.offset, record.values.count));
    }
    return test;
  }

  const Pools& pools_;
};

bool same_subject(const Test& a, const Test& b) { return a.source == b.source && a.name == b.name; }

bool subset(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::includes(b.begin(), b.end(), a.begin(), a.end());
}

bool any_prefix_of(const std::set<std::string>& prefixes, const std::string& value) {
  return std::ranges::any_of(prefixes,
                             [&](const auto& prefix) { return value.starts_with(prefix); });
}

// Whether every value that `a` means, `b` (without its negation) means as well.
bool within(const Test& a, const Test& b) {
  if (b.kind == TestKind::Present) return true;
  if (a.kind == b.kind && subset(a.values, b.values)) return true;
  if (b.kind == TestKind::Prefix && (a.kind == TestKind::Equals || a.kind == TestKind::Prefix)) {
    return std::ranges::all_of(a.values,
                               [&](const auto& value) { return any_prefix_of(b.values, value); });
  }
  return false;
}

// Whether no value is meant by both, negations aside.
bool apart(const Test& a, const Test& b) {
  if (a.kind == TestKind::Equals && b.kind == TestKind::Equals) {
    return std::ranges::none_of(a.values,
                                [&](const auto& value) { return b.values.contains(value); });
  }
  if (a.kind == TestKind::Equals && b.kind == TestKind::Prefix) {
    return std::ranges::none_of(a.values,
                                [&](const auto& value) { return any_prefix_of(b.values, value); });
  }
  if (a.kind == TestKind::Prefix && b.kind == TestKind::Equals) return apart(b, a);
  return false;
}

bool implies(const Test& a, const Test& b) {
  if (!same_subject(a, b)) return false;
  if (!a.negated && !b.negated) return within(a, b);
  if (!a.negated && b.negated) return apart(a, b);
  if (a.negated && b.negated) return within(b, a);
  return false;
}

bool contradict(const Test& a, const Test& b) {
  if (!same_subject(a, b)) return false;
  if (!a.negated && !b.negated) return apart(a, b);
  if (a.negated && b.negated) return false;
  return a.negated ? within(b, a) : within(a, b);
}

bool disjoint(const std::vector<Alternative>& a, const std::vector<Alternative>& b) {
  return std::ranges::all_of(a, [&](const Alternative& one) {
    return std::ranges::all_of(b, [&](const Alternative& other) {
      return std::ranges::any_of(one, [&](const Test& test) {
        return std::ranges::any_of(other, [&](const Test& more) { return contradict(test, more); });
      });
    });
  });
}

bool contained(const std::vector<Alternative>& a, const std::vector<Alternative>& b) {
  return std::ranges::all_of(a, [&](const Alternative& one) {
    return std::ranges::any_of(b, [&](const Alternative& other) {
      return std::ranges::all_of(other, [&](const Test& wanted) {
        return std::ranges::any_of(one, [&](const Test& test) { return implies(test, wanted); });
      });
    });
  });
}

class ClientLowerer {
 public:
  explicit ClientLowerer(Module& module) : module_(module) {}

  std::vector<ClientClass> run() {
    const NodeRef clients = module_.gateway.clients;
    if (!clients) return {};
    if (!clients.is_map()) {
      report(
          module_, "extension-value", Severity::Error, clients.span(),
          "`clients` is not a map from name to class", "here",
          "write for instance `clients: {mobile: {when: {header: {x-client: mobile}}}, web: {}}`");
      return {};
    }
    for (const auto [key, value] : clients.entries()) read(key, value);
    if (classes_.size() > policies::kMaxClientClasses) {
      report(module_, "extension-value", Severity::Error, clients.span(),
             fmt::format("there are {} classes of clients", classes_.size()),
             fmt::format("{} are the most", policies::kMaxClientClasses));
      return {};
    }
    std::ranges::sort(classes_, {}, &ClientClass::name);
    return in_order();
  }

 private:
  void read(NodeRef key, NodeRef value) {
    ClientClass made{.name = key.text(), .key = key};
    if (!value.is_map()) {
      report(module_, "extension-value", Severity::Error, value.span(),
             fmt::format("client class `{}` is not a map", key.text()), "here",
             "write `{when: ...}`, or `{}` for the rest");
      return;
    }
    check_keys(value, "a client class", {"when"}, module_.sink);
    const NodeRef when = value.get("when");
    if (when) {
      if (!refuse_classes(key, when)) return;
      // Who is not known is in no class that asks who he is.
      EncodeScope scope;
      scope.may_be_absent = true;
      made.condition = encode_condition(when, scope, module_.table.pools, module_.sink);
      if (made.condition == table::kNone) return;  // reported
    } else if (rest_) {
      report(module_, "extension-conflict", Severity::Error, key.span(),
             fmt::format("`{}` and `{}` are both the rest", rest_.text(), key.text()),
             "a second class without `when`", "say with `when` whom it is for");
      return;
    } else {
      rest_ = key;
    }
    classes_.push_back(made);
  }

  // Which class a client is of is known when all conditions have been asked. False: reported.
  bool refuse_classes(NodeRef key, NodeRef when) {
    bool fine = true;
    for (const NodeRef item : when.items()) fine = refuse_classes(key, item) && fine;
    const NodeRef named = when.is_map() ? when.key_of("client") : NodeRef{};
    if (!named) return fine;
    report(module_, "extension-conflict", Severity::Error, named.span(),
           fmt::format("client class `{}` depends on another class", key.text()),
           "a client is of one class, which is not known yet",
           "write the other's condition here as well: a class within another one comes first");
    return false;
  }

  // Those within another one before it.
  std::vector<ClientClass> in_order() {
    const ConditionReader reader(module_.table.pools);
    std::vector<std::vector<Alternative>> meanings;
    for (const ClientClass& one : classes_) {
      meanings.push_back(one.condition == table::kNone ? std::vector<Alternative>{}
                                                       : reader.read(one.condition));
    }
    const size_t count = classes_.size();
    std::vector<std::vector<bool>> inside(count, std::vector<bool>(count));
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = 0; b < count; ++b) {
        if (a == b || meanings[a].empty()) continue;
        inside[a][b] = meanings[b].empty() || contained(meanings[a], meanings[b]);
      }
    }
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = a + 1; b < count; ++b) {
        if (meanings[a].empty() || meanings[b].empty()) continue;
        const bool ordered = inside[a][b] != inside[b][a];
        if (!ordered && !disjoint(meanings[a], meanings[b]))
          report_overlap(classes_[a], classes_[b]);
      }
    }
    std::vector<ClientClass> sorted;
    std::vector<bool> done(count);
    while (sorted.size() < count) {
      const size_t before = sorted.size();
      for (size_t i = 0; i < count; ++i) {
        bool free = !done[i];
        for (size_t other = 0; other < count; ++other) {
          free = free && (done[other] || !inside[other][i] || inside[i][other]);
        }
        if (!free) continue;
        done[i] = true;
        sorted.push_back(classes_[i]);
      }
      if (sorted.size() == before) break;  // a circle of equal ones, which has been reported
    }
    return sorted;
  }

  void report_overlap(const ClientClass& a, const ClientClass& b) {
    module_.sink.report(
        {.rule = "extension-conflict",
         .severity = Severity::Error,
         .message = fmt::format("a client can be both `{}` and `{}`", a.name, b.name),
         .primary = {b.key.span(), "overlaps with another class, and none contains the other"},
         .related = {{a.key.span(), "the other one"}},
         .help = "exclude one from the other with `not`, or make them differ in the value of one "
                 "field"});
  }

  Module& module_;
  std::vector<ClientClass> classes_;
  NodeRef rest_;
};

}  // namespace

std::vector<ClientClass> lower_clients(Module& module) { return ClientLowerer(module).run(); }

std::string vary_of(const Module& module, const std::vector<ClientClass>& classes,
                    const std::set<std::string>& credentials) {
  const ConditionReader reader(module.table.pools);
  std::set<std::string> fields;
  for (const ClientClass& one : classes) {
    if (one.condition == table::kNone) continue;
    for (const Alternative& alternative : reader.read(one.condition)) {
      for (const Test& test : alternative) {
        if (test.source == TestSource::Header) fields.insert(test.name);
        if (test.source == TestSource::Cookie) fields.insert("cookie");
        if (test.source == TestSource::Ip) return "*";
        if (!table::is_identity(test.source)) continue;
        if (credentials.contains("*")) return "*";
        fields.insert(credentials.begin(), credentials.end());
      }
    }
  }
  return fmt::format("{}", fmt::join(fields, ", "));
}

}  // namespace gw::compiler
