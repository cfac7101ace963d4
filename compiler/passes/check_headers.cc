// Rules about header fields that clients write: those that upstreams take for the gateway's word,
// and those that come back in answers.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "compiler/passes/schema_shape.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"
#include "runtime/policies/headers/record.h"
#include "runtime/policies/redirect/record.h"
#include "runtime/policies/validate/record.h"

namespace gw::compiler {
namespace {

using policies::HeaderSetRecord;
using policies::HeadersRecord;
using policies::Phase;
using policies::PolicyId;
using policies::ValidateRecord;
using table::ExpressionPart;
using table::ExpressionSource;
using Parts = std::vector<ExpressionPart>;

// What a client puts into a request as it likes.
bool is_from_client(const ExpressionPart& part) {
  return part.source == ExpressionSource::Header || part.source == ExpressionSource::Query ||
         part.source == ExpressionSource::Cookie || part.source == ExpressionSource::PathParameter;
}

openapi::ParameterIn place_of(ExpressionSource source) {
  if (source == ExpressionSource::Header) return openapi::ParameterIn::Header;
  if (source == ExpressionSource::Query) return openapi::ParameterIn::Query;
  if (source == ExpressionSource::Cookie) return openapi::ParameterIn::Cookie;
  return openapi::ParameterIn::Path;
}

// How a field is written. In the order in which HeadersRecord has them.
enum class Way : u8 { Set, Add, Default };
constexpr std::string_view kWayWords[] = {"set", "add", "default"};

struct Written {
  std::string name;  // lower case
  Way way = Way::Set;
  Parts value;
};

struct PlanHeaders {
  std::vector<Written> written;
  std::vector<std::string> removed;

  bool removes(std::string_view name) const {
    return std::ranges::find(removed, name) != removed.end();
  }
  /// What a client sends under this name does not get through.
  bool replaces(std::string_view name) const {
    return removes(name) || std::ranges::any_of(written, [&](const Written& one) {
             return one.way == Way::Set && one.name == name;
           });
  }
};

struct Trusted {  // a field that carries the identity of the caller
  const GatewayOperation* writer = nullptr;
  Span span;
  const GatewayOperation* passes_on = nullptr;  // the first that leaves what clients send
  u32 count = 0;
};

class HeaderCheck {
 public:
  explicit HeaderCheck(Module& module) : module_(module) {}

  void run() {
    if (!module_.override_name.empty() || module_.options.mock) return;  // for trying things out
    check_proxies();
    for (const PlannedOperation& planned : module_.operations) find_identity(planned);
    if (!trusted_.empty()) {
      for (const PlannedOperation& planned : module_.operations) find_open(planned);
    }
    for (const auto& [field, trusted] : trusted_) report_open(field.second, trusted);
    for (const PlannedOperation& planned : module_.operations) {
      check_answer(planned);
      check_redirect(planned);
    }
  }

 private:
  std::string_view text(table::StringRef ref) const {
    const std::string_view all = module_.table.pools.strings.bytes();
    return ref.offset < all.size() ? all.substr(ref.offset, ref.bytes) : std::string_view{};
  }

  Parts parts(const table::Extent& value) const {
    const std::vector<ExpressionPart>& all = module_.table.pools.expressions.records();
    if (value.count > all.size() || value.offset > all.size() - value.count) return {};
    return {all.begin() + value.offset, all.begin() + value.offset + value.count};
  }

  PlanHeaders headers_of(const PlannedOperation& planned, Phase phase) const {
    PlanHeaders found;
    for (const auto& record : steps_of<HeadersRecord>(module_, planned, PolicyId::Headers, phase)) {
      const table::Extent lists[] = {record.set, record.add, record.fallback};
      for (size_t way = 0; way < std::size(lists); ++way) {
        for (const auto& one : list_of<HeaderSetRecord>(module_.table.pools, lists[way])) {
          found.written.push_back(
              {lower_case(text(one.name)), static_cast<Way>(way), parts(one.value)});
        }
      }
      for (const auto& name : list_of<table::StringRef>(module_.table.pools, record.remove)) {
        found.removed.push_back(lower_case(text(name)));
      }
      for (const auto& one :
           list_of<policies::HeaderRenameRecord>(module_.table.pools, record.rename)) {
        found.removed.push_back(lower_case(text(one.from)));
      }
    }
    return found;
  }

