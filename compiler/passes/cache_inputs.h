// What of a request an answer depends on because the gateway itself sends it upstream.
#pragma once
#include "compiler/passes/lower_cache.h"

namespace gw::compiler {

/// CacheRecord::inputs: values that `request.headers`, `request.query` and an authorizer put into
/// the request for the upstream, and header and cookie parameters that the document declares, each
/// once, without those that every key has (host, path, declared query parameters, client class).
/// The path and the choice of a split are in the key by themselves, whatever they are made of.
///
/// The request id is no input of header fields, where it names the request that was made; in the
/// query it would make every key a new one, and is refused (extension-conflict).
table::Extent cache_inputs(Module& module, const CacheInput& input);

}  // namespace gw::compiler
