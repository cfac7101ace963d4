// From groups to bytes: numbers, records, hashes, regions.
#include "compiler/router/router_builder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>

#include "compiler/phf/build.h"
#include "compiler/router/automaton.h"
#include "compiler/router/groups.h"
#include "runtime/base/check.h"
#include "runtime/router/format.h"
#include "runtime/table/phf.h"

namespace gw::compiler::router {
namespace {

namespace layout = gw::router;
using http::Method;

constexpr u32 bit_of(Method method) { return u32{1} << static_cast<u32>(method); }

/// The methods of one path as the table holds them.
struct Methods {
  u32 mask = 0;
  std::vector<u32> routes;            // by bit
  std::map<std::string, u32> others;  // text to route
};

Methods methods_of(const PathInput& path) {
  Methods out;
  std::map<Method, u32> known;
  for (const MethodRoute& it : path.methods) {
    if (it.method == Method::Other) {
      out.others.emplace(it.text, it.route);
    } else {
      known.emplace(it.method, it.route);
    }
  }
  for (const auto& [method, route] : known) {
    out.mask |= bit_of(method);
    out.routes.push_back(route);
  }
  return out;
}

class Builder {
 public:
  explicit Builder(const RouterInput& input) : order_(input) { out_ = group_paths(input, order_); }

  BuiltRouter run() {
    built_.errors = std::move(out_.errors);
    if (!built_.errors.empty()) return std::move(built_);
    number_groups();
    records_.resize(out_.groups.size());
    for (const Group& group : out_.groups) write_group(group);
    Automaton automaton(texts_, built_.report);
    for (u32 host = 0; host < out_.hosts.size(); ++host) write_host(host, automaton);
    assemble(automaton);
    built_.report.groups = static_cast<u32>(out_.groups.size());
    built_.report.static_groups = static_count_;
    return std::move(built_);
  }

 private:
  void number_groups() {
    u32 next = 0;
    for (const bool is_static : {true, false}) {
      for (const HostGroups& host : out_.hosts) {
        for (const u32 group : host.groups) {
          if (out_.groups[group].shape->is_static() == is_static) {
            out_.groups[group].number = next++;
          }
        }
      }
      if (is_static) static_count_ = next;
    }
  }

  u32 allow_of(const std::vector<Methods>& candidates) {
    u32 mask = bit_of(Method::Options);
    std::set<std::string> others;
    for (const Methods& methods : candidates) {
      mask |= methods.mask;
      for (const auto& [text, route] : methods.others) others.insert(text);
    }
    if ((mask & bit_of(Method::Get)) != 0) mask |= bit_of(Method::Head);
    std::string text;
    const auto add = [&text](std::string_view name) {
      if (!text.empty()) text += ", ";
      text += name;
    };
    for (u32 i = 0; i + 1 < http::kMethodCount; ++i) {
      if ((mask >> i & 1) != 0) add(http::method_name(static_cast<Method>(i)));
    }
    for (const std::string& other : others) add(other);
    return allows_.try_emplace(text, static_cast<u32>(allows_.size())).first->second;
  }

  void write_group(const Group& group) {
    layout::GroupRecord record;
    const Pieces pieces = pieces_of(*group.shape);
    record.segment_count = static_cast<u8>(group.shape->segments.size());
    record.piece_count = static_cast<u8>(pieces.pieces.size());
    record.capture_count = static_cast<u8>(group.shape->names().size());
    if (group.shape->segments.back().kind == SegmentKind::CatchAll) {
      record.flags |= layout::kGroupCatchAll;
    }
    std::string text(pieces.pieces.begin(), pieces.pieces.end());
    text += pieces.literals;
    std::vector<Methods> candidates;
    for (const u32 path : group.paths) candidates.push_back(methods_of(*out_.paths[path].input));
    const u32 allow = allow_of(candidates);

    const size_t route_bytes = candidates[0].routes.size() * sizeof(u32);
    const size_t room = sizeof record.body - route_bytes;
    const bool complex = is_complex(group, candidates) || allow > 0xffff;
    const bool outside = text.size() > (complex ? sizeof record.body : room);
    if (outside) {
      record.flags |= layout::kGroupTextOutside;
      const u32 offset = texts_.add(text);
      std::memcpy(record.body, &offset, sizeof offset);
    } else {
      std::memcpy(record.body, text.data(), text.size());
    }
    if (complex) {
      record.flags |= layout::kGroupComplex;
      record.detail = write_detail(group, candidates, allow);
    } else {
      record.methods = static_cast<u16>(candidates[0].mask);
      record.allow = static_cast<u16>(allow);
      std::memcpy(record.body + room, candidates[0].routes.data(), route_bytes);
    }
    records_[group.number] = record;
  }

  bool is_complex(const Group& group, const std::vector<Methods>& candidates) const {
    const PathInput& path = *out_.paths[group.paths[0]].input;
    const bool constrained =
        std::any_of(path.constraints.begin(), path.constraints.end(),
                    [](const Constraint& it) { return it.kind != Constraint::Kind::None; });
    return candidates.size() > 1 || constrained || path.any_route || !candidates[0].others.empty();
  }

