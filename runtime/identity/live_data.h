// What a table works with and what changes without it: consumers, networks, keys of issuers.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/jose/jwt.h"
#include "runtime/jose/key_source.h"
#include "runtime/table/bound_table.h"
#include "runtime/table/consumer_set.h"
#include "runtime/table/network_set.h"

namespace gw {

/// A security scheme with its late values.
struct SchemeData {
  jose::JwtRules rules;                      // of tokens
  std::shared_ptr<const jose::KeySet> keys;  // that never change; null: they come by `slot`
  std::shared_ptr<jose::KeySlot> slot;       // of an issuer that is followed
  u64 rules_digest = 0;                      // stands for `rules` in caches
};

/// Networks of one file, and the memory that they lie in.
struct NetworkData {
  table::NetworkSet set;
  std::vector<std::byte> blob;                         // made of a text
  std::shared_ptr<const table::TableFile> data_table;  // or taken from one
};

/// Immutable; shared by all workers. Whoever serves by a table has one that was made for it.
struct LiveData {
  table::ConsumerSet consumers;
  table::ConsumerSet plans;                                // of the gateway's table
  std::shared_ptr<const table::TableFile> consumer_table;  // null: they lie in the gateway's table
  std::vector<std::shared_ptr<const NetworkData>> networks;  // by index of NetworkFiles
  std::vector<SchemeData> schemes;                           // by index of Schemes
};

/// Reads what the files of `table` hold: consumers, networks, keys, secrets. What could not be used
/// is in `problems`, and the table must not be served then. Files are read through `references`;
/// without (ReferenceSource::none()) those that cannot be read count as empty. Keys that may change
/// come later, by slots. Slow.
std::shared_ptr<const LiveData> load_live_data(const BoundTable& table,
                                               const ReferenceSource& references,
                                               std::vector<std::string>& problems);

/// Files that it depends on: whoever changes one changes the data, without a new table.
std::vector<std::string> live_files(const BoundTable& table);

/// Where the keys of `scheme` are found, if they may change; none: they cannot, or there are none.
std::optional<jose::KeySourceOptions> key_source_of(const BoundTable& table, u32 scheme);

/// A network file's content: a data table, or a text with a network in each line. Null: `problem`.
std::shared_ptr<const NetworkData> read_networks(std::string_view content, std::string& problem);

}  // namespace gw
