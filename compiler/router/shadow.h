// Templates whose requests all go to others; private to this folder.
#pragma once
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/router/groups.h"
#include "compiler/router/shape_trie.h"

namespace gw::compiler::router {

struct Shadow {
  std::string witness;       // a shortest path that the template's parameters accept
  std::vector<u32> winners;  // paths that take its requests; the first takes the witness
};

/// Proves by a walk over the automata of all templates that meet one. Requests whose values its
/// schemas refuse do not count, nor do values that are not UTF-8. Not thread-safe.
class ShadowFinder {
 public:
  ShadowFinder(const RouterInput& input, const GroupedPaths& grouped, ConstraintOrder& order);

  /// The next questions are about this host.
  void enter(const HostGroups& host);
  /// Whether all requests with one of a path's methods go elsewhere; `earlier` are the candidates
  /// of its shape that are tried before it and serve the method. nullopt: some request arrives, or
  /// a bound was reached.
  std::optional<Shadow> find(const Group& group, u32 path, const std::vector<u32>& earlier);
  bool truncated() const { return truncated_; }

 private:
  struct Piece;
  struct Track;
  class Product;

  const PathInput& input_of(u32 path) const { return *grouped_.paths[path].input; }
  bool spend();
  std::vector<u32> meeting_groups(const Group& group, u32 path);
  bool takes(const Constraint& constraint, const Segment& literal) const;
  Track track_of_path(const PathTemplate& shape, u32 path);
  std::optional<Track> track_of_candidate(const PathTemplate& shape, u32 path, u32 candidate);
  std::optional<Track> track_of_shape(const PathTemplate& shape);
  Bytes partial_dfa(const Segment& segment);

  const RouterInput& input_;
  const GroupedPaths& grouped_;
  ConstraintOrder& order_;
  ShapeTrie nodes_;
  std::unordered_map<std::string, std::vector<std::byte>> partials_;
  std::vector<std::byte> any_text_;
  u64 steps_ = 0;
  bool truncated_ = false;
};

/// The values that a path's parameter accepts by its schema.
Constraint accepted_values(const PathInput& path, size_t parameter);

}  // namespace gw::compiler::router
