#include "runtime/admin/docs_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <span>

#include "runtime/admin/class_access.h"
#include "runtime/admin/validation_words.h"

namespace gw::admin {
namespace {

namespace json = boost::json;

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
    {"request.body.pick", "Bodies are sent on with nothing but $."},
    {"request.body.omit", "Bodies are sent on without $."},
    {"response.headers.set.*", "Answered with the field #: $."},
    {"response.headers.remove", "Answered without the fields $."},
    {"response.body.pick", "Answers have nothing but $."},
    {"response.body.omit", "Answers are without $."},
    {"response.body.rename.*", "Answers have # as $."},
};
// Behind `For CLASS, `.
constexpr Sentence kViewSentences[] = {
    {"pick", "answers have nothing but $."},
    {"omit", "answers are without $."},
    {"rename.*", "answers have # as $."},
    {"response.body.pick", "answers have nothing but $."},
    {"response.body.omit", "answers are without $."},
};
constexpr std::string_view kViews = "views.";

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

std::string filled(std::string_view words, std::string_view name, std::string_view value) {
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

// A list of plain values is written as people do: `a`, `b` and `c`. Anything else stays as it is.
std::string list_words(std::string_view value) {
  if (!value.starts_with('[')) return std::string(value);
  boost::system::error_code problem;
  const json::value parsed = json::parse(value, problem);
  const json::array* list = problem ? nullptr : parsed.if_array();
  if (list == nullptr || list->empty()) return std::string(value);
  std::string words;
  for (size_t i = 0; i < list->size(); ++i) {
    const json::value& item = (*list)[i];
    if (item.is_structured()) return std::string(value);
    if (i != 0) words += i + 1 == list->size() ? " and " : ", ";
    words += '`';
    words += item.is_string() ? std::string(item.get_string()) : json::serialize(item);
    words += '`';
  }
  return words;
}

std::optional<std::string> sentence_of(std::span<const Sentence> sentences, std::string_view field,
                                       std::string_view value) {
  std::string_view name;
  for (const Sentence& sentence : sentences) {
    if (fits(sentence.field, field, name)) return filled(sentence.words, name, list_words(value));
  }
  return std::nullopt;
}

// `views.CLASS.FIELD`.
std::string view_words(std::string_view field, std::string_view value) {
  field.remove_prefix(kViews.size());
  const size_t end = field.find('.');
  const std::string_view of = field.substr(0, end);
  if (end == field.npos) return fmt::format("For {}: {}.", of, value);
  const std::string_view rest = field.substr(end + 1);
  if (const auto words = sentence_of(kViewSentences, rest, value)) {
    return fmt::format("For {}, {}", of, *words);
  }
  return fmt::format("For {}: {}", of, field_words(rest, value));
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
  if (!field.starts_with(kViews)) return true;
  const std::string_view of = field.substr(kViews.size());
  return !client.empty() && of.substr(0, of.find('.')) == client;
}

}  // namespace

std::string field_words(std::string_view field, std::string_view value) {
  if (field.starts_with(kViews)) return view_words(field, value);
  if (auto words = sentence_of(kSentences, field, value)) return std::move(*words);
  return fmt::format("{}: {}.", field, value);
}

std::vector<PolicyWords> policy_words(const table::TableView& view, const table::RouteRecord& route,
                                      std::string_view client) {
  std::vector<PolicyWords> policies;
  // Requests are judged before anybody knows of which class the client is.
  std::string validation = validation_words(view, view.plans()[route.plan]);
  const table::PlanRecord& plan = plan_of(view, route, client);
  for (const table::OriginRecord& origin : view.part(view.origins(), plan.origins)) {
    const std::string_view field = view.text(origin.field);
    if (view.text(origin.level) == "default" || !is_for(field, client)) continue;
    const std::string_view group = group_of(field);
    if (group == "validate") continue;  // the record says more, also where no field is set
    auto found = std::ranges::find(policies, group, &PolicyWords::name);
    if (found == policies.end()) found = policies.insert(found, {std::string(group), {}});
    if (!found->words.empty()) found->words += ' ';
    found->words += field_words(field, view.text(origin.value));
  }
  if (!validation.empty()) policies.push_back({"validate", std::move(validation)});
  return policies;
}

}  // namespace gw::admin
