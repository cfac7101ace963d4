#include "runtime/policies/validate/filter.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/encoding/decoded_body.h"
#include "runtime/encoding/head.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/whole_body.h"
#include "runtime/http/problem.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/judge.h"
#include "runtime/policies/validate/known_fields.h"

namespace gw::policies {
namespace {

using validate::Escapes;
using validate::Judge;
using validate::MediaType;
using validate::Pair;
using validate::Texts;

Validation& validation_of(Exchange& exchange) {
  if (exchange.validation == nullptr) {
    exchange.validation =
        new (exchange.arena.allocate(sizeof(Validation), alignof(Validation))) Validation{};
  }
  return *exchange.validation;
}

// From now on the body is what was read, and nothing else.
void keep_body(Exchange& exchange, const engine::WholeBody& body) {
  Validation& state = validation_of(exchange);
  state.body_read = true;
  state.body = body.bytes;
  exchange.request_body = engine::resume_body(exchange.arena, body, nullptr);
}

// What is judged is what the body stands for; what is forwarded stays what was sent.
void decode_body(Exchange& exchange, u64 limit_bytes) {
  const encoding::Coding coding = encoding::coding_of(exchange.request.fields).coding;
  if (coding == encoding::Coding::Identity) return;
  Validation& state = validation_of(exchange);
  const encoding::DecodeLimits limits{.bytes = limit_bytes};
  const Result<Bytes> decoded = encoding::decode_whole(coding, state.body, limits, exchange.arena);
  if (!decoded) {
    state.body_error = decoded.error();
    return;
  }
  state.body = *decoded;
  state.body_decoded = true;
}

bool take_buffered_body(Exchange& exchange) {
  // What has no length may be longer than it may.
  if (exchange.request_body->remaining_bytes() == ~u64{0}) return false;
  http::BodyChunk chunk;
  if (!exchange.request_body->take_buffered(chunk)) return false;
  keep_body(exchange, {chunk.bytes, chunk.trailers});
  return true;
}

class RequestJudge {
 public:
  RequestJudge(Exchange& exchange, const ValidateRecord& record)
      : exchange_(exchange),
        record_(record),
        view_(exchange.table->view()),
        judge_(exchange, schema::Direction::Request, record.errors) {}

  Verdict run() {
    if (mode() == ValidateMode::Off) {  // only what is not declared is dropped
      judge_parameters();
      judge_headers();
      return Verdict::Continue;
    }
    if (!settle_body()) return conclude();
    if (waits_) return Verdict::Wait;
    check_accept();
    if (refusal_ == 0 || !enforces()) {
      judge_parameters();
      judge_headers();
      judge_body();
    }
    return conclude();
  }

 private:
  ValidateMode mode() const { return static_cast<ValidateMode>(record_.request); }
  bool enforces() const { return mode() == ValidateMode::Enforce; }

  // What is answered with a status of its own.
  void refuse(u16 status, std::string_view keyword, std::string_view detail) {
    if (refusal_ == 0) refusal_ = status;
    judge_.faults.add({.in = status == 406 ? Place::Header : Place::Body,
                       .parameter = status == 406 ? "accept" : std::string_view{},
                       .pointer = {},
                       .keyword = keyword,
                       .detail = detail});
  }

  // Which media type it has, and whether it is here. False: it cannot be judged.
  bool settle_body() {
    if (exchange_.request_body == nullptr || record_.media.count == 0) return true;
    const http::FieldList& fields = exchange_.request.fields;
    const http::Field* type = fields.find(http::FieldId::ContentType);
    const bool named =
        type != nullptr && validate::parse_media_type(type->value, exchange_.arena, type_);
    media_ = named ? validate::find_media(view_, record_.media, type_.type) : nullptr;
    if (media_ == nullptr) {
      refuse(415, "content",
             named ? "its media type is not one of those declared" : "it has no media type");
      return !enforces();
    }
    if (const std::string_view why = validate::unreadable(*media_, type_, fields); !why.empty()) {
      encoded_ = !encoding::coding_of(fields).known;
      refuse(415, "content", why);
      media_ = nullptr;
      return !enforces();
    }
    if (!validate::is_judged(*media_)) return true;
    const bool read = exchange_.validation != nullptr && exchange_.validation->body_read;
    const bool failed =
        exchange_.validation != nullptr && exchange_.validation->body_error.code != Errc::None;
    if (failed) return false;
    // Decoding has a limit that is known to read_request_body() only.
    const bool is_encoded = encoding::coding_of(fields).coding != encoding::Coding::Identity;
    waits_ = !read && (is_encoded || !take_buffered_body(exchange_));
    return true;
  }

