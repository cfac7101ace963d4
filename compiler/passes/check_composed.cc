#include "compiler/passes/check_composed.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/check_cache.h"

namespace gw::compiler {
namespace {

struct IdleField {
  std::string_view field;
  std::string_view part;  // of it; empty: all of it
  std::string_view why;
  std::string_view help;
};

// What runtime/engine/compose does not read. `cache`, `upgrade`, `decompressRequests` and
// `maxStreamAge` are refused wherever nothing is sent upstream.
constexpr IdleField kIdle[] = {
    {"mirror", "", "no request of it goes upstream", "put it on the operations that are called"},
    {"path", "", "no request of it goes upstream",
     "give the path to a call: `{upstream: NAME, path: ...}`"},
    {"forward", "", "calls get no field of the client but those of their `headers`",
     "remove it, or put it on the operations that are called"},
    {"idempotent", "", "it is not sent again, its calls are",
     "put it on the operations that are called"},
    {"retry", "", "it is not sent again, its calls are",
     "put it on the operations that are called, or give `retries` to calls of an upstream"},
    {"request", "headers", "calls get no field of the client but those of their `headers`",
     "put it on the operations that are called, or into `headers` of the calls"},
    {"request", "query", "calls are made of their own `path` and `with`",
     "put it on the operations that are called, or into `path` or `with` of the calls"},
    {"request", "body", "calls have a `body` of their own",
     "put it on the operations that are called, or into `body` of the calls"},
    {"timeout", "stream", "no stream is composed", "set `timeout.total`"},
};

// Deadlines of connections, which calls of upstreams have from the composition.
constexpr IdleField kIdleByOperation[] = {
    {"timeout", "connect", "every call has the deadlines of the operation that it names",
     "put it on the operations that are called"},
    {"timeout", "try", "every call has the deadlines of the operation that it names",
     "put it on the operations that are called"},
    {"timeout", "idle", "every call has the deadlines of the operation that it names",
     "put it on the operations that are called"},
};

bool is_set(const Effective& value, std::string_view name) {
  const Effective* found = value.find(name);
  return found != nullptr && found->present();
}

// Unknown ones count: what is wrong with them is reported elsewhere.
bool asks_upstreams(const Effective& compose) {
  const Effective* calls = compose.find("calls");
  return calls == nullptr || std::ranges::any_of(calls->entries, [](const Effective::Entry& call) {
           return !is_set(call.value, "operation");
         });
}

// How a body is read for expressions is said beside its changes, and holds.
const Effective* changes_of(const Effective* body) {
  if (body == nullptr || !body->is_map) return body;
  const auto found = std::ranges::find_if(body->entries, [](const Effective::Entry& entry) {
    return entry.name != "maxSize" && entry.name != "tooLarge";
  });
  return found == body->entries.end() ? nullptr : &found->value;
}

void check_field(Module& module, const GatewayOperation& source, const Effective& written,
                 const IdleField& idle) {
  const Effective* value = written.find(idle.field);
  if (value != nullptr && !idle.part.empty()) value = value->find(idle.part);
  if (idle.part == "body") value = changes_of(value);
  if (value == nullptr || !value->present() || !is_written_here(*value)) return;
  const std::string name =
      idle.part.empty() ? std::string(idle.field) : fmt::format("{}.{}", idle.field, idle.part);
  report(module, "extension-conflict", Severity::Error, value->span(),
         fmt::format("`{}` has no effect on `{}`, which is composed", name, source.id),
         std::string(idle.why), std::string(idle.help));
}

}  // namespace

void check_composed(Module& module, const GatewayOperation& source, const Effective& fields,
                    const Effective* view) {
  const Effective* compose = fields.find("compose");
  if (compose == nullptr || !compose->present() || module.options.mock) return;
  const Effective& written = view != nullptr ? *view : fields;
  for (const IdleField& idle : kIdle) check_field(module, source, written, idle);
  if (asks_upstreams(*compose)) return;
  for (const IdleField& idle : kIdleByOperation) check_field(module, source, written, idle);
}

}  // namespace gw::compiler
