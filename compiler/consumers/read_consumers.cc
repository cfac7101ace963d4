// The map `consumers` as it is written.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/consumers/consumers.h"
#include "compiler/xgw/field_value.h"
#include "compiler/xgw/limit_language.h"
#include "compiler/xgw/value.h"
#include "runtime/base/hex.h"

namespace gw::compiler {
namespace {

constexpr size_t kMaxTextBytes = 1024;
constexpr std::string_view kFields[] = {"plan",      "groups",       "keys",
                                        "passwords", "certificates", "metadata",
                                        "rateLimit", "quota",        "concurrency"};
constexpr std::pair<std::string_view, table::OverrideKind> kLimitFields[] = {
    {"rateLimit", table::OverrideKind::Rate},
    {"quota", table::OverrideKind::Quota},
    {"concurrency", table::OverrideKind::Concurrency}};

class ConsumerReader {
 public:
  /// `place` is where the entries stand, for the names of their limits.
  ConsumerReader(DiagnosticSink& sink, const LateNumberEncoder& late, std::string_view place)
      : sink_(sink), late_(late), place_(place) {}

  bool read_plan(NodeRef key, NodeRef node, Consumer& out) {
    out.name = key.text();
    out.span = key.span();
    if (!is_text(key, "the name of a plan")) return false;
    if (!node.is_map()) {
      refuse(node.span(), fmt::format("plan `{}` is not a map", key.text()),
             "write for instance `{rateLimit: {NAME: {limit: 1000/min}}}`");
      return false;
    }
    for (const auto [field, value] : node.entries()) {
      if (read_limits(field, value, out)) continue;
      refuse(field.span(), fmt::format("a plan has no field `{}`", field.text()),
             "known are `rateLimit`, `quota` and `concurrency`", "extension-unknown");
    }
    return true;
  }

  bool read(NodeRef key, NodeRef node, Consumer& out) {
    out.name = key.text();
    out.span = key.span();
    if (!is_text(key, "a consumer's name")) return false;
    if (!node.is_map()) {
      refuse(node.span(), fmt::format("consumer `{}` is not a map", key.text()),
             "write for instance `{keys: ['sha256:...'], groups: [partners]}`");
      return false;
    }
    for (const auto [field, value] : node.entries()) read_field(field, value, out);
    return true;
  }

 private:
  void refuse(Span span, std::string message, std::string help = {},
              std::string_view rule = "extension-value") {
    sink_.report({.rule = rule,
                  .severity = Severity::Error,
                  .message = std::move(message),
                  .primary = {span, "here"},
                  .help = std::move(help)});
  }

  bool is_text(NodeRef node, std::string_view what) {
    const bool fits = node.is_scalar() && !node.is_null() && !node.text().empty() &&
                      node.text().size() <= kMaxTextBytes;
    if (!fits) {
      refuse(node.span(), fmt::format("{} is a text of 1 to {} bytes", what, kMaxTextBytes));
    }
    return fits;
  }

  // False: `field` is none of limits.
  bool read_limits(NodeRef field, NodeRef value, Consumer& out) {
    const auto found = std::ranges::find(kLimitFields, field.text(),
                                         [](const auto& entry) { return entry.first; });
    if (found == std::end(kLimitFields)) return false;
    if (!value.is_map()) {
      refuse(value.span(), fmt::format("`{}` is not a map from name to limit", field.text()),
             fmt::format("write `{}: {{NAME: {{limit: ...}}}}`", field.text()));
      return true;
    }
    for (const auto [name, limit] : value.entries()) {
      const std::string path =
          fmt::format("{}.{}.{}.{}", place_, out.name, field.text(), name.text());
      read_limit(found->second, name, limit, path, out);
    }
    return true;
  }

  static const policies::FieldSpec& measure_of(table::OverrideKind kind) {
    if (kind == table::OverrideKind::Rate) return limit_fields::kRate;
    return kind == table::OverrideKind::Quota ? limit_fields::kAmount : limit_fields::kAtATime;
  }

  // False: reported.
  bool read_number(const policies::FieldSpec& field, NodeRef node, const std::string& path,
                   table::LateNumber& out) {
    if (has_late_reference(node.text())) {
      if (late_) return late_(field, node, path, out);
      refuse(node.span(), fmt::format("`{}` cannot be a reference", path),
             "a table of consumers is swapped alone, and nobody resolves it: write the number");
      return false;
    }
    const auto number = policies::parse_number(field.kind, node.text());
    if (!number) return false;
    if (*number < field.min || *number > field.max) {
      refuse(node.span(),
             fmt::format("`{}` is out of range: it takes {}", path, range_text(field)));
      return false;
    }
    out.value = *number;
    return true;
  }

