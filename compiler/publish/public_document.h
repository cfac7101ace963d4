// The OpenAPI document that a gateway shows to those who call it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "compiler/passes/module.h"
#include "compiler/publish/components.h"
#include "compiler/publish/public_value.h"

namespace gw::compiler {

struct PublishOptions {
  std::string client = {};                // what this class sees; "": who is of none
  std::string host = {};                  // operations of this host alone; "": all
  std::vector<std::string> servers = {};  // in place of those that hosts give
};

struct PublicDocument {
  PublicValue root;
  Components components;           // that `root` refers to, named
  std::vector<std::string> notes;  // what the document cannot say
};

/// Puts the documents of `module.gateway`, which compile, together to one: operations at their
/// public places, without `x-gw`, with the components that they use. Answers have the schemas that
/// `response.body` leaves, and with a client class those that its views leave; operations that
/// refuse it are not there. None after a
/// `problem`, in words. Deterministic. Cost: linear in the documents, aliases and views written
/// out.
std::optional<PublicDocument> publish(const Module& module, const PublishOptions& options,
                                      std::string& problem);

/// Names of the gateway's client classes, in source order.
std::vector<std::string_view> client_names(const Gateway& gateway);

}  // namespace gw::compiler
