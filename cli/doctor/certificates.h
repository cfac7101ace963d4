// Certificates that a gateway would show.
#pragma once
#include <string>

#include "cli/doctor/finding.h"
#include "runtime/net/tls_certificate.h"

namespace gw::cli::doctor {

/// Whether it can be read, its key fits, and how long it is good for; `place` says whose it is.
void judge_certificate(const std::string& place, const net::TlsCertificate& certificate,
                       i64 now_unix_s, Findings& out);

/// The same of what is known of one that has been read.
void judge_validity(const std::string& place, const net::CertificateFacts& facts, i64 now_unix_s,
                    Findings& out);

}  // namespace gw::cli::doctor
