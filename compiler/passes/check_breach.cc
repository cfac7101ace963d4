// BREACH: an answer that is compressed gets shorter when what a request says is in it twice. Who
// can make a browser ask, and sees how long the answers are, finds out a secret in them letter by
// letter. Needs all of: compression, a secret, input that comes back, and credentials that browsers
// send by themselves. The last two are not always written down, so that one of them makes a note.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "compiler/passes/body_changes.h"
#include "compiler/passes/compose_shape.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/plan_steps.h"
#include "runtime/policies/access_log/record.h"
#include "runtime/policies/authenticate/record.h"
#include "runtime/policies/compress/record.h"
#include "runtime/policies/scheme/record.h"

namespace gw::compiler {
namespace {

using policies::Phase;
using policies::PolicyId;

constexpr u32 kMaxDepth = 8;     // of members that are looked at
constexpr u32 kMaxVisits = 500;  // of one answer

// What a page can put into the requests that it makes a browser send.
bool is_input(std::string_view expression) {
  return expression.starts_with("$request.query") || expression.starts_with("$request.path") ||
         expression.starts_with("$request.body");
}

struct Secret {
  std::string path;
  Span place;
};

class SecretSearch {
 public:
  std::optional<Secret> find(Shape& shape, const std::string& at, u32 depth) {
    if (depth > kMaxDepth || ++visits_ > kMaxVisits) return std::nullopt;
    look_into(shape);
    for (Shape::Member& member : shape.members) {
      const std::string path = at + "/" + member.name;
      const Said said = read(member.value);
      if (said.write_only) continue;
      if (said.is_password ||
          (policies::is_secret_name(member.name) && may_be_text(member.value))) {
        return Secret{path, member.value.declared};
      }
      if (auto found = find(member.value, path, depth + 1)) return found;
    }
    for (Shape& item : shape.items) {
      if (auto found = find(item, at + "/*", depth + 1)) return found;
    }
    return std::nullopt;
  }

 private:
  struct Said {
    bool write_only = false;
    bool is_password = false;
  };

  static Said read(const Shape& shape) {
    Said said;
    if (shape.document == nullptr || shape.schemas.size() != 1) return said;
    const NodeRef schema = shape.document->resolve(shape.schemas[0]);
    if (!schema || !schema.is_map()) return said;
    const NodeRef hidden = schema.get("writeOnly");
    said.write_only = hidden && hidden.kind() == NodeKind::Bool && hidden.boolean();
    const NodeRef format = schema.get("format");
    said.is_password = format && format.is_scalar() && format.text() == "password";
    return said;
  }

  static bool may_be_text(Shape& shape) {
    look_into(shape);
    return shape.may_be(gw::schema::kTypeString);
  }

  u32 visits_ = 0;
};

class BreachCheck {
 public:
  explicit BreachCheck(Module& module) : module_(module) {}

  void run() {
    for (const PlannedOperation& planned : module_.operations) {
      if (compresses(planned)) check(planned);
    }
  }

 private:
  bool compresses(const PlannedOperation& planned) const {
    return !steps_of<policies::CompressRecord>(module_, planned, PolicyId::Compress,
                                               Phase::Compression)
                .empty();
  }

  void check(const PlannedOperation& planned) {
    const GatewayOperation& source = *planned.source;
    const EffectiveOperation effective = effective_operation(module_, source, levels_of(source));
    const std::string_view credential = sent_by_browsers(planned);
    const Span echo = input_in_answer(effective.fields);
    if (credential.empty() && !echo.valid()) return;
    Shape shape = answer_shape(module_, source, effective.fields);
    if (const Effective* body = body_of(effective.fields)) {
      constexpr std::string_view kAnswer = "$response.body";
      const auto expression = [&, came = shape,
                               others = request_expressions(source)](std::string_view text) {
        if (!text.starts_with(kAnswer)) return others(text);
        const std::string_view pointer = text.substr(kAnswer.size());
        return value_at(came, pointer.substr(pointer.empty() ? 0 : 1), Presence::Maybe);
      };
      change_shape(*body, expression, shape, {});
    }
    if (const auto secret = SecretSearch().find(shape, "", 0)) {
      report_secret(source, effective.fields, *secret, credential, echo);
    }
  }

