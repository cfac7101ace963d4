// Accessors of a verified table, without checks.
#pragma once
#include <array>
#include <span>
#include <string_view>

#include "runtime/base/types.h"
#include "runtime/policies/listener/record.h"
#include "runtime/policies/observe/record.h"
#include "runtime/policies/scheme/record.h"
#include "runtime/policies/settings/record.h"
#include "runtime/policies/upstream/record.h"
#include "runtime/table/format.h"

namespace gw::table {

/// A pointer into a table. verify() has passed; the bytes outlive the view. Any thread.
class TableView {
 public:
  TableView() = default;
  explicit TableView(Bytes file);

  const Header& header() const { return *reinterpret_cast<const Header*>(file_.data()); }
  Bytes file() const { return file_; }
  std::span<const Section> sections() const;
  Bytes section(SectionKind kind) const { return sections_[static_cast<u32>(kind)]; }
  /// The digest in the trailer; identifies the table.
  u64 digest() const;

  const GatewayRecord& gateway() const { return records<GatewayRecord>(SectionKind::Gateway)[0]; }
  std::span<const RouteRecord> routes() const { return records<RouteRecord>(SectionKind::Routes); }
  std::span<const PlanRecord> plans() const { return records<PlanRecord>(SectionKind::Plans); }
  std::span<const StepRecord> steps() const { return records<StepRecord>(SectionKind::Steps); }
  std::span<const policies::SettingsRecord> settings() const {
    return records<policies::SettingsRecord>(SectionKind::Settings);
  }
  std::span<const policies::UpstreamRecord> upstreams() const {
    return records<policies::UpstreamRecord>(SectionKind::Upstreams);
  }
  std::span<const policies::ListenerRecord> listeners() const {
    return records<policies::ListenerRecord>(SectionKind::Listeners);
  }
  std::span<const ExpressionPart> expressions() const {
    return records<ExpressionPart>(SectionKind::Expressions);
  }
  std::span<const ConditionRecord> conditions() const {
    return records<ConditionRecord>(SectionKind::Conditions);
  }
  std::span<const ConditionTest> condition_tests() const {
    return records<ConditionTest>(SectionKind::ConditionTests);
  }
  std::span<const StringRef> string_lists() const {
    return records<StringRef>(SectionKind::StringLists);
  }
  std::span<const NetworkRecord> networks() const {
    return records<NetworkRecord>(SectionKind::Networks);
  }
  std::span<const RegexRecord> regexes() const {
    return records<RegexRecord>(SectionKind::Regexes);
  }
  std::span<const LateRecord> late() const { return records<LateRecord>(SectionKind::Late); }
  std::span<const LatePart> late_parts() const { return records<LatePart>(SectionKind::LateParts); }
  std::span<const StringRef> files() const { return records<StringRef>(SectionKind::Files); }
  std::span<const OriginRecord> origins() const {
    return records<OriginRecord>(SectionKind::Origins);
  }
  std::span<const NoteRecord> notes() const { return records<NoteRecord>(SectionKind::Notes); }
  std::span<const StringRef> features() const { return records<StringRef>(SectionKind::Features); }
  std::span<const StringRef> schemas() const { return records<StringRef>(SectionKind::Schemas); }
  std::span<const u32> schema_programs() const { return records<u32>(SectionKind::SchemaPrograms); }

  std::span<const policies::SchemeRecord> schemes() const {
    return records<policies::SchemeRecord>(SectionKind::Schemes);
  }
  std::span<const StringRef> network_files() const {
    return records<StringRef>(SectionKind::NetworkFiles);
  }

  /// "" when absent.
  std::string_view text(StringRef ref) const {
    if (ref.offset == kNone) return {};
    return as_text(section(SectionKind::Strings)).substr(ref.offset, ref.bytes);
  }
  template <class T>
  std::span<const T> part(std::span<const T> all, Extent extent) const {
    return all.subspan(extent.offset, extent.count);
  }
  /// A record in PolicyData, at a byte offset.
  template <class T>
  const T& policy_record(u32 offset) const {
    return *reinterpret_cast<const T*>(section(SectionKind::PolicyData).data() + offset);
  }
  /// A list or map in PolicyData.
  template <class T>
  std::span<const T> policy_list(Extent extent) const {
    return {reinterpret_cast<const T*>(section(SectionKind::PolicyData).data() + extent.offset),
            extent.count};
  }

 private:
  template <class T>
  std::span<const T> records(SectionKind kind) const {
    const Bytes bytes = section(kind);
    // SAFETY: verify() checked alignment, record size and that size is a multiple of it.
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  Bytes file_;
  std::array<Bytes, kLastSectionKind + 1> sections_{};
};

/// What becomes of the security that a route's document asks for.
inline std::string_view security_text(const RouteRecord& route) {
  if ((route.flags & kRouteSecurityUnenforced) != 0) return "unenforced";
  return (route.flags & kRouteSecured) != 0 ? "enforced" : "public";
}

}  // namespace gw::table
