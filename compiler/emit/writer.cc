#include "compiler/emit/writer.h"

#include <xxhash.h>

#include <cstring>

#include "runtime/table/digest.h"

namespace gw::compiler {
namespace {

using table::Section;
using table::SectionKind;

struct Body {
  SectionKind kind;
  u32 record_bytes;
  Bytes bytes;
  u32 flags = 0;
};

template <class T>
Body body(SectionKind kind, const std::vector<T>& records) {
  return {kind, sizeof(T), std::as_bytes(std::span(records)), 0};
}

u64 aligned(u64 offset) {
  return (offset + table::kSectionAlignment - 1) & ~u64{table::kSectionAlignment - 1};
}

// Lays the bodies out behind header and section list, and closes with the digest.
std::vector<std::byte> lay_out(table::TableKind kind, u64 source_digest,
                               std::span<const Body> bodies) {
  std::vector<Section> sections;
  u64 offset = sizeof(table::Header) + bodies.size() * sizeof(Section);
  for (const Body& part : bodies) {
    offset = aligned(offset);
    sections.push_back(
        {.kind = part.kind,
         .flags = part.flags,
         .record_bytes = part.record_bytes,
         .digest = static_cast<u32>(XXH3_64bits(part.bytes.data(), part.bytes.size())),
         .offset = offset,
         .bytes = part.bytes.size()});
    offset += part.bytes.size();
  }
  const u64 body_bytes = aligned(offset);
  const u64 file_bytes = body_bytes + table::kTrailerBytes;

  table::Header header{};
  std::memcpy(header.magic, table::kMagic, sizeof header.magic);
  header.version_major = table::kVersionMajor;
  header.version_minor = table::kVersionMinor;
  header.kind = kind;
  header.file_bytes = file_bytes;
  header.source_digest = source_digest;
  header.section_count = static_cast<u32>(sections.size());
  header.header_bytes = sizeof header;

  std::vector<std::byte> file(file_bytes);
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, sections.data(), sections.size() * sizeof(Section));
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].bytes == 0) continue;
    std::memcpy(file.data() + sections[i].offset, bodies[i].bytes.data(), sections[i].bytes);
  }
  const u64 digest = table::digest_of(file);
  std::memcpy(file.data() + body_bytes, &digest, sizeof digest);
  return file;
}

}  // namespace

std::vector<std::byte> write_table(TableParts& parts) {
  std::vector<table::StringRef> features;
  for (const std::string_view name : parts.features)
    features.push_back(parts.pools.strings.add(name));
  const Pools& pools = parts.pools;
  const std::vector<table::GatewayRecord> gateway{parts.gateway};
  const Body bodies[] = {
      {SectionKind::Strings, 1, as_bytes(pools.strings.bytes())},
      body(SectionKind::Features, features),
      body(SectionKind::Gateway, gateway),
      {SectionKind::Router, 1, parts.router},
      body(SectionKind::Routes, parts.routes),
      body(SectionKind::Plans, parts.plans),
      body(SectionKind::Steps, parts.steps),
      {SectionKind::PolicyData, 1, pools.policy_data.bytes()},
      body(SectionKind::Settings, parts.settings),
      body(SectionKind::Upstreams, parts.upstreams),
      body(SectionKind::Listeners, parts.listeners),
      body(SectionKind::Expressions, pools.expressions.records()),
      body(SectionKind::Conditions, pools.conditions.records()),
      body(SectionKind::ConditionTests, pools.condition_tests.records()),
      body(SectionKind::StringLists, pools.string_lists.records()),
      body(SectionKind::Networks, pools.networks.records()),
      body(SectionKind::Regexes, pools.regexes.records()),
      {SectionKind::DfaData, 1, pools.dfa_data.bytes()},
      body(SectionKind::Late, pools.late.records()),
      body(SectionKind::LateParts, pools.late_parts.records()),
      body(SectionKind::Files, parts.files),
      body(SectionKind::Origins, pools.origins.records()),
      body(SectionKind::Notes, parts.notes),
      body(SectionKind::Schemas, pools.schemas.records()),
      body(SectionKind::SchemaPrograms, pools.schema_programs),
      body(SectionKind::Schemes, parts.schemes),
      {SectionKind::Consumers, 1, parts.consumers},
      body(SectionKind::NetworkFiles, pools.network_files),
      {SectionKind::ConsumerPlans, 1, parts.consumer_plans},
      {SectionKind::Contracts, 1, parts.contracts, table::kSectionOptional},
  };
  return lay_out(table::TableKind::Gateway, parts.source_digest, bodies);
}

std::vector<std::byte> write_data_table(table::TableKind kind, SectionKind section_kind,
                                        const std::vector<std::byte>& section) {
  const Body bodies[] = {{section_kind, 1, section}};
  return lay_out(kind, XXH3_64bits(section.data(), section.size()), bodies);
}

}  // namespace gw::compiler
