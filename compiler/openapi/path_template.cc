#include "compiler/openapi/path_template.h"

namespace gw::compiler::openapi {
namespace {

TemplateProblem problem(std::string message, std::string label, size_t begin, size_t end) {
  return {std::move(message), std::move(label), static_cast<u32>(begin), static_cast<u32>(end)};
}

}  // namespace

TemplateProblem parse_template(std::string_view text, std::vector<TemplateName>& names) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '}') return problem("a `}` stands without its `{`", "opened nowhere", i, i + 1);
    if (text[i] != '{') continue;
    const size_t close = text.find_first_of("{}", i + 1);
    if (close == std::string_view::npos || text[close] == '{') {
      return problem("a `{` is not closed", "no `}` follows", i, i + 1);
    }
    std::string_view name = text.substr(i + 1, close - i - 1);
    const bool greedy = name.ends_with('+');
    if (greedy) name.remove_suffix(1);
    if (name.empty()) return problem("a parameter needs a name", "empty", i, close + 1);
    if (name.find('/') != std::string_view::npos) {
      return problem("the name of a parameter cannot hold a `/`", "not a name", i, close + 1);
    }
    for (const TemplateName& earlier : names) {
      if (earlier.name != name) continue;
      return problem("the parameter `" + std::string(name) + "` stands twice in one path",
                     "again here", i, close + 1);
    }
    names.push_back({.name = name,
                     .greedy = greedy,
                     .begin = static_cast<u32>(i),
                     .end = static_cast<u32>(close + 1)});
    i = close;
  }
  return {};
}

}  // namespace gw::compiler::openapi
