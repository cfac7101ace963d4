// Keywords that apply schemas to the same value, and OpenAPI's discriminator.
#include <algorithm>

#include "compiler/schema/lowering.h"
#include "compiler/schema/uri.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::kAnything;
using gw::schema::Op;

constexpr std::string_view kComponents = "#/components/schemas/";

}  // namespace

void Lowering::applicators() {
  alternatives("allOf", Op::All);
  alternatives("anyOf", Op::Any);
  alternatives("oneOf", Op::One);
  if (const NodeRef schema = keyword("not")) {
    out_.begin(Op::Not);
    out_.add_schema(operand(schema), true);
    out_.end();
  }
  if (since(Dialect::Draft7)) condition();
}

void Lowering::alternatives(std::string_view name, Op op) {
  const NodeRef branches = keyword(name);
  if (!branches) return;
  if (!branches.is_seq()) {
    wrong(branches, name, "a list of schemas");
    return;
  }
  if (op != Op::All && discriminator(branches)) return;
  out_.begin(op);
  for (const NodeRef branch : branches.items()) out_.add_schema(operand(branch), true);
  out_.end();
}

void Lowering::condition() {
  const NodeRef condition = keyword("if");
  const NodeRef then = keyword("then");
  const NodeRef otherwise = keyword("else");
  if (!condition) return;
  out_.begin(Op::If);
  out_.add_schema(operand(condition), true);
  out_.add_schema(then ? operand(then) : kAnything, true);
  out_.add_schema(otherwise ? operand(otherwise) : kAnything, true);
  out_.end();
}

// The name under components/schemas that a branch refers to; empty: it is no such reference.
std::string_view Lowering::component_name(NodeRef branch) const {
  const NodeRef reference = branch.is_map() ? branch.get("$ref") : NodeRef{};
  if (!reference || !reference.is_string()) return {};
  const std::string_view text = reference.text();
  const size_t at = text.find(kComponents);
  if (at == std::string_view::npos) return {};
  return text.substr(at + kComponents.size());
}

// The branch that a mapping's value names: a schema's name, or a reference to it.
NodeRef Lowering::mapped_branch(NodeRef branches, std::string_view value) {
  const NodeRef target = set_.find(node_, value);
  for (const NodeRef branch : branches.items()) {
    const NodeRef reference = branch.is_map() ? branch.get("$ref") : NodeRef{};
    if (!reference || !reference.is_string()) continue;
    if (reference.text() == value || component_name(branch) == value) return branch;
    if (target && set_.find(branch, reference.text()) == target) return branch;
  }
  return {};
}

// A discriminator takes the place of its oneOf or anyOf, where every alternative has a name.
bool Lowering::discriminator(NodeRef branches) {
  const NodeRef found = set_.is_openapi() ? keyword("discriminator") : NodeRef{};
  const NodeRef name = found && found.is_map() ? found.get("propertyName") : NodeRef{};
  if (!name || !name.is_string()) return false;
  struct Choice {
    std::string_view value;
    NodeRef branch;
  };
  std::vector<Choice> choices;
  std::vector<NodeRef> named;
  const NodeRef mapping = found.get("mapping");
  for (const NodeRef::Entry entry : mapping.entries()) {
    const NodeRef branch =
        entry.value.is_string() ? mapped_branch(branches, entry.value.text()) : NodeRef{};
    if (!branch) continue;
    choices.push_back({entry.key.text(), branch});
    named.push_back(branch);
  }
  for (const NodeRef branch : branches.items()) {
    const std::string_view component = component_name(branch);
    if (component.empty() && std::ranges::find(named, branch) == named.end()) return false;
    const auto same = [&](const Choice& choice) { return choice.value == component; };
    if (!component.empty() && std::ranges::none_of(choices, same)) {
      choices.push_back({component, branch});
    }
  }
  out_.begin(Op::Discriminator);
  out_.add_text(compiler_.pools_.strings.add(name.text()));
  for (const Choice& choice : choices) {
    out_.add_text(compiler_.pools_.strings.add(choice.value));
    out_.add_schema(operand(choice.branch), true);
  }
  out_.end();
  return true;
}

}  // namespace gw::compiler::schema
