#include "compiler/publish/class_view.h"

#include "compiler/passes/lower_views.h"
#include "compiler/passes/media_names.h"
#include "compiler/publish/schema_view.h"

namespace gw::compiler {
namespace {

// What the operation does to bodies for everybody, and what the view does behind it.
struct Changes {
  Effective before;
  Effective behind;
};

void write_out(ObjectCopier& copier, PublicValue& value) {
  const PublicValue* reference = value.find("$ref");
  if (reference == nullptr || reference->component == kNoComponent) return;
  PublicValue target = copier.value_of_component(reference->component);
  value = std::move(target);
}

void change_response(const Changes& changes, const SchemaViewOptions& options, ObjectCopier& copier,
                     PublicValue& response) {
  write_out(copier, response);
  PublicValue* content = response.find("content");
  if (content == nullptr) return;
  for (PublicMember& media : content->members) {
    if (!is_json_type(plain_type(media.key))) continue;
    write_out(copier, media.value);
    // They show what others get.
    media.value.erase("example");
    media.value.erase("examples");
    PublicValue* schema = media.value.find("schema");
    if (schema == nullptr) continue;
    change_schema(changes.before, options, *schema);
    change_schema(changes.behind, options, *schema);
  }
}

}  // namespace

bool show_view(const Effective& fields, std::string_view client, openapi::Version version,
               ObjectCopier& copier, PublicValue& responses) {
  const Effective* views = fields.find("views");
  const Effective* view = views == nullptr ? nullptr : views->find(client);
  if (view == nullptr || !view->present()) return false;
  Changes changes;
  const Effective* response = fields.find("response");
  if (const Effective* own = response == nullptr ? nullptr : response->find("body")) {
    changes.before = *own;
  }
  Effective laid = fields;
  lay_view(*view, laid, changes.behind);
  if (!changes.before.present() && !changes.behind.present()) return false;
  const SchemaViewOptions options{.component = [&](u32 number) -> const PublicValue& {
                                    return copier.value_of_component(number);
                                  },
                                  .has_null_type = version != openapi::Version::V30};
  for (PublicMember& member : responses.members) {
    if (member.key.starts_with('2')) change_response(changes, options, copier, member.value);
  }
  return true;
}

}  // namespace gw::compiler
