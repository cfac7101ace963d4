// What `compress` names: media types that are none, and (rule compress-without-gain) those that are
// compressed by themselves and sizes at which nothing is gained.
#pragma once
#include "compiler/passes/module.h"
#include "compiler/xgw/effective.h"
#include "runtime/policies/compress/record.h"

namespace gw::compiler {

/// `compress`: what is effective; `record`: the same, encoded. Called for each kind of operation.
void check_compress(Module& module, const Effective& compress,
                    const policies::CompressRecord& record);

}  // namespace gw::compiler
