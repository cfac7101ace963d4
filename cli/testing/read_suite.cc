// From the text of a test file to tests. What is written is checked first, part by part, so that
// each mistake is told once and where it stands; then parts are put on each other: fixtures, the
// test, its row of a table, its step.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>
#include <system_error>

#include "cli/testing/check_fields.h"
#include "cli/testing/suite.h"
#include "compiler/openapi/report.h"
#include "compiler/syntax/read.h"
#include "runtime/base/units.h"

namespace gw::cli::tests {
namespace {

using compiler::DiagnosticSink;
using compiler::openapi::in_quotes;

// Keys that are about a test and not about its requests.
constexpr std::string_view kTestKeys[] = {"name", "use", "steps", "cases"};

std::vector<engine::OfflineField> headers_of(const Value* value) {
  std::vector<engine::OfflineField> out;
  if (value == nullptr) return out;
  for (const Value& child : value->children) {
    if (child.is_list()) {
      for (const Value& item : child.children) out.push_back({child.key, item.text});
    } else {
      out.push_back({child.key, child.text});
    }
  }
  return out;
}

bool has_field(const std::vector<engine::OfflineField>& fields, std::string_view name) {
  return std::ranges::any_of(fields, [&](const engine::OfflineField& field) {
    return http::equal_fold(field.name, name);
  });
}

// The text of a body; one that is no text is JSON and says so.
std::string body_of(const Value& value, std::vector<engine::OfflineField>& headers) {
  if (value.is_string()) return value.text;
  if (!has_field(headers, "content-type")) headers.push_back({"content-type", "application/json"});
  return to_json_text(value);
}

std::string text_of(const Value& value, std::string_view key, std::string fallback = {}) {
  const Value* found = value.get(key);
  return found == nullptr ? fallback : found->text;
}

compiler::Span span_of(const Value& value, std::string_view key) {
  const Value* found = value.get(key);
  return found == nullptr ? compiler::Span{} : found->span;
}

u64 duration_of(const Value& value, std::string_view key) {
  const Value* found = value.get(key);
  return found == nullptr ? 0 : parse_duration(found->text).value_or(0);
}

PeerCertificate certificate_of(const Value& value) {
  PeerCertificate out;
  out.subject = text_of(value, "subject");
  out.san = text_of(value, "san");
  out.fingerprint = text_of(value, "fingerprint");
  return out;
}

TestRequest request_of(const Value& value) {
  TestRequest out;
  out.method = text_of(value, "method", "GET");
  out.path = text_of(value, "path");
  if (const Value* https = value.get("https")) out.https = https->boolean();
  out.host = text_of(value, "host");
  out.headers = headers_of(value.get("headers"));
  if (const Value* body = value.get("body")) {
    out.body = body_of(*body, out.headers);
    out.has_body = true;
  }
  if (const Value* size = value.get("bodySize")) {
    out.body.assign(parse_count(size->text).value_or(0), ' ');
    out.has_body = true;
  }
  out.ip = text_of(value, "ip", out.ip);
  if (const Value* at = value.get("at")) out.at_ms = parse_time(at->text);
  out.consumer = text_of(value, "consumer");
  out.consumer_span = span_of(value, "consumer");
  if (const Value* jwt = value.get("jwt")) out.jwt = *jwt;
  out.scheme = text_of(value, "scheme");
  out.scheme_span = span_of(value, "scheme");
  if (const Value* certificate = value.get("certificate")) {
    out.certificate = certificate_of(*certificate);
  }
  return out;
}

Reply reply_of(const Value& value) {
  Reply out;
  out.span = value.span;
  out.of = text_of(value, "of");
  out.of_span = span_of(value, "of");
  if (const Value* path = value.get("path")) out.path = *path;
  if (const Value* status = value.get("status")) {
    out.status = static_cast<u16>(parse_count(status->text).value_or(200));
  }
  out.headers = headers_of(value.get("headers"));
  if (const Value* body = value.get("body")) out.body = body_of(*body, out.headers);
  out.delay_ms = duration_of(value, "delay");
  const std::string failure = text_of(value, "fail");
  if (failure == "connect") out.failure = Reply::Failure::Connect;
  if (failure == "reset") out.failure = Reply::Failure::Reset;
  if (failure == "timeout") out.failure = Reply::Failure::Timeout;
  if (const Value* optional = value.get("optional")) out.optional = optional->boolean();
  return out;
}

class SuiteReader {
 public:
  SuiteReader(DiagnosticSink& sink, Suite& out) : sink_(sink), out_(out) {}

