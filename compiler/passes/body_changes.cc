#include "compiler/passes/body_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "compiler/passes/media_names.h"
#include "compiler/passes/parameter_types.h"
#include "compiler/passes/shape_proof.h"
#include "compiler/xgw/value.h"

namespace gw::compiler {
namespace {

using namespace gw::schema;

// Whether a field may mean the whole body by an empty path.
bool takes_root(std::string_view field) {
  return field == "flatten" || field == "map" || field == "first" || field == "limit";
}

std::string_view level_of(const Effective& value) {
  if (!value.is_map || value.entries.empty()) return value.level;
  return level_of(value.entries.front().value);
}

class ChangeReader {
 public:
  ChangeReader(const ShapeOfExpression& expression, Shape& shape, const ChangeObserver& observer)
      : expression_(expression), shape_(shape), observer_(observer) {}

  void run(const Effective& changes) {
    if (const Effective* whole = changes.find("template"); whole != nullptr && whole->present()) {
      refuse_beside(changes, *whole);
      shape_ = whole->node ? shape_of_template(whole->node, expression_).shape : Shape{};
      return;
    }
    pick(changes.find("pick"));
    for (const BodyPath& path : list(changes.find("omit"), "omit")) {
      tell("omit", path);
      judge(path);
      omit_path(shape_, path.tokens);
    }
    move(changes.find("move"));
    rename(changes.find("rename"));
    for (const BodyPath& path : list(changes.find("flatten"), "flatten")) {
      tell("flatten", path);
      check_kind(path, kTypeArray | kTypeObject, "is neither a list nor an object");
      flatten_path(shape_, path.tokens);
    }
    map(changes.find("map"));
    for (const BodyPath& path : list(changes.find("first"), "first")) {
      tell("first", path);
      check_kind(path, kTypeArray, "is no list");
      first_path(shape_, path.tokens);
    }
    for (const Pair& pair : pairs(changes.find("limit"), "limit")) {
      tell("limit", pair.path);
      check_kind(pair.path, kTypeArray, "is no list");
    }
    set(changes.find("set"));
    wrap(changes.find("wrap"));
  }

 private:
  struct Pair {
    BodyPath path;
    const Effective* value = nullptr;
  };

  void refuse(Span span, std::string_view rule, PathProblem problem) {
    if (observer_.refuse) observer_.refuse(span, rule, std::move(problem));
  }
  void refuse(Span span, std::string message, std::string help) {
    refuse(span, "extension-value", {std::move(message), std::move(help)});
  }

  void tell(std::string_view field, const BodyPath& path) { tell(field, path, path.tokens); }
  void tell(std::string_view field, const BodyPath& path, std::span<const PathToken> tokens) {
    if (!observer_.path) return;
    const Reach reach = walk(shape_, tokens, [](Shape&) {});
    observer_.path(field, path, reach);
  }

  // --- whether changes can be made of what is there

  static bool is_number(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
  }

  // Once for each path, of everything that is asked of it.
  void judge(const BodyPath& path, Misfit misfit = {}) {
    if (!observer_.kind) return;
    if (misfit.message.empty()) misfit = numbers_of(path);
    observer_.kind(path, std::move(misfit));
  }

  // What stands at the first tokens of a path: the types that may be there; 0: nothing is known to
  // be there.
  u32 types_at(const BodyPath& path, size_t tokens) {
    u32 types = 0;
    const Reach reach = walk(shape_, std::span(path.tokens).first(tokens), [&](Shape& value) {
      look_into(value);
      types |= value.types;
    });
    return reach.unknown ? kAllTypes : types;
  }

  void check_kind(const BodyPath& path, u32 wanted, std::string_view problem) {
    const u32 types = types_at(path, path.tokens.size());
    if (types == 0) return;  // body-path-unknown
    if ((types & wanted) != 0) return judge(path);
    judge(path, {.message = fmt::format("`{}` {}", path.text(), problem),
                 .label = fmt::format("there is {}", type_words(types)),
                 .help = "name a list, or remove the path",
                 .token = path.tokens.size()});
  }

  // Members are made in objects only, and nothing that is there is thrown away for them.
  void check_way(const BodyPath& path) {
    for (size_t i = path.shared(); i < path.tokens.size(); ++i) {
      const u32 types = types_at(path, i);
      if (types == 0) break;  // made from here on
      if ((types & (kTypeObject | kTypeNull)) != 0) continue;
      return judge(path,
                   {.message = fmt::format("`{}` leads through what is no object", path.text()),
                    .label = fmt::format("there is {}", type_words(types)),
                    .help = (types & kTypeArray) != 0 ? "`*` is every item of a list" : "",
                    .token = i == 0 ? path.tokens.size() : i - 1});
    }
    judge(path);
  }

