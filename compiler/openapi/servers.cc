// `servers`: URLs whose variables are replaced by their defaults.
#include <algorithm>

#include "compiler/openapi/model_builder.h"
#include "compiler/openapi/report.h"

namespace gw::compiler::openapi {
namespace {

/// The path of a URL or URL reference, without a slash at its end and without query or fragment.
std::string base_path_of(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
  } else if (url.starts_with("//")) {
    url.remove_prefix(2);
  } else {
    std::string path(url == "." || url == "./" ? std::string_view{} : url);
    if (path.starts_with("./")) path.erase(0, 2);
    if (!path.empty() && path[0] != '/') path.insert(0, "/");
    while (path.ends_with('/')) path.pop_back();
    return path;
  }
  const size_t slash = url.find('/');
  std::string path(slash == std::string_view::npos ? std::string_view{} : url.substr(slash));
  while (path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

std::vector<Server> ModelBuilder::servers(NodeRef list) {
  std::vector<Server> servers;
  if (!list) return servers;
  for (const NodeRef item : list.items()) {
    if (item.is_map() && item.get("url") && item.get("url").is_string()) {
      servers.push_back(server(item));
    }
  }
  return servers;
}

Server ModelBuilder::server(NodeRef node) {
  const NodeRef url = node.get("url");
  Server server;
  server.node = node;
  server.url = {substitute(url, node.get("variables")), url.span()};
  server.base_path = base_path_of(server.url.value);
  for (const NodeRef::Entry variable : node.get("variables").entries()) {
    if (variable.value.is_map()) check_variable(variable.value);
  }
  const std::string& text = server.url.value;
  if (text.find_first_of(" \t\n\r<>\"") != std::string::npos) {
    report(sink_, {.rule = "server-url",
                   .node = url,
                   .message = in_quotes(text) + " is no URL",
                   .label = "holds a character that URLs cannot"});
  } else if (text.find_first_of("?#") != std::string::npos) {
    report(sink_, {.rule = "server-url",
                   .node = url,
                   .message = "the URL of a server has no query and no fragment",
                   .label = "paths are put behind it",
                   .as_warning = true});
  }
  return server;
}

std::string ModelBuilder::substitute(NodeRef url, NodeRef variables) {
  const std::string_view text = url.text();
  std::vector<TemplateName> names;
  const TemplateProblem problem = parse_template(text, names);
  const bool twice = problem.message.find("twice") != std::string::npos;
  if (!problem.message.empty() && !twice) {
    report(sink_, {.rule = "server-url",
                   .node = url,
                   .message = "in the server URL " + in_quotes(text) + " " + problem.message,
                   .label = problem.label,
                   .span = text_span(url, problem.begin, problem.end)});
    return {};  // so that it is not found again in every path
  }
  std::string out;
  size_t at = 0;
  for (const TemplateName& name : names) {
    const NodeRef variable = variables.get(name.name);
    out += text.substr(at, name.begin - at);
    at = name.end;
    if (variable) {
      out += text_at(variable, "default").value;
      continue;
    }
    std::vector<std::string_view> declared;
    for (const NodeRef::Entry entry : variables.entries()) declared.push_back(entry.key.text());
    report(sink_, {.rule = "server-url",
                   .node = url,
                   .message = "the server variable " + in_quotes(name.name) + " is not declared",
                   .label = "no variable of this name",
                   .help = declared.empty() ? "declare it with a `default` under `variables`"
                                            : did_you_mean(name.name, declared),
                   .span = text_span(url, name.begin, name.end)});
  }
  return out + std::string(text.substr(std::min(at, text.size())));
}

void ModelBuilder::check_variable(NodeRef variable) {
  const NodeRef values = variable.get("enum");
  const NodeRef chosen = variable.get("default");
  if (!values || !values.is_seq() || values.size() == 0 || !chosen) return;
  for (const NodeRef value : values.items()) {
    if (value.text() == chosen.text()) return;
  }
  report(sink_, {.rule = "server-url",
                 .node = chosen,
                 .message = "the default " + in_quotes(chosen.text()) +
                            " of the server variable is not in its `enum`",
                 .label = "not among them",
                 .related = {{values.span(), "the allowed values"}},
                 .as_warning = document_->version == Version::V30});
}

}  // namespace gw::compiler::openapi
