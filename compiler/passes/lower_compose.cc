#include "compiler/passes/lower_compose.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/passes/compose_shape.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "compiler/passes/template_text.h"
#include "compiler/xgw/value.h"
#include "runtime/base/uri_path.h"

namespace gw::compiler {
namespace {

using openapi::Parameter;
using openapi::ParameterIn;
using policies::CallAfterRecord;
using policies::CallChoice;
using policies::CallRecord;
using policies::ComposeRecord;
using policies::HeaderSetRecord;
using table::kNone;

template <class T>
Bytes bytes_of(const std::vector<T>& list) {
  return std::as_bytes(std::span(list));
}

void find_uses(std::string_view text, std::set<std::string>& out) {
  constexpr std::string_view kCalls = "$calls.";
  for (size_t at = text.find(kCalls); at != text.npos; at = text.find(kCalls, at + 1)) {
    const std::string_view rest = text.substr(at + kCalls.size());
    out.insert(std::string(rest.substr(0, rest.find_first_of(".}#"))));
  }
}

void find_uses(NodeRef node, std::set<std::string>& out) {
  if (!node) return;
  if (node.is_map()) {
    for (const auto [key, value] : node.entries()) find_uses(value, out);
  } else if (node.is_seq()) {
    for (const NodeRef item : node.items()) find_uses(item, out);
  } else if (node.is_string()) {
    find_uses(node.text(), out);
  }
}

void find_uses(const Effective& value, std::set<std::string>& out) {
  if (!value.is_map) return find_uses(value.node, out);
  for (const Effective::Entry& entry : value.entries) find_uses(entry.value, out);
}

bool is_set(const Effective& value, std::string_view name) {
  const Effective* found = value.find(name);
  return found != nullptr && found->present();
}

struct NamedCall {
  std::string_view name;
  Span span;
  const Effective* value = nullptr;
  std::set<std::string> uses;
};

class ComposeLowerer {
 public:
  ComposeLowerer(Module& module, Encoder& encoder, SecurityLowerer& security,
                 const PlannedOperation& operation, const EncodeScope& scope,
                 std::vector<EncodedField>& encoded)
      : module_(module),
        pools_(module.table.pools),
        encoder_(encoder),
        security_(security),
        operation_(operation),
        scope_(scope),
        encoded_(encoded) {}

  LoweredCompose run(const Effective& compose) {
    const Effective* calls = compose.find("calls");
    if (!compose.is_map || calls == nullptr || !calls->is_map) {
      // The encoder says what was expected.
      ComposeRecord ignored{};
      encoder_.encode(policies::kComposeFields, compose, scope_, "compose",
                      reinterpret_cast<std::byte*>(&ignored), nullptr);
      return std::move(result_);
    }
    collect(*calls);
    if (calls_.empty()) fail(calls->span(), "`compose` makes no call", "add one to `calls`");
    if (failed_ || !sort()) return std::move(result_);
    for (const NamedCall& call : calls_) names_.push_back(call.name);
    reads_.assign(names_.size(), false);
    std::vector<CallRecord> records;
    for (const NamedCall& call : calls_) records.push_back(lower(call));
    ComposeRecord record{};
    encode_rest(compose, record);
    for (size_t i = 0; i < records.size(); ++i) records[i].reads_body = reads_[i] ? 1 : 0;
    check_unused();
    if (failed_) return std::move(result_);
    record.calls = {pools_.policy_data.add(bytes_of(records)), static_cast<u32>(records.size())};
    result_.record = record;
    return std::move(result_);
  }

 private:
  void fail(Span span, std::string message, std::string help,
            std::string_view rule = "extension-value", std::string label = "here") {
    failed_ = true;
    report(module_, rule, Severity::Error, span, std::move(message), std::move(label),
           std::move(help));
  }

  void collect(const Effective& calls) {
    for (const Effective::Entry& entry : calls.entries) {
      NamedCall call{
          .name = entry.name, .span = entry.key.span(), .value = &entry.value, .uses = {}};
      find_uses(entry.value, call.uses);
      const bool valid = !entry.name.empty() && std::ranges::all_of(entry.name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
      });
      if (!valid) {
        fail(call.span, fmt::format("`{}` is no name of a call", entry.name),
             "names are letters, digits, `_` and `-`");
      }
      calls_.push_back(std::move(call));
    }
    if (calls_.size() > policies::kMaxCalls) {
      fail(calls.span(), fmt::format("there are {} calls", calls_.size()),
           fmt::format("{} are the most", policies::kMaxCalls));
    }
  }

