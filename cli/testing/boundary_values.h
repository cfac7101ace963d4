// Values just inside and just outside of what a schema allows.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "compiler/openapi/model.h"

namespace gw::cli::tests {

struct BoundaryValue {
  std::string what;  // "one below its minimum"
  boost::json::value value;
  bool good = false;  // the schema accepts it
};

/// The boundaries that `schema` draws for one value. Only what the schema says plainly: none for
/// one that is put together of others, or knows several types.
std::vector<BoundaryValue> boundary_values(const compiler::openapi::Document& document,
                                           compiler::NodeRef schema);

/// Ways to break an object that the schema accepts: a required property that is missing, one that
/// is not known, and the boundaries of each property. Empty: it says nothing plainly.
std::vector<BoundaryValue> broken_objects(const compiler::openapi::Document& document,
                                          compiler::NodeRef schema,
                                          const boost::json::object& good);

}  // namespace gw::cli::tests
