#include "compiler/router/groups.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace gw::compiler::router {
namespace {

int compare_segments(const Segment& a, const Segment& b) {
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.kind == SegmentKind::Literal) return a.literals[0].compare(b.literals[0]);
  if (a.kind != SegmentKind::Partial) return 0;
  // A contained pattern has more literal bytes than the one that contains it.
  const u32 left = a.literal_bytes();
  const u32 right = b.literal_bytes();
  if (left != right) return left > right ? -1 : 1;
  return a.shape().compare(b.shape());
}

auto constraint_key(const PathInput& path) {
  std::vector<std::tuple<u8, u32, bool>> key;
  for (const Constraint& it : path.constraints) {
    key.emplace_back(static_cast<u8>(it.kind), it.index, it.match_only);
  }
  return key;
}

auto route_key(const PathInput& path) {
  std::vector<std::tuple<u32, u8, std::string_view>> key;
  for (const MethodRoute& it : path.methods) {
    key.emplace_back(it.route, static_cast<u8>(it.method), it.text);
  }
  std::sort(key.begin(), key.end());
  if (path.any_route) key.emplace_back(*path.any_route, u8{255}, "");
  return key;
}

/// Candidates so that each comes after those that precede it; otherwise in the given order.
std::vector<u32> ordered(const std::vector<u32>& paths, const std::vector<ParsedPath>& parsed,
                         ConstraintOrder& order) {
  if (paths.size() < 2) return paths;
  std::vector<u32> left = paths;
  std::vector<u32> out;
  while (!left.empty()) {
    size_t chosen = 0;
    for (size_t i = 0; i < left.size(); ++i) {
      const bool first = std::none_of(left.begin(), left.end(), [&](u32 other) {
        return other != left[i] && order.precedes(*parsed[other].input, *parsed[left[i]].input);
      });
      if (!first) continue;
      chosen = i;
      break;
    }
    out.push_back(left[chosen]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  return out;
}

void parse_all(const RouterInput& input, GroupedPaths& out) {
  for (u32 h = 0; h < input.hosts.size(); ++h) {
    const HostInput& host = input.hosts[h];
    for (u32 p = 0; p < host.paths.size(); ++p) {
      auto parsed = parse_template(host.paths[p].text);
      if (auto* error = std::get_if<TemplateError>(&parsed)) {
        out.errors.push_back({h, p, std::move(*error)});
        continue;
      }
      out.paths.push_back({{h, p}, &host.paths[p], std::get<PathTemplate>(std::move(parsed))});
    }
  }
}

void name_hosts(const RouterInput& input, GroupedPaths& out, std::vector<u32>& host_of_input) {
  std::map<std::pair<u32, std::string_view>, u32> ids;  // (level, name) to the smallest host_id
  const auto key = [](const HostInput& host) {
    const u32 level = host.name.empty() ? 2 : host.name.front() == '*' ? 1 : 0;
    return std::pair(level, std::string_view(host.name));
  };
  for (const HostInput& host : input.hosts) {
    const auto [it, added] = ids.try_emplace(key(host), host.host_id);
    if (!added) it->second = std::min(it->second, host.host_id);
  }
  std::map<std::pair<u32, std::string_view>, u32> places;
  for (const auto& [name, id] : ids) {
    places[name] = static_cast<u32>(out.hosts.size());
    out.hosts.push_back({std::string(name.second), id, {}});
    out.exact_count += name.first == 0 ? 1 : 0;
    out.wildcard_count += name.first == 1 ? 1 : 0;
  }
  for (const HostInput& host : input.hosts) host_of_input.push_back(places[key(host)]);
}

}  // namespace

bool shape_precedes(const PathTemplate& a, const PathTemplate& b) {
  const size_t count = std::min(a.segments.size(), b.segments.size());
  for (size_t i = 0; i < count; ++i) {
    const int result = compare_segments(a.segments[i], b.segments[i]);
    if (result != 0) return result < 0;
  }
  return a.segments.size() < b.segments.size();
}

GroupedPaths group_paths(const RouterInput& input, ConstraintOrder& order) {
  GroupedPaths out;
  parse_all(input, out);
  std::vector<u32> host_of_input;
  name_hosts(input, out, host_of_input);
  // Nearly all texts differ, so the costly parts of the key are rarely made.
  std::sort(out.paths.begin(), out.paths.end(), [&](const ParsedPath& a, const ParsedPath& b) {
    const u32 left = host_of_input[a.from.host];
    const u32 right = host_of_input[b.from.host];
    if (left != right) return left < right;
    if (const int text = a.input->text.compare(b.input->text); text != 0) return text < 0;
    if (auto x = constraint_key(*a.input), y = constraint_key(*b.input); x != y) return x < y;
    return route_key(*a.input) < route_key(*b.input);
  });
  std::unordered_map<std::string, u32> group_of;  // host and shape
  for (u32 i = 0; i < out.paths.size(); ++i) {
    const u32 host = host_of_input[out.paths[i].from.host];
    std::string shape = out.paths[i].shape.shape();
    const auto [it, added] =
        group_of.try_emplace(std::to_string(host) + shape, static_cast<u32>(out.groups.size()));
    if (added) {
      out.groups.push_back(
          {.shape = &out.paths[i].shape, .shape_text = std::move(shape), .host = host});
      out.hosts[host].groups.push_back(it->second);
    }
    out.groups[it->second].paths.push_back(i);
  }
  for (Group& group : out.groups) group.paths = ordered(group.paths, out.paths, order);
  for (HostGroups& host : out.hosts) {
    std::sort(host.groups.begin(), host.groups.end(), [&out](u32 a, u32 b) {
      return shape_precedes(*out.groups[a].shape, *out.groups[b].shape);
    });
  }
  return out;
}

}  // namespace gw::compiler::router