  u32 write_detail(const Group& group, const std::vector<Methods>& candidates, u32 allow) {
    const u32 at = static_cast<u32>(details_.size());
    details_.push_back(static_cast<u32>(candidates.size()));
    details_.push_back(allow);
    for (size_t i = 0; i < candidates.size(); ++i) {
      const PathInput& path = *out_.paths[group.paths[i]].input;
      const Methods& methods = candidates[i];
      const size_t head = details_.size();
      const u32 others =
          static_cast<u32>(std::min<size_t>(methods.others.size(), layout::kMaxOtherMethods));
      details_.push_back(0);
      details_.push_back(path.any_route.value_or(layout::kNone));
      details_.insert(details_.end(), methods.routes.begin(), methods.routes.end());
      u32 written = 0;
      for (const auto& [text, route] : methods.others) {
        if (written++ == others) break;
        details_.insert(details_.end(), {texts_.add(text), static_cast<u32>(text.size()), route});
      }
      u32 constraints = 0;
      const size_t parameters = std::min(path.constraints.size(), group.shape->names().size());
      for (u32 p = 0; p < parameters; ++p) {
        const Constraint& it = path.constraints[p];
        if (it.kind == Constraint::Kind::None) continue;
        const u32 kind =
            it.kind == Constraint::Kind::Dfa ? layout::kConstraintDfa : layout::kConstraintRe2;
        details_.push_back(p | kind << 8 | (it.match_only ? 1u << 16 : 0));
        details_.push_back(it.index);
        ++constraints;
      }
      details_[head] = methods.mask | constraints << 16 | others << 24;
    }
    return at;
  }

  void write_host(u32 index, Automaton& automaton) {
    const HostGroups& host = out_.hosts[index];
    layout::HostRecord record;
    record.host_id = host.host_id;
    const bool wildcard = !host.name.empty() && host.name.front() == '*';
    const std::string_view name = std::string_view(host.name).substr(wildcard ? 1 : 0);
    record.name = {texts_.add(name), static_cast<u32>(name.size())};
    std::vector<const Group*> groups;
    for (const u32 id : host.groups) {
      const Group& group = out_.groups[id];
      if (group.shape->is_static()) {
        record.static_filter |= layout::static_filter_bit(
            group.shape_text.size(), static_cast<u32>(group.shape->segments.size()));
      } else {
        groups.push_back(&group);
      }
    }
    record.root = automaton.add_host(groups, index);
    host_records_.push_back(record);
  }

  std::vector<std::byte> static_hash() const {
    std::vector<phf::Key> keys(static_count_);
    for (const Group& group : out_.groups) {
      if (group.number < static_count_) {
        keys[group.number] = {group.shape_text, layout::host_salt(group.host)};
      }
    }
    auto blob = phf::build(keys);
    GW_CHECK(blob.has_value());
    return std::move(*blob);
  }

  std::vector<std::byte> host_hash(u32 begin, u32 count, size_t skip) const {
    std::vector<phf::Key> keys;
    for (u32 i = begin; i < begin + count; ++i) {
      keys.push_back({std::string_view(out_.hosts[i].name).substr(skip), 0});
    }
    auto blob = phf::build(keys);
    GW_CHECK(blob.has_value());
    return std::move(*blob);
  }

  u32 append(const void* data, size_t bytes) {
    const size_t at = built_.blob.size();
    built_.blob.resize((at + bytes + layout::kAlignment - 1) & ~size_t{layout::kAlignment - 1});
    if (bytes != 0) std::memcpy(built_.blob.data() + at, data, bytes);
    return static_cast<u32>(at);
  }
  template <class T>
  u32 append(const std::vector<T>& values) {
    return append(values.data(), values.size() * sizeof(T));
  }

  void assemble(const Automaton& automaton) {
    std::vector<layout::TextRef> allows(allows_.size());
    for (const auto& [text, index] : allows_) {
      allows[index] = {texts_.add(text), static_cast<u32>(text.size())};
    }
    layout::RouterHeader header;
    header.group_count = static_cast<u32>(records_.size());
    header.static_count = static_count_;
    header.exact_host_count = out_.exact_count;
    header.wildcard_host_count = out_.wildcard_count;
    const u32 named = out_.exact_count + out_.wildcard_count;
    if (out_.hosts.size() > named) header.any_host = named;
    header.state_words = static_cast<u32>(automaton.words().size());
    header.detail_words = static_cast<u32>(details_.size());
    header.text_bytes = static_cast<u32>(texts_.bytes().size());
    header.allow_count = static_cast<u32>(allows.size());
    append(&header, sizeof header);
    header.hosts_offset = append(host_records_);
    header.exact_hash_offset = append(host_hash(0, out_.exact_count, 0));
    header.wildcard_hash_offset = append(host_hash(out_.exact_count, out_.wildcard_count, 1));
    header.static_hash_offset = append(static_hash());
    header.states_offset = append(automaton.words());
    header.groups_offset = append(records_);
    header.details_offset = append(details_);
    header.texts_offset = append(texts_.bytes().data(), texts_.bytes().size());
    header.allows_offset = append(allows);
    header.total_bytes = static_cast<u32>(built_.blob.size());
    std::memcpy(built_.blob.data(), &header, sizeof header);
  }

  ConstraintOrder order_;
  GroupedPaths out_;
  BuiltRouter built_;
  u32 static_count_ = 0;
  TextPool texts_;
  std::map<std::string, u32> allows_;
  std::vector<layout::GroupRecord> records_;
  std::vector<u32> details_;
  std::vector<layout::HostRecord> host_records_;
};

}  // namespace

BuiltRouter build_router(const RouterInput& input) { return Builder(input).run(); }

}  // namespace gw::compiler::router
