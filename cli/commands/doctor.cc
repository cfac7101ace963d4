// gwctl doctor: what keeps a gateway from running well on this machine.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <memory>
#include <set>

#include "cli/admin_client.h"
#include "cli/commands/commands.h"
#include "cli/doctor/certificates.h"
#include "cli/doctor/machine.h"
#include "cli/doctor/places.h"
#include "cli/doctor/upstreams.h"
#include "cli/environment.h"
#include "cli/spec_options.h"
#include "runtime/admin/admin_server.h"
#include "runtime/base/ip_address.h"
#include "runtime/base/unique_descriptor.h"
#include "runtime/base/units.h"
#include "runtime/base/wall_clock.h"
#include "runtime/identity/live_data.h"
#include "runtime/server/listener_options.h"
#include "runtime/server/publication.h"

namespace gw::cli {
namespace {

namespace json = boost::json;
using doctor::Findings;
using doctor::RunningGateway;
using doctor::Verdict;

struct DoctorCommand {
  SpecOptions spec;
  std::vector<std::string> listen;
  std::string state;
  std::string access_log;
  AdminOptions admin;
  std::string admin_read_token_file;
  std::string timeout = "3s";
  OutputFormat format = OutputFormat::Text;
};

constexpr u64 kMostTimeoutMs = 60'000;

std::string admin_address(const AdminOptions& options) {
  const std::string address = given_or_usual(options.address, "GWCTL_ADMIN");
  return address.empty() ? admin::default_admin_address() : address;
}

// Of an admin interface over TCP a host name is not looked up: nobody names one there.
bool somebody_listens(const std::string& address) {
  sockaddr_storage to{};
  socklen_t length = 0;
  const std::string_view path = parse_unix_address(address);
  if (path.empty()) {
    const auto server = parse_server_address(address);
    if (!server) return false;
    length = to_sockaddr(server->address, server->port, to);
  } else {
    sockaddr_un file{};
    file.sun_family = AF_UNIX;
    if (path.size() >= sizeof file.sun_path) return false;
    path.copy(file.sun_path, path.size());
    std::memcpy(&to, &file, sizeof file);
    length = sizeof file;
  }
  const UniqueDescriptor probe(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&to), length) == 0;
}

// What it holds is no obstacle: it is what is being looked after.
RunningGateway running_gateway(const AdminOptions& admin, const Console& console) {
  RunningGateway running;
  if (!somebody_listens(admin.address)) return running;
  const auto status = ask_admin_json(admin, console, "GET", "/v1/status");
  if (!status) return running;
  running.found = true;
  const auto* listeners = status->if_contains("listeners");
  if (listeners == nullptr || !listeners->is_array()) return running;
  for (const json::value& listener : listeners->get_array()) {
    running.listening.emplace(listener.get_object().at("address").get_string());
  }
  return running;
}

// `serve` without --listen.
std::vector<server::ListenerOptions> listeners_of(const BoundTable& table) {
  return server::listener_options(table, {}, given_or_usual({}, "GWCTL_DEFAULT_LISTEN"));
}

void judge_certificates(const BoundTable& table, Findings& out) {
  for (const server::ListenerOptions& listener : listeners_of(table)) {
    if (!listener.tls) continue;
    for (const net::TlsCertificate& certificate : listener.tls->certificates) {
      doctor::judge_certificate(listener.address, certificate, unix_now_ms() / 1000, out);
    }
  }
}

void fail_each(const std::vector<std::string>& problems, const std::string& check,
               const std::string& help, Findings& out) {
  for (const std::string& problem : problems) doctor::fail(out, check, problem, help);
}

// Null, with findings: it would not start.
std::shared_ptr<const BoundTable> bind_gateway(const DoctorCommand& command,
                                               const ReferenceSource& references,
                                               const Console& console, Findings& out) {
  ExitCode exit = ExitCode::Ok;
  const auto file = open_gateway(command.spec, console, exit);
  if (file == nullptr) {
    doctor::fail(out, "gateway", fmt::format("{} cannot be served", command.spec.paths[0]),
                 "`gwctl lint` says why");
    return nullptr;
  }
  std::vector<ReferenceProblem> problems;
  auto bound = BoundTable::bind(file, references, problems);
  for (const ReferenceProblem& problem : problems) {
    doctor::fail(out, "reference",
                 fmt::format("{}: {} ({})", problem.where, problem.message, problem.field),
                 "set the variable, or let the user of the gateway read the file");
  }
  if (!bound) return nullptr;
  doctor::note(
      out, "gateway",
      fmt::format("{} routes; all that it refers to is there", (*bound)->view().routes().size()));
  return *bound;
}

// Whom the gateway asks for keys, and whom it tells of requests. Introspection and authorizers are
// upstreams.
std::vector<doctor::OtherServer> other_servers(const BoundTable& table,
                                               const server::Publication& publication) {
  std::vector<doctor::OtherServer> servers;
  std::set<std::string> known;
  for (u32 i = 0; i < table.view().schemes().size(); ++i) {
    const auto source = key_source_of(table, i);
    const bool is_asked = source && (source->kind == jose::KeySourceKind::Jwks ||
                                     source->kind == jose::KeySourceKind::Discovery);
    if (!is_asked || !known.insert(source->location).second) continue;
    servers.push_back({"issuer", source->location, Verdict::Fail,
                       "until its keys are there, tokens are answered with 503"});
  }
  if (!publication.collector.url.empty()) {
    servers.push_back(
        {"collector", publication.collector.url, Verdict::Warn, "spans are lost meanwhile"});
  }
  return servers;
}

// Where lines go: as `serve` decides it.
std::string log_place_of(const DoctorCommand& command, const std::string& of_table) {
  if (command.access_log == "off") return {};
  return command.access_log.empty() ? of_table : command.access_log;
}

void judge_admin(const DoctorCommand& command, const std::string& address,
                 const RunningGateway& running, Findings& out) {
  const std::string orders = given_or_usual(command.admin.token_file, "GWCTL_ADMIN_TOKEN_FILE");
  doctor::judge_admin(address, !orders.empty(), running, out);
  doctor::judge_token_files(
      orders, given_or_usual(command.admin_read_token_file, "GWCTL_ADMIN_READ_TOKEN_FILE"), out);
}

void judge_gateway(const DoctorCommand& command, const RunningGateway& running,
                   const Console& console, Findings& out) {
  std::vector<std::string> addresses = command.listen;
  std::map<std::string, std::string> env;
  std::shared_ptr<const BoundTable> bound;
  if (!read_env_file(command.spec.env_file, env, console)) {
    doctor::fail(out, "gateway", fmt::format("{} cannot be read", command.spec.env_file),
                 "NAME=VALUE lines");
  } else if (!command.spec.paths.empty()) {
    const ReferenceSource references = ReferenceSource::process(std::move(env));
    bound = bind_gateway(command, references, console, out);
    if (bound != nullptr) {
      std::vector<std::string> problems;
      static_cast<void>(load_live_data(*bound, references, problems));
      fail_each(problems, "data", "mend the file that it names", out);
    }
  }
  if (bound != nullptr && addresses.empty()) {
    for (const auto& listener : listeners_of(*bound)) {
      addresses.push_back(listener.address);
    }
  }
  for (std::string& address : addresses) {
    if (address.starts_with(':')) address.insert(0, "0.0.0.0");
    doctor::judge_listener(address, running, out);
  }
  if (bound == nullptr) return doctor::judge_access_log(log_place_of(command, {}), out);
  judge_certificates(*bound, out);
  std::vector<std::string> problems;
  const server::Publication publication = server::make_publication(bound, problems);
  fail_each(problems, "upstream", "mend it in the gateway document", out);
  if (!problems.empty()) return;
  doctor::judge_access_log(log_place_of(command, publication.log_place), out);
  const auto patience = std::chrono::milliseconds(*parse_duration(command.timeout));
  doctor::judge_upstreams(publication.upstreams, publication.resolvers, patience, out);
  doctor::judge_servers(other_servers(*bound, publication), publication.resolvers, patience, out);
}

std::string_view word_of(Verdict verdict) {
  constexpr std::string_view kWords[] = {"ok", "warn", "fail"};
  return kWords[static_cast<size_t>(verdict)];
}

size_t count(const Findings& findings, Verdict verdict) {
  return static_cast<size_t>(std::ranges::count(findings, verdict, &doctor::Finding::verdict));
}

void show_text(const Findings& findings, const Console& console) {
  for (const doctor::Finding& finding : findings) {
    console.out(
        fmt::format("{:<4}  {:<12} {}\n", word_of(finding.verdict), finding.check, finding.found));
    if (!finding.help.empty()) console.out(fmt::format("      = help: {}\n", finding.help));
  }
  console.note(fmt::format("{} checks: {} failed, {} to be looked at", findings.size(),
                           count(findings, Verdict::Fail), count(findings, Verdict::Warn)));
}

void show_json(const Findings& findings, const Console& console) {
  json::array checks;
  for (const doctor::Finding& finding : findings) {
    json::object one{
        {"check", finding.check}, {"verdict", word_of(finding.verdict)}, {"found", finding.found}};
    if (!finding.help.empty()) one["help"] = finding.help;
    checks.push_back(std::move(one));
  }
  console.out(json::serialize(json::object{{"failed", count(findings, Verdict::Fail)},
                                           {"warnings", count(findings, Verdict::Warn)},
                                           {"checks", std::move(checks)}}) +
              "\n");
}

ExitCode run_doctor(const DoctorCommand& command, const Console& console) {
  const auto timeout = parse_duration(command.timeout);
  if (!timeout || *timeout == 0 || *timeout > kMostTimeoutMs) {
    console.error(
        fmt::format("--timeout `{}` is not a duration up to 1m, such as 3s", command.timeout));
    return ExitCode::Usage;
  }
  Findings findings;
  doctor::judge_machine(doctor::machine_facts(), findings);
  const std::string admin = admin_address(command.admin);
  RunningGateway running;
  if (admin != "off") {
    running = running_gateway({admin, command.admin.token_file}, console);
    judge_admin(command, admin, running, findings);
  }
  if (!command.state.empty()) doctor::judge_state_directory(command.state, running, findings);
  judge_gateway(command, running, console, findings);
  command.format == OutputFormat::Json ? show_json(findings, console)
                                       : show_text(findings, console);
  return count(findings, Verdict::Fail) == 0 ? ExitCode::Ok : ExitCode::Findings;
}

}  // namespace

