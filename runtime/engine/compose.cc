#include "runtime/engine/compose.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/units.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/compose_part.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/template.h"
#include "runtime/http/problem.h"
#include "runtime/policies/validate/media_type.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {
namespace {

using policies::CallAfterRecord;
using policies::CallRecord;
using policies::ComposeRecord;
using policies::HeaderSetRecord;

constexpr size_t kMostAnswerBytes = size_t{16} << 20;

enum class CallState : u8 { Waiting, Running, Done };

struct Call {
  const CallRecord* record = nullptr;
  CallState state = CallState::Waiting;
  CallEnd outcome = CallEnd::None;
  Task<void> task;
  std::vector<std::unique_ptr<CallPart>> parts;  // one, or one per item
  std::vector<Task<void>> items;                 // of `forEach`, by item
  const json::Tape* tape = nullptr;              // that holds the items
  std::vector<u32> nodes;                        // of the items
  u32 started = 0;
  u64 bytes = 0;     // of their answers so far
  std::string list;  // the answers to all items
  u16 passed_status = 0;
  TimePoint begun{};
  TimePoint ended{};
  bool fell_back = false;  // of a list: for one of its items
  bool stopped = false;    // another one had failed before
};

// For the access log.
std::string_view outcome_word(const Call& call) {
  if (call.fell_back) return "fallback";
  if (call.stopped) return "stopped";
  switch (call.outcome) {
    case CallEnd::None:
      return "stopped";  // before it began
    case CallEnd::Present:
      return "ok";
    case CallEnd::Skipped:
      return "skipped";
    case CallEnd::Missing:
      return "missing";
    case CallEnd::TimedOut:
      return "timeout";
    case CallEnd::Passed:
      return "passed";
  }
  return {};
}

bool is_json(const http::FieldList& fields, Arena& arena) {
  const http::Field* named = fields.find(http::FieldId::ContentType);
  validate::MediaType type;
  return named != nullptr && validate::parse_media_type(named->value, arena, type) &&
         validate::is_json_type(type.type);
}

class Composition {
 public:
  Composition(Exchange& exchange, Env& env, const ComposeRecord& record)
      : exchange_(exchange), env_(env), record_(record), view_(exchange.table->view()) {
    const auto records = view_.policy_list<CallRecord>(record.calls);
    calls_ = std::vector<Call>(records.size());
    for (size_t i = 0; i < records.size(); ++i) calls_[i].record = &records[i];
    results_.resize(records.size());
    values_of(exchange).calls = results_;
    budget_ = exchange.part_budget / std::max<u32>(1, static_cast<u32>(records.size()));
  }
  ~Composition() { values_of(exchange_).calls = {}; }
  Composition(const Composition&) = delete;
  Composition& operator=(const Composition&) = delete;

  // Calls stand behind those that they use: whoever is waited for in this order has been started by
  // then, or never will be.
  Task<void> run() {
    start_ready();
    for (Call& call : calls_) {
      if (!call.task.valid()) continue;
      co_await call.task.join();
    }
    answer();
    if (exchange_.depth == 0) note_parts();
    if (env_.compositions != nullptr) tell_ends();
  }

 private:
  void note_parts() {
    PartRecord* records = exchange_.arena.allocate_array<PartRecord>(calls_.size());
    for (size_t i = 0; i < calls_.size(); ++i) new (&records[i]) PartRecord(record_of(calls_[i]));
    exchange_.parts = {records, calls_.size()};
  }

  PartRecord record_of(const Call& call) const {
    PartRecord out;
    out.name = view_.text(call.record->name);
    out.outcome = outcome_word(call);
    if (call.record->for_each.count != 0) out.items = call.started;
    for (const auto& part : call.parts) {
      const Exchange& exchange = part->exchange();
      out.status = std::max(out.status, part->answer().status);
      out.tries += exchange.try_count;
      if (exchange.upstream < view_.upstreams().size()) {
        out.upstream = view_.text(view_.upstreams()[exchange.upstream].name);
      }
    }
    const auto spent =
        std::chrono::duration_cast<std::chrono::microseconds>(call.ended - call.begun).count();
    out.microseconds = static_cast<u32>(std::clamp<i64>(spent, 0, ~u32{0}));
    return out;
  }

