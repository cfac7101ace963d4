#include "runtime/server/listener_options.h"

#include <functional>

namespace gw::server {
namespace {

using policies::CertificateRecord;
using policies::ListenerRecord;
using policies::ListenerTlsRecord;
using table::LateString;

constexpr std::string_view kDefaultListen = "127.0.0.1:8080";

// How a late text is had: from what was resolved at load, or anew.
using TextOf = std::function<std::string(const LateString&)>;

bool is_given(const LateString& text) {
  return text.late != table::kNone || text.value.offset != table::kNone;
}

std::string given_text(const LateString& text, const TextOf& text_of) {
  return is_given(text) ? text_of(text) : std::string();
}

net::TlsServerOptions tls_options(const BoundTable& table, const ListenerTlsRecord& record,
                                  const TextOf& text_of) {
  net::TlsServerOptions options;
  const auto add = [&](const CertificateRecord& certificate) {
    options.certificates.push_back({text_of(certificate.cert), text_of(certificate.key)});
  };
  add(record.first);
  for (const auto& further : table.view().policy_list<CertificateRecord>(record.certificates)) {
    add(further);
  }
  const bool modern = policies::kTlsVersionWords[record.min_version] == "1.3";
  options.min_version = modern ? net::TlsVersion::Tls13 : net::TlsVersion::Tls12;
  if (record.ciphers.offset != table::kNone) options.ciphers = table.text(record.ciphers);
  options.client_certificate = static_cast<net::ClientCertificate>(record.client.mode);
  options.client_ca = given_text(record.client.ca, text_of);
  return options;
}

std::string strict_transport(const policies::StrictTransportRecord& record) {
  if (record.max_age == 0) return {};
  std::string value = "max-age=" + std::to_string(record.max_age / 1000);
  if (record.include_subdomains != 0) value += "; includeSubDomains";
  if (record.preload != 0) value += "; preload";
  return value;
}

ListenerOptions options_of(const BoundTable& table, const ListenerRecord& record) {
  ListenerOptions options(std::string(table.text(record.address)));
  options.http2 = record.http2 != 0;
  options.proxy_protocol = record.proxy_protocol != 0;
  options.redirect_port = static_cast<u16>(record.redirect_port);
  const policies::ProbeRecord& probes = record.health;
  if (probes.live.offset != table::kNone) options.live_path = table.text(probes.live);
  if (probes.ready.offset != table::kNone) options.ready_path = table.text(probes.ready);
  if (!is_given(record.tls.first.cert)) return options;
  options.tls = tls_options(table, record.tls,
                            [&](const LateString& text) { return std::string(table.text(text)); });
  options.tls->http2 = options.http2;
  options.strict_transport_security = strict_transport(record.tls.strict_transport);
  return options;
}

}  // namespace

std::vector<ListenerOptions> listener_options(const BoundTable& table,
                                              const std::vector<std::string>& addresses,
                                              const std::string& by_default) {
  std::vector<ListenerOptions> listeners(addresses.begin(), addresses.end());
  if (listeners.empty()) {
    for (const ListenerRecord& record : table.view().listeners()) {
      listeners.push_back(options_of(table, record));
    }
  }
  if (listeners.empty()) {
    listeners.emplace_back(by_default.empty() ? std::string(kDefaultListen) : by_default);
  }
  for (ListenerOptions& listener : listeners) {
    if (listener.address.starts_with(':')) listener.address.insert(0, "0.0.0.0");
  }
  return listeners;
}

Result<net::TlsServerOptions> reread_tls(const BoundTable& table, size_t index,
                                         const ReferenceSource& references, std::string& problem) {
  const ListenerRecord& record = table.view().listeners()[index];
  bool good = true;
  const auto text_of = [&](const LateString& text) {
    if (text.late == table::kNone) return std::string(table.text(text));
    auto resolved = table.resolve_again(text.late, references, problem);
    good &= resolved.has_value();
    return resolved ? *std::move(resolved) : std::string();
  };
  net::TlsServerOptions options = tls_options(table, record.tls, text_of);
  if (!good) return fail(Errc::ReferenceInvalid, "late reference");
  options.http2 = record.http2 != 0;
  return options;
}

std::vector<std::string> tls_files(const BoundTable& table, size_t index) {
  const table::TableView& view = table.view();
  const ListenerTlsRecord& record = view.listeners()[index].tls;
  std::vector<std::string> files;
  const auto add = [&](const LateString& text) {
    if (text.late == table::kNone) return;
    for (const table::LatePart& part : view.part(view.late_parts(), view.late()[text.late].parts)) {
      if (part.kind == table::LatePartKind::File) files.emplace_back(view.text(part.text));
    }
  };
  add(record.first.cert);
  add(record.first.key);
  add(record.client.ca);
  for (const auto& further : view.policy_list<CertificateRecord>(record.certificates)) {
    add(further.cert);
    add(further.key);
  }
  return files;
}

}  // namespace gw::server
