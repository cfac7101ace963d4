// The gateway under test: what all tests of a run share.
#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/http/forwarding.h"
#include "runtime/identity/live_data.h"
#include "runtime/jose/signing_key.h"
#include "runtime/table/bound_table.h"
#include "runtime/upstream/cluster.h"

namespace gw::cli::tests {

/// Signs tokens that the gateway of this run takes for its issuers'. The keys are made with it and
/// go with it: a table or a gateway that serves never sees them.
class TokenSigner {
 public:
  /// Puts its keys in the place of those of every scheme of tokens in `data`.
  TokenSigner(const table::TableView& view, LiveData& data);

  /// A token for `scheme` with these claims; those that the scheme asks for are added where
  /// `claims` has none of the name, and a null takes one out. For a scheme that asks its issuer
  /// the token says nothing by itself. `now_ms`: since 1970.
  std::string sign(u32 scheme, const boost::json::object& claims, i64 now_ms) const;
  /// The claims of such a token.
  boost::json::object complete(u32 scheme, const boost::json::object& claims, i64 now_ms) const;

 private:
  struct SchemeKey {
    jose::Algorithm algorithm = jose::Algorithm::Es256;
    const jose::SigningKey* key = nullptr;  // null: the scheme has no use for one
  };
  std::map<jose::Algorithm, jose::SigningKey> keys_;
  std::vector<SchemeKey> schemes_;
  std::vector<jose::JwtRules> rules_;
};

struct Gateway {
  std::shared_ptr<const BoundTable> table;
  std::shared_ptr<LiveData> data;
  std::unique_ptr<TokenSigner> signer;
  std::vector<upstream::UpstreamConfig> upstreams;  // without state; plain HTTP/1
  std::shared_ptr<const http::ForwardingOptions> forwarding;
  std::vector<std::string> hosts;      // that its documents name: `api.example`, `*.example`
  std::string host;                    // that requests without a Host of their own are sent to
  std::vector<std::string> stand_ins;  // references without a value, and what stands for them

  const table::TableView& view() const { return table->view(); }
};

/// A host that `route` is for, one without a wildcard if it has any; "": it is for any.
std::string host_of(const table::TableView& view, const table::RouteRecord& route);

/// Binds `file`. References take their values from `env`, then their defaults, then from what fits
/// their type, so that tests run without an environment. False: `problems` says why.
bool open_gateway_under_test(std::shared_ptr<const table::TableFile> file,
                             const std::map<std::string, std::string>& env, Gateway& out,
                             std::vector<std::string>& problems);

}  // namespace gw::cli::tests
