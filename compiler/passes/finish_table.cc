// Route records, source files and notes: the last parts of the table.
#include <xxhash.h>

#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/template_text.h"
#include "runtime/policies/access_log/record.h"

namespace gw::compiler {
namespace {

std::string joined(const std::vector<std::string>& hosts) {
  std::string text;
  for (const std::string& host : hosts) {
    if (!text.empty()) text += ", ";
    text += host;
  }
  return text;
}

// Equal effective sources have equal digests, whatever the order of arguments.
u64 digest_of_sources(const Module& module) {
  XXH3_state_t* state = XXH3_createState();
  XXH3_64bits_reset(state);
  for (size_t i = 0; i < module.files.size(); ++i) {
    const std::string_view text = module.files.text(static_cast<FileId>(i));
    const u64 bytes = text.size();
    XXH3_64bits_update(state, &bytes, sizeof bytes);
    XXH3_64bits_update(state, text.data(), text.size());
  }
  XXH3_64bits_update(state, &module.table.gateway.flags, sizeof module.table.gateway.flags);
  const u64 digest = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return digest;
}

bool is_secret(const GatewayOperation& source, std::string_view name) {
  if (policies::is_secret_name(name)) return true;
  for (const openapi::Parameter& parameter : source.operation->parameters) {
    if (parameter.in != openapi::ParameterIn::Path || parameter.name.value != name) continue;
    const NodeRef schema = source.unit->document->resolve(parameter.schema);
    const NodeRef format = schema && schema.is_map() ? schema.get("format") : NodeRef{};
    return format && format.is_scalar() && format.text() == "password";
  }
  return false;
}

// Captures whose values stand in no log.
u32 secret_captures(const PlannedOperation& planned) {
  u32 flags = 0;
  for (u32 i = 0; i < planned.captures.size(); ++i) {
    const u32 bit = table::kRouteSecretCapture + std::min(i, table::kRouteSecretCaptures - 1);
    if (is_secret(*planned.source, planned.captures[i])) flags |= 1U << bit;
  }
  return flags;
}

}  // namespace

void finish_table(Module& module) {
  TableParts& table = module.table;
  Pools& pools = table.pools;
  const Encoder encoder(pools, module.files, module.sink);
  table.routes.reserve(module.operations.size());
  for (const PlannedOperation& planned : module.operations) {
    const GatewayOperation& source = *planned.source;
    std::vector<table::StringRef> captures;
    for (const std::string& name : planned.captures) captures.push_back(pools.strings.add(name));
    table.routes.push_back(
        {.id = pools.strings.add(source.id),
         .template_ = pools.strings.add(public_template(module, source)),
         .method = pools.strings.add(source.any_method ? "*" : source.operation->method.value),
         .host = pools.strings.add(joined(source.unit->hosts)),
         .plan = planned.plan,
         .settings = planned.settings,
         .captures = pools.string_lists.add(captures),
         .source = encoder.source(source.span),
         .flags = planned.flags | secret_captures(planned)});
  }
  for (size_t i = 0; i < module.files.size(); ++i) {
    table.files.push_back(pools.strings.add(module.files.name(static_cast<FileId>(i))));
  }
  table.features = {"http1"};
  if (!pools.expressions.records().empty()) table.features.push_back("expressions");
  if (!pools.conditions.records().empty()) table.features.push_back("conditions");
  const bool asks_dns = std::ranges::any_of(
      table.upstreams, [](const auto& upstream) { return upstream.dns.is_given(); });
  if (asks_dns || table.gateway.resolvers.count != 0) table.features.push_back("dns");
  if (!table.schemes.empty() || !table.consumers.empty() ||
      table.gateway.consumer_file.offset != table::kNone) {
    table.features.push_back("security");
  }
  table.source_digest = digest_of_sources(module);
}

}  // namespace gw::compiler