  // Each behind those that it uses; otherwise as they are written.
  bool sort() {
    std::vector<NamedCall> sorted;
    std::set<std::string> done;
    std::set<std::string> known;
    for (const NamedCall& call : calls_) known.insert(std::string(call.name));
    while (!calls_.empty()) {
      const auto ready = std::ranges::find_if(calls_, [&](const NamedCall& call) {
        return std::ranges::all_of(call.uses, [&](const std::string& used) {
          return done.contains(used) || !known.contains(used);  // the latter is reported later
        });
      });
      if (ready == calls_.end()) {
        std::vector<std::string_view> circle;
        for (const NamedCall& call : calls_) circle.push_back(call.name);
        fail(calls_.front().span,
             fmt::format("calls wait for each other: {}", fmt::join(circle, ", ")),
             "let one of them do without the other's answer", "extension-conflict");
        return false;
      }
      done.insert(std::string(ready->name));
      sorted.push_back(std::move(*ready));
      calls_.erase(ready);
    }
    calls_ = std::move(sorted);
    return true;
  }

  MessageScope messages() {
    MessageScope scope;
    scope.request_body = true;
    scope.calls = names_;
    scope.reads_request_body = &result_.reads_request_body;
    scope.reads_calls = &reads_;
    return scope;
  }

  EncodeScope scope_of_call(const NamedCall& call) {
    EncodeScope scope = scope_;
    scope.messages = messages();
    scope.messages.item = is_set(*call.value, "forEach");
    scope.may_be_absent = true;  // it is not made then
    return scope;
  }

  CallRecord lower(const NamedCall& call) {
    CallChoice choice{};
    const std::string path = fmt::format("compose.calls.{}", call.name);
    const size_t before = module_.sink.error_count();
    // `with` is encoded by hand: its names decide about the place of its values.
    Effective value = *call.value;
    std::erase_if(value.entries, [](const auto& entry) { return entry.name == "with"; });
    encoder_.encode(policies::kCallFields, value, scope_of_call(call), path,
                    reinterpret_cast<std::byte*>(&choice), &encoded_);
    CallRecord& record = choice.call;
    record.name = pools_.strings.add(call.name);
    std::vector<CallAfterRecord> after;
    for (const std::string& used : call.uses) {
      const auto found = std::ranges::find(names_, used);
      if (found == names_.end()) continue;
      after.push_back({.call = static_cast<u32>(found - names_.begin()), .reserved = 0});
      check_use(call, calls_[after.back().call]);
    }
    if (!after.empty()) {
      record.after = {pools_.policy_data.add(bytes_of(after)), static_cast<u32>(after.size())};
    }
    if (module_.sink.error_count() != before) {
      failed_ = true;
      return record;
    }
    const bool by_operation = is_set(*call.value, "operation");
    const bool by_upstream = is_set(*call.value, "upstream");
    if (by_operation == by_upstream) {
      fail(call.span, fmt::format("call `{}` has to name an operation or an upstream", call.name),
           "write `operation: ID`, or `upstream: NAME` with `path`", "extension-missing");
    } else if (by_operation) {
      lower_operation(call, choice);
    } else {
      lower_upstream(call, choice);
    }
    check_optional(call);
    return record;
  }

  // A required part that needs an optional one would fail with it.
  void check_use(const NamedCall& call, const NamedCall& used) {
    const Effective* optional = used.value->find("optional");
    const bool may_lack = optional != nullptr && optional->node && optional->node.text() == "true";
    const Effective* own = call.value->find("optional");
    const bool is_optional = own != nullptr && own->node && own->node.text() == "true";
    const bool of_items = is_set(*used.value, "forEach");
    if (!may_lack || is_optional || (is_set(*used.value, "fallback") && !of_items)) return;
    fail(
        call.span,
        fmt::format("call `{}` is required and uses `{}`, which is optional", call.name, used.name),
        of_items ? "make it optional as well: a `fallback` is of items, and there may be no list"
                 : "make it optional as well, or give the other a `fallback`",
        "extension-conflict");
  }

  void check_optional(const NamedCall& call) {
    const Effective* fallback = call.value->find("fallback");
    const Effective* optional = call.value->find("optional");
    const bool is_optional =
        optional != nullptr && optional->node && optional->node.text() == "true";
    if (fallback != nullptr && fallback->present() && !is_optional) {
      fail(fallback->span(), fmt::format("the fallback of `{}` is never used", call.name),
           "add `optional: true`", "extension-conflict", "the call is required");
    }
    for (const std::string_view name : {"concurrency", "maxItems"}) {
      const Effective* value = call.value->find(name);
      if (value == nullptr || !value->present() || is_set(*call.value, "forEach")) continue;
      fail(value->span(), fmt::format("`{}` has no effect without `forEach`", name), "remove it",
           "extension-conflict");
    }
  }

