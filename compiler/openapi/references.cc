// A reference is FILE#FRAGMENT, both parts optional. FILE is relative to the file that holds the
// reference; FRAGMENT is a JSON pointer or, in 3.1, the name of an `$anchor`. Nothing is fetched
// or read outside the given roots unless the caller allows it, since documents come from others.
#include "compiler/openapi/references.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "compiler/openapi/report.h"
#include "compiler/syntax/read.h"
#include "runtime/base/uri_path.h"

namespace gw::compiler::openapi {
namespace {

constexpr size_t kMaxChain = 100;  // references that lead to each other in a row
constexpr u32 kMaxWalks = 16;      // pointers that lead through references
constexpr size_t kMaxFiles = 10'000;

bool is_url(std::string_view text) {
  if (text.starts_with("//")) return true;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 2) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
  });
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  percent_decode(text, out);
  return out;
}

/// One step of a JSON pointer (RFC 6901 section 4): ~1 is a slash, ~0 a tilde.
std::string unescaped_step(std::string_view step) {
  std::string out;
  for (size_t i = 0; i < step.size(); ++i) {
    const bool escape = step[i] == '~' && i + 1 < step.size();
    if (escape && (step[i + 1] == '0' || step[i + 1] == '1')) {
      out += step[++i] == '0' ? '~' : '/';
    } else {
      out += step[i];
    }
  }
  return out;
}

std::string canonical_folder(const std::string& folder) {
  std::error_code ec;
  const std::filesystem::path absolute = std::filesystem::absolute(folder, ec);
  std::filesystem::path canonical = std::filesystem::weakly_canonical(absolute, ec);
  if (ec) canonical = absolute.lexically_normal();
  std::string text = canonical.string();
  if (!text.ends_with('/')) text += '/';
  return text;
}

std::string folder_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string(".")
                                         : std::string(name.substr(0, slash + 1));
}

std::string join(std::string_view base, const std::string& relative) {
  if (is_url(base)) return folder_of(base) + relative;
  const std::filesystem::path path = std::filesystem::path(folder_of(base)) / relative;
  return path.lexically_normal().string();
}

std::string error_text(const Error& error) {
  std::string text = std::generic_category().message(error.sys);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

}  // namespace

bool is_reference(NodeRef node) {
  if (!node || !node.is_map()) return false;
  const NodeRef reference = node.get("$ref");
  return reference && reference.is_string();
}

References::References(FileSet& files, LoadOptions options, DiagnosticSink& sink)
    : files_(files), options_(std::move(options)), sink_(sink) {
  for (const std::string& root : options_.roots) add_root(root);
}

void References::add_root(const std::string& folder) { roots_.push_back(canonical_folder(folder)); }

bool References::is_inside_roots(const std::string& path) const {
  std::string canonical = canonical_folder(path);
  canonical.pop_back();
  return std::any_of(roots_.begin(), roots_.end(),
                     [&](const std::string& root) { return canonical.starts_with(root); });
}

NodeRef References::load(const std::string& path) {
  add_root(folder_of(path));
  const Result<FileId> file = files_.read(path);
  if (!file) {
    sink_.report({.rule = "file-unreadable",
                  .message = "cannot read " + in_quotes(path) + ": " + error_text(file.error()),
                  .primary = {}});
    return {};
  }
  const NodeRef root = add_tree(*file);
  roots_by_name_[path] = root;
  return root;
}

NodeRef References::add_tree(FileId file) {
  std::unique_ptr<Tree> tree = read_tree(files_, file, sink_);
  if (tree == nullptr) return {};
  if (options_.edit) options_.edit(*tree, std::string(files_.name(file)));
  return trees_.emplace_back(std::move(tree))->root();
}

NodeRef References::resolve(NodeRef node) {
  if (!is_reference(node)) return node;
  const NodeRef start{node.tree(), node.target_index()};
  const auto known = resolved_.find(start);
  if (known != resolved_.end()) return known->second;
  std::vector<NodeRef> chain;
  NodeRef current = start;
  NodeRef result;
  while (true) {
    if (!is_reference(current)) {
      result = current;
      break;
    }
    const NodeRef here{current.tree(), current.target_index()};
    if (std::find(chain.begin(), chain.end(), here) != chain.end() || chain.size() > kMaxChain) {
      fail(start, "ref-unresolved", "the reference leads back to itself", "goes round in a circle");
      break;
    }
    if (const auto shared = resolved_.find(here); shared != resolved_.end()) {
      result = shared->second;
      break;
    }
    chain.push_back(here);
    current = follow(here);
    if (!current) break;
  }
  for (const NodeRef& link : chain) resolved_[link] = result;
  return result;
}

NodeRef References::follow(NodeRef reference) {
  if (depth_ >= kMaxWalks) {
    return fail(reference, "ref-unresolved", "the reference leads through too many others",
                "never ends");
  }
  const std::string_view text = reference.get("$ref").text();
  const size_t hash = text.find('#');
  const std::string_view name = text.substr(0, hash);
  const std::string fragment =
      hash == std::string_view::npos ? std::string{} : percent_decoded(text.substr(hash + 1));
  const Target target{.file = std::string(name), .fragment = fragment, .same_file = name.empty()};
  const NodeRef root = root_of(target, reference);
  if (!root || fragment.empty()) return root;
  if (fragment[0] == '/') {
    ++depth_;
    const NodeRef found = walk_pointer(root, fragment, reference);
    --depth_;
    return found;
  }
  NodeRef found = find_named(*root.tree(), "$anchor", fragment);
  if (!found) found = find_named(*root.tree(), "$dynamicAnchor", fragment);
  if (found) return found;
  return fail(reference, "ref-unresolved",
              in_quotes(text) + " leads nowhere: no schema has `$anchor: " + fragment + "`",
              "no such anchor", "a JSON pointer begins with `#/`");
}