  void tell_ends() const {
    std::vector<CallEnd> ends;
    for (const Call& call : calls_) ends.push_back(call.outcome);
    env_.compositions->composed(record_, ends);
  }

  bool is_ready(const Call& call) const {
    if (call.state != CallState::Waiting) return false;
    const auto after = view_.policy_list<CallAfterRecord>(call.record->after);
    return std::ranges::all_of(after, [&](const CallAfterRecord& other) {
      return other.call < calls_.size() && calls_[other.call].state == CallState::Done;
    });
  }

  // One pass does: who uses a call stands behind it.
  void start_ready() {
    for (u32 i = 0; i < calls_.size(); ++i) {
      if (failed_ || !is_ready(calls_[i])) continue;
      Call& call = calls_[i];
      if (!holds(exchange_, call.record->condition)) {
        call.outcome = CallEnd::Skipped;
        call.state = CallState::Done;
        continue;
      }
      call.state = CallState::Running;
      call.begun = call.ended = env_.clock.now();
      call.task = run_call(i);
      call.task.start();
    }
  }

  Task<void> run_call(u32 index) {
    Call& call = calls_[index];
    if (call.record->for_each.count != 0) {
      co_await run_items(call);
    } else {
      call.parts.push_back(std::make_unique<CallPart>(exchange_, env_, *call.record, budget_));
      CallPart& part = *call.parts.back();
      if (part.applies()) co_await part.run();
      settle(index, part.answer());
    }
    if (call.record->for_each.count != 0) settle_items(index);
    finish(index);
  }

  // --- forEach

  Task<void> run_items(Call& call) {
    const json::Tape* tape = nullptr;
    u32 node = 0;
    const auto parts = view_.part(view_.expressions(), call.record->for_each);
    if (parts.size() != 1 || !find_message_node(exchange_, parts[0], tape, node)) co_return;
    if (tape->kind(node) != json::Kind::Array || tape->count(node) > call.record->max_items) {
      co_return;
    }
    MessageValues& values = values_of(exchange_);
    const u32 budget = budget_ / std::max(1u, tape->count(node));
    if (budget == 0) co_return;
    call.tape = tape;
    for (const u32 item : tape->items(node)) {
      call.nodes.push_back(item);
      values.item = tape;
      values.item_node = item;
      call.parts.push_back(std::make_unique<CallPart>(exchange_, env_, *call.record, budget));
    }
    values.item = nullptr;
    call.items.resize(call.parts.size());
    call.list = "[";  // there is one, however short
    for (u32 i = 0; i < call.record->concurrency; ++i) start_item(call);
    for (Task<void>& item : call.items) {
      if (!item.valid()) continue;
      co_await item.join();
    }
  }

  void start_item(Call& call) {
    const bool full = call.bytes > kMostAnswerBytes;  // the rest would be for nothing
    if (failed_ || full || call.started == call.parts.size()) return;
    const u32 index = call.started++;
    call.items[index] = run_item(call, index);
    call.items[index].start();
  }

  Task<void> run_item(Call& call, u32 index) {
    CallPart& part = *call.parts[index];
    if (part.applies()) co_await part.run();
    call.bytes += part.answer().body.size();
    start_item(call);
  }

