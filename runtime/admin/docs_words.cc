#include "runtime/admin/docs_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/admin/class_access.h"

namespace gw::admin {
namespace {

// A field, of which `*` is one name, and its sentence: `$` is the value, `#` the name.
struct Sentence {
  std::string_view field;
  std::string_view words;
};
constexpr Sentence kSentences[] = {
    {"upstream.name", "Served by the upstream $."},
    {"path", "Sent on as $."},
    {"allow", "Only where this holds: $."},
    {"deny", "Not where this holds: $."},
    {"authorizer.upstream", "$ is asked about each request."},
    {"rateLimit.*.limit", "At most $."},
    {"rateLimit.*.key", "Counted by $."},
    {"rateLimit.*.burst", "Up to $ at once."},
    {"rateLimit.*.mode", "Mode: $."},
    {"rateLimit.*.when", "Where this holds: $."},
    {"quota.*.limit", "At most $ in a period."},
    {"quota.*.period", "The period is a $."},
    {"quota.*.key", "Counted by $."},
    {"concurrency.*.limit", "At most $ at a time."},
    {"concurrency.*.key", "Counted by $."},
    {"validate.request", "Requests are held to this description: $."},
    {"validate.response", "Answers are held to this description: $."},
    {"maxBody", "Bodies of requests have at most $."},
    {"cache.ttl", "Answers may come from the cache, up to $ old."},
    {"cache.staleWhileRevalidate", "For $ longer while a new one is fetched."},
    {"cache.staleIfError", "For $ longer while the upstream fails."},
    {"cache.negative.*", "Answers of status # are kept for $."},
    {"cache.tags", "Tagged $."},
    {"timeout.total", "Answered within $."},
    {"timeout.try", "A target has $ to begin its answer."},
    {"timeout.connect", "A connection to it is made within $."},
    {"timeout.idle", "Neither side is silent for longer than $."},
    {"retry.times", "Sent again at most so many times: $."},
    {"retry.causes", "Sent again after $."},
    {"cors.origins", "Pages of $ may call it."},
    {"cors.credentials", "With credentials: $."},
    {"cors.maxAge", "A preflight holds for $."},
    {"compress.minSize", "Answers from $ on are compressed for clients that read it."},
    {"respond.status", "The gateway itself answers with status $."},
    {"respond.body", "Its body is $."},
    {"respond.headers.*", "With the field #: $."},
    {"respond.when", "Where this holds: $."},
    {"redirect.to", "Clients are sent to $."},
    {"redirect.status", "With status $."},
    {"compose.calls.*.operation", "# is what the operation $ answers."},
    {"compose.calls.*.upstream", "# is what the upstream $ answers."},
    {"compose.calls.*.optional", "# may be missing: $."},
    {"compose.body", "Put together as $."},
    {"request.headers.set.*", "Sent on with the field #: $."},
    {"request.headers.remove", "Sent on without the fields $."},
    {"request.body.pick", "Of bodies only $ is sent on."},
    {"request.body.omit", "Bodies are sent on without $."},
    {"response.headers.set.*", "Answered with the field #: $."},
    {"response.headers.remove", "Answered without the fields $."},
    {"response.body.pick", "Of answers only $ is left."},
    {"response.body.omit", "Answers are without $."},
    {"views.*.pick", "For # only $ is left of answers."},
    {"views.*.omit", "For # answers are without $."},
};

// Whether `field` fits; `name` is what stands for the star.
bool fits(std::string_view pattern, std::string_view field, std::string_view& name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == field;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view behind = pattern.substr(star + 1);
  if (field.size() <= before.size() + behind.size()) return false;
  if (!field.starts_with(before) || !field.ends_with(behind)) return false;
  name = field.substr(before.size(), field.size() - before.size() - behind.size());
  return true;
}

std::string fill(std::string_view words, std::string_view name, std::string_view value) {
  std::string text;
  for (const char c : words) {
    if (c == '$') {
      text += value;
    } else if (c == '#') {
      text += name;
    } else {
      text += c;
    }
  }
  return text;
}

// Fields below a name that the document has given belong together.
std::string_view group_of(std::string_view field) {
  const size_t first = field.find('.');
  const std::string_view head = field.substr(0, first);
  const bool named =
      head == "rateLimit" || head == "quota" || head == "concurrency" || head == "views";
  return named && first != field.npos ? field.substr(0, field.find('.', first + 1)) : head;
}

bool is_for(std::string_view field, std::string_view client) {
  constexpr std::string_view kViews = "views.";
  if (!field.starts_with(kViews)) return true;
  const std::string_view of = field.substr(kViews.size());
  return !client.empty() && of.substr(0, of.find('.')) == client;
}

}  // namespace

std::string field_words(std::string_view field, std::string_view value) {
  std::string_view name;
  for (const Sentence& sentence : kSentences) {
    if (fits(sentence.field, field, name)) return fill(sentence.words, name, value);
  }
  return fmt::format("{}: {}.", field, value);
}

std::vector<PolicyWords> policy_words(const table::TableView& view, const table::RouteRecord& route,
                                      std::string_view client) {
  std::vector<PolicyWords> policies;
  const table::PlanRecord& plan = plan_of(view, route, client);
  for (const table::OriginRecord& origin : view.part(view.origins(), plan.origins)) {
    const std::string_view field = view.text(origin.field);
    if (view.text(origin.level) == "default" || !is_for(field, client)) continue;
    const std::string_view group = group_of(field);
    auto found = std::ranges::find(policies, group, &PolicyWords::name);
    if (found == policies.end()) found = policies.insert(found, {std::string(group), {}});
    if (!found->words.empty()) found->words += ' ';
    found->words += field_words(field, view.text(origin.value));
  }
  return policies;
}

}  // namespace gw::admin