NodeRef References::root_of(const Target& target, NodeRef reference) {
  if (target.same_file) return reference.tree()->root();
  const std::string_view here = files_.name(reference.tree()->file());
  if (is_url(target.file)) {
    const NodeRef identified = find_identified(target.file);
    return identified ? identified : fetch_target(target.file, reference);
  }
  const std::string path = join(here, percent_decoded(target.file));
  if (is_url(path)) return fetch_target(path, reference);
  return read_target(path, reference);
}

NodeRef References::read_target(const std::string& path, NodeRef reference) {
  const auto known = roots_by_name_.find(path);
  if (known != roots_by_name_.end()) return known->second;
  if (!is_inside_roots(path)) {
    return fail(reference, "ref-outside-root",
                "the reference leads to " + in_quotes(path) + ", outside the document's folder",
                "not allowed to read this",
                "move the file below the document, or allow its folder with `--allow-ref`");
  }
  if (trees_.size() >= kMaxFiles) {
    return fail(reference, "ref-unresolved", "the document refers to too many files", "one more");
  }
  NodeRef root;
  const Result<FileId> file = files_.read(path);
  if (file) {
    root = add_tree(*file);
  } else {
    fail(reference, "ref-unresolved",
         "cannot read " + in_quotes(path) + ": " + error_text(file.error()), "names this file");
  }
  roots_by_name_[path] = root;
  return root;
}

NodeRef References::fetch_target(const std::string& url, NodeRef reference) {
  const auto known = roots_by_name_.find(url);
  if (known != roots_by_name_.end()) return known->second;
  if (!options_.fetch) {
    return fail(reference, "ref-remote",
                "the reference leads to another machine, " + in_quotes(url), "not fetched",
                "keep a copy beside the document: what is compiled must not change elsewhere");
  }
  NodeRef root;
  Result<std::string> text = options_.fetch(url);
  if (text) {
    root = add_tree(files_.add(url, *std::move(text)));
  } else {
    fail(reference, "ref-unresolved", "cannot fetch " + in_quotes(url), "leads here");
  }
  roots_by_name_[url] = root;
  return root;
}

NodeRef References::walk_pointer(NodeRef root, std::string_view fragment, NodeRef reference) {
  NodeRef node = root;
  size_t at = 0;
  while (at < fragment.size()) {
    const size_t slash = std::min(fragment.find('/', at + 1), fragment.size());
    const std::string step = unescaped_step(fragment.substr(at + 1, slash - at - 1));
    const NodeRef next = step_into(node, step);
    if (!next) {
      std::vector<std::string_view> keys;
      if (corrections_left_ > 0) {
        --corrections_left_;
        for (const NodeRef::Entry entry : node.entries()) keys.push_back(entry.key.text());
      }
      const std::string_view text = reference.get("$ref").text();
      const std::string_view parent = fragment.substr(0, at);
      return fail(reference, "ref-unresolved", in_quotes(text) + " leads nowhere",
                  "no " + in_quotes(step) + " in " +
                      (parent.empty() ? std::string("the document") : in_quotes(parent)),
                  did_you_mean(step, keys));
    }
    node = next;
    at = slash;
  }
  return node;
}

/// Child of a map or list. A reference on the way is followed, as most tools do.
NodeRef References::step_into(NodeRef node, const std::string& step) {
  if (is_reference(node) && !node.get(step)) node = resolve(node);
  if (!node) return {};
  if (node.is_map()) return node.get(step);
  if (!node.is_seq() || step.empty() || step.size() > 9) return {};
  u32 index = 0;
  for (const char c : step) {
    if (c < '0' || c > '9') return {};
    index = index * 10 + static_cast<u32>(c - '0');
  }
  for (const NodeRef item : node.items()) {
    if (index-- == 0) return item;
  }
  return {};
}

/// First map of a tree in which `keyword` has this value.
NodeRef References::find_named(const Tree& tree, std::string_view keyword, std::string_view value) {
  const auto [entry, fresh] = named_.try_emplace(&tree);
  auto& names = entry->second;
  if (fresh) {
    for (u32 i = 1; i < tree.nodes.size(); ++i) {
      if (tree.nodes[i].kind != NodeKind::Map || tree.nodes[i].is_alias) continue;
      const NodeRef map{&tree, i};
      for (const std::string_view name : {"$anchor", "$dynamicAnchor", "$id", "$self"}) {
        const NodeRef found = map.get(name);
        if (!found || !found.is_string()) continue;
        names.emplace(std::string(name) + " " + std::string(found.text()), map);
      }
    }
  }
  const auto found = names.find(std::string(keyword) + " " + std::string(value));
  return found == names.end() ? NodeRef{} : found->second;
}

/// The schema or document that says of itself to be at this URL.
NodeRef References::find_identified(std::string_view url) {
  for (const auto& tree : trees_) {
    for (const std::string_view keyword : {"$id", "$self"}) {
      const NodeRef found = find_named(*tree, keyword, url);
      if (found) return found;
    }
  }
  return {};
}

NodeRef References::fail(NodeRef reference, std::string_view rule, std::string message,
                         std::string label, std::string help) {
  report(sink_, {.rule = rule,
                 .node = reference.get("$ref"),
                 .message = std::move(message),
                 .label = std::move(label),
                 .help = std::move(help)});
  return {};
}

}  // namespace gw::compiler::openapi
