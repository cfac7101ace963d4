#include "compiler/syntax/yaml_builder.h"

#include <algorithm>

#include "compiler/syntax/scalar.h"

namespace gw::compiler {
namespace {

constexpr std::string_view kCorePrefix = "tag:yaml.org,2002:";

/// "str" of `!!str`, `!<tag:yaml.org,2002:str>` and the resolved form; "!" of the non-specific
/// tag; empty when it is none of the core schema.
std::string_view core_tag(std::string_view tag) {
  if (tag == "!" || tag == "?") return tag;
  if (tag.starts_with("!<") && tag.ends_with(">")) tag = tag.substr(2, tag.size() - 3);
  if (tag.starts_with(kCorePrefix)) return tag.substr(kCorePrefix.size());
  if (tag.starts_with("!!")) return tag.substr(2);
  return {};
}

}  // namespace

YamlBuilder::YamlBuilder(FileId file, DiagnosticSink& sink)
    : file_(file), sink_(sink), tree_(std::make_unique<Tree>(file)) {}

bool YamlBuilder::error(u32 begin, u32 end, std::string message, std::string label,
                        std::string help) {
  const Span span{.file = file_, .begin = begin, .end = end};
  sink_.report(syntax_error(span, std::move(message), std::move(label), std::move(help)));
  return false;
}

bool YamlBuilder::scalar(const YamlScalar& scalar, const YamlProperties& properties) {
  const bool is_key = !stack_.empty() && tree_->nodes[stack_.back().node].kind == NodeKind::Map &&
                      !stack_.back().awaits_value;
  const u32 node = append(NodeKind::String, scalar.begin, scalar.end);
  if (node == 0) return false;
  tree_->nodes[node].kind = properties.tag.empty()
                                ? (scalar.quoted ? NodeKind::String : plain_kind(scalar.text))
                                : scalar_kind(scalar, properties.tag);
  tree_->nodes[node].text = scalar.text;
  tree_->nodes[node].quoted = scalar.quoted;
  if (!properties.tag.empty() && core_tag(properties.tag).empty()) refuse_tag(properties);
  if (is_key && !scalar.quoted && scalar.text == "<<" && properties.tag.empty()) {
    stack_.back().merges = true;
  }
  if (!properties.anchor.empty()) {
    anchors_[properties.anchor] = {.node = node, .open = false, .extent = {}};
  }
  last_end_ = scalar.end;
  return add_extent({}, scalar.begin, scalar.end);
}

NodeKind YamlBuilder::scalar_kind(const YamlScalar& scalar, std::string_view written) {
  const std::string_view tag = core_tag(written);
  if (tag == "?") return scalar.quoted ? NodeKind::String : plain_kind(scalar.text);
  const NodeKind natural = plain_kind(scalar.text);
  if (tag == "int" && natural == NodeKind::Int) return natural;
  if (tag == "float" && (natural == NodeKind::Int || natural == NodeKind::Float)) {
    return NodeKind::Float;
  }
  if (tag == "bool" && natural == NodeKind::Bool) return natural;
  if (tag == "null" && natural == NodeKind::Null) return natural;
  if (tag == "str" || tag == "!" || tag.empty()) return NodeKind::String;
  error(scalar.begin, scalar.end, "the value does not fit its tag `" + std::string(written) + "`",
        "not of that type");
  return NodeKind::String;
}

void YamlBuilder::refuse_tag(const YamlProperties& properties) {
  error(properties.begin, properties.end,
        "the tag `" + std::string(properties.tag) + "` is not of the YAML core schema",
        "unknown type", "leave the tag out");
}

void YamlBuilder::check_collection_tag(NodeKind kind, const YamlProperties& properties) {
  if (properties.tag.empty()) return;
  const std::string_view tag = core_tag(properties.tag);
  if (tag == "!" || tag == "?" || tag == (kind == NodeKind::Map ? "map" : "seq")) return;
  refuse_tag(properties);
}

bool YamlBuilder::alias(std::string_view name, u32 begin, u32 end) {
  const auto found = anchors_.find(name);
  if (found == anchors_.end()) {
    std::vector<std::string_view> known;
    for (const auto& [anchor, unused] : anchors_) known.push_back(anchor);
    return error(begin, end,
                 "no value before this place has the anchor `" + std::string(name) + "`",
                 "unknown anchor", did_you_mean(name, known));
  }
  const Anchor& anchor = found->second;
  if (anchor.open) {
    return error(begin, end, "an alias may not stand inside the value that it names",
                 "would contain itself");
  }
  const bool is_key = !stack_.empty() && tree_->nodes[stack_.back().node].kind == NodeKind::Map &&
                      !stack_.back().awaits_value;
  const NodeKind kind = tree_->nodes[anchor.node].kind;
  if (is_key && kind >= NodeKind::Map) {
    return error(begin, end,
                 std::string("a key must be a scalar, not ") + std::string(kind_name(kind)),
                 "used as a key");
  }
  const u32 node = append(kind, begin, end);
  if (node == 0) return false;
  tree_->nodes[node].is_alias = true;
  tree_->nodes[node].first = anchor.node;
  last_end_ = end;
  return add_extent(anchor.extent, begin, end);
}

bool YamlBuilder::open(NodeKind kind, u32 begin, const YamlProperties& properties) {
  check_collection_tag(kind, properties);
  if (stack_.size() >= kMaxDepth) {
    return error(begin, begin + 1,
                 "maps and lists are nested more than " + std::to_string(kMaxDepth) + " deep",
                 "too deep");
  }
  const u32 node = append(kind, begin, begin);
  if (node == 0) return false;
  if (!properties.anchor.empty()) {
    anchors_[properties.anchor] = {.node = node, .open = true, .extent = {}};
  }
  stack_.push_back(
      {.node = node, .extent = {.values = 1, .height = 1}, .anchor = properties.anchor});
  return true;
}

bool YamlBuilder::close(u32 end) {
  Frame& frame = stack_.back();
  if (frame.merges && !merge(frame)) return false;
  tree_->nodes[frame.node].end = end;
  const Frame closed = frame;
  stack_.pop_back();
  if (!closed.anchor.empty()) {
    // The anchor may have been given to another value inside, which then keeps it.
    Anchor& anchor = anchors_[closed.anchor];
    if (anchor.node == closed.node) {
      anchor = {.node = closed.node, .open = false, .extent = closed.extent};
    }
  }
  last_end_ = end;
  return add_extent(closed.extent, tree_->nodes[closed.node].begin, end);
}

std::unique_ptr<Tree> YamlBuilder::finish() {
  finish_tree(*tree_, sink_);
  return std::move(tree_);
}

/// Adds a node to the innermost container; 0 when there are too many.
u32 YamlBuilder::append(NodeKind kind, u32 begin, u32 end) {
  std::vector<Node>& nodes = tree_->nodes;
  if (nodes.size() >= kMaxNodes) {
    error(begin, end, "the file has more than " + std::to_string(kMaxNodes) + " values",
          "this one");
    return 0;
  }
  const u32 index = static_cast<u32>(nodes.size());
  Node& node = nodes.emplace_back();
  node.kind = kind;
  node.begin = begin;
  node.end = end;
  if (stack_.empty()) {
    tree_->root_index = index;
  } else {
    link(stack_.back(), index);
  }
  return index;
}

void YamlBuilder::link(Frame& frame, u32 index) {
  Node& parent = tree_->nodes[frame.node];
  (frame.last == 0 ? parent.first : tree_->nodes[frame.last].next) = index;
  frame.last = index;
  if (!frame.awaits_value) ++parent.count;
  frame.awaits_value = parent.kind == NodeKind::Map && !frame.awaits_value;
}

bool YamlBuilder::add_extent(Extent extent, u32 begin, u32 end) {
  if (stack_.empty()) return true;
  Extent& total = stack_.back().extent;
  total.values += extent.values;  // each at most kMaxExpanded, so this cannot overflow
  total.height = std::max(total.height, extent.height + 1);
  if (total.values > kMaxExpanded) {
    return error(begin, end,
                 "with its aliases written out the document has more than " +
                     std::to_string(kMaxExpanded) + " values",
                 "too much here");
  }
  if (stack_.size() + extent.height > kMaxDepth) {
    return error(begin, end,
                 "with its aliases written out the document is nested more than " +
                     std::to_string(kMaxDepth) + " deep",
                 "too deep here");
  }
  return true;
}

/// Replaces the `<<` entries of a map by the entries of the maps that they name
/// (yaml.org/type/merge.html): keys of the map itself win, then the first map that has the key.
bool YamlBuilder::merge(Frame& frame) {
  std::vector<Node>& nodes = tree_->nodes;
  std::vector<u32> sources;
  std::vector<u32> own;
  for (u32 key = nodes[frame.node].first; key != 0; key = nodes[nodes[key].next].next) {
    const bool merges = !nodes[key].quoted && !nodes[key].is_alias && nodes[key].text == "<<";
    (merges ? sources : own).push_back(merges ? nodes[key].next : key);
  }
  Node& map = nodes[frame.node];
  map.first = 0;
  map.count = 0;
  frame.last = 0;
  std::set<std::string_view> known;
  for (const u32 key : own) {
    const u32 value = nodes[key].next;
    known.insert(NodeRef{tree_.get(), key}.text());
    link(frame, key);
    link(frame, value);
  }
  if (frame.last != 0) nodes[frame.last].next = 0;
  for (const u32 source : sources) {
    const NodeRef value{tree_.get(), source};
    if (!value.is_seq()) {
      if (!merge_from(known, source)) return false;
      continue;
    }
    std::vector<u32> items;
    for (const NodeRef item : value.items()) items.push_back(item.index());
    for (const u32 item : items) {
      if (!merge_from(known, item)) return false;
    }
  }
  return true;
}

bool YamlBuilder::merge_from(std::set<std::string_view>& known, u32 source) {
  std::vector<Node>& nodes = tree_->nodes;
  const NodeRef map{tree_.get(), source};
  if (!map.is_map()) {
    error(
        nodes[source].begin, nodes[source].end,
        "a merge key `<<` takes a map or a list of maps, not " + std::string(kind_name(map.kind())),
        "not a map");
    return true;
  }
  for (u32 key = nodes[map.target_index()].first; key != 0; key = nodes[nodes[key].next].next) {
    const std::string_view text = NodeRef{tree_.get(), key}.text();
    if (!known.insert(text).second) continue;
    const Node original = nodes[key];
    const NodeRef value{tree_.get(), original.next};
    const Node written = nodes[original.next];
    const u32 target = value.target_index();
    const u32 key_copy = append(original.kind, original.begin, original.end);
    const u32 value_copy = key_copy == 0 ? 0 : append(written.kind, written.begin, written.end);
    if (value_copy == 0 || !add_extent({}, written.begin, written.end)) return false;
    Node& new_key = nodes[key_copy];
    new_key.text = text;
    new_key.quoted = original.quoted;
    new_key.merged = true;
    nodes[value_copy].is_alias = true;
    nodes[value_copy].first = target;
  }
  return true;
}

}  // namespace gw::compiler
