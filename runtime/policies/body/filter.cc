#include "runtime/policies/body/filter.h"

#include <algorithm>
#include <new>

#include "runtime/encoding/coding.h"
#include "runtime/encoding/decoded_body.h"
#include "runtime/encoding/head.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/message_values.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/whole_body.h"
#include "runtime/http/problem.h"
#include "runtime/http/query.h"
#include "runtime/policies/body/changes.h"
#include "runtime/policies/body/form.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/status/filter.h"
#include "runtime/policies/validate/media_type.h"

namespace gw::policies {
namespace {

using json::Kind;
using json::Value;
using json::ValueTree;

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

enum class Written : u8 { Opaque, Json, Form };

bool reads_forms(const BodyRecord& record) {
  return static_cast<BodyWriting>(record.format) != BodyWriting::Same;
}

// How a body is written, as far as it is read.
Written written_as(const http::Field* named, Arena& arena, bool forms_too) {
  validate::MediaType type;
  if (named == nullptr || !validate::parse_media_type(named->value, arena, type)) {
    return Written::Opaque;
  }
  if (validate::is_json_type(type.type) || type.type == "text/json") return Written::Json;
  return forms_too && type.type == kFormType ? Written::Form : Written::Opaque;
}

Written written_in(const http::FieldList& fields, Arena& arena, bool forms_too) {
  return written_as(fields.find(http::FieldId::ContentType), arena, forms_too);
}

// A body as it came: a form becomes the object that its fields are.
Result<void> parse_body(Exchange& exchange, const BodyRecord* forms, u32 status, Written written,
                        std::string_view body, json::Tape& out) {
  if (written != Written::Form) return out.parse(body);
  const table::TableView& view = exchange.table->view();
  const Result<std::string_view> text =
      read_form(view, find_form(view, *forms, status), body, exchange.arena);
  if (!text) return fail(text.error());
  return out.parse(*text);
}

struct Changed {
  bool fine = false;
  bool too_long = false;  // where it is not
  std::string_view text;
};

Changed change(Exchange& exchange, const BodyRecord& record, const json::Tape& tape, bool to_form) {
  ValueTree tree(exchange.arena);
  Value* root = tree.of(tape);
  Changed out;
  out.too_long = !change_value(exchange, record, tree, *root);
  if (out.too_long) return out;
  std::string text;
  out.fine = to_form ? write_form(exchange, tree, *root, record.max_size, text)
                     : json::write(*root, record.max_size, text);
  out.too_long = !out.fine && (!to_form || root->kind == Kind::Object);
  out.text = exchange.arena.copy(text);
  return out;
}

Verdict refuse_request(Exchange& exchange, u16 status, std::string_view what) {
  engine::answer_problem(exchange, status);
  exchange.error =
      Error{.code = Errc::RequestInvalid, .origin = Origin::Downstream, .what = what.data()};
  return Verdict::Reply;
}

bool refuse_answer(Exchange& exchange, const char* what) {
  exchange.error = Error{.code = Errc::ResponseInvalid, .origin = Origin::Upstream, .what = what};
  return false;
}

// Of an answer that could not be read.
bool refuse_broken(Exchange& exchange, const Error& error) {
  exchange.error = error;
  exchange.error.origin = Origin::Upstream;
  if (error.code == Errc::RequestTimeout) exchange.error.code = Errc::UpstreamTimeout;
  if (error.code == Errc::BodyTooLarge) exchange.error.code = Errc::ResponseInvalid;
  return false;
}

// Fields that speak of the bytes that came are not true of the new ones (RFC 9110 section 7.7). The
// entity tag becomes weak: what is left out or added follows from what it names.
void settle_changed_fields(http::ResponseHead& head) {
  encoding::forget_bytes(head.fields);
  encoding::weaken_etag(head.fields);
}

void settle_type(http::ResponseHead& head, bool was_form, bool is_form) {
  if (is_form == was_form) return;
  head.fields.set(http::FieldId::ContentType, is_form ? kFormType : "application/json");
}

// A 304 has the ETag of its 200 (RFC 9110 section 15.4.5): of one that is changed the weak one.
void settle_not_modified(Exchange& exchange, const BodyRecord& record) {
  http::FieldList& fields = exchange.response.fields;
  const std::string_view etag = fields.value(http::FieldId::Etag);
  if (!encoding::is_strong_etag(etag)) return;
  const http::FieldList& asked = exchange.request.fields;
  const http::Field* type = encoding::find_of_body(fields, http::FieldId::ContentType);
  const bool is_changed =
      asked.has(http::FieldId::IfNoneMatch)
          ? encoding::asks_weakly(asked, etag)
          // One that names no type is taken to be of an answer that is changed.
          : type == nullptr ||
                written_as(type, exchange.arena, reads_forms(record)) != Written::Opaque;
  if (is_changed) encoding::weaken_etag(fields);
}

bool is_success(u16 status) { return status >= 200 && status <= 299; }

// Whether it is a success as it came, or as clients will see it: a status that is changed must not
// take the body past what is hidden of it. Before that change.
bool becomes_success(Exchange& exchange) {
  u16 seen = exchange.response.status;
  for (const table::StepRecord& step : engine::steps_of(exchange)) {
    if (static_cast<PolicyId>(step.policy) != PolicyId::Status) continue;
    if (!engine::holds(exchange, step.condition)) continue;
    seen = mapped_status(exchange, exchange.table->view().policy_record<StatusRecord>(step.record));
  }
  if (seen == 204) return false;  // shows no body
  return is_success(exchange.response.status) || is_success(seen);
}

// Once, whoever comes first. What is forwarded unless it is changed stays as it was sent.
Result<void> decode_request(Exchange& exchange, encoding::Coding coding, u64 limit_bytes) {
  Validation& state = *exchange.validation;
  if (coding == encoding::Coding::Identity || state.body_decoded) return {};
  const Result<Bytes> decoded =
      encoding::decode_whole(coding, state.body, {.bytes = limit_bytes}, exchange.arena);
  if (!decoded) return fail(decoded.error());
  state.body = *decoded;
  state.body_decoded = true;
  return {};
}

bool lets_pass(const BodyRecord& record) {
  return static_cast<BodyTooLong>(record.too_long) == BodyTooLong::Pass;
}

// Whether it keeps something from whoever gets the body.
bool hides(const BodyRecord& record) {
  return record.of_view != 0 || record.pick.count + record.omit.count != 0;
}

// Whether a change that makes the body too long may be left out. Clients can bring that about by
// what is put in, and must not see, or send, what is hidden by it.
bool may_be_left_out(const BodyRecord& record) { return lets_pass(record) && !hides(record); }

const BodyRecord* response_record(Exchange& exchange, const table::StepRecord& step) {
  if (static_cast<PolicyId>(step.policy) != PolicyId::Body ||
      static_cast<Phase>(step.phase) != Phase::ResponseTransform) {
    return nullptr;
  }
  return &exchange.table->view().policy_record<BodyRecord>(step.record);
}

// The steps that hold for this answer, together.
struct AnswerChanges {
  const BodyRecord* forms = nullptr;        // the first that reads forms
  const BodyRecord* last = nullptr;         // that changes anything: what it leaves is sent
  BodyWriting writing = BodyWriting::Same;  // of what is sent, as the last one has it that says so
  u64 limit = 0;                            // most bytes that are read
  bool passes = true;  // one that is too long; none may be left out that has not said so
  bool hides = false;  // something that clients must not see
};
AnswerChanges changes_of(Exchange& exchange) {
  AnswerChanges all;
  for (const table::StepRecord& step : engine::steps_of(exchange)) {
    const BodyRecord* record = response_record(exchange, step);
    if (record == nullptr || !engine::holds(exchange, step.condition)) continue;
    if (all.forms == nullptr && reads_forms(*record)) all.forms = record;
    if (changes_value(*record)) all.last = record;
    if (reads_forms(*record)) all.writing = static_cast<BodyWriting>(record->format);
    all.limit = std::max(all.limit, record->max_size);
    all.passes = all.passes && lets_pass(*record);
    all.hides = all.hides || hides(*record);
  }
  return all;
}

// HEAD is told what a GET would be, but for the length of what is changed.
void settle_head(Exchange& exchange, const AnswerChanges& changes) {
  http::ResponseHead& head = exchange.response;
  head.framing = http::Framing::None;
  const Written written = written_in(head.fields, exchange.arena, changes.forms != nullptr);
  if (changes.last == nullptr || written == Written::Opaque || !becomes_success(exchange)) return;
  settle_changed_fields(head);
  settle_type(head, written == Written::Form, changes.writing == BodyWriting::Form);
}

// `respond` says what its author has written for clients, in whatever type.
bool is_own_text(const Exchange& exchange) {
  const auto steps = engine::steps_of(exchange);
  return exchange.last_step < steps.size() &&
         static_cast<PolicyId>(steps[exchange.last_step].policy) == PolicyId::Respond;
}

// What is not JSON shows nothing only when there is nothing of it. False: refused.
Task<bool> is_empty(Exchange& exchange, Env& env, http::BodySource*& source) {
  constexpr const char* kRefusal = "answer that is not JSON, of which part is hidden";
  if (source == nullptr) co_return refuse_answer(exchange, kRefusal);
  engine::WholeBody body;
  const Result<void> read =
      co_await engine::read_to_end(*source, 0, exchange.deadline, env.clock, exchange.arena, body);
  if (!read && read.error().code != Errc::BodyTooLarge) {
    co_return refuse_broken(exchange, read.error());
  }
  if (!read) co_return refuse_answer(exchange, kRefusal);
  source = engine::resume_body(exchange.arena, body, nullptr);
  co_return true;
}

}  // namespace

Verdict prepare_request_body(Exchange& exchange, const BodyRecord& record) {
  if (exchange.request_body == nullptr) return Verdict::Continue;
  engine::MessageValues& values = engine::values_of(exchange);
  if (values.request_body != nullptr || values.request_passes) return Verdict::Continue;
  const Written written = written_in(exchange.request.fields, exchange.arena, reads_forms(record));
  if (written == Written::Opaque) return Verdict::Continue;
  const encoding::BodyCoding coding = encoding::coding_of(exchange.request.fields);
  if (!coding.known) {
    const Verdict verdict = refuse_request(exchange, 415, "body in an unknown coding");
    exchange.response.fields.add(http::FieldId::AcceptEncoding, encoding::kCodingsAccepted);
    return verdict;
  }
  if (exchange.validation == nullptr || !exchange.validation->body_read) {
    const bool failed =
        exchange.validation != nullptr && exchange.validation->body_error.code != Errc::None;
    if (!failed) return Verdict::Wait;
    exchange.error = exchange.validation->body_error;
    engine::answer_problem(exchange, http::problem_of(exchange.error).status);
    return Verdict::Reply;
  }
  const Result<void> decoded = decode_request(exchange, coding.coding, record.max_size);
  if (!decoded && decoded.error().code != Errc::BodyTooLarge) {
    return refuse_request(exchange, 400, "body is not what its coding says");
  }
  const std::string_view body = as_text(exchange.validation->body);
  if (!decoded || body.size() > record.max_size) {
    if (!lets_pass(record)) {
      return refuse_request(exchange, 413, "body over the limit of what is changed");
    }
    values.request_passes = true;
    return Verdict::Continue;
  }
  if (body.empty()) return Verdict::Continue;
  json::Tape& tape = values.lease();
  const Result<void> parsed = parse_body(exchange, &record, 0, written, body, tape);
  if (!parsed && written == Written::Form) {
    const bool too_long = parsed.error().code == Errc::BodyTooLarge;
    return refuse_request(exchange, too_long ? 413 : 400, "form that cannot be read");
  }
  if (!parsed) return refuse_request(exchange, 400, "body is no JSON");
  values.request_body = &tape;
  return Verdict::Continue;
}

Task<void> read_body_to_change(Exchange& exchange, Env& env, const BodyRecord& record,
                               u64 limit_bytes) {
  if (exchange.validation == nullptr) {
    exchange.validation =
        new (exchange.arena.allocate(sizeof(Validation), alignof(Validation))) Validation{};
  }
  Validation& state = *exchange.validation;
  const u64 limit = std::min(limit_bytes, record.max_size);
  engine::WholeBody body;
  const Result<void> read = co_await engine::read_to_end(
      *exchange.request_body, limit, exchange.deadline, env.clock, exchange.arena, body);
  const bool passes =
      !read && read.error().code == Errc::BodyTooLarge && limit < limit_bytes && lets_pass(record);
  if (!read && !passes) {
    state.body_error = read.error();
    co_return;
  }
  engine::values_of(exchange).request_passes = passes;
  state.body_read = !passes;
  state.body = passes ? Bytes{} : body.bytes;
  exchange.request_body =
      engine::resume_body(exchange.arena, body, passes ? exchange.request_body : nullptr);
}

Verdict change_request_body(Exchange& exchange, const BodyRecord& record) {
  if (exchange.values == nullptr || exchange.request_body == nullptr) return Verdict::Continue;
  engine::MessageValues& values = *exchange.values;
  if (values.request_body == nullptr || !changes_value(record)) return Verdict::Continue;
  const bool to_form = static_cast<BodyWriting>(record.format) == BodyWriting::Form;
  const Changed changed = change(exchange, record, *values.request_body, to_form);
  // What is too long only when it is changed is still there as it came.
  if (changed.too_long && may_be_left_out(record)) return Verdict::Continue;
  if (!changed.fine && !changed.too_long) {
    return refuse_request(exchange, 400, "body that is no object, of which a form is made");
  }
  if (!changed.fine) return refuse_request(exchange, 413, "changed body over its limit");
  void* memory = exchange.arena.allocate(sizeof(http::MemoryBody), alignof(http::MemoryBody));
  exchange.request_body = new (memory) http::MemoryBody(as_bytes(changed.text));
  http::RequestHead& to = exchange.upstream_request;
  to.framing = http::Framing::Length;
  to.content_length = changed.text.size();
  encoding::forget_bytes(to.fields);
  const Written written = written_in(exchange.request.fields, exchange.arena, reads_forms(record));
  if (to_form != (written == Written::Form)) {
    to.fields.set(http::FieldId::ContentType, to_form ? kFormType : "application/json");
  }
  return Verdict::Continue;
}

bool reads_response_body(Exchange& exchange) {
  if (exchange.plan == table::kNone) return false;
  const table::PlanRecord& plan = exchange.table->view().plans()[exchange.plan];
  if (plan.response_body != table::BodyNeed::Whole) return false;
  for (const table::StepRecord& step : engine::steps_of(exchange)) {
    const BodyRecord* record = response_record(exchange, step);
    if (record == nullptr || !engine::holds(exchange, step.condition)) continue;
    if (record->reads != 0 || becomes_success(exchange)) return true;
  }
  return false;
}

void ask_for_readable_answer(Exchange& exchange) {
  const table::PlanRecord& plan = exchange.table->view().plans()[exchange.plan];
  if (plan.response_body != table::BodyNeed::Whole) return;
  http::FieldList& fields = exchange.upstream_request.fields;
  fields.set(http::FieldId::AcceptEncoding, "identity");
  fields.remove(http::FieldId::Range);
  fields.remove("if-range");
}

Task<bool> prepare_response_body(Exchange& exchange, Env& env, http::BodySource*& source) {
  const AnswerChanges changes = changes_of(exchange);
  const bool bodiless =
      http::response_length(exchange.response, exchange.request.method, std::nullopt).bodiless;
  http::ResponseHead& head = exchange.response;
  if (bodiless || (source == nullptr && exchange.local_body.empty())) {
    if (exchange.request.method == http::Method::Head) settle_head(exchange, changes);
    co_return true;
  }
  const Written written = written_in(head.fields, exchange.arena, changes.forms != nullptr);
  if (written == Written::Opaque) {
    const bool shown = !changes.hides || is_own_text(exchange) || !becomes_success(exchange);
    co_return shown || co_await is_empty(exchange, env, source);
  }
  if (head.status == 206) co_return refuse_answer(exchange, "part of an answer that is changed");
  const encoding::BodyCoding coding = encoding::coding_of(head.fields);
  if (!coding.known) co_return refuse_answer(exchange, "answer in an unknown coding");
  std::string_view text = exchange.local_body;
  engine::WholeBody body;
  if (source != nullptr) {
    const Result<void> read = co_await engine::read_to_end(
        *source, changes.limit, exchange.deadline, env.clock, exchange.arena, body);
    if (!read && read.error().code == Errc::BodyTooLarge && changes.passes) {
      source = engine::resume_body(exchange.arena, body, source);
      co_return true;
    }
    if (!read) co_return refuse_broken(exchange, read.error());
    text = as_text(body.bytes);
  }
  if (coding.coding != encoding::Coding::Identity) {
    const encoding::DecodeLimits limits{.bytes = changes.limit, .origin = Origin::Upstream};
    const Result<Bytes> decoded =
        encoding::decode_whole(coding.coding, as_bytes(text), limits, exchange.arena);
    const bool too_long = !decoded && decoded.error().code == Errc::BodyTooLarge;
    if (too_long && changes.passes) {
      if (source != nullptr) source = engine::resume_body(exchange.arena, body, nullptr);
      co_return true;
    }
    if (too_long) co_return refuse_answer(exchange, "answer over the limit of what is changed");
    if (!decoded) co_return refuse_answer(exchange, "answer is not what its coding says");
    text = as_text(*decoded);
    encoding::forget_bytes(head.fields);
    encoding::weaken_etag(head.fields);
  }
  exchange.local_body = text;
  source = nullptr;
  head.framing = http::Framing::Length;
  head.content_length = text.size();
  engine::MessageValues& values = engine::values_of(exchange);
  values.response_changes = becomes_success(exchange);
  if (text.empty()) co_return true;
  json::Tape& tape = values.lease();
  if (parse_body(exchange, changes.forms, head.status, written, text, tape)) {
    values.response_body = &tape;
    co_return true;
  }
  // What is only read is absent to whoever reads it.
  const char* why =
      written == Written::Form ? "answer whose form cannot be read" : "answer that is no JSON";
  co_return !values.response_changes || refuse_answer(exchange, why);
}

bool change_response_body(Exchange& exchange, const BodyRecord& record) {
  if (exchange.response.status == 304 && changes_value(record)) {
    settle_not_modified(exchange, record);
  }
  if (exchange.values == nullptr || exchange.values->response_body == nullptr) return true;
  if (!exchange.values->response_changes || !changes_value(record)) return true;
  engine::MessageValues& values = *exchange.values;
  const json::Tape* tape = values.response_body;
  // A step before this one has changed it: expressions go on seeing what came.
  if (values.response_changed) {
    json::Tape& again = values.lease();
    if (!again.parse(exchange.local_body)) return refuse_answer(exchange, "changed twice");
    tape = &again;
  }
  // Between two steps it is JSON, whatever it is sent as.
  const AnswerChanges changes = changes_of(exchange);
  const bool to_form = changes.writing == BodyWriting::Form && changes.last == &record;
  const Changed changed = change(exchange, record, *tape, to_form);
  if (changed.too_long && may_be_left_out(record)) return true;
  if (!changed.fine) {
    return refuse_answer(exchange, changed.too_long
                                       ? "changed answer over its limit"
                                       : "answer that is no object, of which a form is made");
  }
  exchange.local_body = changed.text;
  http::ResponseHead& head = exchange.response;
  head.content_length = changed.text.size();
  const bool was_form = written_in(head.fields, exchange.arena, true) == Written::Form;
  settle_type(head, was_form, to_form);
  if (!values.response_changed) settle_changed_fields(head);
  values.response_changed = true;
  if (record.of_view == 0) values.shown_text = changed.text;
  return true;
}

}  // namespace gw::policies
