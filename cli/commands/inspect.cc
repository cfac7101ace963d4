// gwctl inspect: what is in a table.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/describe_security.h"
#include "cli/commands/inspect_validation.h"
#include "cli/spec_options.h"
#include "runtime/base/units.h"
#include "runtime/policies/cors/record.h"
#include "runtime/policies/policy_list.h"
#include "runtime/policies/rate_limit/record.h"
#include "runtime/table/verify.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

struct InspectCommand {
  SpecOptions spec;
  std::string section;
  OutputFormat format = OutputFormat::Text;
};

// References are shown as written: an inspection needs no environment.
class Inspector {
 public:
  explicit Inspector(const BoundTable& table, const std::optional<table::Signature>& signature)
      : table_(table), view_(table.view()), signature_(signature) {}

  json::object header() const {
    json::array features;
    for (const table::StringRef feature : view_.features()) features.emplace_back(text(feature));
    json::array resolvers;
    for (const auto& resolver : view_.policy_list<table::LateString>(view_.gateway().resolvers)) {
      resolvers.emplace_back(table_.text(resolver));
    }
    json::array flags;
    if ((view_.gateway().flags & table::kGatewayMockAll) != 0) flags.emplace_back("mock");
    if ((view_.gateway().flags & table::kGatewaySecurityUnenforced) != 0) {
      flags.emplace_back("unenforced security");
    }
    if ((view_.gateway().flags & table::kGatewayUpstreamOverride) != 0)
      flags.emplace_back("upstream override");
    return {{"title", text(view_.gateway().title)},
            {"version", text(view_.gateway().version)},
            {"format",
             fmt::format("{}.{}", view_.header().version_major, view_.header().version_minor)},
            {"digest", fmt::format("{:016x}", view_.digest())},
            {"sources", fmt::format("{:016x}", view_.header().source_digest)},
            {"bytes", view_.file().size()},
            {"features", features},
            {"resolvers", resolvers},
            {"compiled_with", flags},
            {"signature", signature()}};
  }

  // As the file says: who serves checks it.
  json::value signature() const {
    if (!signature_) return nullptr;
    return json::object{{"key", table::key_id_text(signature_->key_id)},
                        {"counter", signature_->counter}};
  }

  json::array sections() const {
    json::array out;
    for (const table::Section& section : view_.sections()) {
      out.push_back({{"name", table::section_name(section.kind)},
                     {"offset", section.offset},
                     {"bytes", section.bytes},
                     {"records", section.bytes / section.record_bytes}});
    }
    return out;
  }

  json::array routes() const {
    json::array out;
    for (const table::RouteRecord& route : view_.routes()) {
      const table::PlanRecord& plan = view_.plans()[route.plan];
      const policies::SettingsRecord& settings = view_.settings()[route.settings];
      json::array steps;
      for (const table::StepRecord& step : view_.part(view_.steps(), plan.steps)) {
        steps.emplace_back(policies::find_policy(step.policy)->name);
      }
      out.push_back({{"id", text(route.id)},
                     {"method", text(route.method)},
                     {"host", text(route.host)},
                     {"path", text(route.template_)},
                     {"upstream", plan.upstream == table::kNone
                                      ? json::value(nullptr)
                                      : json::value(text(view_.upstreams()[plan.upstream].name))},
                     {"steps", steps},
                     {"timeout",
                      {{"connect", duration(settings.timeout.connect)},
                       {"try", duration(settings.timeout.try_)},
                       {"total", duration(settings.timeout.total)},
                       {"idle", duration(settings.timeout.idle)}}},
                     {"max_body", settings.max_body.late == table::kNone
                                      ? format_bytes(settings.max_body.value)
                                      : table_.late_source(settings.max_body.late)},
                     {"security", table::security_text(route)},
                     {"source", source(route.source)}});
    }
    return out;
  }

  json::array limits() const {
    json::array out;
    for_each_step(policies::PolicyId::RateLimit, [&](const table::RouteRecord& route,
                                                     const table::StepRecord& step) {
      const auto& record = view_.policy_record<policies::RateLimitRecord>(step.record);
      for (const auto& limit : view_.policy_list<policies::LimitRecord>(record.limits)) {
        out.push_back(limit_of(route, step, limit));
      }
    });
    return out;
  }