  // In the order of the list. An item without an answer takes the fallback, or makes the call fail.
  void settle_items(u32 index) {
    Call& call = calls_[index];
    if (call.list.empty() || call.started != call.parts.size()) {
      return miss(index, CallEnd::Missing);
    }
    for (u32 i = 0; i < call.parts.size(); ++i) {
      const PartAnswer& answer = call.parts[i]->answer();
      const u16 status = mapped(*call.record, answer.status);
      const bool good = status >= 200 && status <= 299;
      if (!good && passes(*call.record, status)) return pass(index, answer, status);
      if (!good && (call.record->optional == 0 || call.record->fallback.count == 0)) {
        return miss(index, answer.timed_out ? CallEnd::TimedOut : CallEnd::Missing);
      }
      if (call.list.size() > 1) call.list += ',';
      if (!good) {
        partial_ = true;
        mark_partial(call);
        call.fell_back = true;
        if (!write_item_fallback(call, i)) return miss(index, CallEnd::Missing);
      } else if (answer.body.empty()) {
        call.list += "null";
      } else if (!is_json(*answer.fields, exchange_.arena)) {
        return miss(index, CallEnd::Missing);
      } else {
        call.list += answer.body;
      }
      if (call.list.size() > kMostAnswerBytes) return miss(index, CallEnd::Missing);
    }
    call.list += ']';
    CallValue& value = results_[index];
    json::Tape& tape = values_of(exchange_).lease();
    if (!tape.parse(call.list)) return miss(index, CallEnd::Missing);
    value = {.present = true, .status = 200, .fields = nullptr, .body = &tape, .node = 0};
    call.outcome = CallEnd::Present;
  }

  // `$item` in it is the item that has no answer.
  bool write_item_fallback(Call& call, u32 index) {
    MessageValues& values = values_of(exchange_);
    values.item = call.tape;
    values.item_node = call.nodes[index];
    const bool written =
        write_template(exchange_, call.record->fallback, kMostAnswerBytes, call.list);
    values.item = nullptr;
    return written;
  }

  // --- one answer

  u16 mapped(const CallRecord& record, u16 status) const {
    u32 closest = 0;
    u32 to = status;
    for (const auto& change : view_.policy_list<policies::StatusChangeRecord>(record.status)) {
      const u32 match = policies::status_match(view_.text(change.from), status);
      if (match <= closest) continue;
      closest = match;
      to = change.to;
    }
    return static_cast<u16>(to);
  }

  bool passes(const CallRecord& record, u16 status) const {
    if (status == 0) return false;
    const auto list = view_.policy_list<table::StringRef>(record.pass);
    return std::ranges::any_of(list, [&](table::StringRef pattern) {
      return policies::status_match(view_.text(pattern), status) > 1;
    });
  }

  void pass(u32 index, const PartAnswer& answer, u16 status) {
    Call& call = calls_[index];
    call.outcome = CallEnd::Passed;
    call.passed_status = status;
    if (passed_ == nullptr) {
      passed_ = &call;
      passed_answer_ = answer;
    }
    stop();
  }

  void settle(u32 index, const PartAnswer& answer) {
    Call& call = calls_[index];
    const CallRecord& record = *call.record;
    const u16 status = mapped(record, answer.status);
    if (passes(record, status)) return pass(index, answer, status);
    if (status < 200 || status > 299) {
      const bool late = answer.timed_out || status == 504;
      return miss(index, late ? CallEnd::TimedOut : CallEnd::Missing);
    }
    CallValue value{
        .present = true, .status = status, .fields = answer.fields, .body = nullptr, .node = 0};
    if (!answer.body.empty() && is_json(*answer.fields, exchange_.arena)) {
      json::Tape& tape = values_of(exchange_).lease();
      if (tape.parse(answer.body)) value.body = &tape;
    }
    if (value.body == nullptr && !answer.body.empty() && record.reads_body != 0) {
      return miss(index, CallEnd::Missing);
    }
    results_[index] = value;
    call.outcome = CallEnd::Present;
  }

  void miss(u32 index, CallEnd outcome) {
    Call& call = calls_[index];
    call.outcome = outcome;
    call.fell_back = false;
    call.stopped = failed_;
    if (call.record->optional == 0) {
      if (lacking_ == nullptr) lacking_ = &call;
      return stop();
    }
    mark_partial(call);
    // With `forEach` it stands for an item, and there is no list to put it into.
    if (call.record->fallback.count == 0 || call.record->for_each.count != 0) return;
    call.list.clear();
    if (!write_template(exchange_, call.record->fallback, kMostAnswerBytes, call.list)) return;
    json::Tape& tape = values_of(exchange_).lease();
    if (!tape.parse(call.list)) return;
    results_[index] = {.present = true, .status = 0, .fields = nullptr, .body = &tape, .node = 0};
    call.fell_back = true;
  }