  void check_accept() {
    if (record_.produces.count == 0) return;
    const http::Field* accept = exchange_.request.fields.find(http::FieldId::Accept);
    if (accept == nullptr) return;
    const auto refs = view_.policy_list<table::StringRef>(record_.produces);
    std::string_view types[kMaxMediaTypes];
    const size_t count = std::min<size_t>(refs.size(), kMaxMediaTypes);
    for (size_t i = 0; i < count; ++i) types[i] = view_.text(refs[i]);
    for (const http::Field& field : exchange_.request.fields) {
      if (field.id != http::FieldId::Accept || field.removed) continue;
      if (validate::accepts_any(field.value, std::span(types, count), exchange_.arena)) return;
    }
    refuse(406, "content", "none of the media types that are declared is accepted");
  }

  bool has_parameters(Place place) const {
    for (const ParameterRecord& parameter : parameters()) {
      if (static_cast<Place>(parameter.place) == place) return true;
    }
    return false;
  }
  std::span<const ParameterRecord> parameters() const {
    return view_.policy_list<ParameterRecord>(record_.parameters);
  }

  void judge_parameters() {
    const auto query_action = static_cast<UnknownAction>(record_.unknown_query);
    const auto cookie_action = static_cast<UnknownAction>(record_.unknown_cookies);
    std::span<Pair> query;
    std::span<Pair> cookies;
    const bool reads_query = query_action != UnknownAction::Allow || has_parameters(Place::Query);
    const bool reads_cookies =
        cookie_action != UnknownAction::Allow || has_parameters(Place::Cookie);
    if (reads_query && !validate::split_pairs(exchange_.request.query, exchange_.arena, query)) {
      add_fault(Place::Query, {}, "maxProperties", "there are too many parameters");
      return;
    }
    if (reads_cookies &&
        !validate::split_cookies(exchange_.request.fields, exchange_.arena, cookies)) {
      add_fault(Place::Cookie, {}, "maxProperties", "there are too many cookies");
      return;
    }
    // A query parameter of that name belongs to it, whatever an open object would take.
    for (const ParameterRecord& parameter : parameters()) {
      switch (static_cast<Place>(parameter.place)) {
        case Place::Path:
          judge_.judge_parameter(parameter, capture(parameter.capture), Escapes::Percent);
          break;
        case Place::Query:
          judge_.judge_parameter(parameter, {.pairs = query}, Escapes::Form);
          break;
        case Place::Header:
          judge_.judge_header(parameter, exchange_.request.fields);
          break;
        case Place::Cookie:
          judge_.judge_parameter(parameter, {.pairs = cookies}, cookie_escapes(parameter));
          break;
        case Place::Body:
          break;
      }
    }
    settle_pairs(Place::Query, query_action, query);
    settle_pairs(Place::Cookie, cookie_action, cookies);
  }

  static Escapes cookie_escapes(const ParameterRecord& parameter) {
    return static_cast<ParameterStyle>(parameter.style) == ParameterStyle::Cookie
               ? Escapes::None
               : Escapes::Percent;
  }

  Texts capture(u32 index) const {
    if (index >= exchange_.capture_count) return {};
    const Capture& at = exchange_.captures[index];
    return {.text = exchange_.request.path.substr(at.begin, at.end - at.begin), .present = true};
  }

  // `filter[a][b]` belongs to `filter`.
  bool is_known(std::string_view name, bool is_field) const {
    const std::string_view pair = name.substr(0, name.find('['));
    for (const table::StringRef known : view_.policy_list<table::StringRef>(record_.known)) {
      const std::string_view text = view_.text(known);
      if (is_field ? http::equal_fold(text, name) : text == name || text == pair) return true;
    }
    return false;
  }

  void add_fault(Place place, std::string_view name, std::string_view keyword,
                 std::string_view detail) {
    judge_.faults.add(
        {.in = place, .parameter = name, .pointer = {}, .keyword = keyword, .detail = detail});
  }