  json::array cors() const {
    json::array out;
    for_each_step(policies::PolicyId::Cors, [&](const table::RouteRecord& route,
                                                const table::StepRecord& step) {
      const auto& record = view_.policy_record<policies::CorsRecord>(step.record);
      json::array origins;
      for (const auto& origin : view_.policy_list<table::LateString>(record.origins)) {
        origins.emplace_back(table_.text(origin));
      }
      out.push_back({{"operation", text(route.id)},
                     {"mode", policies::kCorsModeWords[record.mode]},
                     {"origins", origins},
                     {"credentials", record.credentials != 0},
                     {"methods", text(record.allow_methods)},
                     {"headers", text(record.allow_headers)},
                     {"expose", text(record.expose)}});
    });
    return out;
  }

  json::array upstreams() const {
    json::array out;
    for (const policies::UpstreamRecord& upstream : view_.upstreams()) {
      json::array targets;
      for (const auto& target : view_.policy_list<policies::TargetRecord>(upstream.targets)) {
        json::object entry{{"url", table_.text(target.url)}, {"weight", target.weight}};
        if (target.backup != 0) entry["backup"] = true;
        targets.push_back(std::move(entry));
      }
      out.push_back({{"name", text(upstream.name)},
                     {"balance", policies::kBalanceWords[upstream.balance.by]},
                     {"targets", targets},
                     {"dns", dns(upstream.dns)},
                     {"health", health(upstream.health)},
                     {"outlier", outlier(upstream.outlier)},
                     {"limits", limits_of(upstream.limits)},
                     {"breaker", breaker(upstream.breaker)},
                     {"sticky", upstream.sticky.cookie.offset == table::kNone
                                    ? json::value(nullptr)
                                    : json::value(text(upstream.sticky.cookie))},
                     {"slow_start", duration(upstream.slow_start)},
                     {"unavailable", upstream.unavailable.status},
                     {"source", source(upstream.source)}});
    }
    return out;
  }

  json::array regexes() const {
    json::array out;
    for (const table::RegexRecord& regex : view_.regexes()) {
      out.push_back({{"pattern", text(regex.source)},
                     {"states", regex.states},
                     {"bytes", regex.dfa.count},
                     {"runs_as", regex.dfa.count == 0 ? "re2" : "dfa"}});
    }
    return out;
  }

  json::array references() const {
    json::array out;
    for (u32 i = 0; i < view_.late().size(); ++i) {
      const table::LateRecord& late = view_.late()[i];
      out.push_back({{"field", text(late.field)},
                     {"reference", table_.late_source(i)},
                     {"source", source(late.source)}});
    }
    return out;
  }

  json::array listeners() const {
    json::array out;
    for (const policies::ListenerRecord& listener : view_.listeners()) {
      out.push_back(
          {{"address", table_.text(listener.address)},
           {"tls", tls_of(listener.tls)},
           {"http2", listener.http2 != 0},
           {"proxy_protocol", listener.proxy_protocol != 0},
           {"redirect_to_https", listener.redirect_port == 0 ? json::value(nullptr)
                                                             : json::value(listener.redirect_port)},
           {"health", probes_of(listener.health)}});
    }
    return out;
  }

  // Null: it answers no probes.
  json::value probes_of(const policies::ProbeRecord& probes) const {
    json::object out;
    if (probes.live.offset != table::kNone) out["live"] = table_.text(probes.live);
    if (probes.ready.offset != table::kNone) out["ready"] = table_.text(probes.ready);
    return out.empty() ? json::value(nullptr) : json::value(std::move(out));
  }

  // Null: plain text.
  json::value tls_of(const policies::ListenerTlsRecord& tls) const {
    if (tls.first.cert.late == table::kNone) return nullptr;
    return {{"certificates", 1 + tls.certificates.count},
            {"min_version", policies::kTlsVersionWords[tls.min_version]},
            {"client_certificate", policies::kClientCertificateWords[tls.client.mode]}};
  }

  json::array notes() const {
    static constexpr std::string_view kKinds[] = {"off", "unenforced", "waived", "public"};
    json::array out;
    for (const table::NoteRecord& note : view_.notes()) {
      out.push_back({{"kind", kKinds[static_cast<size_t>(note.kind)]},
                     {"subject", text(note.subject)},
                     {"where", text(note.where)},
                     {"reason", text(note.reason)},
                     {"source", source(note.source)}});
    }
    return out;
  }