  // Where the effective value of a field of `request` or `response` is written.
  Span span_of(const PlannedOperation& planned, std::string_view message, const Written& field) {
    const GatewayOperation& source = *planned.source;
    const EffectiveOperation effective = effective_operation(module_, source, levels_of(source));
    const Effective* at = effective.fields.find(message);
    for (const std::string_view key : {std::string_view("headers"), kWayWords[size_t(field.way)]}) {
      if (at != nullptr) at = at->find(key);
    }
    if (at == nullptr) return source.span;
    for (const Effective::Entry& entry : at->entries) {
      if (lower_case(entry.name) == field.name) return entry.value.span();
    }
    return source.span;
  }

  bool is_new(Span span) { return reported_.insert({span.file, span.begin}).second; }

  // --- header-trust

  void check_proxies() {
    for (const NodeRef list : module_.gateway.trusted_proxies) {
      for (const NodeRef item : list.items()) {
        u8 address[16];
        u32 bits = 0;
        if (!item.is_scalar() || !parse_network(item.text(), address, bits)) continue;
        const bool is_v4 = item.text().find(':') == std::string_view::npos;
        if (bits > (is_v4 ? 96 : 0)) continue;
        report(module_, "header-trust", Severity::Warning, item.span(),
               "any client can say in `X-Forwarded-For` who it is", "trusts every peer",
               "list the proxies that stand in front, nobody else");
      }
    }
  }

  void find_identity(const PlannedOperation& planned) {
    if (planned.upstream == table::kNone || !seen_plans_.insert(planned.plan).second) return;
    const PlanHeaders headers = headers_of(planned, Phase::RequestTransform);
    for (const Written& field : headers.written) {
      const bool is_identity = std::ranges::any_of(
          field.value, [](const ExpressionPart& part) { return table::is_identity(part.source); });
      if (!is_identity) continue;
      const Span span = span_of(planned, "request", field);
      if (!headers.replaces(field.name) && !drops_unknown(planned, field.name)) {
        report_kept(field, span);
      }
      trusted_.try_emplace({planned.upstream, field.name}, Trusted{planned.source, span});
    }
  }

  void report_kept(const Written& field, Span span) {
    if (!is_new(span)) return;
    report(module_, "header-trust", Severity::Warning, span,
           field.way == Way::Default
               ? fmt::format("a client that sends `{}` chooses who it is", field.name)
               : fmt::format("a `{}` that the client sends stays beside this one", field.name),
           field.way == Way::Default ? "only for requests that have none" : "a further value",
           "write it under `set`, or `remove` the field as well");
  }

  // An operation of the same upstream that lets the field through.
  void find_open(const PlannedOperation& planned) {
    if (planned.upstream == table::kNone) return;
    std::optional<PlanHeaders> headers;
    for (auto at = trusted_.lower_bound({planned.upstream, std::string()});
         at != trusted_.end() && at->first.first == planned.upstream; ++at) {
      const std::string& name = at->first.second;
      if (!headers) headers = headers_of(planned, Phase::RequestTransform);
      const bool is_written = std::ranges::any_of(
          headers->written, [&](const Written& one) { return one.name == name; });
      if (is_written || headers->replaces(name) || drops_unknown(planned, name)) continue;
      if (at->second.count++ == 0) at->second.passes_on = planned.source;
    }
  }

  // `validate.unknown.headers` or `forward: declared` keeps it out.
  bool drops_unknown(const PlannedOperation& planned, std::string_view name) const {
    for (const auto& record :
         steps_of<ValidateRecord>(module_, planned, PolicyId::Validate, Phase::RequestValidation)) {
      const auto action = static_cast<policies::UnknownAction>(record.unknown_headers);
      const bool enforces = record.request == static_cast<u32>(policies::ValidateMode::Enforce);
      if (action != policies::UnknownAction::Drop &&
          !(action == policies::UnknownAction::Reject && enforces)) {
        continue;
      }
      const auto known = list_of<table::StringRef>(module_.table.pools, record.known);
      const auto declared =
          list_of<policies::ParameterRecord>(module_.table.pools, record.parameters);
      const bool let_through =
          std::ranges::any_of(known, [&](auto one) { return lower_case(text(one)) == name; }) ||
          std::ranges::any_of(declared, [&](const auto& one) {
            return one.place == static_cast<u32>(policies::Place::Header) &&
                   lower_case(text(one.name)) == name;
          });
      if (!let_through) return true;
    }
    return false;
  }

  void report_open(const std::string& name, const Trusted& trusted) {
    if (trusted.count == 0) return;
    const std::string others =
        trusted.count == 1 ? "" : fmt::format(" and {} more", trusted.count - 1);
    module_.sink.report(
        {.rule = "header-trust",
         .severity = Severity::Warning,
         .message = fmt::format("operation `{}`{} passes on the `{}` that a client sends",
                                trusted.passes_on->id, others, name),
         .primary = {trusted.passes_on->span, "goes to the same upstream"},
         .related = {{trusted.span,
                      fmt::format("here, for `{}`, it says who calls", trusted.writer->id)}},
         .help = fmt::format("add `request: {{headers: {{remove: [{}]}}}}`", name)});
  }

