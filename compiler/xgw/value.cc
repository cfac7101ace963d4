#include "compiler/xgw/value.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/method.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using table::ConditionTest;
using table::ExpressionEncoding;
using table::ExpressionPart;
using table::ExpressionSource;
using table::LatePart;
using table::LatePartKind;
using table::TestKind;
using table::TestSource;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

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
    {"$client.cert.subject", ExpressionSource::ClientCertSubject},
    {"$client.cert.san", ExpressionSource::ClientCertSan},
    {"$client.cert.fingerprint", ExpressionSource::ClientCertFingerprint},
};
// Sources of features to come.
constexpr std::string_view kLaterSources[] = {"$calls", "$response", "$client.class",
                                              "$request.body"};
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

struct ExpressionParser {
  bool is_path;
  const EncodeScope& scope;
  StringPool& strings;
  const AddLate& add_late;
  std::vector<ExpressionPart>& parts;
  ValueError& error;
  bool in_query = false;

  bool fail(u32 begin, u32 end, std::string message, std::string help = {}) {
    error = {begin, end, std::move(message), std::move(help), false};
    return false;
  }

  void literal(std::string_view text) {
    if (text.empty()) return;
    if (text.find('?') != text.npos) in_query = true;
    parts.push_back({.source = ExpressionSource::Literal,
                     .encoding = ExpressionEncoding::Plain,
                     .index = 0,
                     .text = strings.add(text)});
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
    for (const std::string_view later : kLaterSources) {
      if (!text.starts_with(later)) continue;
      error = {begin, end, fmt::format("`{}` is not supported yet", text), {}, true};
      return false;
    }
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
           .text = strings.add(named.source == ExpressionSource::Header ? lower(name)
                                                                        : std::string(name))});
      return true;
    }
    return fail(begin, end, fmt::format("`{}` is no runtime expression", text),
                "known are $request.path.NAME, $request.query.NAME, $request.header.NAME, "
                "$request.cookie.NAME, $request.path, $request.host, $request.scheme, "
                "$request.id, $method, $url, $client.ip, $client.cert.subject, $client.cert.san, "
                "$client.cert.fingerprint, $jwt.CLAIM, $auth.SCHEME.CLAIM, $consumer.name, "
                "$consumer.plan, $consumer.metadata.NAME");
  }
};

struct WhenKey {
  std::string_view name;
  TestSource source;
  bool named;  // takes a map from name to value
};
constexpr WhenKey kWhenKeys[] = {
    {"header", TestSource::Header, true},        {"query", TestSource::Query, true},
    {"cookie", TestSource::Cookie, true},        {"ip", TestSource::Ip, false},
    {"host", TestSource::Host, false},           {"path", TestSource::Path, false},
    {"method", TestSource::Method, false},       {"jwt", TestSource::Claim, true},
    {"consumer", TestSource::ConsumerName, true}};
constexpr std::string_view kLaterWhenKeys[] = {"client"};

class ConditionEncoder {
 public:
  ConditionEncoder(const EncodeScope& scope, Pools& pools, DiagnosticSink& sink)
      : scope_(scope), pools_(pools), sink_(sink) {}

  u32 encode(NodeRef node) {
    std::vector<table::ConditionRecord> alternatives;
    if (node.is_seq()) {
      for (const NodeRef item : node.items()) alternatives.push_back(alternative(item));
    } else {
      alternatives.push_back(alternative(node));
    }
    if (alternatives.empty()) {
      refuse(node.span(), "`when` is an empty list", "nothing could ever match");
      return table::kNone;
    }
    alternatives.back().last = 1;
    if (failed_) return table::kNone;
    return pools_.conditions.add(alternatives).offset;
  }

 private:
  void refuse(Span span, std::string message, std::string label, std::string help = {},
              std::string_view rule = "extension-value") {
    failed_ = true;
    sink_.report({.rule = rule,
                  .severity = Severity::Error,
                  .message = std::move(message),
                  .primary = {span, std::move(label)},
                  .help = std::move(help)});
  }

  table::ConditionRecord alternative(NodeRef node) {
    std::vector<ConditionTest> tests;
    if (!node.is_map()) {
      refuse(node.span(), "`when` is not a map", "here",
             "write for example `when: {header: {x-client: mobile}}`");
      return {};
    }
    for (const auto [key, value] : node.entries()) test_key(key, value, tests);
    if (tests.empty() && !failed_) {
      refuse(node.span(), "`when` is empty", "it would hold for every request",
             "remove it, or name a header, query, cookie, ip, host, path, method, jwt or consumer");
    }
    return {.tests = pools_.condition_tests.add(tests), .last = 0, .reserved = 0};
  }