 private:
  std::string_view text(table::StringRef ref) const { return view_.text(ref); }
  std::string source(const table::SourceRef& ref) const {
    if (ref.file == table::kNone) return "";
    return fmt::format("{}:{}:{}", text(view_.files()[ref.file]), ref.line, ref.column);
  }
  // What is off is null.
  json::value health(const policies::HealthRecord& record) const {
    const bool has_path = record.path.offset != table::kNone;
    if (!has_path && record.tcp == 0) return nullptr;
    return json::object{{"asks", has_path ? text(record.path) : std::string_view("tcp")},
                        {"interval", duration(record.interval)},
                        {"timeout", duration(record.timeout)},
                        {"healthy", record.healthy},
                        {"unhealthy", record.unhealthy}};
  }
  json::value dns(const policies::DnsRecord& record) const {
    if (!record.is_given()) return nullptr;
    json::object out{{"name", table_.text(record.name)}};
    if (record.port.late != table::kNone) {
      out["port"] = table_.late_source(record.port.late);
    } else if (record.port.value != 0) {
      out["port"] = record.port.value;
    }
    out["srv"] = record.srv != 0;
    out["scheme"] = policies::kSchemeWords[record.scheme];
    if (record.path.offset != table::kNone) out["path"] = text(record.path);
    out["family"] = policies::kFamilyWords[record.family];
    out["refresh"] =
        fmt::format("{}..{}", duration(record.refresh.min), duration(record.refresh.max));
    return out;
  }
  template <class Visit>
  void for_each_step(policies::PolicyId policy, Visit visit) const {
    for (const table::RouteRecord& route : view_.routes()) {
      const table::PlanRecord& plan = view_.plans()[route.plan];
      for (const table::StepRecord& step : view_.part(view_.steps(), plan.steps)) {
        if (static_cast<policies::PolicyId>(step.policy) == policy) visit(route, step);
      }
    }
  }

  json::object limit_of(const table::RouteRecord& route, const table::StepRecord& step,
                        const policies::LimitRecord& limit) const {
    const std::string_view kind = policies::kLimitKindWords[limit.kind];
    const bool is_rate = limit.kind == static_cast<u32>(policies::LimitKind::Rate);
    json::value measure = count(limit.limit);
    if (is_rate && limit.limit.late == table::kNone) measure = format_rate(limit.limit.value);
    const bool has_burst = limit.burst.late != table::kNone || limit.burst.value != 0;
    const bool is_quota = limit.kind == static_cast<u32>(policies::LimitKind::Quota);
    return {{"operation", text(route.id)},
            {"kind", kind},
            {"name", text(limit.name)},
            {"key", written(route, fmt::format("{}.{}.key", kind, text(limit.name)))},
            {"limit", measure},
            {"per", is_quota ? json::value(policies::kQuotaPeriodWords[limit.period])
                             : json::value(nullptr)},
            {"burst", has_burst ? count(limit.burst) : json::value(nullptr)},
            {"cost", limit.cost},
            {"mode", policies::kLimitModeWords[limit.mode]},
            {"phase", policies::phase_name(static_cast<policies::Phase>(step.phase))}};
  }

  // The effective value of a field as it was written; "" where nobody did.
  std::string_view written(const table::RouteRecord& route, std::string_view field) const {
    const table::PlanRecord& plan = view_.plans()[route.plan];
    for (const table::OriginRecord& origin : view_.part(view_.origins(), plan.origins)) {
      if (text(origin.field) == field) return text(origin.value);
    }
    return {};
  }

  json::value outlier(const policies::OutlierRecord& record) const {
    if (record.consecutive == 0) return nullptr;
    return json::object{{"consecutive", record.consecutive},
                        {"eject", duration(record.eject)},
                        {"max_ejected", format_percent(record.max_ejected)}};
  }
  json::value limits_of(const policies::LimitsRecord& record) const {
    return json::object{{"connections", count(record.connections)},
                        {"requests", count(record.requests)},
                        {"pending", count(record.pending)}};
  }
  json::value breaker(const policies::BreakerRecord& record) const {
    if (record.failures == 0) return nullptr;
    return json::object{{"failures", format_percent(record.failures)},
                        {"requests", record.requests},
                        {"window", duration(record.window)},
                        {"open", duration(record.open)},
                        {"probes", record.probes}};
  }
  json::value count(const table::LateNumber& value) const {
    return value.late == table::kNone ? json::value(value.value)
                                      : json::value(table_.late_source(value.late));
  }
  std::string duration(const table::LateNumber& value) const {
    return value.late == table::kNone ? format_duration(value.value)
                                      : table_.late_source(value.late);
  }

  const BoundTable& table_;
  const table::TableView& view_;
  const std::optional<table::Signature>& signature_;
};