  // An item has no name: a number is one only where the schema has a member of that name.
  Misfit numbers_of(const BodyPath& path) {
    for (size_t i = 0; i < path.tokens.size(); ++i) {
      if (path.tokens[i].every || !is_number(path.tokens[i].name)) continue;
      bool is_list = false;
      const Reach reach = walk(shape_, std::span(path.tokens).first(i), [&](Shape& value) {
        look_into(value);
        const bool named = find_member(value, path.tokens[i].name) != nullptr;
        is_list = is_list || (!named && value.may_be(kTypeArray));
      });
      if (!is_list && !reach.unknown) continue;
      return {.message = fmt::format("`{}` names an item by its number", path.text()),
              .label = "an item has no path of its own",
              .help =
                  "`*` is every item, and `first` keeps the first; a member of this name is "
                  "declared in the schema",
              .token = i};
    }
    return {};
  }

  std::optional<BodyPath> read(NodeRef node, std::string_view field, bool may_be_root) {
    if (!node || !node.is_scalar()) return std::nullopt;  // reported when it was encoded
    BodyPath path;
    PathProblem problem;
    if (!parse_body_path(node, path, problem)) {
      refuse(node.span(), std::move(problem.message), std::move(problem.help));
      return std::nullopt;
    }
    if (path.tokens.empty() && !may_be_root) {
      refuse(node.span(), fmt::format("`{}` has an empty path, which is the whole body", field),
             "name a member of it");
      return std::nullopt;
    }
    return path;
  }

  std::vector<BodyPath> list(const Effective* value, std::string_view field) {
    std::vector<BodyPath> paths;
    if (value == nullptr || !value->node) return paths;
    const auto add = [&](NodeRef node) {
      if (auto path = read(node, field, takes_root(field))) paths.push_back(std::move(*path));
    };
    if (!value->node.is_seq()) {
      if (!value->node.is_null()) add(value->node);
      return paths;
    }
    for (const NodeRef item : value->node.items()) add(item);
    return paths;
  }

  std::vector<Pair> pairs(const Effective* value, std::string_view field) {
    std::vector<Pair> all;
    if (value == nullptr || !value->is_map) return all;
    for (const Effective::Entry& entry : value->entries) {
      if (!entry.value.present()) continue;
      if (auto path = read(entry.key, field, takes_root(field))) {
        all.push_back({std::move(*path), &entry.value});
      }
    }
    return all;
  }

  // What stands at the same place as `template`; what is inherited it takes the place of.
  void refuse_beside(const Effective& changes, const Effective& whole) {
    for (const Effective::Entry& entry : changes.entries) {
      const bool goes_along = entry.name == "template" || entry.name == "format" ||
                              entry.name == "maxSize" || entry.name == "tooLarge";
      if (goes_along || !entry.value.present()) continue;
      if (level_of(entry.value) != level_of(whole)) continue;
      refuse(entry.key ? entry.key.span() : entry.value.span(), "extension-conflict",
             {fmt::format("`{}` has no effect beside `template`", entry.name),
              "put it into the template, or remove one of them"});
    }
  }

  void pick(const Effective* value) {
    const std::vector<BodyPath> paths = list(value, "pick");
    if (paths.empty()) return;
    std::vector<std::span<const PathToken>> tokens;
    for (const BodyPath& path : paths) {
      tell("pick", path);
      judge(path);
      tokens.emplace_back(path.tokens);
    }
    pick_paths(shape_, tokens);
  }

  static bool same_tokens(std::span<const PathToken> a, std::span<const PathToken> b) {
    return std::ranges::equal(a, b, [](const PathToken& x, const PathToken& y) {
      return x.every == y.every && x.name == y.name;
    });
  }