  void read_limit(table::OverrideKind kind, NodeRef name, NodeRef value, const std::string& path,
                  Consumer& out) {
    ConsumerLimit limit{.kind = kind, .name = name.text(), .span = name.span()};
    const NodeRef number = value.is_map() ? value.get("limit") : value;
    const bool is_rate = kind == table::OverrideKind::Rate;
    const policies::FieldSpec& measure = measure_of(kind);
    if (number && number.is_map() && number.size() == 1 &&
        (*number.entries().begin()).key.text().starts_with("$")) {
      refuse(number.span(),
             fmt::format("`{}.limit` is a map, since the reference has no quotes", path),
             "write it in quotes: '{$env.NAME}'");
      return;
    }
    if (!is_number_text(measure, number)) {
      refuse(value.span(),
             fmt::format("the limit `{}` is not {}", name.text(),
                         is_rate ? "a rate, such as `100/min`" : "a number"),
             fmt::format("write `{}: {{limit: {}}}`", name.text(), is_rate ? "100/min" : "100"));
      return;
    }
    if (!read_number(measure, number, path + ".limit", limit.limit)) return;
    if (value.is_map() && !read_other_fields(value, path, limit)) return;
    out.limits.push_back(limit);
  }

  static bool is_number_text(const policies::FieldSpec& field, NodeRef node) {
    if (!node || !node.is_scalar()) return false;
    return has_late_reference(node.text()) ||
           policies::parse_number(field.kind, node.text()).has_value();
  }

  // What a limit has besides `limit`. False: reported.
  bool read_other_fields(NodeRef value, const std::string& path, ConsumerLimit& limit) {
    bool fine = true;
    for (const auto [key, other] : value.entries()) {
      if (key.text() == "limit") continue;
      if (key.text() == "per" && limit.kind == table::OverrideKind::Quota) {
        fine = read_period(other, limit) && fine;
      } else if (key.text() == "burst" && limit.kind == table::OverrideKind::Rate &&
                 is_number_text(limit_fields::kBurst, other)) {
        fine = read_number(limit_fields::kBurst, other, path + ".burst", limit.burst) && fine;
      } else {
        fine = false;
        refuse(key.span(), fmt::format("`{}` cannot differ from that of the operation", key.text()),
               "a consumer or plan has its own `limit`, of a rate its own `burst`, and of a quota "
               "that no operation has `per`",
               "extension-unknown");
      }
    }
    return fine;
  }

  bool read_period(NodeRef node, ConsumerLimit& limit) {
    const auto word =
        std::ranges::find(policies::kQuotaPeriodWords, node.is_scalar() ? node.text() : "");
    if (word == std::end(policies::kQuotaPeriodWords)) {
      refuse(node.span(), "a period is one of hour, day, week, month");
      return false;
    }
    limit.period = static_cast<u32>(word - std::begin(policies::kQuotaPeriodWords));
    return true;
  }

  void read_field(NodeRef field, NodeRef value, Consumer& out) {
    const std::string_view name = field.text();
    if (read_limits(field, value, out)) return;
    if (name == "plan") {
      if (!is_text(value, "`plan`")) return;
      out.plan = value.text();
      out.plan_span = value.span();
    } else if (name == "groups") {
      for_each(value, [&](NodeRef item) {
        if (is_text(item, "a group")) out.groups.push_back(item.text());
      });
    } else if (name == "keys") {
      for_each(value, [&](NodeRef item) { read_key(item, out); });
    } else if (name == "passwords") {
      read_passwords(value, out);
    } else if (name == "certificates") {
      for_each(value, [&](NodeRef item) { read_certificate(item, out); });
    } else if (name == "metadata") {
      read_metadata(value, out);
    } else {
      refuse(field.span(), fmt::format("a consumer has no field `{}`", name),
             did_you_mean(name, {std::begin(kFields), std::end(kFields)}), "extension-unknown");
    }
  }

  // One value stands for a list of one.
  template <class Each>
  void for_each(NodeRef value, Each each) {
    if (!value.is_seq()) {
      each(value);
      return;
    }
    for (const NodeRef item : value.items()) each(item);
  }

  void read_key(NodeRef item, Consumer& out) {
    const auto digest =
        item.is_scalar() ? parse_key_digest(item.text()) : std::optional<KeyDigest>();
    if (digest) {
      out.keys.push_back(*digest);
      return;
    }
    // The text may be the key itself: it is not shown.
    refuse(item.span(), "a key is stored as `sha256:` and 64 hexadecimal digits",
           "`gwctl key api` makes a key and its hash; `gwctl key api --hash` hashes one that you "
           "have");
  }