  // What no parameter has taken.
  void settle_pairs(Place place, UnknownAction action, std::span<Pair> pairs) {
    if (action == UnknownAction::Allow) return;
    bool drops = false;
    for (Pair& pair : pairs) {
      if (pair.used || is_known(pair.name, false)) {
        pair.used = true;
        continue;
      }
      if (action == UnknownAction::Drop) {
        drops = true;
      } else {
        add_fault(place, pair.name, "unknown", "is not declared");
      }
    }
    if (!drops) return;
    http::RequestHead& request = exchange_.request;
    if (place == Place::Query) {
      request.query = joined_used(pairs, "&");
      request.has_query = !request.query.empty();
      return;
    }
    const std::string_view rest = joined_used(pairs, "; ");
    request.fields.remove(http::FieldId::Cookie);
    if (!rest.empty()) request.fields.add(http::FieldId::Cookie, rest);
  }

  std::string_view joined_used(std::span<const Pair> pairs, std::string_view separator) {
    size_t bytes = 0;
    for (const Pair& pair : pairs) bytes += pair.used ? pair.text.size() + separator.size() : 0;
    if (bytes == 0) return {};
    char* out = static_cast<char*>(exchange_.arena.allocate(bytes, 1));
    size_t used = 0;
    for (const Pair& pair : pairs) {
      if (!pair.used) continue;
      if (used != 0) {
        std::memcpy(out + used, separator.data(), separator.size());
        used += separator.size();
      }
      std::memcpy(out + used, pair.text.data(), pair.text.size());
      used += pair.text.size();
    }
    return {out, used};
  }

  void judge_headers() {
    const auto action = static_cast<UnknownAction>(record_.unknown_headers);
    if (action == UnknownAction::Allow) return;
    for (http::Field& field : exchange_.request.fields) {
      if (field.removed || validate::belongs_to_http(field.name) || is_declared(field.name) ||
          is_known(field.name, true)) {
        continue;
      }
      if (action == UnknownAction::Drop) {
        field.removed = true;
      } else {
        add_fault(Place::Header, field.name, "unknown", "is not declared");
      }
    }
  }

  bool is_declared(std::string_view name) const {
    return std::ranges::any_of(parameters(), [&](const ParameterRecord& parameter) {
      return static_cast<Place>(parameter.place) == Place::Header &&
             http::equal_fold(view_.text(parameter.name), name);
    });
  }

  void judge_body() {
    const bool read = exchange_.validation != nullptr && exchange_.validation->body_read;
    const bool empty =
        exchange_.request_body == nullptr || (read && exchange_.validation->body.empty());
    const bool is_text =
        media_ != nullptr && static_cast<BodyFormat>(media_->format) == BodyFormat::Text;
    if (empty && (exchange_.request_body == nullptr || !is_text)) {
      if (static_cast<BodyPresence>(record_.body) == BodyPresence::Required) {
        add_fault(Place::Body, {}, "required", "is required");
      }
      return;
    }
    if (media_ == nullptr || !validate::is_judged(*media_)) return;
    judge_.judge_body(*media_, type_, exchange_.validation->body);
  }

  Verdict conclude() {
    if (exchange_.validation != nullptr && exchange_.validation->body_error.code != Errc::None) {
      return reply_unread(exchange_.validation->body_error);
    }
    const validate::FaultList& faults = judge_.faults;
    if (faults.empty()) return Verdict::Continue;
    Validation& state = validation_of(exchange_);
    state.request_faults = faults.count();
    state.request_fault = faults.to_note();
    if (!enforces()) return Verdict::Continue;
    return reply();
  }

  Verdict reply() {
    http::ResponseHead& head = exchange_.response;
    head.fields.clear();
    head.upgrade = {};
    http::Problem problem;
    problem.status = refusal_ == 0 ? 400 : refusal_;
    if (refusal_ == 0) {
      problem.name = "invalid-request";
      problem.title = "Request Does Not Match Its Description";
    }
    problem.members = judge_.faults.to_members();
    exchange_.local_body = as_text(http::make_problem(problem, head));
    if (refusal_ == 415 && encoded_) {
      head.fields.add(http::FieldId::AcceptEncoding, encoding::kCodingsAccepted);
    } else if (refusal_ == 415) {
      head.fields.add(http::FieldId::Accept, view_.text(record_.accepts));
      if (exchange_.request.method == http::Method::Post) {
        head.fields.add("accept-post", view_.text(record_.accepts));
      }
    }
    exchange_.error = Error{.code = Errc::RequestInvalid,
                            .origin = Origin::Downstream,
                            .what = "request breaks the contract"};
    return Verdict::Reply;
  }

  Verdict reply_unread(const Error& error) {
    engine::answer_problem(exchange_, http::problem_of(error).status);
    exchange_.error = error;
    return Verdict::Reply;
  }