  void test_key(NodeRef key, NodeRef value, std::vector<ConditionTest>& tests) {
    const auto known = std::ranges::find(kWhenKeys, key.text(), &WhenKey::name);
    if (known == std::end(kWhenKeys)) {
      if (std::ranges::find(kLaterWhenKeys, key.text()) != std::end(kLaterWhenKeys)) {
        refuse(key.span(), fmt::format("`when.{}` is not supported yet", key.text()), "here", {},
               "extension-unsupported");
        return;
      }
      std::vector<std::string_view> names;
      for (const WhenKey& name : kWhenKeys) names.push_back(name.name);
      refuse(key.span(), fmt::format("`when` has no key `{}`", key.text()), "here",
             did_you_mean(key.text(), names), "extension-unknown");
      return;
    }
    if (known->source == TestSource::ConsumerName) {
      test_consumer(*known, key, value, tests);
      return;
    }
    if (!known->named) {
      test_value(*known, {}, value, false, tests);
      return;
    }
    if (!value.is_map()) {
      refuse(value.span(), fmt::format("`when.{}` is not a map from name to value", key.text()),
             "here", fmt::format("write `{}: {{NAME: VALUE}}`", key.text()));
      return;
    }
    for (const auto [name, expected] : value.entries()) {
      if (known->source == TestSource::Header && !is_token(name.text())) {
        refuse(name.span(), fmt::format("`{}` is not a header field name", name.text()), "here");
        continue;
      }
      std::string stored(name.text());
      if (known->source == TestSource::Header) stored = lower(name.text());
      if (known->source == TestSource::Claim) stored = pointer_of(name);
      if (stored.empty()) continue;
      test_value(*known, pools_.strings.add(stored), expected, false, tests);
    }
  }

  // `tenant`, or `/realm_access/roles` for a deeper one. Empty: reported.
  std::string pointer_of(NodeRef name) {
    const std::string text = name.text().starts_with("/") ? fmt::format("$jwt#{}", name.text())
                                                          : fmt::format("$jwt.{}", name.text());
    return check_identity(text, name) ? claim_pointer(text) : std::string();
  }

  // Whether this operation's callers have such a value: absent, it holds no test, so that some of
  // them may be without.
  bool check_identity(std::string_view text, NodeRef at) {
    std::vector<ExpressionPart> parts;
    ValueError error;
    EncodeScope scope = scope_;
    scope.may_be_absent = true;
    StringPool scratch;
    if (parse_expression(text, false, scope, scratch, {}, parts, error)) return true;
    refuse(at.span(), error.message, "here", error.help);
    return false;
  }

  // A name or several, or a map of what consumers have.
  void test_consumer(const WhenKey& key, NodeRef at, NodeRef value,
                     std::vector<ConditionTest>& tests) {
    if (!check_identity("$consumer.name", at)) return;
    const bool is_operator = value.is_map() && (value.get("not") || value.get("prefix") ||
                                                value.get("matches") || value.get("present"));
    if (!value.is_map() || is_operator) {
      test_value(key, {}, value, false, tests);
      return;
    }
    static constexpr WhenKey kParts[] = {{"name", TestSource::ConsumerName, true},
                                         {"group", TestSource::ConsumerGroup, true},
                                         {"plan", TestSource::ConsumerPlan, true}};
    for (const auto [name, expected] : value.entries()) {
      const auto part = std::ranges::find(kParts, name.text(), &WhenKey::name);
      if (part != std::end(kParts)) {
        test_value(*part, {}, expected, false, tests);
      } else if (name.text() == "metadata" && expected.is_map()) {
        static constexpr WhenKey kMetadata{"metadata", TestSource::ConsumerMetadata, true};
        for (const auto [field, text] : expected.entries()) {
          test_value(kMetadata, pools_.strings.add(field.text()), text, false, tests);
        }
      } else {
        refuse(name.span(), fmt::format("a consumer has no `{}`", name.text()), "here",
               "known are `name`, `group`, `plan` and `metadata: {NAME: VALUE}`",
               "extension-unknown");
      }
    }
  }

  void test_value(const WhenKey& key, table::StringRef name, NodeRef value, bool negate,
                  std::vector<ConditionTest>& tests) {
    ConditionTest test{.source = key.source,
                       .kind = key.source == TestSource::Ip ? TestKind::Network : TestKind::Equals,
                       .negate = negate ? u8{1} : u8{0},
                       .reserved = 0,
                       .regex = table::kNone,
                       .name = name,
                       .values = {}};
    if (value.is_map()) {
      operators(key, name, value, negate, tests);
      return;
    }
    if (key.source == TestSource::Ip && value.is_scalar() && has_late_reference(value.text())) {
      test_network_file(value, test, tests);
      return;
    }
    if (value.is_seq()) {
      std::vector<NodeRef> items;
      for (const NodeRef item : value.items()) items.push_back(item);
      if (!values(key, items, test)) return;
      if (items.empty()) refuse(value.span(), "the list is empty", "nothing could ever match");
    } else if (!values(key, {value}, test)) {
      return;
    }
    tests.push_back(test);
  }

