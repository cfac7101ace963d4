// The properties of a deepObject on all of its levels. OpenAPI 3.0 and 3.1 describe one level and
// leave the rest open; what is read here is what most libraries write: `filter[a][b]=1` for an
// object in an object, `filter[tags]=x&filter[tags]=y` or `filter[tags][]=x` for a list.
#pragma once
#include <string>
#include <vector>

#include "compiler/passes/schema_shape.h"

namespace gw::compiler {

struct DeepProperty {
  std::string path;  // as policies::PropertyRecord has it
  u32 types = 0;
  u32 item_types = 0;
};

struct DeepObject {
  std::vector<DeepProperty> properties;  // by path
  std::string problem;                   // why it cannot be read; empty: it can
};

/// Of an object's schema. A problem: a list of lists or objects (`[0][b]` and `[][b]` mean
/// different things to different libraries), objects without names of their own, names with
/// brackets, more than kMaxDeepLevels levels or kMaxProperties properties.
DeepObject deep_object(const SchemaShape& shape, NodeRef schema);

}  // namespace gw::compiler
