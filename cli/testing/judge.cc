#include "cli/testing/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace gw::cli::tests {
namespace {

namespace json = boost::json;

std::vector<std::string> values_of(const std::vector<engine::OfflineField>& fields,
                                   std::string_view name) {
  std::vector<std::string> out;
  for (const engine::OfflineField& field : fields) {
    if (http::equal_fold(field.name, name)) out.push_back(field.value);
  }
  return out;
}

class Judge {
 public:
  Judge(const Outcome& outcome, Sight sight) : outcome_(outcome), sight_(sight) {}

  std::vector<Mismatch> run(const Value& expect) {
    for (const Value& field : expect.children) {
      if (sight_ == Sight::Inside || !needs_inside(field.key)) check(field);
    }
    return std::move(found_);
  }

 private:
  void check(const Value& field) {
    if (field.key == "status") return status(field);
    if (field.key == "headers") return headers(field, outcome_.fields, "header");
    if (field.key == "body") return body(field, outcome_.body, Match::Subset, "body");
    if (field.key == "exact") return body(field, outcome_.body, Match::Exact, "body");
    if (field.key == "decision") return text(field, outcome_.allowed ? "allow" : "deny");
    if (field.key == "operation") return operation(field);
    if (field.key == "by") return by(field);
    if (field.key == "cache") return text(field, std::string(cache::outcome_name(outcome_.cache)));
    if (field.key == "tries") return text(field, std::to_string(outcome_.tries));
    if (field.key == "upstream") return upstream(field);
    if (field.key == "client") return text(field, outcome_.client);
    if (field.key == "partial") return partial(field);
  }

  // Names of both in order of the alphabet: which call fails first is nobody's business.
  void partial(const Value& field) {
    std::vector<std::string> wanted;
    if (field.is_list()) {
      for (const Value& name : field.children) wanted.push_back(name.text);
    } else {
      wanted.push_back(field.text);
    }
    std::vector<std::string> got;
    for (const std::string& value : values_of(outcome_.fields, "gw-partial")) {
      size_t begin = 0;
      while (begin <= value.size()) {
        const size_t end = std::min(value.find(", ", begin), value.size());
        got.push_back(value.substr(begin, end - begin));
        begin = end + 2;
      }
    }
    std::ranges::sort(wanted);
    std::ranges::sort(got);
    if (wanted == got) return;
    const auto list = [](const std::vector<std::string>& names) {
      return names.empty() ? std::string("none") : fmt::format("{}", fmt::join(names, ", "));
    };
    found_.push_back({field.key, list(wanted), list(got), field.span});
  }

  void differs(const Value& field, std::string got) {
    found_.push_back(
        {field.key, field.is_null() ? "null" : field.text, std::move(got), field.span});
  }

  void text(const Value& field, const std::string& got) {
    if (field.text != got) differs(field, got);
  }

  void status(const Value& field) {
    const std::string got = std::to_string(outcome_.status);
    const bool same = field.text.ends_with("XX") ? field.text[0] == got[0] : field.text == got;
    if (!same) differs(field, outcome_.status == 0 ? "(the answer broke off)" : got);
  }

  void operation(const Value& field) {
    const bool none = field.is_null() && outcome_.operation.empty();
    const bool same = !field.is_null() && field.text == outcome_.operation;
    if (!none && !same) {
      differs(field, outcome_.operation.empty() ? "null" : outcome_.operation);
    }
  }

  // `rateLimit` stands for `rateLimit.perClient` too.
  void by(const Value& field) {
    const std::string& got = outcome_.by;
    const bool kind = got.starts_with(field.text) && got[field.text.size()] == '.';
    if (got != field.text && !kind) differs(field, got);
  }

  void headers(const Value& field, const std::vector<engine::OfflineField>& fields,
               const std::string& where) {
    for (const Value& expected : field.children) {
      compare_field(expected, values_of(fields, expected.key),
                    fmt::format("{} {}", where, expected.key), found_);
    }
  }

  void body(const Value& field, const std::string& body, Match how, const std::string& where) {
    if (field.is_string() || body.empty()) {
      const json::value actual(body);
      return compare(field, body.empty() && !field.is_string() ? nullptr : &actual, how, where,
                     found_);
    }
    const json::value actual = body_value(body);
    compare(field, &actual, how, where, found_);
  }

  void upstream(const Value& field) {
    if (field.children.size() != outcome_.sent.size()) {
      std::string got;
      for (const SentRequest& sent : outcome_.sent) {
        got += fmt::format("{}{} {} to {}", got.empty() ? "" : ", ", sent.method, sent.target,
                           sent.upstream);
      }
      found_.push_back({"upstream",
                        field.children.size() == 1
                            ? "one request"
                            : fmt::format("{} requests", field.children.size()),
                        got.empty() ? "none" : got, field.span});
      return;
    }
    for (size_t i = 0; i < outcome_.sent.size(); ++i) {
      sent(field.children[i], outcome_.sent[i], fmt::format("upstream {}", i + 1));
    }
  }

  void sent(const Value& expected, const SentRequest& got, const std::string& where) {
    for (const Value& field : expected.children) {
      const std::string place = fmt::format("{} {}", where, field.key);
      if (field.key == "headers") headers(field, got.fields, where + " header");
      if (field.key == "body") body(field, got.body, Match::Subset, place);
      if (field.key == "exact") body(field, got.body, Match::Exact, place);
      const std::string* text = field.key == "of"       ? &got.upstream
                                : field.key == "method" ? &got.method
                                : field.key == "path"   ? &got.target
                                                        : nullptr;
      if (text != nullptr) compare_field(field, {*text}, place, found_);
    }
  }

  const Outcome& outcome_;
  Sight sight_;
  std::vector<Mismatch> found_;
};

}  // namespace

bool needs_inside(std::string_view field) {
  return field == "decision" || field == "operation" || field == "by" || field == "upstream" ||
         field == "tries" || field == "cache" || field == "client";
}

std::vector<Mismatch> judge(const Value& expect, const Outcome& outcome, Sight sight) {
  return Judge(outcome, sight).run(expect);
}

json::value body_value(std::string_view body) {
  boost::system::error_code ec;
  json::value parsed = json::parse(body, ec);
  return ec ? json::value(body) : parsed;
}

json::object answer_of(const Outcome& outcome) {
  json::object headers;
  for (const engine::OfflineField& field : outcome.fields) {
    json::value& value = headers[field.name];
    if (value.is_null()) {
      value = json::value(field.value);
    } else if (json::array* list = value.if_array()) {
      list->emplace_back(field.value);
    } else {
      value = json::array{value, json::value(field.value)};
    }
  }
  json::object out{{"status", outcome.status}, {"headers", std::move(headers)}};
  if (!outcome.body.empty()) out["body"] = body_value(outcome.body);
  return out;
}

}  // namespace gw::cli::tests
