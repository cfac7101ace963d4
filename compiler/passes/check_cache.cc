#include "compiler/passes/check_cache.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/passes.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using policies::CacheCaller;
using policies::CacheMode;
using table::ExpressionSource;

// Tokens seldom live longer: what a caller may see is then decided anew.
constexpr u64 kLongForCallersMs = 3'600'000;

bool is_made_up(ExpressionSource source) {
  return source == ExpressionSource::Header || source == ExpressionSource::Query ||
         source == ExpressionSource::Cookie || source == ExpressionSource::RequestId;
}

class CacheCheck {
 public:
  CacheCheck(Module& module, const CacheInput& input, const Effective& cache,
             const policies::CacheRecord& record)
      : module_(module), input_(input), cache_(cache), record_(record) {}

  void run() {
    check_method();
    if (record_.mode != static_cast<u32>(CacheMode::Serve)) return;
    check_caller();
    check_ttl();
    check_cookies();
    check_negotiation();
  }

 private:
  Span span_of(std::string_view field) const {
    const Effective* value = cache_.find(field);
    return value != nullptr && value->present() ? value->span() : cache_.span();
  }

  void check_method() {
    if (record_.mode == static_cast<u32>(CacheMode::Serve)) return;
    const Effective* ttl = cache_.find("ttl");
    if (ttl == nullptr || !is_written_here(*ttl)) return;
    report(module_, "cache-method", Severity::Warning, ttl->span(),
           fmt::format("answers to {} are never kept", input_.operation.operation->method.value),
           "this time is for nothing",
           "remove `ttl`; `tags` say what a success of this operation purges");
  }

  // Whether an answer for one caller could be given to another.
  void check_caller() {
    const auto* authorizer = input_.fields.find("authorizer");
    const bool asks_others = authorizer != nullptr && authorizer->present();
    if (!input_.security.record && !asks_others) return;
    const std::string& id = input_.operation.id;
    switch (static_cast<CacheCaller>(record_.caller)) {
      case CacheCaller::Shared:
        if (input_.security.anonymous) return;
        report(
            module_, "cache-authenticated-no-key", Severity::Warning, span_of("shared"),
            fmt::format("all callers of `{}` are given the same answers", id),
            "whoever may call sees what was fetched for somebody else",
            "remove `shared`, or name by `identity` whose answers are kept apart; where they are "
            "really the same for all, accept this by `waive`");
        return;
      case CacheCaller::Expression:
        if (!is_identity_made_up()) return;
        report(module_, "cache-authenticated-no-key", Severity::Error, span_of("identity"),
               fmt::format("callers of `{}` say themselves whose answers they are given", id),
               "a client writes this as it likes",
               "use something that has been proved, such as `$jwt.sub` or `$consumer.name`");
        return;
      case CacheCaller::Nobody:
        report(module_, "cache-authenticated-no-key", Severity::Error, cache_.span(),
               fmt::format("answers of `{}` would be given to whoever asks next", id),
               "an authorizer decides who may call, and the key does not know the caller",
               "name by `identity` whose answers are kept apart, or write `shared: true`");
        return;
      case CacheCaller::Caller:
        return;
    }
  }

  bool is_identity_made_up() const {
    const Pools& pools = module_.table.pools;
    const auto keys = list_of<table::Extent>(pools, record_.choice.identity);
    return std::ranges::any_of(keys, [&](const table::Extent& key) {
      bool made_up = false;
      for (u32 i = 0; i < key.count; ++i) {
        const ExpressionSource source = pools.expressions.records()[key.offset + i].source;
        if (table::is_identity(source)) return false;
        made_up = made_up || is_made_up(source);
      }
      return made_up;
    });
  }

  void check_ttl() {
    const auto caller = static_cast<CacheCaller>(record_.caller);
    const bool of_callers = caller == CacheCaller::Caller || caller == CacheCaller::Expression;
    if (!input_.security.record || !of_callers) return;
    const policies::CacheChoice& choice = record_.choice;
    const u64 longest = choice.ttl + std::max(choice.stale_while_revalidate, choice.stale_if_error);
    if (longest <= kLongForCallersMs) return;
    report(module_, "cache-ttl", Severity::Warning,
           span_of(choice.ttl > kLongForCallersMs ? "ttl" : "staleIfError"),
           fmt::format("answers of callers are given out for up to {}", format_duration(longest)),
           "longer than tokens live as a rule: what a caller may see can have changed",
           "shorten it to an hour or less");
  }

  // The first success that is declared.
  template <class Check>
  void for_each_success(Check check) const {
    for (const openapi::Response& response : input_.operation.operation->responses) {
      if (response.status.value.starts_with('2')) check(response);
    }
  }

  NodeRef header_of(const openapi::Response& response, std::string_view lower) const {
    const NodeRef headers =
        response.node && response.node.is_map() ? response.node.get("headers") : NodeRef{};
    if (!headers || !headers.is_map()) return {};
    for (const NodeRef::Entry entry : headers.entries()) {
      if (equal_ignoring_case(entry.key.text(), lower)) return entry.key;
    }
    return {};
  }

  void check_cookies() {
    for_each_success([&](const openapi::Response& response) {
      const NodeRef header = header_of(response, "set-cookie");
      if (!header) return;
      report(module_, "cache-set-cookie", Severity::Warning, cache_.span(),
             fmt::format("answers of `{}` set cookies, and are never kept", input_.operation.id),
             "has no effect on them", "remove `cache`, or let another operation set the cookie");
    });
  }

  bool key_names(std::string_view header) const {
    const Pools& pools = module_.table.pools;
    for (const table::Extent list : {record_.choice.key, record_.choice.identity}) {
      for (const auto& key : list_of<table::Extent>(pools, list)) {
        for (u32 i = 0; i < key.count; ++i) {
          const table::ExpressionPart& part = pools.expressions.records()[key.offset + i];
          const std::string_view text = part.text.offset == table::kNone
                                            ? std::string_view{}
                                            : std::string_view(pools.strings.bytes())
                                                  .substr(part.text.offset, part.text.bytes);
          if (part.source == ExpressionSource::Header && equal_ignoring_case(text, header)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  void check_negotiation() {
    for_each_success([&](const openapi::Response& response) {
      if (header_of(response, "vary")) return;
      if (response.content.size() > 1 && !key_names("accept")) {
        report_negotiation("accept", fmt::format("{} media types", response.content.size()));
      } else if (header_of(response, "content-language") && !key_names("accept-language")) {
        report_negotiation("accept-language", "several languages");
      }
    });
  }

  void report_negotiation(std::string_view header, const std::string& what) {
    report(module_, "cache-ignores-negotiation", Severity::Warning, cache_.span(),
           fmt::format("answers of `{}` come in {}, and the key does not say which",
                       input_.operation.id, what),
           "right only if the upstream sends `Vary`",
           fmt::format("add `key: [$request.header.{}]`, or declare the header `Vary` of the "
                       "response",
                       header));
  }

  Module& module_;
  const CacheInput& input_;
  const Effective& cache_;
  const policies::CacheRecord& record_;
};

}  // namespace

bool is_written_here(const Effective& value) {
  if (!value.is_map) return value.level == "operation" || value.level == "service operations";
  const bool here = value.level == "operation" || value.level == "service operations";
  return here || std::ranges::any_of(value.entries, [](const Effective::Entry& entry) {
           return is_written_here(entry.value);
         });
}

void check_cache(Module& module, const CacheInput& input, const Effective& cache,
                 const policies::CacheRecord& record) {
  CacheCheck(module, input, cache, record).run();
}

}  // namespace gw::compiler