  void lower_upstream(const NamedCall& call, CallChoice& choice) {
    if (!is_set(*call.value, "path")) {
      fail(call.span, fmt::format("call `{}` has no `path`", call.name), "add `path: /...`",
           "extension-missing");
      return;
    }
    if (is_set(*call.value, "with") || call.value->find("with") != nullptr) {
      fail(call.value->find("with")->span(), "`with` is for calls of operations",
           "put the values into `path`: /users/{$jwt.sub}", "extension-conflict");
    }
    const Effective* path = call.value->find("path");
    if (path->node && !path->node.text().starts_with("/")) {
      fail(path->span(), "the path does not begin with `/`", "write an absolute path");
    }
    if (!module_.override_name.empty()) {
      choice.call.upstream = module_.upstream_index.at(module_.override_name);
    }
    result_.upstreams.push_back(choice.call.upstream);
  }

  void lower_operation(const NamedCall& call, CallChoice& choice) {
    for (const std::string_view name : {"path", "method", "retries"}) {
      const Effective* value = call.value->find(name);
      if (value == nullptr || !value->present()) continue;
      fail(value->span(), fmt::format("`{}` is for calls of an upstream", name),
           "remove it: the operation has its own", "extension-conflict");
    }
    const Effective* named = call.value->find("operation");
    const std::string_view id = named->node.text();
    const auto found = std::ranges::find_if(
        module_.operations, [&](const PlannedOperation& one) { return one.source->id == id; });
    if (found == module_.operations.end()) {
      std::vector<std::string_view> ids;
      for (const PlannedOperation& one : module_.operations) ids.push_back(one.source->id);
      fail(named->span(), fmt::format("there is no operation `{}`", id), did_you_mean(id, ids),
           "extension-dangling");
      return;
    }
    if (!ends(*found->source)) {
      fail(named->span(), fmt::format("`{}` is composed of this operation", id),
           "call what it calls instead", "extension-conflict");
      return;
    }
    choice.call.route = static_cast<u32>(found - module_.operations.begin()) + 1;
    choice.call.upstream = kNone;
    const std::string& host = found->source->unit->hosts.front();
    if (!host.empty() && host.find('*') == host.npos) choice.call.host = pools_.strings.add(host);
    check_security(call, *named, *found);
    add_parameters(call, *found, choice);
  }

  // Whether following compositions from there never comes back here.
  bool ends(const GatewayOperation& from) const {
    std::set<const GatewayOperation*> seen;
    std::vector<const GatewayOperation*> work{&from};
    while (!work.empty()) {
      const GatewayOperation* next = work.back();
      work.pop_back();
      if (next == operation_.source) return false;
      if (!seen.insert(next).second) continue;
      const EffectiveOperation effective = effective_operation(module_, *next, levels_of(*next));
      const Effective* compose = effective.fields.find("compose");
      const Effective* calls = compose == nullptr ? nullptr : compose->find("calls");
      if (calls == nullptr) continue;
      for (const Effective::Entry& entry : calls->entries) {
        const Effective* named = entry.value.find("operation");
        if (named == nullptr || !named->node) continue;
        for (const GatewayOperation& other : module_.gateway.operations) {
          if (other.id == named->node.text()) work.push_back(&other);
        }
      }
    }
    return true;
  }

  struct Use {
    u32 scheme;
    std::set<std::string> scopes;
  };
  std::vector<std::vector<Use>> alternatives_of(const policies::AuthenticateRecord& record) const {
    std::vector<std::vector<Use>> all;
    for (u32 i = 0; i < record.alternatives.count; ++i) {
      const auto alternative = record_at<policies::AlternativeRecord>(
          module_,
          record.alternatives.offset + i * static_cast<u32>(sizeof(policies::AlternativeRecord)));
      std::vector<Use>& uses = all.emplace_back();
      for (u32 j = 0; j < alternative.uses.count; ++j) {
        const auto use = record_at<policies::SchemeUseRecord>(
            module_,
            alternative.uses.offset + j * static_cast<u32>(sizeof(policies::SchemeUseRecord)));
        Use& one = uses.emplace_back(Use{use.scheme, {}});
        for (u32 k = 0; k < use.scopes.count; ++k) {
          const auto scope = record_at<table::StringRef>(
              module_, use.scopes.offset + k * static_cast<u32>(sizeof(table::StringRef)));
          one.scopes.insert(std::string(pools_.strings.bytes().substr(scope.offset, scope.bytes)));
        }
      }
    }
    return all;
  }