  bool read(const Value& root) {
    if (root.is_list()) {
      bad("field-type", start_of(root.span), "a test file is a map, not a list", "here",
          "write `tests:` above the list");
      return false;
    }
    if (const Value* version = root.get("openapi"); version != nullptr && !root.get("tests")) {
      bad("field-unknown", version->key_span, "this is an OpenAPI document, not a file of tests",
          "here", "name the gateway first, and then its tests");
      return false;
    }
    fine_ = check_object(root, kFileFields, "a test file", sink_);
    if (!root.is_map()) return false;
    fixtures_ = root.get("fixtures");
    const Value* tests = root.get("tests");
    if (tests == nullptr) {
      bad("field-missing", start_of(root.span), "a test file has no `tests`", "required");
      return false;
    }
    if (!fine_) return false;  // whatever is wrong would be told again
    for (const Value& test : tests->children) {
      add_test(test);
      if (budget_ != 0) continue;
      bad("field-value", start_of(test.span),
          fmt::format("the tests come to more than {} values", kMaxValues),
          "with its fixtures and rows written out", "cut the file in several");
      return false;
    }
    return fine_;
  }

 private:
  void bad(std::string_view rule, compiler::Span span, std::string message, std::string label,
           std::string help = {}) {
    report(sink_, rule, span, std::move(message), std::move(label), std::move(help));
    fine_ = false;
  }

  static compiler::Span start_of(compiler::Span span) {
    span.end = std::min(span.end, span.begin + 1);
    return span;
  }

  // `value` on the fixtures that it uses.
  Value on_fixtures(const Value& value) {
    Value out;
    out.kind = compiler::NodeKind::Map;
    if (const Value* use = value.get("use")) {
      if (!use->is_list()) put(out, fixture(*use));
      for (const Value& name : use->children) put(out, fixture(name));
    }
    put(out, value);
    out.erase("use");
    return out;
  }

  Value copy(const Value& value) {
    Value out;
    out.kind = compiler::NodeKind::Map;
    put(out, value);
    return out;
  }

  // Puts `over` on `base`, as long as there is room for what comes of it.
  void put(Value& base, const Value& over) {
    const size_t count = count_values(over);
    if (count > budget_) {
      budget_ = 0;
      return;
    }
    budget_ -= count;
    merge(base, over);
  }

  // Each is put together once, however often and by whatever it is used.
  const Value& fixture(const Value& name) {
    const auto known = put_together_.find(name.text);
    if (known != put_together_.end()) return known->second;
    const Value* found = fixtures_ == nullptr ? nullptr : fixtures_->get(name.text);
    const bool circle = found != nullptr && !under_way_.insert(name.text).second;
    if (found == nullptr || circle) {
      std::vector<std::string_view> names;
      if (fixtures_ != nullptr) {
        for (const Value& one : fixtures_->children) names.push_back(one.key);
      }
      bad("field-value", name.span,
          circle ? fmt::format("fixture {} uses itself", in_quotes(name.text))
                 : fmt::format("there is no fixture {}", in_quotes(name.text)),
          circle ? "a circle" : "not among `fixtures`",
          circle ? std::string() : compiler::did_you_mean(name.text, names));
      static const Value kNothing = [] {
        Value nothing;
        nothing.kind = compiler::NodeKind::Map;
        return nothing;
      }();
      return kNothing;
    }
    Value made = on_fixtures(*found);
    under_way_.erase(name.text);
    return put_together_.emplace(name.text, std::move(made)).first->second;
  }