Run add_doctor(CLI::App& gwctl) {
  CLI::App& app = *gwctl.add_subcommand("doctor", "Say what this machine lacks for a gateway");
  const auto command = std::make_shared<DoctorCommand>();
  app.add_option("gateway", command->spec.paths,
                 "Also look at its listeners, certificates, files, log, upstreams and issuers")
      ->option_text("GATEWAY");
  app.add_option("--listen", command->listen, "Look at these in place of the gateway's listeners")
      ->option_text("ADDR:PORT")
      ->allow_extra_args(false);
  app.add_option("--state", command->state, "The state directory of `serve`")->option_text("DIR");
  app.add_option("--access-log", command->access_log,
                 "As of `serve`: look at this in place of where the gateway says")
      ->option_text("FILE|-|syslog|off");
  app.add_option("--timeout", command->timeout,
                 "For names to be resolved, and for upstreams, issuers and collectors to take a "
                 "connection [3s]")
      ->option_text("DURATION");
  add_admin_options(app, command->admin);
  app.add_option("--admin-read-token-file", command->admin_read_token_file,
                 "The token of `serve` that only reads [$GWCTL_ADMIN_READ_TOKEN_FILE]")
      ->option_text("FILE");
  add_format_options(app, command->format);
  add_spec_options(app, command->spec);
  app.footer(
      "Looks at limits, processors, memory, clock and kernel; at what `serve` would\n"
      "open, read and write; and whether upstreams, issuers and collectors can be\n"
      "found and reached: a connection each, and nothing is sent. What a gateway that\n"
      "runs here holds is no fault. Run it as the user of the service, with its\n"
      "environment and options.\n"
      "\n"
      "Examples:\n"
      "  gwctl doctor\n"
      "  gwctl doctor gateway.gwt --state /var/lib/gwctl\n"
      "  gwctl doctor gateway.yaml --listen 0.0.0.0:443 --json\n"
      "\n"
      "Exit status: 0 nothing fails, 1 something does, 2 wrong use.\n"
      "See gwctl-doctor(1).");
  return [command](const Console& console) { return run_doctor(*command, console); };
}

}  // namespace gw::cli