  void check_security(const NamedCall& call, const Effective& named,
                      const PlannedOperation& callee) {
    const OperationSecurity& asked = security_.of(*callee.source);
    if (!asked.record || asked.anonymous) return;
    const OperationSecurity& own = security_.of(*operation_.source);
    bool implied = own.record.has_value();
    if (implied) {
      const auto wanted = alternatives_of(*asked.record);
      implied = std::ranges::all_of(alternatives_of(*own.record), [&](const auto& given) {
        return std::ranges::any_of(wanted, [&](const auto& needed) {
          return std::ranges::all_of(needed, [&](const Use& use) {
            return std::ranges::any_of(given, [&](const Use& has) {
              return has.scheme == use.scheme &&
                     std::includes(has.scopes.begin(), has.scopes.end(), use.scopes.begin(),
                                   use.scopes.end());
            });
          });
        });
      });
    }
    if (implied) return;
    fail(named.span(),
         fmt::format("call `{}` would let in callers that `{}` does not", call.name,
                     callee.source->id),
         fmt::format("ask for the same in the `security` of `{}`", operation_.source->id),
         "compose-security", "its `security` asks for more");
  }

  const Effective::Entry* given(const Effective* with, std::string_view name) const {
    if (with == nullptr) return nullptr;
    const auto found = std::ranges::find(with->entries, name, &Effective::Entry::name);
    return found == with->entries.end() ? nullptr : &*found;
  }

  bool expression(const std::string& path, NodeRef node, std::string_view text, bool is_path,
                  const NamedCall& call, table::Extent& out) {
    std::vector<table::ExpressionPart> parts;
    ValueError error;
    const AddLate no_late = [](const std::vector<table::LatePart>&) { return u32{0x10000}; };
    if (!parse_expression(text, is_path, scope_of_call(call), pools_.strings, no_late, parts,
                          error)) {
      fail(node ? node.span() : call.span, fmt::format("`{}`: {}", path, error.message),
           error.help);
      return false;
    }
    out = pools_.expressions.add(parts);
    return true;
  }

  // A value as a part of a path in which `{$...}` are expressions.
  static std::string in_path(std::string_view value) {
    if (value.starts_with('$')) return fmt::format("{{{}}}", value);
    std::string out;
    size_t at = 0;
    while (at < value.size()) {
      const size_t open = std::min(value.find("{$", at), value.size());
      append_segment_encoded(value.substr(at, open - at), out);
      if (open == value.size()) break;
      const size_t close = std::min(value.find('}', open), value.size() - 1);
      out += value.substr(open, close + 1 - open);
      at = close + 1;
    }
    return out;
  }

  void add_parameters(const NamedCall& call, const PlannedOperation& callee, CallChoice& choice) {
    const Effective* with = call.value->find("with");
    const GatewayOperation& source = *callee.source;
    if (with != nullptr && !with->is_map) {
      fail(with->span(), "`with` is not a map from parameter to value", "write `with: {id: ...}`");
      return;
    }
    std::string path = public_template(module_, source);
    std::vector<HeaderSetRecord> query;
    std::vector<HeaderSetRecord> headers = list_of(choice.call.headers);
    std::set<std::string_view> taken;
    for (const Parameter& parameter : source.operation->parameters) {
      const std::string_view name = parameter.name.value;
      const Effective::Entry* value = given(with, name);
      if (value != nullptr) taken.insert(value->name);
      if (value == nullptr || !value->value.node || !value->value.node.is_scalar()) {
        if (value != nullptr) {
          fail(value->value.span(), fmt::format("`{}` is not a text or number", name),
               "write a value or a runtime expression");
        } else if (parameter.required && !header_of_call(*call.value, parameter)) {
          fail(call.span, fmt::format("call `{}` has no value for `{}`", call.name, name),
               fmt::format("add `with: {{{}: ...}}`", name), "extension-missing",
               fmt::format("`{}` requires it", source.id));
        }
        continue;
      }
      const NodeRef node = value->value.node;
      const std::string field = fmt::format("compose.calls.{}.with.{}", call.name, name);
      encoded_.push_back({field, value->value.level, std::string(node.text()), node.span()});
      HeaderSetRecord set{.name = pools_.strings.add(name), .value = {}};
      switch (parameter.in) {
        case ParameterIn::Path:
          put(path, name, in_path(node.text()));
          break;
        case ParameterIn::Query:
          if (expression(field, node, node.text(), false, call, set.value)) query.push_back(set);
          break;
        case ParameterIn::Header:
          if (expression(field, node, node.text(), false, call, set.value)) headers.push_back(set);
          break;
        default:
          fail(node.span(), fmt::format("`{}` is in a place that calls do not fill", name),
               "only parameters of path, query and header can be given");
      }
    }
    report_unknown(with, source, taken);
    if (source.operation->request_body.required && choice.call.body.count == 0) {
      fail(call.span, fmt::format("call `{}` has no `body`", call.name), "add `body: ...`",
           "extension-missing", fmt::format("`{}` requires one", source.id));
    }
    if (failed_) return;
    expression(fmt::format("compose.calls.{}", call.name), NodeRef{}, path, true, call,
               choice.call.path);
    choice.call.query = add_list(query);
    choice.call.headers = add_list(headers);
  }