  void add_test(const Value& written) {
    const Value* name = written.get("name");
    if (name == nullptr || name->text.empty()) {
      bad("field-missing", start_of(written.span), "a test has no `name`", "required");
      return;
    }
    if (!names_.insert(name->text).second) {
      bad("field-conflict", name->span,
          fmt::format("there are two tests of the name {}", in_quotes(name->text)),
          "the second one", "name each for what it shows");
      return;
    }
    const Value test = on_fixtures(written);
    const Value* cases = test.get("cases");
    if (cases == nullptr) return add_one(test, name->text);
    Value base = test;
    base.erase("cases");
    if (cases->children.empty()) return says_nothing(*cases, name->text, "no case");
    u32 number = 0;
    for (const Value& row : cases->children) {
      ++number;
      Value merged = copy(base);
      put(merged, on_fixtures(row));
      const Value* row_name = row.get("name");
      add_one(merged, row_name == nullptr ? fmt::format("{} #{}", name->text, number)
                                          : fmt::format("{}: {}", name->text, row_name->text));
    }
  }

  void add_one(const Value& merged, std::string name) {
    if (out_.tests.size() >= kMaxTests) return;
    Test test;
    test.name = std::move(name);
    test.span = merged.span;
    Value own = merged;
    const Value* steps = merged.get("steps");
    for (const std::string_view key : kTestKeys) own.erase(key);
    if (steps == nullptr) {
      add_step(own, test);
    } else {
      for (const Value& written : steps->children) {
        if (written.get("wait") != nullptr && written.children.size() == 1) {
          Step pause;
          pause.span = written.span;
          pause.wait_ms = duration_of(written, "wait");
          test.steps.push_back(std::move(pause));
          continue;
        }
        Value step = copy(own);
        put(step, on_fixtures(written));
        add_step(step, test);
      }
    }
    const bool sends = std::ranges::any_of(test.steps, &Step::sends);
    if (steps != nullptr && !sends) return says_nothing(*steps, test.name, "no request");
    out_.tests.push_back(std::move(test));
  }

  // What can only pass is no test.
  void says_nothing(const Value& value, std::string_view test, std::string_view label) {
    bad("field-missing", start_of(value.key_span.valid() ? value.key_span : value.span),
        fmt::format("test {} tests nothing", in_quotes(test)), fmt::format("{} in it", label));
  }

  static bool expects_nothing(const Value& expect) {
    return std::ranges::all_of(expect.children, [](const Value& field) {
      return field.key == "headers" && field.children.empty();
    });
  }

  void add_step(const Value& merged, Test& test) {
    const Value* request = merged.get("request");
    const Value* path = request == nullptr ? nullptr : request->get("path");
    if (path == nullptr) {
      bad("field-missing", start_of(request == nullptr ? merged.span : request->span),
          fmt::format("test {} has no `request.path`", in_quotes(test.name)), "required");
      return;
    }
    if (!check_together(*request)) return;
    Step step;
    step.span = merged.span;
    step.sends = true;
    step.request = request_of(*request);
    if (const Value* upstream = merged.get("upstream")) {
      for (const Value& reply : upstream->children) {
        if (!check_reply(reply)) return;
        step.upstream.push_back(reply_of(reply));
      }
    }
    if (const Value* expect = merged.get("expect")) step.expect = *expect;
    if (!check_expectation(step.expect)) return;
    if (const Value* repeat = merged.get("repeat")) {
      step.repeat = parse_count(repeat->text).value_or(1);
    }
    step.wait_ms = duration_of(merged, "wait");
    if (const Value* snapshot = merged.get("snapshot")) step.snapshot = snapshot->boolean();
    if (expects_nothing(step.expect) && !step.snapshot) {
      bad("field-missing", start_of(merged.span),
          fmt::format("test {} expects nothing", in_quotes(test.name)), "no `expect` in it",
          "say what must come of the request, or `snapshot: true`");
      return;
    }
    test.steps.push_back(std::move(step));
  }