  void move(const Effective* value) {
    for (const Pair& pair : pairs(value, "move")) {
      const auto to = read(pair.value->node, "move", false);
      if (!to) continue;
      const size_t shared = pair.path.shared();
      const bool same =
          to->shared() == shared && same_tokens(std::span(pair.path.tokens).first(shared),
                                                std::span(to->tokens).first(shared));
      if (pair.path.tokens.back().every || to->tokens.back().every) {
        refuse(pair.path.span(), "`move` ends with a `*`", "name the member that is moved");
      } else if (!same) {
        refuse(
            to->span(),
            fmt::format("`{}` and `{}` are not below the same item", pair.path.text(), to->text()),
            "both are the same up to the last `*`");
      } else {
        tell("move", pair.path);
        judge(pair.path);
        check_way(*to);
        move_path(shape_, pair.path, *to);
      }
    }
  }

  void rename(const Effective* value) {
    const std::vector<Pair> all = pairs(value, "rename");
    for (const Pair& pair : all) {
      if (pair.path.tokens.back().every) {
        refuse(pair.path.span(), fmt::format("`{}` names no member", pair.path.text()),
               "write the name that it has: `items/*/id`");
        continue;
      }
      tell("rename", pair.path);
      judge(pair.path);
      refuse_clash(pair, all);
      if (pair.value->node && pair.value->node.is_scalar()) {
        rename_path(shape_, pair.path.tokens, pair.value->node.text());
      }
    }
  }

  // One after the other, in an order that nobody has written: a name that is taken and given at
  // once would lose a value.
  void refuse_clash(const Pair& pair, const std::vector<Pair>& all) {
    if (!pair.value->node || !pair.value->node.is_scalar()) return;
    const std::string_view to = pair.value->node.text();
    const std::span parent = std::span(pair.path.tokens).first(pair.path.tokens.size() - 1);
    for (const Pair& other : all) {
      if (&other == &pair || other.path.tokens.size() != pair.path.tokens.size()) continue;
      const std::span others = std::span(other.path.tokens).first(parent.size());
      const bool meet = std::ranges::equal(parent, others, [](const auto& a, const auto& b) {
        return a.every || b.every || a.name == b.name;
      });
      if (!meet) continue;
      const bool renamed = other.path.tokens.back().name == to;
      const bool given_twice = other.value->node && other.value->node.is_scalar() &&
                               other.value->node.text() == to && &other < &pair;
      if (!renamed && !given_twice) continue;
      return refuse(
          pair.value->node.span(), "extension-conflict",
          {fmt::format("`{}` {}", to, renamed ? "is renamed itself" : "is the new name of two"),
           "one of the values would be lost: choose a name that no other has"});
    }
  }

  void map(const Effective* value) {
    for (const Pair& pair : pairs(value, "map")) {
      const auto to = read(pair.value->node, "map", false);
      if (!to) continue;
      tell("map", pair.path);
      check_kind(pair.path, kTypeArray, "is no list");
      const Reach reach = map_path(shape_, pair.path.tokens, to->tokens);
      if (observer_.path && reach.token < to->tokens.size() && reach.misses()) {
        observer_.path("items", *to, reach);
      }
    }
  }

  void set(const Effective* value) {
    const std::vector<Pair> all = pairs(value, "set");
    for (const Pair& pair : all) {
      if (pair.path.tokens.back().every) {
        refuse(pair.path.span(), fmt::format("`{}` names no member", pair.path.text()),
               "name the member that is set: `items/*/id`");
        continue;
      }
      refuse_overlap(pair, all);
      // Members are made; items are not.
      const std::span all_tokens(pair.path.tokens);
      tell("set", pair.path, all_tokens.first(pair.path.shared()));
      check_way(pair.path);
      const NodeRef node = pair.value->node;
      set_path(shape_, pair.path, node ? shape_of_template(node, expression_) : ShapeValue{});
    }
  }

  void refuse_overlap(const Pair& pair, const std::vector<Pair>& all) {
    for (const Pair& other : all) {
      const size_t length = other.path.tokens.size();
      if (&other == &pair || length >= pair.path.tokens.size()) continue;
      const auto begin = std::span(pair.path.tokens).first(length);
      if (!same_tokens(begin, other.path.tokens)) continue;
      refuse(pair.path.span(), "extension-conflict",
             {fmt::format("`{}` lies within `{}`, which is set as well", pair.path.text(),
                          other.path.text()),
              "write the whole value at one place"});
    }
  }

  void wrap(const Effective* value) {
    if (value == nullptr || !value->node) return;
    const auto path = read(value->node, "wrap", false);
    if (!path) return;
    if (path->shared() != 0) {
      return refuse(path->span(), "`wrap` has a `*`", "name the member that the body becomes");
    }
    wrap_path(shape_, path->tokens);
  }

