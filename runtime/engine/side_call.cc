#include "runtime/engine/side_call.h"

#include <algorithm>

#include "runtime/observe/tracer.h"
#include "runtime/table/bound_table.h"

namespace gw::engine {

SideCall::SideCall(Exchange& parent, Env& env, std::string_view purpose, u32 upstream,
                   std::chrono::milliseconds timeout)
    : env_(env), purpose_(purpose), call_(std::make_unique<Exchange>()), fetched_(call_->arena) {
  Exchange& call = *call_;
  call.table = parent.table;
  call.live = parent.live;
  call.parent = &parent;
  call.depth = parent.depth + 1;
  call.started = env.clock.now();
  call.deadline = std::min(parent.deadline, call.started + timeout);
  options_.upstream = call.upstream = upstream;
  options_.deadline = call.deadline;
  options_.replay_safe = true;  // asking twice changes nothing
  http::RequestHead& request = call.upstream_request;
  request.scheme = "http";
  request.authority = request.host =
      parent.table->text(parent.table->view().upstreams()[upstream].name);
  request.fields.add(http::FieldId::Host, request.host);
}

// Last, so that no field that the question was given takes the place of ours. Where nobody traces,
// what the client has sent passes, as it does upstream.
void SideCall::carry_trace() {
  Exchange& call = *call_;
  if (env_.tracer != nullptr) {
    env_.tracer->begin_beside(call);
    if (call.trace != nullptr) observe::forward_trace(call);
    return;
  }
  const Exchange* client = call.parent;
  while (client->parent != nullptr) client = client->parent;
  for (const http::FieldId id : {http::FieldId::Traceparent, http::FieldId::Tracestate}) {
    const http::Field* field = client->request.fields.find(id);
    if (field != nullptr) call.upstream_request.fields.set(id, field->value);
  }
}

Task<bool> SideCall::send(size_t max_body_bytes) {
  Exchange& call = *call_;
  http::MemoryBody body(as_bytes(call.local_body));
  http::BodySource* source = nullptr;
  if (!call.local_body.empty()) {
    source = &body;
    call.upstream_request.framing = http::Framing::Length;
    call.upstream_request.content_length = call.local_body.size();
  }
  carry_trace();
  const Result<void> result =
      co_await env_.fetcher.fetch(call, call.upstream_request, source, options_, nullptr, fetched_);
  if (env_.tracer != nullptr) env_.tracer->finished_beside(call, purpose_);
  if (!result) co_return false;
  bool read = true;
  if (fetched_.body != nullptr) {
    const Result<Bytes> whole =
        co_await http::read_whole(*fetched_.body, max_body_bytes, call.arena);
    read = whole.has_value();
    if (read) body_ = as_text(*whole);
  }
  env_.fetcher.release(fetched_);
  co_return read;
}

}  // namespace gw::engine
