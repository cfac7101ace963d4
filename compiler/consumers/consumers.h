// Consumers as they are written, and the section that is made of them.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/syntax/node.h"
#include "runtime/policies/field_spec.h"
#include "runtime/table/consumer_format.h"

namespace gw::compiler {

using KeyDigest = std::array<u8, table::kKeyDigestBytes>;

struct ConsumerLimit {
  table::OverrideKind kind;
  std::string_view name;
  table::LateNumber limit = {};
  table::LateNumber burst = {};    // 0: as many as `limit` counts
  std::optional<u32> period = {};  // of a quota: into policies::kQuotaPeriodWords
  Span span = {};
};

/// One entry of `consumers`. Views live as long as the document.
struct Consumer {
  std::string_view name;
  Span span;
  table::SourceRef source = {};  // of `span`; nowhere: places are left out
  std::string_view plan;         // empty: none
  Span plan_span;
  std::vector<std::string_view> groups;
  std::vector<KeyDigest> keys;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
  std::vector<std::pair<std::string_view, std::string_view>> logins;  // user, password hash
  std::vector<std::pair<table::CertificateField, std::string_view>> certificates;
  std::vector<ConsumerLimit> limits;
};

/// Stores a reference that stands where `field` takes a number; `path` names it. False: reported.
using LateNumberEncoder = std::function<bool(const policies::FieldSpec& field, NodeRef node,
                                             const std::string& path, table::LateNumber& out)>;

/// Entries of the map `consumers`; what is wrong goes to `sink` and is left out. Without `late`
/// references are refused, as in data tables, which nobody resolves.
std::vector<Consumer> read_consumers(NodeRef map, DiagnosticSink& sink,
                                     const LateNumberEncoder& late = {});

/// Entries of the map `plans`: consumers that have nothing but limits.
std::vector<Consumer> read_plans(NodeRef map, DiagnosticSink& sink,
                                 const LateNumberEncoder& late = {});

/// `sha256:` and 64 hexadecimal digits; none for anything else.
std::optional<KeyDigest> parse_key_digest(std::string_view text);

/// The section `consumers` (runtime/table/consumer_format.h). Two consumers that share a key, a
/// user name or a certificate are reported to `sink`; the first by name has it. Equal consumers
/// give equal bytes, whatever their order.
std::vector<std::byte> build_consumers(std::vector<Consumer> consumers, DiagnosticSink& sink);

}  // namespace gw::compiler