  bool exclude(const Value& value, std::string_view a, std::string_view b) {
    const Value* first = value.get(a);
    const Value* second = value.get(b);
    if (first == nullptr || second == nullptr) return true;
    bad("field-conflict", second->key_span.valid() ? second->key_span : second->span,
        fmt::format("`{}` and `{}` exclude each other", a, b), "the other one is there as well");
    return false;
  }

  bool check_path(const Value& path) {
    if (path.text.starts_with('/') || path.text == "*") return true;
    bad("field-value", path.span, fmt::format("{} is no path", in_quotes(path.text)),
        "begins with `/`");
    return false;
  }

  // YAML has numbers that JSON has no form for.
  bool check_body(const Value* body) {
    if (body == nullptr) return true;
    if (body->kind == compiler::NodeKind::Float &&
        body->text.find_first_of("nN") != body->text.npos) {
      bad("field-value", body->span, fmt::format("{} is no number of JSON", in_quotes(body->text)),
          "bodies are JSON", "write it in quotes where a text is meant");
      return false;
    }
    return std::ranges::all_of(body->children,
                               [this](const Value& child) { return check_body(&child); });
  }

  bool check_together(const Value& request) {
    if (!check_path(*request.get("path")) || !check_body(request.get("body"))) return false;
    const Value* method = request.get("method");
    if (method != nullptr && !is_token(method->text)) {
      bad("field-value", method->span, fmt::format("{} is no method", in_quotes(method->text)),
          "letters and digits");
      return false;
    }
    return exclude(request, "body", "bodySize");
  }

  // Which request a connection is for is known when it has been sent.
  bool check_reply(const Value& reply) {
    if (!check_body(reply.get("body"))) return false;
    const Value* path = reply.get("path");
    if (path == nullptr) return true;
    if (!path->is_map() && !check_path(*path)) return false;
    if (text_of(reply, "fail") != "connect") return true;
    bad("field-conflict", path->key_span.valid() ? path->key_span : path->span,
        "`path` and `fail: connect` exclude each other", "nothing is sent then",
        "name the upstream alone, with `of`");
    return false;
  }

  bool check_expectation(const Value& expect) {
    bool fine = exclude(expect, "body", "exact");
    const Value* sent = expect.get("upstream");
    if (sent == nullptr) return fine;
    for (const Value& one : sent->children) fine = exclude(one, "body", "exact") && fine;
    return fine;
  }

  DiagnosticSink& sink_;
  Suite& out_;
  const Value* fixtures_ = nullptr;
  std::map<std::string, Value> put_together_;  // fixtures, by name
  std::set<std::string> under_way_;            // the same, that are being put together
  std::set<std::string> names_;                // of tests
  size_t budget_ = kMaxValues;
  bool fine_ = true;
};

}  // namespace

bool read_suite(compiler::FileSet& files, const std::string& path, DiagnosticSink& sink,
                Suite& out) {
  out.path = path;
  const Result<compiler::FileId> file = files.read(path);
  if (!file) {
    report(sink, "file-unreadable", {},
           fmt::format("cannot read {}: {}", in_quotes(path),
                       std::generic_category().message(file.error().sys)),
           "");
    return false;
  }
  out.file = *file;
  const size_t before = sink.error_count();
  const auto tree = compiler::read_tree(files, *file, sink);
  if (tree == nullptr || !tree->root() || sink.error_count() != before) {
    if (sink.error_count() == before) {
      report(sink, "field-missing", {}, fmt::format("{} holds no tests", in_quotes(path)), "");
    }
    return false;
  }
  size_t budget = kMaxValues;
  const Value root = value_of(tree->root(), budget);
  if (budget == 0) {
    report(sink, "field-value", {}, fmt::format("{} holds too many values", in_quotes(path)), "");
    return false;
  }
  const bool fine = SuiteReader(sink, out).read(root);
  return fine && sink.error_count() == before;
}

}  // namespace gw::cli::tests