std::string cell(const json::value& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_null()) return "-";
  if (value.is_array()) {
    std::string out;
    for (const json::value& item : value.as_array()) {
      if (!out.empty()) out += ", ";
      out += cell(item);
    }
    return out.empty() ? "-" : out;
  }
  if (value.is_object()) {
    std::string out;
    for (const auto& [key, item] : value.as_object()) {
      if (!out.empty()) out += ' ';
      out += fmt::format("{}={}", std::string_view(key), cell(item));
    }
    return out;
  }
  return json::serialize(value);
}

// Rows of equal keys as a table with aligned columns.
std::string columns(const json::array& rows) {
  if (rows.empty()) return "  none\n";
  if (!rows[0].is_object()) {
    std::string out;
    for (const json::value& row : rows) out += "  " + cell(row) + "\n";
    return out;
  }
  std::vector<std::string> names;
  std::vector<size_t> widths;
  for (const auto& [key, value] : rows[0].as_object()) {
    names.emplace_back(key);
    widths.push_back(names.back().size());
  }
  std::vector<std::vector<std::string>> cells;
  for (const json::value& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (size_t i = 0; i < names.size(); ++i) {
      line.push_back(cell(row.as_object().at(names[i])));
      if (line.back().empty()) line.back() = "-";
      widths[i] = std::max(widths[i], line.back().size());
    }
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& line) {
    std::string text = " ";
    for (size_t i = 0; i < line.size(); ++i) text += fmt::format(" {:<{}}", line[i], widths[i]);
    while (text.ends_with(' ')) text.pop_back();
    out += text + "\n";
  };
  add(names);
  for (const auto& line : cells) add(line);
  return out;
}

ExitCode run_inspect(const InspectCommand& command, const Console& console) {
  ExitCode exit = ExitCode::Ok;
  const auto file = open_gateway(command.spec, console, exit);
  if (file == nullptr) return exit;
  std::vector<ReferenceProblem> problems;
  const auto bound = BoundTable::bind(file, ReferenceSource::none(), problems);
  if (!bound) return ExitCode::Usage;
  const Inspector inspector(**bound, file->signature());
  struct Part {
    std::string_view name;
    json::array rows;
  };
  const Part parts[] = {
      {"routes", inspector.routes()},
      {"security", inspect_security(**bound)},
      {"schemes", inspect_schemes(**bound)},
      {"limits", inspector.limits()},
      {"cors", inspector.cors()},
      {"validation", inspect_validation(**bound)},
      {"upstreams", inspector.upstreams()},
      {"listeners", inspector.listeners()},
      {"references", inspector.references()},
      {"regexes", inspector.regexes()},
      {"notes", inspector.notes()},
      {"sections", inspector.sections()},
  };
  const auto wanted = [&](std::string_view name) {
    return command.section.empty() || command.section == name;
  };
  if (command.format == OutputFormat::Json) {
    json::object out;
    if (wanted("header")) out = inspector.header();
    for (const Part& part : parts) {
      if (wanted(part.name)) out[std::string(part.name)] = part.rows;
    }
    console.out(json::serialize(out) + "\n");
    return ExitCode::Ok;
  }
  std::string out;
  if (wanted("header")) {
    for (const auto& [key, value] : inspector.header()) {
      out += fmt::format("{:<14} {}\n", std::string_view(key), cell(value));
    }
  }
  for (const Part& part : parts) {
    if (!wanted(part.name)) continue;
    if (command.section.empty()) out += fmt::format("\n{}\n", part.name);
    out += columns(part.rows);
  }
  console.out(out);
  return ExitCode::Ok;
}

}  // namespace

Run add_inspect(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("inspect", "Show what is in a table");
  const auto command = std::make_shared<InspectCommand>();
  app.add_option_function<std::string>(
         "gateway", [command](const std::string& path) { command->spec.paths = {path}; },
         "A table, or a document that is compiled first")
      ->option_text("GATEWAY")
      ->required();
  app.add_option("section", command->section,
                 "header, routes, security, schemes, limits, cors, validation, upstreams, "
                 "listeners, references, "
                 "regexes, notes or "
                 "sections [all]")
      ->option_text("SECTION")
      ->check(
          CLI::IsMember({"header", "routes", "security", "schemes", "limits", "cors", "validation",
                         "upstreams", "listeners", "references", "regexes", "notes", "sections"}));
  add_format_options(app, command->format);
  add_spec_options(app, command->spec);
  app.footer(
      "Examples:\n"
      "  gwctl inspect gateway.gwt\n"
      "  gwctl inspect gateway.gwt routes --json\n"
      "\n"
      "Exit status: 0 shown, 1 the document has errors, 2 wrong use or refused table.\n"
      "See gwctl-inspect(1).");
  return [command](const Console& console) { return run_inspect(*command, console); };
}

}  // namespace gw::cli
