#include "compiler/passes/deep_object.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/policies/validate/record.h"

namespace gw::compiler {
namespace {

constexpr u32 kContainers = gw::schema::kTypeArray | gw::schema::kTypeObject;

bool only_containers(u32 types) { return (types & ~kContainers) == 0; }

class Collector {
 public:
  Collector(const SchemaShape& shape, DeepObject& out) : shape_(shape), out_(out) {}

  // Depth is bounded by kMaxDeepLevels, breadth by kMaxProperties.
  bool object(NodeRef schema, const std::string& prefix, u32 level) {
    if (only_containers(shape_.rest_types(schema))) {
      return refuse(
          prefix.empty()
              ? std::string("properties that it does not name are lists or objects")
              : fmt::format("properties of `{}` that are not named are lists or objects", prefix));
    }
    for (const ShapeProperty& property : shape_.properties(schema)) {
      if (!member(property, prefix, level)) return false;
    }
    return true;
  }

 private:
  bool refuse(std::string problem) {
    if (out_.problem.empty()) out_.problem = std::move(problem);
    return false;
  }

  bool member(const ShapeProperty& property, const std::string& prefix, u32 level) {
    const std::string_view name = property.name;
    if (name.empty() || name.find_first_of("[]") != name.npos) {
      return refuse(fmt::format("its property `{}` does not fit between brackets", name));
    }
    const std::string path = prefix.empty() ? property.name : prefix + "][" + property.name;
    if (out_.properties.size() == policies::kMaxProperties) {
      return refuse(fmt::format("it has more than {} properties", policies::kMaxProperties));
    }
    DeepProperty one{.path = path, .types = shape_.text_types(property.schema)};
    const bool is_object = (one.types & gw::schema::kTypeObject) != 0;
    const bool is_list = (one.types & gw::schema::kTypeArray) != 0;
    const u32 items = shape_.item_types(property.schema);
    if (is_list && only_containers(items)) {
      return refuse(fmt::format("items of its property `{}` are lists or objects", name));
    }
    one.item_types = is_list ? items : shape_.rest_types(property.schema);
    out_.properties.push_back(std::move(one));
    if (!is_object) return true;
    if (level == policies::kMaxDeepLevels) {
      return refuse(fmt::format("its property `{}` is nested deeper than {} levels", name,
                                policies::kMaxDeepLevels));
    }
    return object(property.schema, path, level + 1);
  }

  const SchemaShape& shape_;
  DeepObject& out_;
};

}  // namespace

DeepObject deep_object(const SchemaShape& shape, NodeRef schema) {
  DeepObject out;
  Collector(shape, out).object(schema, {}, 1);
  if (!out.problem.empty()) out.properties.clear();
  std::ranges::sort(out.properties, {}, &DeepProperty::path);
  return out;
}

}  // namespace gw::compiler
