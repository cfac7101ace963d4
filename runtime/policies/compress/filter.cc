// Which answers are encoded, and what their heads say of it.
//
// Who has got an encoded answer holds a weak ETag, since the bytes are not those that the upstream
// has named. When it comes back with If-None-Match, the field goes upstream as it is: the
// comparison there is the weak one (RFC 9110 section 13.1.2), so that W/"x" meets "x" and 304 is
// the answer. With If-Match and If-Range the comparison is the strong one, and a weak ETag never
// meets: the client is told 412, or gets all of the body. That is what these fields are for, and a
// client that wants to write with If-Match reads with `Accept-Encoding: identity` or takes its ETag
// from the answer to its last write.
#include "runtime/policies/compress/filter.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/encoding/head.h"
#include "runtime/engine/plan.h"
#include "runtime/policies/body/filter.h"
#include "runtime/policies/cache/variant.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/validate/media_type.h"

namespace gw::policies {
namespace {

using encoding::Coding;
using encoding::Level;
using http::FieldId;

static_assert(std::ranges::equal(kEncodingWords, encoding::kCodingNames));
static_assert(static_cast<u32>(Level::Small) + 1 == std::size(kCompressLevelWords));

// Types whose bodies get clearly shorter. Images, sound, video, archives, PDF and WOFF are
// compressed by themselves.
constexpr std::string_view kDefaultTypes[] = {
    "text/*",
    "application/json",
    "application/*+json",
    "application/x-ndjson",
    "application/json-seq",
    "application/xml",
    "application/*+xml",
    "application/javascript",
    "application/x-javascript",
    "application/yaml",
    "application/x-yaml",
    "application/*+yaml",
    "application/graphql",
    "application/sql",
    "application/wasm",
    "application/vnd.ms-fontobject",
    "image/svg+xml",
    "image/bmp",
    "font/otf",
    "font/ttf",
    "font/collection",
};

const CompressRecord* record_of(const Exchange& exchange) {
  for (const table::StepRecord& step : engine::steps_of(exchange)) {
    if (static_cast<PolicyId>(step.policy) == PolicyId::Compress) {
      return &exchange.table->view().policy_record<CompressRecord>(step.record);
    }
  }
  return nullptr;
}

bool is_listed(const Exchange& exchange, const CompressRecord& record, std::string_view type) {
  if (record.types.count == 0) {
    return std::ranges::any_of(kDefaultTypes, [&](std::string_view listed) {
      return validate::media_matches(listed, type);
    });
  }
  const table::TableView& view = exchange.table->view();
  return std::ranges::any_of(
      view.policy_list<table::StringRef>(record.types),
      [&](table::StringRef listed) { return validate::media_matches(view.text(listed), type); });
}

bool has_listed_type(Exchange& exchange, const CompressRecord& record, const http::Field* named) {
  validate::MediaType type;
  if (named == nullptr || !validate::parse_media_type(named->value, exchange.arena, type)) {
    return false;
  }
  // Its messages have an encoding of their own, which its clients expect.
  if (type.type.starts_with("application/grpc")) return false;
  return is_listed(exchange, record, type.type);
}

// Of the whole body, also of an answer that is a part of it; none: it is not told.
std::optional<u64> whole_bytes(const http::ResponseHead& head) {
  if (head.status != 206) {
    if (head.framing != http::Framing::Length) return std::nullopt;
    return head.content_length;
  }
  const http::Field* range = head.fields.find("content-range");
  const size_t slash = range == nullptr ? std::string_view::npos : range->value.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view text = range->value.substr(slash + 1);
  u64 size = 0;
  const bool told = std::from_chars(text.data(), text.data() + text.size(), size).ec == std::errc{};
  return told ? std::optional(size) : std::nullopt;
}

bool forbids_encoding(const Exchange& exchange) {
  return http::has_token(exchange.response.fields, FieldId::CacheControl, "no-transform") ||
         http::has_token(exchange.request.fields, FieldId::CacheControl, "no-transform");
}

// Whether the answer, or what it is a part of, could be encoded for some client.
bool may_be_encoded(Exchange& exchange, const CompressRecord& record) {
  const http::ResponseHead& head = exchange.response;
  const bool has_content = head.status >= 200 && head.status != 204 && head.status != 205;
  if (!has_content || head.status == 304 || !head.upgrade.empty()) return false;
  if (head.status != 206 && head.fields.find("content-range") != nullptr) return false;
  // The upstream's own encoding passes.
  if (head.fields.has(FieldId::ContentEncoding)) return false;
  if (forbids_encoding(exchange)) return false;
  const std::optional<u64> bytes = whole_bytes(head);
  if (bytes && (*bytes < record.min_size || *bytes == 0)) return false;
  return has_listed_type(exchange, record, head.fields.find(FieldId::ContentType));
}

// Whether the 200 in whose place a 304 is sent could be encoded for some client. An upstream's own
// 304 need not say what it is about: then it may be.
bool could_be_encoded(Exchange& exchange, const CompressRecord& record) {
  const http::FieldList& fields = exchange.response.fields;
  if (encoding::find_of_body(fields, FieldId::ContentEncoding) != nullptr) return false;
  if (forbids_encoding(exchange)) return false;
  const cache::Use* use = exchange.cache;
  const bool is_stored = use != nullptr && use->entry != nullptr && use->entry->body != nullptr;
  if (is_stored && !reads_response_body(exchange)) {
    const u64 bytes = use->entry->body->size;
    if (bytes == 0 || bytes < record.min_size) return false;
  }
  const http::Field* type = encoding::find_of_body(fields, FieldId::ContentType);
  return type == nullptr || has_listed_type(exchange, record, type);
}

void add_vary(http::FieldList& fields) {
  if (http::has_token(fields, FieldId::Vary, "*")) return;
  if (http::has_token(fields, FieldId::Vary, "accept-encoding")) return;
  fields.add(FieldId::Vary, "Accept-Encoding");
}

void write_head(http::ResponseHead& head, Coding coding) {
  http::FieldList& fields = head.fields;
  encoding::forget_bytes(fields);
  encoding::weaken_etag(fields);
  fields.add(FieldId::ContentEncoding, encoding::coding_name(coding));
  // A body that turns out to be small is told with its length all the same.
  head.framing = http::Framing::Chunked;
  head.content_length = 0;
}

Coding chosen_coding(const Exchange& exchange, const CompressRecord& record) {
  if (record.encodings.count == 0) {
    return encoding::negotiate(exchange.request.fields, encoding::kPreferred);
  }
  Coding offered[encoding::kCodings] = {};
  const auto words = exchange.table->view().policy_list<u32>(record.encodings);
  const size_t count = std::min(words.size(), encoding::kCodings);
  for (size_t i = 0; i < count; ++i) offered[i] = static_cast<Coding>(words[i]);
  return encoding::negotiate(exchange.request.fields, std::span(offered, count));
}

// A 304 has the fields that the 200 would have (RFC 9110 section 15.4.5): it varies as that does.
// Its ETag names what the client has, so that caches know it again (RFC 9111 section 4.3.4): of one
// that has asked with the weak form that is what it got from here; of one that has asked by a date
// it is what it would get.
void settle_not_modified(Exchange& exchange, const CompressRecord& record) {
  http::FieldList& fields = exchange.response.fields;
  const bool varies = could_be_encoded(exchange, record);
  if (varies) add_vary(fields);
  const std::string_view etag = fields.value(FieldId::Etag);
  if (!encoding::is_strong_etag(etag)) return;
  const bool by_tag = exchange.request.fields.has(FieldId::IfNoneMatch);
  const bool is_weak = by_tag ? encoding::asks_weakly(exchange.request.fields, etag)
                              : varies && chosen_coding(exchange, record) != Coding::Identity;
  if (!is_weak) return;
  encoding::weaken_etag(fields);
  add_vary(fields);
}

}  // namespace

http::BodySource* compress_answer(Exchange& exchange, http::BodySource* body, Bytes plain,
                                  encoding::EncodedBody& encoded) {
  const CompressRecord* record = record_of(exchange);
  if (record == nullptr) return body;
  if (exchange.response.status == 304) settle_not_modified(exchange, *record);
  if (!may_be_encoded(exchange, *record)) return body;
  // What is said of a body that does not follow is what would be said if it did.
  const bool is_head = exchange.request.method == http::Method::Head;
  if (body == nullptr && !is_head) return body;
  // Caches must know of it from the answers that are not encoded as well, and from parts.
  add_vary(exchange.response.fields);
  // A part of a body is a part of the bytes that the upstream has.
  if (exchange.response.status == 206) return body;
  const Coding coding = chosen_coding(exchange, *record);
  if (coding == Coding::Identity) return body;
  http::BodySource* const stored = stored_variant(exchange, coding, body, plain);
  if (stored != nullptr) {
    write_head(exchange.response, coding);
    exchange.response.framing = http::Framing::Length;
    exchange.response.content_length = stored->remaining_bytes();
    return stored;
  }
  if (!is_head && !encoded.begin(coding, static_cast<Level>(record->level), *body)) return body;
  write_head(exchange.response, coding);
  return is_head ? body : keep_variant(exchange, coding, body, plain, encoded);
}

}  // namespace gw::policies