  void mark_partial(Call& call) {
    partial_ = true;
    if (std::ranges::find(missing_, &call) == missing_.end()) missing_.push_back(&call);
  }

  // What the others bring is of no use any more.
  void stop() {
    failed_ = true;
    for (Call& other : calls_) {
      if (other.state != CallState::Running) continue;
      for (const auto& part : other.parts) part->cancel();
    }
  }

  void finish(u32 index) {
    calls_[index].state = CallState::Done;
    calls_[index].ended = env_.clock.now();
    start_ready();
  }

  // --- the answer to the client

  void answer() {
    http::ResponseHead& head = exchange_.response;
    head.fields.clear();
    head.reason = {};
    head.upgrade = {};
    if (passed_ != nullptr) return answer_passed();
    if (lacking_ != nullptr) return answer_lacking();
    std::string body;
    if (!write_template(exchange_, record_.body, kMostAnswerBytes, body)) {
      return answer_problem(502, {});
    }
    head.status = static_cast<u16>(partial_ ? record_.partial_status : record_.status);
    set_body(body);
    head.fields.add(http::FieldId::ContentType, "application/json");
    std::string_view value;
    for (const auto& field : view_.policy_list<HeaderSetRecord>(record_.headers)) {
      if (!evaluate(exchange_, field.value, value) || !is_field_value(value)) continue;
      head.fields.set(view_.text(field.name), exchange_.arena.copy(value));
    }
    if (!partial_) return;
    std::string names;
    for (const Call* call : missing_) {
      if (!names.empty()) names += ", ";
      names += view_.text(call->record->name);
    }
    head.fields.add("gw-partial", exchange_.arena.copy(names));
  }

  void set_body(std::string_view body) {
    exchange_.local_body = exchange_.arena.copy(body);
    exchange_.response.framing = http::Framing::Length;
    exchange_.response.content_length = body.size();
  }

  void answer_passed() {
    http::ResponseHead& head = exchange_.response;
    head.status = passed_->passed_status;
    set_body(passed_answer_.body);
    if (passed_answer_.fields == nullptr) return;
    const http::Field* type = passed_answer_.fields->find(http::FieldId::ContentType);
    if (type != nullptr) {
      head.fields.add(http::FieldId::ContentType, exchange_.arena.copy(type->value));
    }
  }

  void answer_lacking() {
    const u16 status = lacking_->outcome == CallEnd::TimedOut ? 504 : 502;
    exchange_.error = Error{.code = status == 504 ? Errc::UpstreamTimeout : Errc::UpstreamInvalid,
                            .origin = Origin::Upstream,
                            .what = "a required part of a composition is missing"};
    answer_problem(status, view_.text(lacking_->record->name));
  }

  void answer_problem(u16 status, std::string_view part) {
    std::string members;
    if (!part.empty()) {
      members = ",\"part\":\"";
      append_json_escaped(part, members);
      members += '"';
    }
    http::Problem problem;
    problem.status = status;
    problem.members = members;
    exchange_.local_body = as_text(http::make_problem(problem, exchange_.response));
  }

  Exchange& exchange_;
  Env& env_;
  const ComposeRecord& record_;
  const table::TableView& view_;
  std::vector<Call> calls_;
  std::vector<CallValue> results_;
  u32 budget_ = 0;  // of each call: whatever a table says, what one request causes has an end
  std::vector<const Call*> missing_;  // optional ones without an answer, as they came to be
  const Call* passed_ = nullptr;
  PartAnswer passed_answer_;
  const Call* lacking_ = nullptr;
  bool failed_ = false;
  bool partial_ = false;
};

}  // namespace

Task<void> compose(Exchange& exchange, Env& env, const ComposeRecord& record) {
  const auto calls = exchange.table->view().policy_list<CallRecord>(record.calls);
  if (calls.size() > exchange.part_budget) {
    engine::answer_problem(exchange, 500);
    co_return;
  }
  Composition composition(exchange, env, record);
  co_await composition.run();
}

}  // namespace gw::engine
