#include "compiler/passes/cache_inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/passes.h"
#include "runtime/base/letter_case.h"

namespace gw::compiler {
namespace {

using policies::HeadersRecord;
using table::ExpressionPart;
using table::ExpressionSource;

// What differs between two requests of one key.
bool differs(ExpressionSource source) {
  switch (source) {
    case ExpressionSource::Header:
    case ExpressionSource::Cookie:
    case ExpressionSource::ClientIp:
    case ExpressionSource::ClientCertSubject:
    case ExpressionSource::ClientCertSan:
    case ExpressionSource::ClientCertFingerprint:
    case ExpressionSource::Claim:
    case ExpressionSource::SchemeClaim:
    case ExpressionSource::ConsumerName:
    case ExpressionSource::ConsumerPlan:
    case ExpressionSource::ConsumerMetadata:
      return true;
    case ExpressionSource::Literal:
    case ExpressionSource::Late:
    case ExpressionSource::RequestId:
    // Of the URI, which every key begins with.
    case ExpressionSource::PathParameter:
    case ExpressionSource::Query:
    case ExpressionSource::Method:
    case ExpressionSource::Path:
    case ExpressionSource::Host:
    case ExpressionSource::Url:
    case ExpressionSource::Scheme:
    case ExpressionSource::ClientClass:
    // A request with a body is not one for the cache.
    case ExpressionSource::RequestBody:
    // Of answers: not known when something is sent.
    case ExpressionSource::ResponseBody:
    case ExpressionSource::ResponseHeader:
    case ExpressionSource::ResponseStatus:
    case ExpressionSource::CallBody:
    case ExpressionSource::CallHeader:
    case ExpressionSource::CallStatus:
    case ExpressionSource::Item:
      return false;
  }
  return true;
}

// Fields that the gateway writes from the address of the client before they are copied.
bool tells_client(std::string_view header) {
  return equal_ignoring_case(header, "forwarded") || equal_ignoring_case(header, "x-forwarded-for");
}

// Names one request, or is what the cache itself answers to: a key of it would be another one each
// time, or none that is needed.
bool names_no_answer(std::string_view header) {
  static constexpr std::string_view kNames[] = {"x-request-id",
                                                "x-correlation-id",
                                                "request-id",
                                                "correlation-id",
                                                "traceparent",
                                                "tracestate",
                                                "baggage",
                                                "b3",
                                                "x-b3-traceid",
                                                "x-b3-spanid",
                                                "if-none-match",
                                                "if-match",
                                                "if-range",
                                                "if-modified-since",
                                                "if-unmodified-since",
                                                "range",
                                                "cache-control",
                                                "pragma",
                                                "accept-encoding",
                                                "idempotency-key",
                                                "accept",
                                                "content-type",
                                                "authorization"};
  return std::ranges::any_of(
      kNames, [&](std::string_view name) { return equal_ignoring_case(header, name); });
}

class InputCollector {
 public:
  InputCollector(Module& module, const CacheInput& input)
      : module_(module), input_(input), pools_(module.table.pools) {}

  table::Extent run() {
    add_parameters();
    const auto& changes = input_.record.request;
    add_changes(changes.headers, true);
    add_changes(changes.query.changes, false);
    for (const auto name : list_of<table::StringRef>(pools_, input_.record.authorizer.receive)) {
      add_header(name);
    }
    return inputs_.empty() ? table::Extent{} : store_list(pools_, inputs_);
  }

 private:
  ExpressionPart part_at(u32 index) const { return pools_.expressions.records()[index]; }
  std::string_view text(table::StringRef ref) const {
    if (ref.offset == table::kNone) return {};
    return std::string_view(pools_.strings.bytes()).substr(ref.offset, ref.bytes);
  }

  bool same(const ExpressionPart& a, const ExpressionPart& b) const {
    if (a.source != b.source || a.index != b.index) return false;
    return a.source == ExpressionSource::Header ? equal_ignoring_case(text(a.text), text(b.text))
                                                : text(a.text) == text(b.text);
  }

  void add(table::Extent part) {
    const bool known = std::ranges::any_of(inputs_, [&](const table::Extent& other) {
      return same(part_at(other.offset), part_at(part.offset));
    });
    if (!known) inputs_.push_back(part);
  }

  void add_part(ExpressionSource source, table::StringRef name) {
    const std::vector<ExpressionPart> parts{
        {.source = source, .encoding = table::ExpressionEncoding::Plain, .index = 0, .text = name}};
    add(pools_.expressions.add(parts));
  }

  // What is declared beside the query (which every key has) chooses between answers as well.
  void add_parameters() {
    for (const openapi::Parameter& parameter : input_.operation.operation->parameters) {
      const std::string_view name = parameter.name.value;
      if (parameter.in == openapi::ParameterIn::Cookie) {
        add_part(ExpressionSource::Cookie, pools_.strings.add(name));
      } else if (parameter.in == openapi::ParameterIn::Header && !names_no_answer(name)) {
        add_header(pools_.strings.add(lower_case(name)));
      }
    }
  }

  void add_header(table::StringRef name) { add_part(ExpressionSource::Header, name); }

  // Each part for itself: what stands between them is the same for all.
  void add_expression(table::Extent expression) {
    for (u32 i = 0; i < expression.count; ++i) {
      if (differs(part_at(expression.offset + i).source)) add({expression.offset + i, 1});
    }
  }

  bool names_request(table::Extent expression) const {
    for (u32 i = 0; i < expression.count; ++i) {
      if (part_at(expression.offset + i).source == ExpressionSource::RequestId) return true;
    }
    return false;
  }

  Span span_of_query(std::string_view name) const {
    const Effective* at = &input_.fields;
    for (const std::string_view field : {"request", "query"}) {
      const Effective* inner = at->find(field);
      if (inner == nullptr) return at->span();
      at = inner;
    }
    for (const std::string_view list : {"set", "add", "default"}) {
      const Effective* changes = at->find(list);
      const Effective* one = changes == nullptr ? nullptr : changes->find(name);
      if (one != nullptr) return one->span();
    }
    return at->span();
  }

  void refuse_request_id(table::StringRef ref) {
    const std::string name(text(ref));
    report(module_, "extension-conflict", Severity::Error, span_of_query(name),
           fmt::format("the query parameter `{}` is another one for each request", name),
           "an answer that depends on it is nobody else's, and `cache` keeps answers",
           "send the request id in a header field, or remove `cache`");
  }

  void add_changes(const HeadersRecord& changes, bool headers) {
    for (const table::Extent list : {changes.set, changes.add, changes.fallback}) {
      for (const auto& change : list_of<policies::HeaderSetRecord>(pools_, list)) {
        if (!headers && names_request(change.value)) refuse_request_id(change.name);
        add_expression(change.value);
      }
    }
    if (!headers) return;  // parameters under other names are those of the query
    for (const table::Extent list : {changes.rename, changes.copy}) {
      for (const auto& change : list_of<policies::HeaderRenameRecord>(pools_, list)) {
        add_header(change.from);
        if (tells_client(text(change.from))) {
          add_part(ExpressionSource::ClientIp, {table::kNone, 0});
        }
      }
    }
  }

  Module& module_;
  const CacheInput& input_;
  Pools& pools_;
  std::vector<table::Extent> inputs_;
};

}  // namespace

table::Extent cache_inputs(Module& module, const CacheInput& input) {
  return InputCollector(module, input).run();
}

}  // namespace gw::compiler
