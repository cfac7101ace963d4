#include "compiler/contract/view_text.h"

#include "compiler/xgw/node_json.h"
#include "runtime/table/format.h"

namespace gw::compiler {
namespace {

class ViewWriter {
 public:
  ViewWriter(const Components& components, const std::function<u32(const Component&)>& number_of)
      : components_(components), number_of_(number_of) {}

  void member(const PublicMember& member) {
    if (!text.ends_with('{')) text += ',';
    append_json_string(member.key, text);
    text += ':';
    const bool refers = member.key == "$ref" && member.value.component != kNoComponent;
    if (refers) {
      text += std::to_string(number_of_(components_.at(member.value.component)));
    } else {
      value(member.value);
    }
  }

  std::string text = "{";

 private:
  void value(const PublicValue& value) {
    if (value.is_map()) return map(value);
    if (value.is_list()) return list(value);
    // A name of a discriminator: fragments are called as the documents call them.
    if (value.component != kNoComponent) {
      append_json_string(components_.at(value.component).label, text);
    } else if (value.kind == NodeKind::String) {
      append_json_string(value.text, text);
    } else {
      text += value.kind == NodeKind::Null ? "null" : value.text;
    }
  }

  void map(const PublicValue& value) {
    text += '{';
    for (const PublicMember& one : value.members) {
      if (!one.if_renamed) member(one);
    }
    text += '}';
  }

  void list(const PublicValue& list) {
    text += '[';
    for (const PublicValue& item : list.items) {
      if (!text.ends_with('[')) text += ',';
      value(item);
    }
    text += ']';
  }

  const Components& components_;
  const std::function<u32(const Component&)>& number_of_;
};

}  // namespace

std::optional<std::string> view_text(const PublicValue& responses, const Components& components,
                                     const std::function<u32(const Component&)>& number_of,
                                     const std::function<u32(std::string)>& number_of_text) {
  std::string text = "{";
  for (const PublicMember& response : responses.members) {
    const PublicValue* reference = response.value.find("$ref");
    const bool refers = reference != nullptr && reference->component != kNoComponent;
    u32 number = table::kNone;
    if (refers) {
      number = number_of(components.at(reference->component));
    } else {
      ViewWriter writer(components, number_of);
      for (const PublicMember& member : response.value.members) writer.member(member);
      number = number_of_text(std::move(writer.text) + "}");
    }
    if (number == table::kNone) return {};
    if (text.size() > 1) text += ',';
    append_json_string(response.key, text);
    text += ":{\"$ref\":" + std::to_string(number) + '}';
  }
  return text + "}";
}

}  // namespace gw::compiler