  const ShapeOfExpression& expression_;
  Shape& shape_;
  const ChangeObserver& observer_;
};

bool is_success(std::string_view status) { return status.size() == 3 && status[0] == '2'; }

bool is_form(std::string_view type) { return type == "application/x-www-form-urlencoded"; }

struct NamedSource {
  std::string_view prefix;
  table::ExpressionSource source;
};
constexpr NamedSource kParameterSources[] = {
    {"$request.path.", table::ExpressionSource::PathParameter},
    {"$request.query.", table::ExpressionSource::Query},
    {"$request.header.", table::ExpressionSource::Header},
    {"$request.cookie.", table::ExpressionSource::Cookie}};

// As the template writes them: numbers and booleans keep their type, everything else is a text.
u32 written_types(u32 types) {
  if (types == kTypeBool) return kTypeBool;
  return types != 0 && (types & ~u32{kTypeNumber}) == 0 ? types : u32{kTypeString};
}

std::string_view format_of(const Effective* changes) {
  const Effective* format = changes == nullptr ? nullptr : changes->find("format");
  if (format == nullptr || !format->node || !format->node.is_scalar()) return {};
  return format->node.text();
}

}  // namespace

void change_shape(const Effective& changes, const ShapeOfExpression& expression, Shape& shape,
                  const ChangeObserver& observer) {
  if (changes.is_map) ChangeReader(expression, shape, observer).run(changes);
}

ShapeOfExpression request_expressions(const GatewayOperation& source) {
  return [types = parameter_types(source)](std::string_view text) -> ShapeValue {
    for (const NamedSource& named : kParameterSources) {
      if (!text.starts_with(named.prefix)) continue;
      const std::string name(text.substr(named.prefix.size()));
      const bool is_field = named.source == table::ExpressionSource::Header;
      const u32 found = types(named.source, is_field ? lower_case(name) : name);
      const bool always = named.source == table::ExpressionSource::PathParameter;
      return {shape_of_types(written_types(found)), always ? Presence::Always : Presence::Maybe};
    }
    if (text.starts_with("$response.status")) return {shape_of_types(kTypeInteger)};
    for (const std::string_view unknown :
         {"$request.body", "$response.body", "$jwt", "$auth.", "$calls.", "$item"}) {
      if (text.starts_with(unknown)) return {Shape{}, Presence::Maybe};
    }
    return {shape_of_types(kTypeString), Presence::Maybe};
  };
}

Shape request_shape(const GatewayOperation& source) {
  std::vector<NodeRef> schemas;
  for (const openapi::MediaType& media : source.operation->request_body.content) {
    const std::string type = plain_type(media.name.value);
    if (is_json_type(type) || is_form(type)) schemas.push_back(media.schema);
  }
  return shape_of_schemas(*source.unit->document, std::move(schemas));
}

Shape json_request_shape(const GatewayOperation& source) {
  std::vector<NodeRef> schemas;
  for (const openapi::MediaType& media : source.operation->request_body.content) {
    if (is_json_type(plain_type(media.name.value))) schemas.push_back(media.schema);
  }
  return shape_of_schemas(*source.unit->document, std::move(schemas));
}

bool reads_forms(const Effective* changes) {
  const std::string_view format = format_of(changes);
  return format == "json" || format == "form";
}

bool makes_form(const Effective* changes) { return format_of(changes) == "form"; }

bool reads_answer_forms(const Effective& fields) {
  const auto reads = [](const Effective& said) {
    const Effective* response = said.find("response");
    return response != nullptr && reads_forms(response->find("body"));
  };
  const Effective* views = fields.find("views");
  return reads(fields) ||
         (views != nullptr &&
          std::ranges::any_of(views->entries, [&](const auto& view) { return reads(view.value); }));
}

std::vector<NodeRef> declared_schemas(const GatewayOperation& source, bool forms_too) {
  std::vector<NodeRef> schemas;
  for (const openapi::Response& response : source.operation->responses) {
    if (!is_success(response.status.value)) continue;
    for (const openapi::MediaType& media : response.content) {
      const std::string type = plain_type(media.name.value);
      if (is_json_type(type) || (forms_too && is_form(type))) schemas.push_back(media.schema);
    }
  }
  return schemas;
}

Shape declared_answer(const GatewayOperation& source, bool forms_too) {
  return shape_of_schemas(*source.unit->document, declared_schemas(source, forms_too));
}

}  // namespace gw::compiler