  static const Effective* body_of(const Effective& fields) {
    const Effective* response = fields.find("response");
    const Effective* body = response == nullptr ? nullptr : response->find("body");
    return body != nullptr && body->is_map ? body : nullptr;
  }

  // What kind of credential browsers add to requests of any page; empty: none that is asked for.
  std::string_view sent_by_browsers(const PlannedOperation& planned) const {
    for (const auto& record : steps_of<policies::AuthenticateRecord>(
             module_, planned, PolicyId::Authenticate, Phase::Authentication)) {
      for (const auto& alternative :
           list_of<policies::AlternativeRecord>(module_.table.pools, record.alternatives)) {
        for (const auto& use :
             list_of<policies::SchemeUseRecord>(module_.table.pools, alternative.uses)) {
          const std::string_view kind = browser_kind(module_.table.schemes[use.scheme]);
          if (!kind.empty()) return kind;
        }
      }
    }
    return {};
  }

  static std::string_view browser_kind(const policies::SchemeRecord& scheme) {
    if (scheme.place == static_cast<u32>(policies::CredentialPlace::Cookie)) return "a cookie";
    if (scheme.kind == static_cast<u32>(policies::SchemeKind::Basic)) return "a password";
    if (scheme.kind == static_cast<u32>(policies::SchemeKind::MutualTls)) return "a certificate";
    return {};
  }

  // Where the gateway itself puts what is asked into what is answered. Invalid: nowhere.
  static Span input_in_answer(const Effective& fields) {
    Span found;
    const auto look = [&](const Effective* value) {
      if (value == nullptr) return;
      for_each_expression(*value, [&](const WrittenExpression& written) {
        if (found.valid() || !is_input(written.text)) return;
        found = written.span_of(0, static_cast<u32>(written.text.size()));
      });
    };
    if (const Effective* compose = fields.find("compose")) look(compose->find("body"));
    look(body_of(fields));
    return found;
  }

  void report_secret(const GatewayOperation& source, const Effective& fields, const Secret& secret,
                     std::string_view credential, Span echo) {
    const bool sure = !credential.empty() && echo.valid();
    // A note about one schema is enough, however many answers it is part of.
    const std::pair place{secret.place.file, secret.place.begin};
    if (!sure && secret.place.valid() && !noted_.insert(place).second) return;
    Diagnostic finding{
        .rule = "compress-breach",
        .severity = sure ? Severity::Warning : Severity::Info,
        .message = fmt::format("the compressed answers of `{}` may tell of the secret `{}`",
                               source.id, secret.path),
        .primary = {secret.place, sure ? "its letters can be guessed by how long answers are"
                                       : "can be guessed by length, if a request comes back in it"},
        .help =
            "`compress: off` on this operation, or leave the secret out: "
            "`response: {body: {omit: [...]}}`"};
    if (credential.empty())
      finding.primary.text = "can be guessed by length, if browsers ask for it";
    // Where nothing is declared, the operation stands for it.
    if (!secret.place.valid()) finding.primary.span = source.span;
    if (const Effective* compress = fields.find("compress")) {
      finding.related.push_back({compress->span(), "answers are compressed"});
    }
    if (echo.valid()) finding.related.push_back({echo, "what the request says comes back"});
    if (!credential.empty()) {
      const NodeRef security = security_of(source);
      if (security) {
        finding.related.push_back(
            {security.span(), fmt::format("browsers send {} by themselves", credential)});
      }
    }
    module_.sink.report(std::move(finding));
  }

  Module& module_;
  std::set<std::pair<FileId, u32>> noted_;
};

}  // namespace

void check_breach(Module& module) { BreachCheck(module).run(); }

}  // namespace gw::compiler