  Exchange& exchange_;
  const ValidateRecord& record_;
  const table::TableView& view_;
  Judge judge_;
  const MediaRecord* media_ = nullptr;
  MediaType type_;
  u16 refusal_ = 0;
  bool encoded_ = false;
  bool waits_ = false;
};

// Answers with a status that OpenAPI does not list for every operation.
bool needs_no_declaration(u16 status) { return status == 304 || status == 412 || status == 416; }

const ResponseRecord* find_response(const table::TableView& view, table::Extent responses,
                                    u16 status) {
  for (const ResponseRecord& response : view.policy_list<ResponseRecord>(responses)) {
    if (status >= response.first && status <= response.last) return &response;
  }
  return nullptr;
}

// What is declared of answers with this status; null: nothing, which may be a fault.
const ResponseRecord* judge_status(const Exchange& exchange, const ValidateRecord& record,
                                   u16 status, Judge& judge) {
  const ResponseRecord* response = find_response(exchange.table->view(), record.responses, status);
  if (response == nullptr && !needs_no_declaration(status)) {
    judge.faults.add({.in = Place::Header,
                      .parameter = "status",
                      .pointer = {},
                      .keyword = "responses",
                      .detail = "is not declared"});
  }
  return response;
}

// The entry that judges the body of an answer; null: none does.
const MediaRecord* judge_answer_head(const Exchange& exchange, const ResponseRecord& response,
                                     const http::ResponseHead& head, bool has_body, Judge& judge,
                                     MediaType& type) {
  const table::TableView& view = exchange.table->view();
  const http::FieldList& fields = head.fields;
  for (const ParameterRecord& header : view.policy_list<ParameterRecord>(response.headers)) {
    judge.judge_header(header, fields);
  }
  const bool bodiless = http::response_length(head, exchange.request.method, std::nullopt).bodiless;
  if (response.media.count == 0 || !has_body || bodiless) return nullptr;
  const auto refuse = [&](std::string_view detail) -> const MediaRecord* {
    judge.faults.add({.in = Place::Body,
                      .parameter = {},
                      .pointer = {},
                      .keyword = "content",
                      .detail = detail});
    return nullptr;
  };
  const http::Field* named = fields.find(http::FieldId::ContentType);
  if (named == nullptr || !validate::parse_media_type(named->value, fields.arena(), type)) {
    return refuse("it has no media type");
  }
  const MediaRecord* media = validate::find_media(view, response.media, type.type);
  if (media == nullptr) return refuse("its media type is not one of those declared");
  if (const std::string_view why = validate::unreadable(*media, type, fields); !why.empty()) {
    return refuse(why);
  }
  return validate::is_judged(*media) ? media : nullptr;
}

// An answer that is encoded though the upstream was asked for a plain one is judged decoded. It is
// passed on as it came to a client that can read it. Not fine: it cannot be decoded, for the reason
// in `why`.
struct DecodedAnswer {
  bool fine = false;
  Bytes bytes = {};
  std::string_view why = {};
};
DecodedAnswer decode_answer(Exchange& exchange, Fetched& fetched, Bytes body, u64 limit_bytes) {
  const encoding::Coding coding = encoding::coding_of(fetched.head.fields).coding;
  if (coding == encoding::Coding::Identity) return {.fine = true, .bytes = body};
  const encoding::DecodeLimits limits{.bytes = limit_bytes, .origin = Origin::Upstream};
  const Result<Bytes> decoded = encoding::decode_whole(coding, body, limits, exchange.arena);
  if (!decoded) {
    const bool too_long = decoded.error().code == Errc::BodyTooLarge;
    return {.why = too_long ? "it is too long to be judged" : "it is not in the coding it names"};
  }
  const std::span<const encoding::Coding> only(&coding, 1);
  if (encoding::negotiate(exchange.request.fields, only) == coding) {
    return {.fine = true, .bytes = *decoded};
  }
  encoding::forget_bytes(fetched.head.fields);
  encoding::weaken_etag(fetched.head.fields);
  fetched.head.framing = http::Framing::Length;
  fetched.head.content_length = decoded->size();
  fetched.body = engine::resume_body(exchange.arena, {*decoded, nullptr}, nullptr);
  return {.fine = true, .bytes = *decoded};
}

// Whether an answer with these faults may be passed on.
bool conclude_answer(Exchange& exchange, const ValidateRecord& record, const Judge& judge) {
  if (judge.faults.empty()) return true;
  Validation& state = validation_of(exchange);
  state.response_faults = judge.faults.count();
  state.response_fault = judge.faults.to_note();
  return static_cast<ValidateMode>(record.response) != ValidateMode::Enforce;
}

}  // namespace

Verdict validate_request(Exchange& exchange, const ValidateRecord& record) {
  return RequestJudge(exchange, record).run();
}

Task<void> read_request_body(Exchange& exchange, Env& env, u64 limit_bytes) {
  engine::WholeBody body;
  const Result<void> read = co_await engine::read_to_end(
      *exchange.request_body, limit_bytes, exchange.deadline, env.clock, exchange.arena, body);
  exchange.request_bytes = std::max<u64>(exchange.request_bytes, body.bytes.size());
  if (!read) {
    validation_of(exchange).body_error = read.error();
    co_return;
  }
  keep_body(exchange, body);
  decode_body(exchange, limit_bytes);
}

const ValidateRecord* response_check(const Exchange& exchange) {
  if (exchange.plan == table::kNone) return nullptr;
  const table::TableView& view = exchange.table->view();
  for (const table::StepRecord& step : view.part(view.steps(), view.plans()[exchange.plan].steps)) {
    if (static_cast<PolicyId>(step.policy) == PolicyId::Validate &&
        static_cast<Phase>(step.phase) == Phase::ResponseValidation) {
      return &view.policy_record<ValidateRecord>(step.record);
    }
  }
  return nullptr;
}

void ask_for_plain_answer(Exchange& exchange, const ValidateRecord& record) {
  const table::TableView& view = exchange.table->view();
  bool reads = false;
  for (const ResponseRecord& response : view.policy_list<ResponseRecord>(record.responses)) {
    for (const MediaRecord& media : view.policy_list<MediaRecord>(response.media)) {
      reads = reads || validate::is_judged(media);
    }
  }
  if (!reads) return;
  http::FieldList& fields = exchange.upstream_request.fields;
  fields.set(http::FieldId::AcceptEncoding, "identity");
  fields.remove(http::FieldId::Range);
  fields.remove("if-range");
}

Task<bool> validate_response(Exchange& exchange, Env& env, const ValidateRecord& record,
                             u64 limit_bytes, Fetched& fetched) {
  Judge judge(exchange, schema::Direction::Response, record.errors);
  const ResponseRecord* response = judge_status(exchange, record, fetched.head.status, judge);
  if (response == nullptr) co_return conclude_answer(exchange, record, judge);
  MediaType type;
  const MediaRecord* media =
      judge_answer_head(exchange, *response, fetched.head, fetched.body != nullptr, judge, type);
  if (media == nullptr) co_return conclude_answer(exchange, record, judge);
  engine::WholeBody body;
  const Result<void> read = co_await engine::read_to_end(
      *fetched.body, limit_bytes, exchange.deadline, env.clock, exchange.arena, body);
  const bool too_long = !read && read.error().code == Errc::BodyTooLarge;
  if (!read && !too_long) {
    exchange.error = read.error();
    exchange.error.origin = Origin::Upstream;
    if (exchange.error.code == Errc::RequestTimeout) exchange.error.code = Errc::UpstreamTimeout;
    co_return false;
  }
  fetched.body = engine::resume_body(exchange.arena, body, too_long ? fetched.body : nullptr);
  DecodedAnswer plain{.why = "it is too long to be judged"};
  if (read) plain = decode_answer(exchange, fetched, body.bytes, limit_bytes);
  if (plain.fine) {
    judge.judge_body(*media, type, plain.bytes);
  } else {
    judge.faults.add({.in = Place::Body,
                      .parameter = {},
                      .pointer = {},
                      .keyword = "content",
                      .detail = plain.why});
  }
  co_return conclude_answer(exchange, record, judge);
}

bool validate_composed(Exchange& exchange, const ValidateRecord& record) {
  Judge judge(exchange, schema::Direction::Response, record.errors);
  const http::ResponseHead& head = exchange.response;
  if (const ResponseRecord* response = judge_status(exchange, record, head.status, judge)) {
    MediaType type;
    const bool has_body = !exchange.local_body.empty();
    const MediaRecord* media = judge_answer_head(exchange, *response, head, has_body, judge, type);
    if (media != nullptr) judge.judge_body(*media, type, as_bytes(exchange.local_body));
  }
  return conclude_answer(exchange, record, judge);
}

}  // namespace gw::policies
