#include "runtime/policies/mock/filter.h"

#include "runtime/base/units.h"
#include "runtime/engine/answer.h"

namespace gw::policies {
namespace {

struct Preference {
  u32 status = 0;            // 0: none
  std::string_view example;  // empty: none
};

std::string_view unquoted(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

Preference preference_of(const http::FieldList& fields) {
  Preference wanted;
  for (const http::Field& field : fields) {
    if (field.id != http::FieldId::Prefer || field.removed) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const size_t end = rest.find_first_of(",;");
      const std::string_view item = rest.substr(0, end);
      rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
      const size_t equals = item.find('=');
      if (equals == item.npos) continue;
      const std::string_view name = unquoted(item.substr(0, equals));
      const std::string_view value = unquoted(item.substr(equals + 1));
      if (http::equal_fold(name, "code")) {
        wanted.status = static_cast<u32>(parse_count(value).value_or(0));
      }
      if (http::equal_fold(name, "example")) wanted.example = value;
    }
  }
  return wanted;
}

bool accepts(std::string_view accept, std::string_view media) {
  return accept.empty() || accept.find("*/*") != accept.npos || accept.find(media) != accept.npos;
}

const MockAnswerRecord* choose(const table::TableView& view, const MockRecord& record,
                               const Preference& wanted, std::string_view accept) {
  const MockAnswerRecord* fallback = nullptr;
  const u32 status = wanted.status != 0 ? wanted.status : record.status;
  for (const auto& answer : view.policy_list<MockAnswerRecord>(record.answers)) {
    if (status != 0 && answer.status != status) continue;
    if (!wanted.example.empty() && view.text(answer.name) != wanted.example) continue;
    if (status == 0 && wanted.example.empty() && fallback != nullptr &&
        answer.status != fallback->status) {
      break;  // the default status is the first one's
    }
    if (accepts(accept, view.text(answer.media))) return &answer;
    if (fallback == nullptr) fallback = &answer;
  }
  return fallback;
}

}  // namespace

Verdict mock(Exchange& exchange, const MockRecord& record) {
  const table::TableView& view = exchange.table->view();
  const Preference wanted = preference_of(exchange.request.fields);
  const std::string_view accept = exchange.request.fields.value(http::FieldId::Accept);
  const MockAnswerRecord* answer = choose(view, record, wanted, accept);
  if (answer == nullptr) {
    engine::answer_problem(exchange, record.answers.count == 0 ? 501 : 404);
    return Verdict::Reply;
  }
  http::ResponseHead& head = exchange.response;
  head.fields.clear();
  head.reason = {};
  head.status = static_cast<u16>(answer->status);
  exchange.local_body = view.text(answer->body);
  head.framing = http::Framing::Length;
  head.content_length = exchange.local_body.size();
  if (answer->media.offset != table::kNone) {
    head.fields.add(http::FieldId::ContentType, view.text(answer->media));
  }
  head.fields.add("x-gwctl-mock", answer->is_example != 0 ? "example" : "generated");
  return Verdict::Reply;
}

}  // namespace gw::policies
