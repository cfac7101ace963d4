#include "compiler/xgw/value.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/letter_case.h"
#include "runtime/base/method.h"
#include "runtime/base/units.h"
#include "runtime/policies/body/record.h"

namespace gw::compiler {
namespace {

using table::ExpressionEncoding;
using table::ExpressionPart;
using table::ExpressionSource;
using table::LatePart;
using table::LatePartKind;

struct FixedSource {
  std::string_view name;
  ExpressionSource source;
};
constexpr FixedSource kFixedSources[] = {
    {"$method", ExpressionSource::Method},
    {"$url", ExpressionSource::Url},
    {"$client.ip", ExpressionSource::ClientIp},
    {"$request.id", ExpressionSource::RequestId},
    {"$request.host", ExpressionSource::Host},
    {"$request.scheme", ExpressionSource::Scheme},
    {"$request.path", ExpressionSource::Path},
    {"$client.class", ExpressionSource::ClientClass},
    {"$client.cert.subject", ExpressionSource::ClientCertSubject},
    {"$client.cert.san", ExpressionSource::ClientCertSan},
    {"$client.cert.fingerprint", ExpressionSource::ClientCertFingerprint},
};

// Claims that need no declaration: RFC 7519, RFC 9068, RFC 8693, RFC 8705, OpenID Connect Core.
constexpr std::string_view kRegisteredClaims[] = {
    "acr",          "amr",       "at_hash", "aud",   "auth_time",
    "azp",          "client_id", "cnf",     "email", "email_verified",
    "entitlements", "exp",       "groups",  "iat",   "iss",
    "jti",          "name",      "nbf",     "nonce", "preferred_username",
    "roles",        "scope",     "scp",     "sid",   "sub",
    "username"};

// The encoding of a value depends on where it is put.
ExpressionEncoding encoding_for(bool is_path, bool in_query, bool greedy) {
  if (!is_path) return ExpressionEncoding::Plain;
  if (in_query) return ExpressionEncoding::QueryValue;
  return greedy ? ExpressionEncoding::PathRest : ExpressionEncoding::PathSegment;
}

// Splits `NAME` or `NAME:-default` and adds it.
bool add_env(std::string_view body, StringPool& strings, std::vector<LatePart>& parts,
             ValueError& error) {
  const size_t colon = body.find(":-");
  const std::string_view name = body.substr(0, colon);
  const bool valid = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!valid) {
    error.message = fmt::format("`{}` is not a variable name", name);
    return false;
  }
  parts.push_back(
      {.kind = LatePartKind::Env,
       .has_default = colon != body.npos ? 1u : 0u,
       .text = strings.add(name),
       .fallback = colon == body.npos ? table::StringRef{} : strings.add(body.substr(colon + 2))});
  return true;
}

bool add_reference(std::string_view body, StringPool& strings, std::vector<LatePart>& parts,
                   ValueError& error) {
  if (body.starts_with("$env.")) return add_env(body.substr(5), strings, parts, error);
  if (!body.starts_with("$file.")) {
    error.message = fmt::format("`{}` is no reference", body);
    error.help = "references are $env.NAME and $file./absolute/path";
    return false;
  }
  const std::string_view path = body.substr(6);
  if (!path.starts_with("/")) {
    error.message = "a file reference needs an absolute path";
    error.help = "write $file./etc/gw/...";
    return false;
  }
  parts.push_back(
      {.kind = LatePartKind::File, .has_default = 0, .text = strings.add(path), .fallback = {}});
  return true;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Text of a path and its query as it may stand in a request line (RFC 3986 section 3.3 and 3.4);
// what is percent-encoded stays.
std::string sendable(std::string_view text) {
  constexpr std::string_view kPlain = "-._~!$&'()*+,;=:@/?";
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool encoded =
        c == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    if (letter || encoded || kPlain.find(c) != kPlain.npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

struct ExpressionParser {
  bool is_path;
  const EncodeScope& scope;
  StringPool& strings;
  const AddLate& add_late;
  std::vector<ExpressionPart>& parts;
  ValueError& error;
  bool in_query = false;

  bool fail(u32 begin, u32 end, std::string message, std::string help = {}) {
    error = {begin, end, std::move(message), std::move(help)};
    return false;
  }

  void literal(std::string_view text) {
    if (text.empty()) return;
    if (text.find('?') != text.npos) in_query = true;
    const std::string encoded = is_path ? sendable(text) : std::string(text);
    parts.push_back({.source = ExpressionSource::Literal,
                     .encoding = ExpressionEncoding::Plain,
                     .index = 0,
                     .text = strings.add(encoded)});
  }

  bool parameter(std::string_view name, u32 begin, u32 end) {
    const auto found = std::ranges::find(scope.parameters, name);
    if (found == scope.parameters.end() && !scope.unchecked_parameters) {
      return fail(begin, end, fmt::format("the path has no parameter `{}`", name),
                  did_you_mean(name, scope.parameters));
    }
    const auto index = static_cast<u16>(found - scope.parameters.begin());
    const bool greedy = index < scope.greedy.size() && scope.greedy[index];
    parts.push_back({.source = ExpressionSource::PathParameter,
                     .encoding = encoding_for(is_path, in_query, greedy),
                     .index = index,
                     .text = strings.add(name)});
    return true;
  }

  bool late(std::string_view text, u32 begin, u32 end) {
    std::vector<LatePart> late_parts;
    ValueError problem;
    if (!add_reference(text, strings, late_parts, problem)) {
      return fail(begin, end, problem.message, problem.help);
    }
    const u32 index = add_late(late_parts);
    if (index > 0xffff) return fail(begin, end, "there are too many references");
    parts.push_back({.source = ExpressionSource::Late,
                     .encoding = ExpressionEncoding::Plain,
                     .index = static_cast<u16>(index),
                     .text = {}});
    return true;
  }

  void add_source(ExpressionSource source, std::string_view text, u16 index = 0) {
    parts.push_back({.source = source,
                     .encoding = encoding_for(is_path, in_query, false),
                     .index = index,
                     .text = text.empty() ? table::StringRef{} : strings.add(text)});
  }

  // `fits` of the schemes of an alternative: it can supply the value.
  template <class Fits>
  bool check_supply(std::string_view text, u32 begin, u32 end, std::string_view what, Fits fits) {
    if (scope.identity == nullptr) return true;
    const auto& alternatives = scope.identity->alternatives;
    const auto supplies = [&](const auto& schemes) {
      return std::ranges::any_of(schemes, [&](const SchemeInfo* scheme) { return fits(*scheme); });
    };
    if (std::ranges::none_of(alternatives, supplies)) {
      if (scope.inherited) return true;
      return fail(begin, end, fmt::format("no request of this operation has `{}`", text),
                  fmt::format("its `security` asks for no {}", what));
    }
    if (scope.may_be_absent || std::ranges::all_of(alternatives, supplies)) return true;
    return fail(begin, end, fmt::format("some requests of this operation have no `{}`", text),
                "an alternative of `security` does not supply it; where a list may stand, write "
                "`[$jwt.sub, $consumer.name]`: the first that is there counts");
  }

  static bool declares(const SchemeInfo& scheme, std::string_view claim) {
    return std::ranges::find(kRegisteredClaims, claim) != std::end(kRegisteredClaims) ||
           std::ranges::find(scheme.claims, claim) != scheme.claims.end();
  }

  bool declared(const std::vector<const SchemeInfo*>& schemes, std::string_view pointer, u32 begin,
                u32 end) {
    const std::string claim = first_token(pointer);
    std::vector<std::string_view> known;
    const bool any = std::ranges::any_of(schemes, [](const auto* s) { return s->is_token; });
    if (!any) return true;  // check_supply() has the say
    for (const SchemeInfo* scheme : schemes) {
      if (scheme->is_token && declares(*scheme, claim)) return true;
      known.insert(known.end(), scheme->claims.begin(), scheme->claims.end());
    }
    std::string help = did_you_mean(claim, known);
    if (help.empty()) {
      help = fmt::format(
          "declare it at the security scheme: `x-gw: {{claims: {{{}: {{type: "
          "string}}}}}}`",
          claim);
    }
    return fail(begin, end, fmt::format("no scheme declares the claim `{}`", claim),
                std::move(help));
  }

  static std::string first_token(std::string_view pointer) {
    std::string out;
    for (size_t i = 1; i < pointer.size() && pointer[i] != '/'; ++i) {
      const bool escaped = pointer[i] == '~' && i + 1 < pointer.size();
      out += escaped ? (pointer[++i] == '1' ? '/' : '~') : pointer[i];
    }
    return out;
  }

  bool claim(std::string_view text, u32 begin, u32 end) {
    const std::string pointer = claim_pointer(text);
    if (pointer.empty()) {
      return fail(begin, end, fmt::format("`{}` names no claim", text),
                  "write `$jwt.sub`, or `$jwt#/realm_access/roles` for a deeper one");
    }
    if (!check_supply(text, begin, end, "token",
                      [](const SchemeInfo& scheme) { return scheme.is_token; })) {
      return false;
    }
    if (scope.identity != nullptr) {
      std::vector<const SchemeInfo*> all;
      for (const auto& schemes : scope.identity->alternatives) {
        all.insert(all.end(), schemes.begin(), schemes.end());
      }
      if (!declared(all, pointer, begin, end)) return false;
    }
    add_source(ExpressionSource::Claim, pointer);
    return true;
  }

  // `$auth.SCHEME.NAME` or `$auth.SCHEME#/POINTER`.
  bool scheme_claim(std::string_view text, u32 begin, u32 end) {
    const std::string_view rest = text.substr(std::string_view("$auth.").size());
    const size_t name_end = rest.find_first_of(".#");
    const std::string_view name = rest.substr(0, name_end);
    const std::string pointer =
        name_end == rest.npos ? "" : claim_pointer("$jwt" + std::string(rest.substr(name_end)));
    if (pointer.empty()) {
      return fail(begin, end, fmt::format("`{}` names no claim", text),
                  "write `$auth.SCHEME.CLAIM`");
    }
    const auto is_named = [&](const SchemeInfo& scheme) {
      return scheme.is_token && scheme.name == name;
    };
    if (!check_supply(text, begin, end, fmt::format("token by `{}`", name), is_named)) return false;
    u16 index = 0;
    if (scope.identity != nullptr) {
      for (const auto& schemes : scope.identity->alternatives) {
        for (const SchemeInfo* scheme : schemes) {
          if (!is_named(*scheme)) continue;
          index = static_cast<u16>(scheme->index);
          if (!declared({scheme}, pointer, begin, end)) return false;
        }
      }
    }
    add_source(ExpressionSource::SchemeClaim, pointer, index);
    return true;
  }

  bool consumer(std::string_view text, u32 begin, u32 end) {
    constexpr std::string_view kMetadata = "$consumer.metadata.";
    const bool is_metadata = text.starts_with(kMetadata) && text.size() > kMetadata.size();
    if (text != "$consumer.name" && text != "$consumer.plan" && !is_metadata) {
      return fail(begin, end, fmt::format("a consumer has no `{}`", text),
                  "known are $consumer.name, $consumer.plan and $consumer.metadata.NAME");
    }
    if (!check_supply(text, begin, end, "consumer",
                      [](const SchemeInfo& scheme) { return scheme.names_consumer; })) {
      return false;
    }
    if (is_metadata) {
      add_source(ExpressionSource::ConsumerMetadata, text.substr(kMetadata.size()));
    } else {
      add_source(text == "$consumer.name" ? ExpressionSource::ConsumerName
                                          : ExpressionSource::ConsumerPlan,
                 {});
    }
    return true;
  }

  // What stands behind `#`: "" of `$request.body` as a whole. False: it is none.
  static bool pointer_of(std::string_view text, std::string_view name, std::string_view& out) {
    if (!text.starts_with(name)) return false;
    text.remove_prefix(name.size());
    if (text.empty()) {
      out = {};
      return true;
    }
    if (!text.starts_with("#/") && text != "#") return false;
    out = text.substr(1);
    return true;
  }

  bool no_pointer(std::string_view text, u32 begin, u32 end) {
    return fail(begin, end, fmt::format("`{}` is no place in a body", text),
                "write `#` and a JSON Pointer behind the name: `$request.body#/user/id`");
  }

  bool request_body(std::string_view text, u32 begin, u32 end) {
    std::string_view pointer;
    if (!pointer_of(text, "$request.body", pointer)) return no_pointer(text, begin, end);
    if (!scope.messages.request_body) {
      return fail(begin, end, "the body of the request is not read for this",
                  "it is for changes of the request and of the answer, for `path`, and for "
                  "compositions");
    }
    if (scope.messages.reads_request_body != nullptr) *scope.messages.reads_request_body = true;
    add_source(ExpressionSource::RequestBody, pointer);
    return true;
  }

  bool response(std::string_view text, u32 begin, u32 end) {
    constexpr std::string_view kHeader = "$response.header.";
    if (!scope.messages.response) {
      return fail(begin, end, "there is no answer yet when this is worked out",
                  "`$response` is for what stands under `response`");
    }
    std::string_view pointer;
    if (text == "$response.status") {
      add_source(ExpressionSource::ResponseStatus, {});
      return true;
    }
    if (text.starts_with(kHeader) && is_token(text.substr(kHeader.size()))) {
      add_source(ExpressionSource::ResponseHeader, lower_case(text.substr(kHeader.size())));
      return true;
    }
    if (text.starts_with("$response.body")) {
      if (!pointer_of(text, "$response.body", pointer)) return no_pointer(text, begin, end);
      if (scope.messages.reads_response_body != nullptr) {
        *scope.messages.reads_response_body = true;
      }
      add_source(ExpressionSource::ResponseBody, pointer,
                 scope.messages.of_view ? policies::kShownBody : u16{0});
      return true;
    }
    return fail(begin, end, fmt::format("an answer has no `{}`", text),
                "known are $response.status, $response.header.NAME and $response.body#/POINTER");
  }

  // `$calls.NAME.status`, `.header.NAME`, `.body#/POINTER`.
  bool call(std::string_view text, u32 begin, u32 end) {
    const std::string_view rest = text.substr(std::string_view("$calls.").size());
    const size_t dot = rest.find('.');
    const std::string_view name = rest.substr(0, dot);
    const auto& calls = scope.messages.calls;
    const auto found = std::ranges::find(calls, name);
    if (calls.empty()) {
      return fail(begin, end, "there are no calls here", "`$calls` is for what `compose` makes");
    }
    if (found == calls.end()) {
      return fail(begin, end, fmt::format("there is no call `{}`", name),
                  did_you_mean(name, {calls.begin(), calls.end()}));
    }
    const auto index = static_cast<u16>(found - calls.begin());
    if (scope.messages.reads_calls != nullptr) (*scope.messages.reads_calls)[index] = true;
    const std::string_view what = dot == rest.npos ? std::string_view{} : rest.substr(dot + 1);
    std::string_view pointer;
    if (what == "status") {
      add_source(ExpressionSource::CallStatus, {}, index);
    } else if (what.starts_with("header.") && is_token(what.substr(7))) {
      add_source(ExpressionSource::CallHeader, lower_case(what.substr(7)), index);
    } else if (pointer_of(what, "body", pointer)) {
      add_source(ExpressionSource::CallBody, pointer, index);
    } else {
      return fail(begin, end, fmt::format("a call has no `{}`", what),
                  "known are `status`, `header.NAME` and `body#/POINTER`");
    }
    return true;
  }

  bool item(std::string_view text, u32 begin, u32 end) {
    std::string_view pointer;
    if (!pointer_of(text, "$item", pointer)) return no_pointer(text, begin, end);
    if (!scope.messages.item) {
      return fail(begin, end, "there is no item here", "`$item` is for a call with `forEach`");
    }
    add_source(ExpressionSource::Item, pointer);
    return true;
  }

  bool expression(std::string_view text, u32 begin) {
    const u32 end = begin + static_cast<u32>(text.size());
    const auto encoding = encoding_for(is_path, in_query, false);
    if (text.starts_with("$jwt")) return claim(text, begin, end);
    if (text.starts_with("$auth.")) return scheme_claim(text, begin, end);
    if (text.starts_with("$consumer.")) return consumer(text, begin, end);
    for (const FixedSource& fixed : kFixedSources) {
      if (text != fixed.name) continue;
      parts.push_back({.source = fixed.source, .encoding = encoding, .index = 0, .text = {}});
      return true;
    }
    if (!is_path && (text.starts_with("$env.") || text.starts_with("$file."))) {
      return late(text, begin, end);
    }
    if (text.starts_with("$request.body")) return request_body(text, begin, end);
    if (text.starts_with("$response.")) return response(text, begin, end);
    if (text.starts_with("$calls.")) return call(text, begin, end);
    if (text == "$item" || text.starts_with("$item#")) return item(text, begin, end);
    struct Named {
      std::string_view prefix;
      ExpressionSource source;
    };
    static constexpr Named kNamed[] = {{"$request.header.", ExpressionSource::Header},
                                       {"$request.query.", ExpressionSource::Query},
                                       {"$request.cookie.", ExpressionSource::Cookie}};
    if (text.starts_with("$request.path.")) return parameter(text.substr(14), begin, end);
    for (const Named& named : kNamed) {
      if (!text.starts_with(named.prefix)) continue;
      const std::string_view name = text.substr(named.prefix.size());
      if (name.empty() || (named.source == ExpressionSource::Header && !is_token(name))) break;
      parts.push_back(
          {.source = named.source,
           .encoding = encoding,
           .index = 0,
           .text = strings.add(named.source == ExpressionSource::Header ? lower_case(name)
                                                                        : std::string(name))});
      return true;
    }
    return fail(begin, end, fmt::format("`{}` is no runtime expression", text),
                "known are $request.path.NAME, $request.query.NAME, $request.header.NAME, "
                "$request.cookie.NAME, $request.path, $request.host, $request.scheme, "
                "$request.id, $request.body, $method, $url, $client.ip, $client.class, "
                "$client.cert.subject, $client.cert.san, "
                "$client.cert.fingerprint, $jwt.CLAIM, $auth.SCHEME.CLAIM, $consumer.name, "
                "$consumer.plan, $consumer.metadata.NAME, $response, $calls.NAME, $item");
  }
};

}  // namespace

bool has_expression(std::string_view text) {
  return (text.starts_with("$") && text.size() > 1 && text[1] != '$') ||
         text.find("{$") != text.npos;
}

bool parse_expression(std::string_view text, bool is_path, const EncodeScope& scope,
                      StringPool& strings, const AddLate& add_late,
                      std::vector<ExpressionPart>& parts, ValueError& error) {
  ExpressionParser parser{is_path, scope, strings, add_late, parts, error};
  if (text.starts_with('$')) return parser.expression(text, 0);
  size_t at = 0;
  while (at < text.size()) {
    const size_t open = text.find('{', at);
    const bool opens = open != text.npos && (is_path || text.substr(open).starts_with("{$"));
    if (open == text.npos) break;
    if (!opens) {
      parser.literal(text.substr(at, open + 1 - at));
      at = open + 1;
      continue;
    }
    const size_t close = text.find('}', open);
    if (close == text.npos) {
      return parser.fail(static_cast<u32>(open), static_cast<u32>(text.size()),
                         "`{` is never closed");
    }
    parser.literal(text.substr(at, open - at));
    const std::string_view body = text.substr(open + 1, close - open - 1);
    const auto begin = static_cast<u32>(open + 1);
    const bool done = body.starts_with('$')
                          ? parser.expression(body, begin)
                          : parser.parameter(body, begin, static_cast<u32>(close));
    if (!done) return false;
    at = close + 1;
  }
  parser.literal(text.substr(at));
  if (!is_path && !is_field_value(text)) {
    return parser.fail(0, static_cast<u32>(text.size()), "it holds a control character");
  }
  return true;
}

bool has_late_reference(std::string_view text) {
  return text.starts_with("$env.") || text.starts_with("$file.") ||
         text.find("{$env.") != text.npos || text.find("{$file.") != text.npos;
}

bool parse_late(std::string_view text, StringPool& strings, std::vector<LatePart>& parts,
                ValueError& error) {
  if (text.starts_with('$')) return add_reference(text, strings, parts, error);
  size_t at = 0;
  while (at < text.size()) {
    const size_t open = text.find("{$", at);
    if (open == text.npos) break;
    const size_t close = text.find('}', open);
    if (close == text.npos) {
      error.message = "`{` is never closed";
      return false;
    }
    if (open > at) {
      parts.push_back({.kind = LatePartKind::Literal,
                       .has_default = 0,
                       .text = strings.add(text.substr(at, open - at)),
                       .fallback = {}});
    }
    if (!add_reference(text.substr(open + 1, close - open - 1), strings, parts, error))
      return false;
    at = close + 1;
  }
  if (at < text.size()) {
    parts.push_back({.kind = LatePartKind::Literal,
                     .has_default = 0,
                     .text = strings.add(text.substr(at)),
                     .fallback = {}});
  }
  return true;
}

bool asks_for_identity(const Pools& pools, u32 condition) {
  if (condition == table::kNone) return false;
  for (u32 i = condition;; ++i) {
    const table::ConditionRecord& alternative = pools.conditions.records()[i];
    for (u32 test = 0; test < alternative.tests.count; ++test) {
      const u32 index = alternative.tests.offset + test;
      if (table::is_known_late(pools.condition_tests.records()[index].source)) return true;
    }
    if (alternative.last != 0) return false;
  }
}

bool asks_for_identity(const Pools& pools, table::Extent expression) {
  for (u32 i = 0; i < expression.count; ++i) {
    if (table::is_known_late(pools.expressions.records()[expression.offset + i].source))
      return true;
  }
  return false;
}

std::string claim_pointer(std::string_view text) {
  constexpr std::string_view kName = "$jwt.";
  constexpr std::string_view kPointer = "$jwt#/";
  if (text.starts_with(kPointer) && text.size() > kPointer.size()) {
    return std::string(text.substr(kPointer.size() - 1));
  }
  if (!text.starts_with(kName) || text.size() == kName.size()) return {};
  std::string out = "/";
  for (const char c : text.substr(kName.size())) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace gw::compiler
