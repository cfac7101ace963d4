// Builds a tree from the events of a YAML reader: anchors and aliases, tags, merge keys, limits.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/syntax/node.h"

namespace gw::compiler {

/// What stands before a value: `&anchor` and `!tag`, both without their sign's meaning applied.
struct YamlProperties {
  std::string_view anchor = {};  // without the &
  std::string_view tag = {};     // as written, or resolved to tag:yaml.org,2002:...
  u32 begin = 0;
  u32 end = 0;
  bool any() const { return !anchor.empty() || !tag.empty(); }
};

struct YamlScalar {
  u32 begin = 0;
  u32 end = 0;
  std::string_view text = {};  // lives as long as the tree
  bool quoted = false;
  bool several_lines = false;
};

/// Calls come in document order; in a map keys and values alternate. Every call returns false
/// when reading must stop; the reason has been reported then.
class YamlBuilder {
 public:
  YamlBuilder(FileId file, DiagnosticSink& sink);

  bool scalar(const YamlScalar& scalar, const YamlProperties& properties);
  bool alias(std::string_view name, u32 begin, u32 end);
  bool open(NodeKind kind, u32 begin, const YamlProperties& properties);
  /// Ends the innermost map or list just before the offset `end`.
  bool close(u32 end);
  /// End of the value that was read last.
  u32 last_end() const { return last_end_; }

  Tree& tree() { return *tree_; }
  /// After the last event: looks for duplicate keys and hands the tree over.
  std::unique_ptr<Tree> finish();

  bool error(u32 begin, u32 end, std::string message, std::string label, std::string help = {});

 private:
  // Measures of a value with its aliases written out.
  struct Extent {
    u64 values = 1;
    u32 height = 0;  // 0: a scalar
  };
  struct Frame {
    u32 node = 0;
    u32 last = 0;
    bool awaits_value = false;
    bool merges = false;
    Extent extent = {};
    std::string_view anchor = {};
  };
  struct Anchor {
    u32 node = 0;
    bool open = false;
    Extent extent = {};
  };
  u32 append(NodeKind kind, u32 begin, u32 end);
  bool add_extent(Extent extent, u32 begin, u32 end);
  NodeKind scalar_kind(const YamlScalar& scalar, std::string_view tag);
  void check_collection_tag(NodeKind kind, const YamlProperties& properties);
  void refuse_tag(const YamlProperties& properties);
  bool merge(Frame& frame);
  bool merge_from(std::set<std::string_view>& known, u32 source);
  void link(Frame& frame, u32 node);

  FileId file_;
  DiagnosticSink& sink_;
  std::unique_ptr<Tree> tree_;
  std::vector<Frame> stack_;
  std::map<std::string_view, Anchor> anchors_;
  u32 last_end_ = 0;
};

}  // namespace gw::compiler
