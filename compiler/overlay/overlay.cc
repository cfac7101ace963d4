#include "compiler/overlay/overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "compiler/overlay/tree_editor.h"
#include "compiler/syntax/read.h"

namespace gw::compiler {
namespace {

std::string normalised(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace

Overlays::Overlays(FileSet& files, const std::vector<std::string>& arguments, DiagnosticSink& sink)
    : files_(files), sink_(sink) {
  for (const std::string& path : arguments) arguments_.push_back(normalised(path));
}

void Overlays::report(std::string_view rule, Severity severity, Span span, std::string message,
                      std::string label, std::string help) {
  sink_.report({.rule = rule,
                .severity = severity,
                .message = std::move(message),
                .primary = {span, std::move(label)},
                .help = std::move(help)});
}

void Overlays::read(const std::string& path) {
  const Result<FileId> file = files_.read(path);
  if (!file) {
    report("file-unreadable", Severity::Error, {},
           fmt::format("cannot read overlay `{}`: {}", path,
                       std::generic_category().message(file.error().sys)),
           "");
    return;
  }
  Overlay overlay;
  overlay.tree = read_tree(files_, *file, sink_);
  if (overlay.tree == nullptr || !overlay.tree->root()) return;
  read_root(overlay.tree->root(), overlay, path);
  overlays_.push_back(std::move(overlay));
}

void Overlays::check_keys(NodeRef map, std::string_view what, std::vector<std::string_view> known) {
  for (const auto [key, value] : map.entries()) {
    const std::string_view name = key.text();
    if (name.starts_with("x-") || std::ranges::find(known, name) != known.end()) continue;
    report("overlay-value", Severity::Error, key.span(),
           fmt::format("{} has no field `{}`", what, name), "not a field of it",
           did_you_mean(name, known));
  }
}

void Overlays::read_root(NodeRef root, Overlay& overlay, const std::string& path) {
  const NodeRef version = root.get("overlay");
  if (!version || !version.is_scalar() || !version.text().starts_with("1.0.")) {
    Span begin = version ? version.span() : root.span();
    if (!version) begin.end = std::min(begin.end, begin.begin + 1);
    report("overlay-value", Severity::Error, begin, "this is no OpenAPI Overlay 1.0 document",
           version ? "another version" : "the document begins here",
           "begin it with `overlay: 1.0.0`");
    return;
  }
  check_keys(root, "an overlay", {"overlay", "info", "extends", "actions"});
  read_extends(root.get("extends"), overlay, path);
  const NodeRef actions = root.get("actions");
  if (!actions || !actions.is_seq() || actions.size() == 0) {
    report("overlay-value", Severity::Error, actions ? actions.span() : version.span(),
           "the overlay has no list of `actions`", "here",
           "write `actions: [{target: ..., update: ...}]`");
    return;
  }
  read_actions(actions, overlay);
}

void Overlays::read_extends(NodeRef node, Overlay& overlay, const std::string& path) {
  if (!node) return;
  overlay.extends_span = node.span();
  if (!node.is_string() || node.text().empty() || node.text().find("://") != std::string::npos) {
    report("overlay-value", Severity::Error, node.span(), "`extends` is not the path of a file",
           "here", "write it relative to the overlay, as in `./orders.yaml`");
    overlay.applied = true;               // no second finding about it
    overlay.extends = std::string("\n");  // and no document that has this name
    return;
  }
  const auto folder = std::filesystem::path(path).parent_path();
  overlay.extends = normalised((folder / std::string(node.text())).string());
}

void Overlays::read_actions(NodeRef actions, Overlay& overlay) {
  if (actions.size() > kMaxOverlayActions) {
    report("overlay-value", Severity::Error, actions.span(), "the overlay has too many actions",
           "here");
    return;
  }
  for (const NodeRef action : actions.items()) read_action(action, overlay);
}

void Overlays::read_action(NodeRef node, Overlay& overlay) {
  if (!node.is_map()) {
    report("overlay-value", Severity::Error, node.span(), "an action is a map", "here",
           "write `{target: ..., update: ...}` or `{target: ..., remove: true}`");
    return;
  }
  check_keys(node, "an action", {"target", "description", "update", "remove"});
  Action action;
  if (!read_target(node, action)) return;
  const NodeRef remove = node.get("remove");
  if (remove && remove.kind() != NodeKind::Bool) {
    report("overlay-value", Severity::Error, remove.span(), "`remove` is not true or false",
           "here");
    return;
  }
  const bool removes = remove && remove.boolean();
  action.update = node.get("update");
  if (removes && action.update) {
    report("overlay-value", Severity::Warning, node.key_of("update").span(),
           "an action with `remove: true` does not update", "has no effect");
  }
  if (removes) action.update = {};
  if (!removes && !action.update) {
    report("overlay-value", Severity::Error, node.span(), "the action does nothing",
           "neither `update` nor `remove: true`");
    return;
  }
  overlay.actions.push_back(std::move(action));
}

bool Overlays::read_target(NodeRef node, Action& action) {
  const NodeRef target = node.get("target");
  if (!target || !target.is_string()) {
    report("overlay-value", Severity::Error, target ? target.span() : node.span(),
           "the action has no `target`", "here", "write a JSONPath, as in `$.paths['/orders']`");
    return false;
  }
  action.target_span = target.span();
  JsonPathError error;
  if (!parse_json_path(target.text(), action.target, error)) {
    const Span place = files_.part(target.span(), target.text(), error.begin, error.end);
    report("overlay-value", Severity::Error, place,
           fmt::format("cannot read the target `{}`", target.text()), error.message,
           "see `gwctl rules overlay-value` for what targets can say");
    return false;
  }
  if (action.target.segments.empty() && node.get("remove") &&
      node.get("remove").kind() == NodeKind::Bool && node.get("remove").boolean()) {
    report("overlay-value", Severity::Error, target.span(), "the whole document cannot be removed",
           "the root");
    return false;
  }
  return true;
}

void Overlays::apply(Tree& tree, const std::string& path) {
  const std::string name = normalised(path);
  const bool is_argument = std::ranges::find(arguments_, name) != arguments_.end();
  for (Overlay& overlay : overlays_) {
    if (overlay.extends.empty() ? !is_argument : overlay.extends != name) continue;
    overlay.applied = true;
    tree.keep_alive(overlay.tree);
    TreeEditor editor(tree);
    for (Action& action : overlay.actions) {
      const std::vector<TreeEditor::Match> matches = editor.select(action.target);
      action.found = action.found || !matches.empty();
      if (!action.update) {
        editor.remove(matches);
        continue;
      }
      for (const TreeEditor::Match& match : matches) {
        if (editor.is_scalar(match)) {
          report("overlay-value", Severity::Error, action.target_span,
                 "the target of an update is neither a map nor a list", "selects a plain value",
                 "select what holds it and update its key");
          break;
        }
        const TreeEditor::Outcome outcome = editor.merge(match, action.update);
        if (outcome == TreeEditor::Outcome::Done) continue;
        report("overlay-value", Severity::Error, action.update.span(),
               outcome == TreeEditor::Outcome::TooDeep ? "the document would be nested too deeply"
                                                       : "the document would become too large",
               "by this update");
        return;
      }
    }
  }
}

void Overlays::report_unused() {
  for (const Overlay& overlay : overlays_) {
    if (!overlay.applied) {
      report("overlay-no-match", Severity::Error, overlay.extends_span,
             "the overlay changes nothing: its document is not part of this",
             overlay.extends.empty() ? std::string("no document was read")
                                     : fmt::format("`{}` was not read", overlay.extends),
             "name the document that is compiled, or leave out `extends`");
      continue;
    }
    for (const Action& action : overlay.actions) {
      if (action.found) continue;
      report("overlay-no-match", Severity::Warning, action.target_span,
             "the target matches nothing", "nothing is here");
    }
  }
}

}  // namespace gw::compiler