  // --- header-injection

  void check_answer(const PlannedOperation& planned) {
    for (const Written& field : headers_of(planned, Phase::ResponseTransform).written) {
      const auto part = std::ranges::find_if(field.value, [&](const ExpressionPart& one) {
        return is_from_client(one) && !is_held_to_pattern(planned, one);
      });
      if (part == field.value.end()) continue;
      const Span span = span_of(planned, "response", field);
      if (!is_new(span)) continue;
      report(module_, "header-injection", Severity::Warning, span,
             fmt::format("clients choose what `{}` of the answer says", field.name),
             fmt::format("`{}` is whatever was sent", text(part->text)),
             "declare it as a parameter with a `pattern` or an `enum`, or leave it out");
    }
  }

  void check_redirect(const PlannedOperation& planned) {
    for (const auto& record :
         steps_of<policies::RedirectRecord>(module_, planned, PolicyId::Redirect, Phase::Action)) {
      const Parts value = parts(record.to);
      const ExpressionPart* part = host_from_client(value);
      if (part == nullptr || is_held_to_pattern(planned, *part)) continue;
      const GatewayOperation& source = *planned.source;
      const EffectiveOperation effective = effective_operation(module_, source, levels_of(source));
      const Effective* redirect = effective.fields.find("redirect");
      const Effective* to = redirect == nullptr ? nullptr : redirect->find("to");
      const Span span = to != nullptr         ? to->span()
                        : redirect != nullptr ? redirect->span()
                                              : source.span;
      if (!is_new(span)) continue;
      report(module_, "header-injection", Severity::Warning, span,
             "links to this operation lead to wherever their author likes",
             fmt::format("`{}` becomes the host", text(part->text)),
             "write the host, or declare the parameter with an `enum` of hosts");
    }
  }

  // The part of the request that ends the host of a URL. One in front of a fixed domain is
  // percent-encoded, and stays inside of it.
  const ExpressionPart* host_from_client(const Parts& value) const {
    bool in_host = false;
    const ExpressionPart* last = nullptr;
    for (const ExpressionPart& part : value) {
      if (part.source != ExpressionSource::Literal) {
        // Encoded as a segment it holds no slashes, so it is a relative path.
        if (&part == &value.front()) {
          in_host = part.encoding != table::ExpressionEncoding::PathSegment;
        }
        if (in_host) last = is_from_client(part) ? &part : nullptr;
        continue;
      }
      std::string_view rest = text(part.text);
      if (&part == &value.front()) {
        const size_t scheme = rest.find("//");
        if (scheme != 0 && (scheme == rest.npos || rest[scheme - 1] != ':')) return nullptr;
        rest.remove_prefix(scheme + 2);
        in_host = true;
      }
      const size_t end = rest.find_first_of("/?#:");
      if (!in_host) return last;
      if (end != 0 && !rest.empty()) last = nullptr;
      if (end != rest.npos) return last;
    }
    return last;
  }

  // Declared and enforced with a schema that says which characters, or which values.
  bool is_held_to_pattern(const PlannedOperation& planned, const ExpressionPart& part) const {
    const auto steps =
        steps_of<ValidateRecord>(module_, planned, PolicyId::Validate, Phase::RequestValidation);
    const bool enforces = std::ranges::any_of(steps, [](const ValidateRecord& record) {
      return record.request == static_cast<u32>(policies::ValidateMode::Enforce);
    });
    if (!enforces) return false;
    const openapi::ParameterIn place = place_of(part.source);
    const std::string name = lower_case(text(part.text));
    const SchemaShape shape(*planned.source->unit->document);
    for (const openapi::Parameter& parameter : planned.source->operation->parameters) {
      if (parameter.in != place || lower_case(parameter.name.value) != name) continue;
      if ((shape.text_types(parameter.schema) & gw::schema::kTypeString) == 0) return true;
      return std::ranges::any_of(
          std::initializer_list<std::string_view>{"pattern", "enum", "const", "format"},
          [&](std::string_view keyword) {
            return static_cast<bool>(shape.keyword(parameter.schema, keyword));
          });
    }
    return false;
  }

  Module& module_;
  std::map<std::pair<u32, std::string>, Trusted> trusted_;  // by upstream and field
  std::set<u32> seen_plans_;
  std::set<std::pair<FileId, u32>> reported_;
};

}  // namespace

void check_headers(Module& module) { HeaderCheck(module).run(); }

}  // namespace gw::compiler