  // `user: hash`, as crypt(5) writes it.
  void read_passwords(NodeRef map, Consumer& out) {
    if (!map.is_map()) {
      refuse(map.span(), "`passwords` is not a map from user name to password hash");
      return;
    }
    for (const auto [user, hash] : map.entries()) {
      const bool named = is_text(user, "a user name") && user.text().find(':') == user.text().npos;
      const bool hashed = hash.is_scalar() && hash.text().starts_with("$") &&
                          hash.text().size() >= 20 && hash.text().size() <= 384;
      if (named && hashed) {
        out.logins.emplace_back(user.text(), hash.text());
      } else if (!named) {
        refuse(user.span(), "a user name holds no `:`");
      } else {
        refuse(hash.span(), "a password is stored as a hash in the form of crypt(5), `$...$...`",
               "`gwctl key password` makes one; those of `htpasswd -B` fit as well");
      }
    }
  }

  void read_certificate(NodeRef item, Consumer& out) {
    using table::CertificateField;
    static constexpr std::pair<std::string_view, CertificateField> kKinds[] = {
        {"subject", CertificateField::Subject},
        {"san", CertificateField::San},
        {"fingerprint", CertificateField::Fingerprint}};
    if (!item.is_map() || item.size() != 1) {
      refuse(item.span(), "a certificate is named by one of `subject`, `san`, `fingerprint`",
             "write for instance `{san: 'DNS:client.example'}`");
      return;
    }
    const NodeRef::Entry entry = *item.entries().begin();
    for (const auto& [name, field] : kKinds) {
      if (entry.key.text() != name) continue;
      if (!is_text(entry.value, "this")) return;
      const bool is_digest = field == CertificateField::Fingerprint;
      if (is_digest && !is_fingerprint(entry.value.text())) {
        refuse(entry.value.span(),
               "a fingerprint is the SHA-256 of the certificate: 64 "
               "hexadecimal digits in lower case");
        return;
      }
      out.certificates.emplace_back(field, entry.value.text());
      return;
    }
    refuse(entry.key.span(), fmt::format("a certificate has no `{}` here", entry.key.text()),
           "known are `subject`, `san` and `fingerprint`", "extension-unknown");
  }

  static bool is_fingerprint(std::string_view text) {
    return text.size() == 64 &&
           std::ranges::all_of(text, [](char c) { return lower_hex_value(c) >= 0; });
  }

  void read_metadata(NodeRef map, Consumer& out) {
    if (!map.is_map()) {
      refuse(map.span(), "`metadata` is not a map from name to text");
      return;
    }
    for (const auto [name, value] : map.entries()) {
      const bool fits = is_text(name, "a name") && is_text(value, "the value");
      if (fits) out.metadata.emplace_back(name.text(), value.text());
    }
  }

  DiagnosticSink& sink_;
  const LateNumberEncoder& late_;
  const std::string_view place_;
};

}  // namespace

std::optional<KeyDigest> parse_key_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  KeyDigest digest;
  if (text.size() != digest.size() * 2) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const int byte = hex_byte(text, 2 * i);
    if (byte < 0) return std::nullopt;
    digest[i] = static_cast<u8>(byte);
  }
  return digest;
}

std::vector<Consumer> read_plans(NodeRef map, DiagnosticSink& sink, const LateNumberEncoder& late) {
  std::vector<Consumer> plans;
  if (!map.is_map()) {
    sink.report({.rule = "extension-value",
                 .severity = Severity::Error,
                 .message = "`plans` is not a map from name to limits",
                 .primary = {map.span(), "here"},
                 .help = "write for instance `{gold: {rateLimit: {NAME: {limit: 1000/min}}}}`"});
    return plans;
  }
  ConsumerReader reader(sink, late, "plans");
  for (const auto [key, value] : map.entries()) {
    Consumer plan;
    if (reader.read_plan(key, value, plan)) plans.push_back(std::move(plan));
  }
  return plans;
}

std::vector<Consumer> read_consumers(NodeRef map, DiagnosticSink& sink,
                                     const LateNumberEncoder& late) {
  std::vector<Consumer> consumers;
  if (!map.is_map()) {
    sink.report({.rule = "extension-value",
                 .severity = Severity::Error,
                 .message = "`consumers` is not a map from name to consumer",
                 .primary = {map.span(), "here"},
                 .help = "write for instance `{acme: {keys: ['sha256:...']}}`"});
    return consumers;
  }
  ConsumerReader reader(sink, late, "consumers");
  for (const auto [key, value] : map.entries()) {
    Consumer consumer;
    if (reader.read(key, value, consumer)) consumers.push_back(std::move(consumer));
  }
  return consumers;
}

}  // namespace gw::compiler
