// A gateway as its documents describe it: documents, services, upstreams, and all operations with
// their public place. Nothing is decided here that a table needs; names and nodes only.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/openapi/load.h"
#include "compiler/openapi/model.h"

namespace gw::compiler {

/// One document as a part of the gateway.
struct Unit {
  const openapi::Document* document = nullptr;
  std::string_view service;         // "" for a gateway document
  Span service_span;                // its key in `services`
  NodeRef entry;                    // its value in `services`; absent for a gateway document
  NodeRef gateway_x_gw;             // x-gw of the gateway document that it belongs to
  NodeRef gateway_security_holder;  // root of that document, for inherited security
  const openapi::Document* gateway = nullptr;
  std::string base_path;           // public; "" or "/v1"
  u32 mount_bytes = 0;             // of base_path, not forwarded
  std::vector<std::string> hosts;  // lower case; one empty text: any host
};

/// One operation at its public place.
struct GatewayOperation {
  const Unit* unit = nullptr;
  const openapi::PathItem* item = nullptr;
  const openapi::Operation* operation = nullptr;
  std::string id;
  std::string path;  // public template: base path and key
  bool any_method = false;
  Span span;  // the method key, or what implies any method
};

struct GatewayUpstream {
  std::string_view name;
  NodeRef key;
  NodeRef node;
};

struct Gateway {
  std::vector<std::unique_ptr<openapi::Document>> documents;
  std::deque<Unit> units;
  std::vector<GatewayUpstream> upstreams;  // sorted by name
  std::vector<NodeRef> listeners;
  std::vector<NodeRef> trusted_proxies;
  NodeRef resolvers;
  NodeRef cache_memory;
  NodeRef consumers;
  NodeRef plans;
  NodeRef clients;
  NodeRef observe;
  std::deque<openapi::Operation> implied;  // operations of `anyMethod`, `respond`, `redirect`
  std::vector<GatewayOperation> operations;
  std::string_view title;
  std::string_view version;
};

struct GatewayOptions {
  std::vector<std::string> paths;
  openapi::LoadOptions load = {};
};

/// Loads the documents, the services that they name, and collects the operations. Everything wrong
/// is in `sink`; what is usable is returned, so that later rules can say more.
Gateway load_gateway(FileSet& files, const GatewayOptions& options, DiagnosticSink& sink);

/// Reports each key of `map` that `known` does not list; keys of features to come as not
/// supported yet. `what` names the map in messages.
void check_keys(NodeRef map, std::string_view what, const std::vector<std::string_view>& known,
                DiagnosticSink& sink);

}  // namespace gw::compiler