  static void put(std::string& path, std::string_view name, const std::string& value) {
    for (const std::string& written : {fmt::format("{{{}}}", name), fmt::format("{{{}+}}", name)}) {
      const size_t at = path.find(written);
      if (at != path.npos) path.replace(at, written.size(), value);
    }
  }

  void report_unknown(const Effective* with, const GatewayOperation& source,
                      const std::set<std::string_view>& taken) {
    if (with == nullptr) return;
    std::vector<std::string_view> names;
    for (const Parameter& parameter : source.operation->parameters) {
      names.push_back(parameter.name.value);
    }
    for (const Effective::Entry& entry : with->entries) {
      if (taken.contains(entry.name)) continue;
      fail(entry.key.span(), fmt::format("`{}` has no parameter `{}`", source.id, entry.name),
           did_you_mean(entry.name, names), "extension-dangling");
    }
  }

  std::vector<HeaderSetRecord> list_of(table::Extent extent) const {
    std::vector<HeaderSetRecord> list;
    for (u32 i = 0; i < extent.count; ++i) {
      list.push_back(record_at<HeaderSetRecord>(
          module_, extent.offset + i * static_cast<u32>(sizeof(HeaderSetRecord))));
    }
    return list;
  }
  table::Extent add_list(const std::vector<HeaderSetRecord>& list) {
    if (list.empty()) return {};
    return {pools_.policy_data.add(bytes_of(list)), static_cast<u32>(list.size())};
  }

  void encode_rest(const Effective& compose, ComposeRecord& record) {
    EncodeScope scope = scope_;
    scope.messages = messages();
    scope.may_be_absent = true;
    Effective rest = compose;
    std::erase_if(rest.entries, [](const auto& entry) { return entry.name == "calls"; });
    const size_t before = module_.sink.error_count();
    encoder_.encode(std::span(policies::kComposeFields).subspan(1), rest, scope, "compose",
                    reinterpret_cast<std::byte*>(&record), &encoded_);
    failed_ = failed_ || module_.sink.error_count() != before;
    find_uses(rest, used_by_answer_);
  }

  void check_unused() {
    for (const NamedCall& call : calls_) {
      const bool used = used_by_answer_.contains(std::string(call.name)) ||
                        std::ranges::any_of(calls_, [&](const NamedCall& other) {
                          return other.uses.contains(std::string(call.name));
                        });
      const bool acts = is_set(*call.value, "body") || is_set(*call.value, "pass");
      if (used || acts || failed_) continue;
      report(module_, "compose-unused", Severity::Warning, call.span,
             fmt::format("nobody uses what call `{}` brings", call.name), "made for nothing",
             "use `$calls." + std::string(call.name) + ".body`, or remove it");
    }
  }

  Module& module_;
  Pools& pools_;
  Encoder& encoder_;
  SecurityLowerer& security_;
  const PlannedOperation& operation_;
  const EncodeScope& scope_;
  std::vector<EncodedField>& encoded_;
  std::vector<NamedCall> calls_;
  std::vector<std::string_view> names_;  // in the order of the record
  std::vector<bool> reads_;
  std::set<std::string> used_by_answer_;
  LoweredCompose result_;
  bool failed_ = false;
};

}  // namespace

std::vector<std::string> calls_used_by(const Effective& value) {
  std::set<std::string> names;
  find_uses(value, names);
  return {names.begin(), names.end()};
}

LoweredCompose lower_compose(Module& module, Encoder& encoder, SecurityLowerer& security,
                             const PlannedOperation& operation, const Effective& compose,
                             const EncodeScope& scope, std::vector<EncodedField>& encoded) {
  return ComposeLowerer(module, encoder, security, operation, scope, encoded).run(compose);
}

}  // namespace gw::compiler
