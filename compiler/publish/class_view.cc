#include "compiler/publish/class_view.h"

#include <algorithm>
#include <cstdlib>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/lower_views.h"
#include "compiler/passes/media_names.h"
#include "compiler/publish/answer_schema.h"
#include "runtime/policies/status/record.h"

namespace gw::compiler {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr std::string_view kErrorType = "application/problem+json";

bool is_set(const Effective& fields, std::string_view name) {
  const Effective* found = fields.find(name);
  return found != nullptr && found->present();
}

std::string_view text_of(const Effective& fields, std::string_view name) {
  const Effective* found = fields.find(name);
  return found != nullptr && found->node && found->node.is_scalar() ? found->node.text()
                                                                    : std::string_view{};
}

// Bounds alone change nothing.
bool changes_bodies(const Effective& body) {
  return std::ranges::any_of(body.entries, [](const Effective::Entry& entry) {
    return entry.name != "maxSize" && entry.name != "tooLarge" && entry.value.present();
  });
}

// Answers that are put together are of these statuses, whatever else is declared.
struct Composed {
  PublicValue schema;
  std::vector<std::string> statuses;
  bool is_only_success = true;  // nothing else makes one
};

class AnswerView {
 public:
  AnswerView(const Module& module, const GatewayOperation& source, const Effective& fields,
             openapi::Version version, ObjectCopier& copier)
      : source_(source),
        fields_(fields),
        copier_(copier),
        schemas_(module, copier, version),
        options_(schemas_.options(source)) {
    const Effective* response = fields.find("response");
    const Effective* own = response == nullptr ? nullptr : response->find("body");
    if (own != nullptr && changes_bodies(*own)) before_ = *own;
    read_statuses(fields);
    errors_ = errors_of(fields);
  }

  bool run(const Effective* view, PublicValue& responses) {
    if (view != nullptr) {
      Effective laid = fields_;
      lay_view(*view, laid, behind_);
      if (!changes_bodies(behind_)) behind_ = {};
      read_statuses(laid);
      errors_ = errors_of(laid);
      if (const Effective* compose = view->find("compose"); compose && compose->present()) {
        put_composed(composed_by(*compose, laid), responses);
      }
    }
    if (before_.present() || behind_.present()) {
      split_default(responses);
      for (PublicMember& member : responses.members) {
        const std::string seen = seen_status(member.key);
        const bool is_success = member.key.starts_with('2') || seen.starts_with('2');
        if (is_success && seen != "204") change_response(member.value);
        replaced_ = true;
      }
    }
    move_statuses(responses);
    put_errors(responses);
    return replaced_;
  }

 private:
  // --- another composition

  Composed composed_by(const Effective& compose, const Effective& laid) const {
    Composed out{.schema = schemas_.composed(source_, compose), .statuses = {}};
    const std::string_view status = text_of(compose, "status");
    out.statuses.emplace_back(status.empty() ? "200" : status);
    const std::string_view partial = text_of(compose, "partialStatus");
    const std::string second(partial.empty() ? "200" : partial);
    if (has_optional(compose) && second != out.statuses[0]) out.statuses.push_back(second);
    out.is_only_success = !is_set(laid, "respond") && !is_set(laid, "redirect") && !passes(compose);
    return out;
  }

  static const Effective* calls_of(const Effective& compose) {
    const Effective* calls = compose.find("calls");
    return calls != nullptr && calls->is_map ? calls : nullptr;
  }
  static bool has_optional(const Effective& compose) {
    const Effective* calls = calls_of(compose);
    return calls != nullptr && std::ranges::any_of(calls->entries, [](const auto& call) {
             return text_of(call.value, "optional") == "true";
           });
  }
  // Whether a call may answer the client itself with a success.
  static bool passes(const Effective& compose) {
    const Effective* calls = calls_of(compose);
    return calls != nullptr && std::ranges::any_of(calls->entries, [](const auto& call) {
             return passes_success(call.value.find("pass"));
           });
  }
  static bool passes_success(const Effective* pass) {
    if (pass == nullptr || !pass->node) return false;
    for (const NodeRef status : pass->node.items()) {
      if (status.is_scalar() && status.text().starts_with('2')) return true;
    }
    return false;
  }

  void put_composed(const Composed& composed, PublicValue& responses) {
    replaced_ = true;
    PublicValue content = PublicValue::map();
    content.set("application/json", PublicValue::map()).set("schema", composed.schema);
    for (const std::string& status : composed.statuses) {
      PublicValue response = PublicValue::map();
      if (PublicValue* declared = find_response(responses, status)) {
        response = *declared;
        write_out(response);
      }
      if (response.find("description") == nullptr) {
        response.set("description",
                     PublicValue::string("What several answers are put together to."));
      }
      response.set("content", content);
      responses.set(status, std::move(response));
    }
    if (!composed.is_only_success) return;
    std::erase_if(responses.members, [&](const PublicMember& member) {
      return member.key.starts_with('2') &&
             std::ranges::find(composed.statuses, member.key) == composed.statuses.end();
    });
  }

