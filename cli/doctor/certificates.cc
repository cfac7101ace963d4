#include "cli/doctor/certificates.h"

#include <fmt/format.h>

namespace gw::cli::doctor {
namespace {

constexpr i64 kDay = 86'400;
constexpr i64 kSoonDays = 14;

}  // namespace

void judge_certificate(const std::string& place, const net::TlsCertificate& certificate,
                       i64 now_unix_s, Findings& out) {
  net::LoadedCertificate loaded;
  std::string problem;
  if (!net::load_certificate(certificate, loaded, problem)) {
    return fail(out, "certificate", fmt::format("{}: {}", place, problem),
                "`cert` is the certificate and its issuers, `key` its private key, both in PEM");
  }
  judge_validity(place, net::certificate_facts(certificate.chain), now_unix_s, out);
}

void judge_validity(const std::string& place, const net::CertificateFacts& facts, i64 now_unix_s,
                    Findings& out) {
  const std::string whose = fmt::format("{}: `{}`", place, facts.name);
  if (facts.begins_unix_s > now_unix_s) {
    return fail(out, "certificate", fmt::format("{} is not valid yet", whose),
                "wait, or look at the clock");
  }
  const i64 days = (facts.expires_unix_s - now_unix_s) / kDay;
  if (facts.expires_unix_s <= now_unix_s) {
    return fail(out, "certificate", fmt::format("{} has ended", whose),
                "renew it; files are read again when they change");
  }
  if (days < kSoonDays) {
    return warn(out, "certificate",
                fmt::format("{} ends in {} day{}", whose, days, days == 1 ? "" : "s"),
                "renew it; files are read again when they change");
  }
  note(out, "certificate", fmt::format("{} has its key, and ends in {} days", whose, days));
}

}  // namespace gw::cli::doctor
