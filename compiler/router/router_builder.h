// Builds the router's section of the table from hosts and path templates.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/regex/regex.h"
#include "compiler/router/path_template.h"
#include "compiler/source/file_set.h"
#include "runtime/base/method.h"
#include "runtime/base/types.h"

namespace gw::compiler::router {

/// What a parameter accepts, decided on its decoded value.
struct Constraint {
  enum class Kind : u8 { None, Dfa, Re2 };
  Kind kind = Kind::None;
  u32 index = 0;            // into RouterInput::dfas or re2s
  bool match_only = false;  // a value that is not accepted is 404, not 400
  friend bool operator==(const Constraint&, const Constraint&) = default;
};

struct MethodRoute {
  http::Method method = http::Method::Get;
  std::string text = {};  // for Method::Other
  u32 route = 0;
};

struct PathInput {
  std::string text;                          // the template
  std::vector<Constraint> constraints = {};  // by parameter in order; missing ones are None
  // What the schemas accept, where the router does not ask: for findings. Empty: `constraints`.
  std::vector<Constraint> accepted = {};
  std::vector<MethodRoute> methods = {};
  std::optional<u32> any_route = {};  // for every method not in `methods`
  Span span = {};                     // for findings
};

/// A pattern that has no DFA.
struct Re2Pattern {
  std::string text;
  regex::Mode mode = regex::Mode::Anchored;
};

/// Exact "api.example.com", "*.example.com" (one or more labels), or "" for any host.
struct HostInput {
  std::string name;
  u32 host_id = 0;  // comes back in Lookup::host_id
  std::vector<PathInput> paths = {};
};

struct RouterInput {
  std::vector<HostInput> hosts;
  std::span<const std::vector<std::byte>> dfas = {};  // anchored; runtime/table/dfa.h
  std::span<const Re2Pattern> re2s = {};
};

struct BuildError {
  u32 host = 0;  // index into RouterInput
  u32 path = 0;
  TemplateError error;
};

/// A sub-automaton that is matched by bit sets, since its states would have been too many.
struct BitSetGroup {
  u32 host = 0;
  u32 depth = 0;        // segments before it
  u32 candidates = 0;   // templates in it
  std::string example;  // shape of the first
};

struct RouterReport {
  u32 groups = 0;
  u32 static_groups = 0;
  u32 nodes = 0;
  u32 lists = 0;
  u32 splits = 0;
  u64 segments = 0;  // of all templates that are not static
  std::vector<BitSetGroup> bit_sets;
};

struct BuiltRouter {
  std::vector<std::byte> blob;  // empty if there are errors
  RouterReport report;
  std::vector<BuildError> errors;
};

/// Same hosts, paths and routes, same bytes, whatever their order. Paths of one shape on one host
/// are alternatives, chosen by constraint and method (overlap.h says whether that is unambiguous;
/// of two that are not, the one whose text sorts first wins).
BuiltRouter build_router(const RouterInput& input);

}  // namespace gw::compiler::router