  static PublicValue* find_response(PublicValue& responses, const std::string& status) {
    if (PublicValue* exact = responses.find(status)) return exact;
    return responses.find(status.substr(0, 1) + "XX");
  }

  // --- other statuses

  void read_statuses(const Effective& fields) {
    statuses_.clear();
    const Effective* response = fields.find("response");
    const Effective* status = response == nullptr ? nullptr : response->find("status");
    if (status == nullptr) return;
    for (const Effective::Entry& entry : status->entries) {
      const NodeRef to = entry.value.node;
      if (to && to.is_scalar()) statuses_.emplace_back(entry.name, to.text());
    }
  }

  // As clients see answers of `status`, a key of responses. A class of which only some statuses are
  // changed stays.
  std::string seen_status(const std::string& status) const {
    std::string seen = status;
    u32 closest = 0;
    for (const auto& [pattern, to] : statuses_) {
      u32 match = 0;
      if (status.size() == 3 && status.ends_with("XX")) {
        match = lower_case(pattern) == lower_case(status) ? 2 : 0;
      } else if (status.size() == 3) {
        match = policies::status_match(pattern, static_cast<u32>(std::atoi(status.c_str())));
      }
      if (match <= closest) continue;
      closest = match;
      seen = to;
    }
    return seen;
  }

  void move_statuses(PublicValue& responses) {
    if (statuses_.empty()) return;
    std::vector<PublicMember> all = std::move(responses.members);
    responses.members.clear();
    for (PublicMember& member : all) {
      const std::string seen = seen_status(member.key);
      replaced_ = replaced_ || seen != member.key;
      if (seen != member.key) write_out(member.value);
      if (seen == "204") member.value.erase("content");
      if (PublicValue* known = responses.find(seen)) {
        merge(std::move(member.value), *known);
      } else {
        responses.set(seen, std::move(member.value));
      }
    }
  }

  // Clients get either.
  void merge(PublicValue other, PublicValue& response) const {
    write_out(other);
    write_out(response);
    PublicValue* content = other.find("content");
    if (content == nullptr) return;
    if (response.find("content") == nullptr) response.set("content", PublicValue::map());
    PublicValue& known = *response.find("content");
    for (PublicMember& media : content->members) put_media(std::move(media), known);
  }

  // Of one media type either.
  void put_media(PublicMember media, PublicValue& content) const {
    PublicValue* same = content.find(media.key);
    if (same == nullptr) {
      content.members.push_back(std::move(media));
      return;
    }
    write_out(*same);
    write_out(media.value);
    const PublicValue* one = same->find("schema");
    const PublicValue* two = media.value.find("schema");
    const bool both = one != nullptr && two != nullptr;
    same->set("schema", both ? any_of({*one, *two}) : unknown_schema());
  }

  // --- changes

  // Of `default` only successes are changed: they get a place of their own.
  void split_default(PublicValue& responses) const {
    const bool says_success =
        std::ranges::any_of(responses.members, [](const auto& one) { return one.key[0] == '2'; });
    const PublicValue* others = responses.find("default");
    if (says_success || others == nullptr) return;
    PublicValue success = *others;
    write_out(success);
    if (success.find("content") == nullptr) return;
    responses.members.insert(responses.members.begin(),
                             {.key = "2XX", .value = std::move(success)});
  }

  void write_out(PublicValue& value) const {
    const PublicValue* reference = value.find("$ref");
    if (reference == nullptr || reference->component == kNoComponent) return;
    PublicValue target = copier_.value_of_component(reference->component);
    value = std::move(target);
  }

  // What is no JSON is answered with 502 where something of it is hidden, and is as it came
  // elsewhere.
  bool is_kept() const {
    return !behind_.present() && !is_set(before_, "pick") && !is_set(before_, "omit");
  }

  void change_response(PublicValue& response) const {
    write_out(response);
    PublicValue* content = response.find("content");
    if (content == nullptr) return;
    const bool forms_too = reads_forms(&before_) || reads_forms(&behind_);
    std::vector<PublicMember> all = std::move(content->members);
    content->members.clear();
    for (PublicMember& media : all) {
      const std::string type = plain_type(media.key);
      const bool is_form = forms_too && type == kFormType;
      if (is_json_type(type) || type == "text/json" || is_form) {
        change_media(media, is_form);
        put_media(std::move(media), *content);
      } else if (is_kept()) {
        put_media(std::move(media), *content);
      }
    }
    if (content->members.empty()) response.erase("content");
  }

