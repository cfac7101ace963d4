// The only writer of the table format.
#pragma once
#include <vector>

#include "compiler/emit/pools.h"
#include "runtime/policies/listener/record.h"
#include "runtime/policies/scheme/record.h"
#include "runtime/policies/settings/record.h"
#include "runtime/policies/upstream/record.h"
#include "runtime/table/format.h"

namespace gw::compiler {

/// All parts of a table, ready to be laid out.
struct TableParts {
  Pools pools;
  table::GatewayRecord gateway{};
  std::vector<std::string_view> features;
  std::vector<table::StringRef> files;
  std::vector<std::byte> router;
  std::vector<table::RouteRecord> routes;
  std::vector<table::PlanRecord> plans;
  std::vector<table::StepRecord> steps;
  std::vector<policies::SettingsRecord> settings;
  std::vector<policies::UpstreamRecord> upstreams;
  std::vector<policies::ListenerRecord> listeners;
  std::vector<table::NoteRecord> notes;
  std::vector<policies::SchemeRecord> schemes;
  std::vector<std::byte> consumers;       // section of runtime/table/consumer_format.h; empty: none
  std::vector<std::byte> consumer_plans;  // the same
  std::vector<std::byte> contracts;       // section of runtime/table/contract_format.h
  u64 source_digest = 0;
};

/// The bytes of the table. Equal parts give equal bytes. Takes features into the string pool.
std::vector<std::byte> write_table(TableParts& parts);

/// The bytes of a data table: `section` alone. A gateway table names it by a file, so that it is
/// swapped alone.
std::vector<std::byte> write_data_table(table::TableKind kind, table::SectionKind section_kind,
                                        const std::vector<std::byte>& section);

}  // namespace gw::compiler