  void test_network_file(NodeRef value, ConditionTest test, std::vector<ConditionTest>& tests) {
    constexpr std::string_view kFile = "$file.";
    const std::string_view text = value.text();
    if (!text.starts_with(std::string(kFile) + "/")) {
      refuse(value.span(), "networks come from a file with an absolute path", "here",
             "write '$file./etc/gwctl/networks.txt', with a network in each line");
      return;
    }
    test.kind = TestKind::NetworkFile;
    test.values = {.offset = pools_.add_network_file(text.substr(kFile.size())), .count = 1};
    tests.push_back(test);
  }

  bool values(const WhenKey& key, const std::vector<NodeRef>& nodes, ConditionTest& test) {
    std::vector<table::StringRef> texts;
    std::vector<table::NetworkRecord> networks;
    for (const NodeRef node : nodes) {
      if (!node.is_scalar() || node.is_null()) {
        refuse(node.span(), "a condition compares with text",
               fmt::format("this is {}", kind_name(node.kind())));
        return false;
      }
      if (test.kind != TestKind::Network) {
        const bool fold = key.source == TestSource::Host;
        texts.push_back(pools_.strings.add(fold ? lower(node.text()) : std::string(node.text())));
        continue;
      }
      table::NetworkRecord record{};
      if (!parse_network(node.text(), record.address, record.prefix_bits)) {
        refuse(node.span(), fmt::format("`{}` is not an address or a CIDR block", node.text()),
               "here");
        return false;
      }
      networks.push_back(record);
    }
    test.values = test.kind == TestKind::Network ? pools_.networks.add(networks)
                                                 : pools_.string_lists.add(texts);
    return true;
  }

  void operators(const WhenKey& key, table::StringRef name, NodeRef map, bool negate,
                 std::vector<ConditionTest>& tests) {
    for (const auto [op, value] : map.entries()) {
      ConditionTest test{.source = key.source,
                         .kind = TestKind::Present,
                         .negate = negate ? u8{1} : u8{0},
                         .reserved = 0,
                         .regex = table::kNone,
                         .name = name,
                         .values = {}};
      if (op.text() == "not") {
        test_value(key, name, value, !negate, tests);
      } else if (op.text() == "present" && key.named) {
        if (value.kind() != NodeKind::Bool) {
          refuse(value.span(), "`present` is not `true` or `false`", "here");
          continue;
        }
        if (!value.boolean()) test.negate ^= 1;
        tests.push_back(test);
      } else if (op.text() == "matches" && key.source != TestSource::Ip) {
        test.kind = TestKind::Matches;
        test.regex = encode_regex(value.text(), false, true, value.span(), pools_, sink_);
        if (test.regex == table::kNone) {
          failed_ = true;
          continue;
        }
        tests.push_back(test);
      } else if (op.text() == "prefix" && key.source != TestSource::Ip) {
        test.kind = TestKind::Prefix;
        if (values(key, {value}, test)) tests.push_back(test);
      } else {
        refuse(op.span(), fmt::format("a condition has no operator `{}` here", op.text()), "here",
               did_you_mean(op.text(), {"not", "present", "matches", "prefix"}),
               "extension-unknown");
      }
    }
  }

  const EncodeScope& scope_;
  Pools& pools_;
  DiagnosticSink& sink_;
  bool failed_ = false;
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

u32 encode_condition(NodeRef node, const EncodeScope& scope, Pools& pools, DiagnosticSink& sink) {
  return ConditionEncoder(scope, pools, sink).encode(node);
}

bool asks_for_identity(const Pools& pools, u32 condition) {
  if (condition == table::kNone) return false;
  for (u32 i = condition;; ++i) {
    const table::ConditionRecord& alternative = pools.conditions.records()[i];
    for (u32 test = 0; test < alternative.tests.count; ++test) {
      const u32 index = alternative.tests.offset + test;
      if (table::is_identity(pools.condition_tests.records()[index].source)) return true;
    }
    if (alternative.last != 0) return false;
  }
}

bool asks_for_identity(const Pools& pools, table::Extent expression) {
  for (u32 i = 0; i < expression.count; ++i) {
    if (table::is_identity(pools.expressions.records()[expression.offset + i].source)) return true;
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