  // What is sent is JSON or a form, as the last one has it that says so.
  void change_media(PublicMember& media, bool was_form) const {
    write_out(media.value);
    // They show what others get.
    media.value.erase("example");
    media.value.erase("examples");
    media.value.erase("encoding");
    const Effective& last = reads_forms(&behind_) ? behind_ : before_;
    const bool is_form = text_of(last, "format") == "form";
    if (is_form != was_form) media.key = is_form ? kFormType : "application/json";
    PublicValue* schema = media.value.find("schema");
    if (schema == nullptr) schema = &media.value.set("schema", unknown_schema());
    change_schema(before_, options_, *schema);
    change_schema(behind_, options_, *schema);
  }

  // --- bodies of errors

  static Effective errors_of(const Effective& fields) {
    const Effective* response = fields.find("response");
    const Effective* errors = response == nullptr ? nullptr : response->find("errors");
    return errors != nullptr && errors->present() && errors->is_map ? *errors : Effective{};
  }

  // The one for errors of `status`, a key of responses; null: they keep their bodies.
  const Effective* error_of(const std::string& status) const {
    const bool is_class = status.ends_with("XX");
    const Effective* chosen = nullptr;
    u32 closest = 0;
    for (const Effective::Entry& entry : errors_.entries) {
      if (!entry.value.present()) continue;
      u32 match = 0;
      if (is_class) {
        match = lower_case(entry.name) == lower_case(status) ? 2 : entry.name == "default" ? 1 : 0;
      } else {
        match = policies::status_match(entry.name, static_cast<u32>(std::atoi(status.c_str())));
      }
      if (match <= closest) continue;
      closest = match;
      chosen = &entry.value;
    }
    return chosen;
  }

  // Errors that are declared, and those that are not and get a body: of the rest whole classes.
  std::vector<std::string> error_statuses(const PublicValue& responses) const {
    std::vector<std::string> statuses;
    const auto add = [&](const std::string& status) {
      const bool is_error = status.starts_with('4') || status.starts_with('5');
      const bool known = std::ranges::find(statuses, status) != statuses.end();
      if (is_error && !known) statuses.push_back(status);
    };
    for (const PublicMember& response : responses.members) add(response.key);
    for (const Effective::Entry& entry : errors_.entries) {
      if (!entry.value.present()) continue;
      std::string status(entry.name);
      if (lower_case(status).ends_with("xx")) status.replace(1, status.npos, "XX");
      if (status == "default") add("4XX");
      add(status == "default" ? "5XX" : status);
    }
    return statuses;
  }

  void put_errors(PublicValue& responses) {
    if (!errors_.present()) return;
    for (const std::string& status : error_statuses(responses)) {
      const Effective* error = error_of(status);
      if (error == nullptr) continue;
      const PublicValue* declared = find_response(responses, status);
      if (declared == nullptr) declared = responses.find("default");
      PublicValue response = declared == nullptr ? PublicValue::map() : *declared;
      write_out(response);
      put_error(*error, response);
      responses.set(status, std::move(response));
      replaced_ = true;
    }
  }

  void put_error(const Effective& error, PublicValue& response) const {
    if (response.find("description") == nullptr) {
      response.set("description", PublicValue::string("An error."));
    }
    const Effective* body = error.find("body");
    if (body == nullptr || !body->node) return;  // reported
    SchemaPart made = schemas_.error_body(source_, body->node);
    // What is made of nothing but absent values leaves the body that came.
    if (made.always || response.find("content") == nullptr) {
      response.set("content", PublicValue::map());
    }
    const std::string_view type = text_of(error, "type");
    PublicMember media{.key = std::string(type.empty() ? kErrorType : type),
                       .value = PublicValue::map()};
    media.value.set("schema", std::move(made.schema));
    put_media(std::move(media), *response.find("content"));
  }

  const GatewayOperation& source_;
  const Effective& fields_;
  ObjectCopier& copier_;
  const AnswerSchemas schemas_;
  const SchemaViewOptions options_;
  Effective before_;  // what the operation does to bodies for everybody
  Effective behind_;  // what the view does behind it
  std::vector<std::pair<std::string_view, std::string_view>> statuses_;  // from and to
  Effective errors_;  // bodies of errors, by their statuses
  bool replaced_ = false;
};

}  // namespace

const Effective* view_of_class(const Effective& fields, std::string_view client) {
  const Effective* views = client.empty() ? nullptr : fields.find("views");
  const Effective* view = views == nullptr ? nullptr : views->find(client);
  return view != nullptr && view->present() ? view : nullptr;
}

bool show_answers(const Module& module, const GatewayOperation& source, const Effective& fields,
                  std::string_view client, openapi::Version version, ObjectCopier& copier,
                  PublicValue& responses) {
  return AnswerView(module, source, fields, version, copier)
      .run(view_of_class(fields, client), responses);
}

}  // namespace gw::compiler
