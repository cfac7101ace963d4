#include "runtime/engine/decompress.h"

#include "runtime/encoding/head.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/whole_body.h"

namespace gw::engine {
namespace {

void refuse(Exchange& exchange, u16 status, const Error& error) {
  answer_problem(exchange, status);
  exchange.error = error;
}

}  // namespace

bool decompress_request(Exchange& exchange, u64 limit_bytes, encoding::DecodedBody& storage,
                        http::BodySource*& body) {
  http::RequestHead& head = exchange.upstream_request;
  if (body == nullptr) return true;
  const encoding::BodyCoding coding = encoding::coding_of(head.fields);
  if (!coding.known) {
    refuse(exchange, 415,
           {.code = Errc::RequestInvalid,
            .origin = Origin::Downstream,
            .what = "body is in a coding that is not known"});
    exchange.response.fields.add(http::FieldId::AcceptEncoding, encoding::kCodingsAccepted);
    return false;
  }
  if (coding.coding == encoding::Coding::Identity) return true;
  if (exchange.validation != nullptr && exchange.validation->body_decoded) {
    const WholeBody plain{exchange.validation->body, nullptr};
    body = resume_body(exchange.arena, plain, nullptr);
    head.framing = http::Framing::Length;
    head.content_length = plain.bytes.size();
  } else {
    const encoding::DecodeLimits limits{.bytes = limit_bytes};
    if (!storage.begin(coding.coding, limits, *body)) {
      refuse(exchange, 500, {.code = Errc::Internal, .what = "decoder"});
      return false;
    }
    body = &storage;
    head.framing = http::Framing::Chunked;
    head.content_length = 0;
  }
  encoding::forget_bytes(head.fields);
  return true;
}

}  // namespace gw::engine
