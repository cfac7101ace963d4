#include "runtime/table/verify.h"

#include <xxhash.h>
#include <utility>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>

#include "runtime/policies/policy_list.h"
#include "runtime/router/verify.h"
#include "runtime/schema/verify.h"
#include "runtime/table/consumer_set.h"
#include "runtime/table/dfa.h"
#include "runtime/table/digest.h"
#include "runtime/table/network_set.h"
#include "runtime/table/verify_record.h"
#include "runtime/table/view.h"

namespace gw::table {
namespace {

struct KnownSection {
  u32 record_bytes;
  std::string_view name;
};
// Indexed by SectionKind.
constexpr KnownSection kSections[kLastSectionKind + 1] = {
    {0, ""},
    {1, "strings"},
    {sizeof(StringRef), "features"},
    {sizeof(GatewayRecord), "gateway"},
    {1, "router"},
    {sizeof(RouteRecord), "routes"},
    {sizeof(PlanRecord), "plans"},
    {sizeof(StepRecord), "steps"},
    {1, "policy data"},
    {sizeof(policies::SettingsRecord), "settings"},
    {sizeof(policies::UpstreamRecord), "upstreams"},
    {sizeof(policies::ListenerRecord), "listeners"},
    {sizeof(ExpressionPart), "expressions"},
    {sizeof(ConditionRecord), "conditions"},
    {sizeof(ConditionTest), "condition tests"},
    {sizeof(StringRef), "string lists"},
    {sizeof(NetworkRecord), "networks"},
    {sizeof(RegexRecord), "regexes"},
    {1, "dfa data"},
    {sizeof(LateRecord), "late"},
    {sizeof(LatePart), "late parts"},
    {sizeof(StringRef), "files"},
    {sizeof(OriginRecord), "origins"},
    {sizeof(NoteRecord), "notes"},
    {sizeof(StringRef), "schemas"},
    {sizeof(u32), "schema programs"},
    {sizeof(policies::SchemeRecord), "schemes"},
    {1, "consumers"},
    {sizeof(StringRef), "network files"},
    {1, "network set"},
    {1, "consumer plans"},
    {1, "contracts"},
};

constexpr u64 kParallelBytes = u64{2} << 20;  // from where a second thread pays

constexpr std::string_view kFeatures[] = {"http1", "expressions", "conditions", "dns", "security"};

Unexpected<Error> corrupt(std::string_view what) { return fail(Errc::TableCorrupt, what); }

Result<void> verify_header(Bytes file) {
  if (file.size() < sizeof(Header) + kTrailerBytes) return fail(Errc::TableTruncated, "header");
  Header header;
  std::memcpy(&header, file.data(), sizeof header);
  if (!std::ranges::equal(header.magic, kMagic)) return corrupt("magic");
  if (header.version_major != kVersionMajor) return fail(Errc::TableVersion, "version_major");
  if (header.file_bytes != file.size()) return fail(Errc::TableTruncated, "file_bytes");
  if (file.size() > kMaxFileBytes || file.size() % 8 != 0) return corrupt("file_bytes");
  if (header.header_bytes != sizeof(Header)) return corrupt("header_bytes");
  if (!std::ranges::all_of(header.reserved, [](u8 byte) { return byte == 0; })) {
    return corrupt("reserved");
  }
  return {};
}

u64 stored_digest(Bytes file) {
  u64 digest = 0;
  std::memcpy(&digest, file.data() + file.size() - kTrailerBytes, sizeof digest);
  return digest;
}

bool digest_holds(Bytes file) { return digest_of(file) == stored_digest(file); }

Result<void> verify_kind(Bytes file, TableKind kind) {
  Header header;
  std::memcpy(&header, file.data(), sizeof header);
  const u64 body_bytes = file.size() - kTrailerBytes;
  if (header.kind != kind) return fail(Errc::TableFeature, "kind");
  const u64 room = (body_bytes - sizeof(Header)) / sizeof(Section);
  if (header.section_count > room) return corrupt("section_count");
  return {};
}

// Sections are sorted, inside the file and aligned, known or optional, and of our record size.
Result<void> verify_sections(Bytes file) {
  Header header;
  std::memcpy(&header, file.data(), sizeof header);
  const std::span<const Section> sections(
      reinterpret_cast<const Section*>(file.data() + sizeof(Header)), header.section_count);
  const u64 body_bytes = file.size() - kTrailerBytes;
  u32 last_kind = 0;
  u64 last_end = sizeof(Header) + sections.size_bytes();
  for (const Section& section : sections) {
    const u32 kind = static_cast<u32>(section.kind);
    if (kind <= last_kind) return corrupt("section list");
    if (section.flags > kSectionOptional) return corrupt("section flags");
    last_kind = kind;
    if (section.offset % kSectionAlignment != 0 || section.offset < last_end ||
        !fits(section.offset, section.bytes, body_bytes)) {
      return corrupt(kind <= kLastSectionKind ? kSections[kind].name : "section bounds");
    }
    last_end = section.offset + section.bytes;
    if (kind > kLastSectionKind || kSections[kind].record_bytes == 0) {
      if ((section.flags & kSectionOptional) == 0) return fail(Errc::TableFeature, "section kind");
      continue;
    }
    const KnownSection& known = kSections[kind];
    if (section.record_bytes != known.record_bytes || section.bytes % known.record_bytes != 0) {
      return corrupt(known.name);
    }
  }
  return {};
}

class Verifier {
 public:
  explicit Verifier(Bytes file) : view_(file) {
    bounds_ = {.policy_data = view_.section(SectionKind::PolicyData),
               .strings = view_.section(SectionKind::Strings).size(),
               .expressions = view_.expressions().size(),
               .conditions = view_.conditions().size(),
               .regexes = view_.regexes().size(),
               .schemas = view_.schemas().size(),
               .networks = view_.networks().size(),
               .upstreams = view_.upstreams().size(),
               .schemes = view_.schemes().size(),
               .late = view_.late().size()};
    budget_ = bounds_.policy_data.size() + 1024;
  }

  Result<void> run() {
    GW_TRY(strings(SectionKind::Features, "features"));
    for (const StringRef feature : view_.features()) {
      if (!is_known_feature(view_.text(feature))) return fail(Errc::TableFeature, "features");
    }
    GW_TRY(strings(SectionKind::StringLists, "string lists"));
    GW_TRY(strings(SectionKind::Files, "files"));
    GW_TRY(strings(SectionKind::Schemas, "schemas"));
    GW_TRY(strings(SectionKind::NetworkFiles, "network files"));
    const ConsumerBounds consumers{.late = bounds_.late, .files = view_.files().size()};
    GW_TRY(verify_consumers(view_.section(SectionKind::Consumers), consumers));
    GW_TRY(verify_consumers(view_.section(SectionKind::ConsumerPlans), consumers));
    GW_TRY(gateway());
    GW_TRY(values());
    GW_TRY(regexes());
    GW_TRY(schema::verify_schemas(view_.schema_programs(),
                                  as_text(view_.section(SectionKind::Strings)), bounds_.regexes,
                                  &programs_));
    bounds_.programs = programs_;
    GW_TRY(late());
    GW_TRY(records());
    GW_TRY(plans());
    GW_TRY(routes());
    GW_TRY(notes());
    const auto regexes = static_cast<u32>(view_.regexes().size());
    return router::verify_router(view_.section(SectionKind::Router), routes_count(), regexes,
                                 regexes);
  }

 private:
  u32 routes_count() const { return static_cast<u32>(view_.routes().size()); }
  bool text_fits(StringRef ref) const {
    return ref.offset == kNone ? ref.bytes == 0 : fits(ref.offset, ref.bytes, bounds_.strings);
  }
  bool source_fits(const SourceRef& source) const {
    return source.file == kNone || source.file < view_.files().size();
  }

  Result<void> strings(SectionKind kind, std::string_view name) const {
    const Bytes bytes = view_.section(kind);
    const std::span<const StringRef> refs(reinterpret_cast<const StringRef*>(bytes.data()),
                                          bytes.size() / sizeof(StringRef));
    for (const StringRef ref : refs) {
      if (!text_fits(ref)) return corrupt(name);
    }
    return {};
  }

  Result<void> gateway() const {
    if (view_.section(SectionKind::Gateway).size() != sizeof(GatewayRecord)) {
      return corrupt("gateway");
    }
    const GatewayRecord& gateway = view_.gateway();
    if (!text_fits(gateway.title) || !text_fits(gateway.version) || gateway.flags > 7 ||
        !text_fits(gateway.consumer_file) || gateway.default_settings >= view_.settings().size() ||
        (gateway.default_plan != kNone && gateway.default_plan >= view_.plans().size()) ||
        !fits(gateway.trusted_proxies.offset, gateway.trusted_proxies.count, bounds_.networks) ||
        !fits(gateway.origins.offset, gateway.origins.count, view_.origins().size())) {
      return corrupt("gateway");
    }
    return {};
  }

  Result<void> values() const {
    for (const ExpressionPart& part : view_.expressions()) {
      const bool late_fits = part.source != ExpressionSource::Late || part.index < bounds_.late;
      const bool scheme_fits =
          part.source != ExpressionSource::SchemeClaim || part.index < bounds_.schemes;
      if (!text_fits(part.text) || part.source > kLastExpressionSource || !late_fits ||
          !scheme_fits || part.encoding > ExpressionEncoding::QueryValue) {
        return corrupt("expressions");
      }
    }
    const auto conditions = view_.conditions();
    for (const ConditionRecord& condition : conditions) {
      if (!fits(condition.tests.offset, condition.tests.count, view_.condition_tests().size()) ||
          condition.last > 1) {
        return corrupt("conditions");
      }
    }
    if (!conditions.empty() && conditions.back().last != 1) return corrupt("conditions");
    for (const ConditionTest& test : view_.condition_tests()) {
      const u64 values = test.kind == TestKind::Network       ? bounds_.networks
                         : test.kind == TestKind::NetworkFile ? view_.network_files().size()
                                                              : view_.string_lists().size();
      if (!text_fits(test.name) || test.source > kLastTestSource ||
          test.kind > TestKind::NetworkFile || test.negate > 1 ||
          !fits(test.values.offset, test.values.count, values) ||
          (test.kind == TestKind::NetworkFile && test.values.count != 1) ||
          (test.kind == TestKind::Matches ? test.regex >= bounds_.regexes : test.regex != kNone)) {
        return corrupt("condition tests");
      }
    }
    for (const NetworkRecord& network : view_.networks()) {
      if (network.prefix_bits > 128) return corrupt("networks");
    }
    return {};
  }

  Result<void> regexes() const {
    const Bytes data = view_.section(SectionKind::DfaData);
    for (const RegexRecord& regex : view_.regexes()) {
      if (!text_fits(regex.re2) || !text_fits(regex.source) || regex.anchored > 1) {
        return corrupt("regexes");
      }
      if (regex.dfa.count == 0) continue;  // re2 is compiled when the table is bound
      if (regex.dfa.offset % 8 != 0 || !fits(regex.dfa.offset, regex.dfa.count, data.size())) {
        return corrupt("regexes");
      }
      if (!verify_dfa(data.subspan(regex.dfa.offset, regex.dfa.count))) return corrupt("dfa data");
    }
    return {};
  }

  Result<void> late() const {
    for (const LateRecord& late : view_.late()) {
      if (!fits(late.parts.offset, late.parts.count, view_.late_parts().size()) ||
          !text_fits(late.field) || !source_fits(late.source)) {
        return corrupt("late");
      }
    }
    for (const LatePart& part : view_.late_parts()) {
      if (part.kind > LatePartKind::File || !text_fits(part.text) || !text_fits(part.fallback)) {
        return corrupt("late parts");
      }
    }
    return {};
  }

  template <class T>
  bool all_valid(std::span<const T> records, const policies::RecordSpec& spec) {
    return std::ranges::all_of(records, [&](const T& record) {
      return verify_record(spec, reinterpret_cast<const std::byte*>(&record), bounds_, budget_);
    });
  }

  Result<void> records() {
    if (!all_valid(view_.settings(), policies::kSettingsSpec)) return corrupt("settings");
    for (const policies::ListenerRecord& listener : view_.listeners()) {
      if (!source_fits(listener.source)) return corrupt("listeners");
    }
    if (!all_valid(view_.listeners(), policies::kListenerSpec)) return corrupt("listeners");
    for (const policies::SchemeRecord& scheme : view_.schemes()) {
      if (!source_fits(scheme.source)) return corrupt("schemes");
    }
    if (!all_valid(view_.schemes(), policies::kSchemeSpec)) return corrupt("schemes");
    const policies::ResolversRecord resolvers{view_.gateway().resolvers};
    if (!all_valid(std::span(&resolvers, 1), policies::kResolversSpec)) return corrupt("resolvers");
    const policies::ObserveListRecord observe{view_.gateway().observe};
    if (!all_valid(std::span(&observe, 1), policies::kObserveListSpec)) return corrupt("observe");
    for (const policies::UpstreamRecord& upstream : view_.upstreams()) {
      if (!text_fits(upstream.name) || !source_fits(upstream.source)) return corrupt("upstreams");
    }
    if (!all_valid(view_.upstreams(), policies::kUpstreamSpec)) return corrupt("upstreams");
    return {};
  }

  Result<void> plans() {
    for (const PlanRecord& plan : view_.plans()) {
      if (!fits(plan.steps.offset, plan.steps.count, view_.steps().size()) ||
          !fits(plan.origins.offset, plan.origins.count, view_.origins().size()) ||
          (plan.upstream != kNone && plan.upstream >= bounds_.upstreams) ||
          plan.request_body > BodyNeed::Whole || plan.response_body > BodyNeed::Whole) {
        return corrupt("plans");
      }
      u8 last_phase = 0;
      bool has_class = false;
      for (const StepRecord& step : view_.part(view_.steps(), plan.steps)) {
        if (step.phase < last_phase) return corrupt("steps");  // they run in this order
        last_phase = step.phase;
        // Behind the one class step a view goes on: two could lead to each other for ever.
        const bool chooses = step.policy == static_cast<u16>(policies::PolicyId::ClientClass);
        if (chooses && std::exchange(has_class, true)) return corrupt("steps");
        // What is to be changed is read: a plan that says otherwise would pass it on as it is.
        const bool changes = step.policy == static_cast<u16>(policies::PolicyId::Body) &&
                             step.phase == static_cast<u8>(policies::Phase::ResponseTransform);
        if (changes && plan.response_body != BodyNeed::Whole) return corrupt("steps");
      }
    }
    for (const StepRecord& step : view_.steps()) {
      const policies::PolicyInfo* policy = policies::find_policy(step.policy);
      if (policy == nullptr) return fail(Errc::TableFeature, "steps");
      // What belongs to answers cannot decide about requests.
      const bool misplaced = policy->phase > policies::Phase::Action &&
                             static_cast<policies::Phase>(step.phase) != policy->phase;
      if (misplaced || step.phase >= policies::kPhaseCount || step.reserved != 0 ||
          step.record % 8 != 0 ||
          (step.condition != kNone && step.condition >= bounds_.conditions) ||
          step.scratch != kNone ||
          !fits(step.record, policy->stored->bytes, bounds_.policy_data.size()) ||
          !verify_record(*policy->stored, bounds_.policy_data.data() + step.record, bounds_,
                         budget_)) {
        return corrupt("steps");
      }
    }
    for (const OriginRecord& origin : view_.origins()) {
      if (!text_fits(origin.field) || !text_fits(origin.level) || !text_fits(origin.value) ||
          !source_fits(origin.source)) {
        return corrupt("origins");
      }
    }
    return {};
  }

  Result<void> routes() const {
    const u64 plans = view_.plans().size();
    const u64 settings = view_.settings().size();
    const u64 lists = view_.string_lists().size();
    bool fine = true;
    for (const RouteRecord& route : view_.routes()) {
      fine &= text_fits(route.id) && text_fits(route.template_) && text_fits(route.method) &&
              text_fits(route.host) && route.plan < plans && route.settings < settings &&
              fits(route.captures.offset, route.captures.count, lists) &&
              (route.flags & 0xfff8) == 0 && source_fits(route.source);
    }
    if (!fine) return corrupt("routes");
    return {};
  }

  Result<void> notes() const {
    for (const NoteRecord& note : view_.notes()) {
      if (note.kind > NoteKind::Public || !text_fits(note.subject) || !text_fits(note.where) ||
          !text_fits(note.reason) || !source_fits(note.source)) {
        return corrupt("notes");
      }
    }
    return {};
  }

  TableView view_;
  RecordBounds bounds_;
  std::vector<u32> programs_;
  u64 budget_ = 0;
};

}  // namespace

std::string_view section_name(SectionKind kind) {
  const u32 index = static_cast<u32>(kind);
  return index >= 1 && index <= kLastSectionKind ? kSections[index].name : "unknown";
}

bool is_known_feature(std::string_view name) {
  return std::ranges::find(kFeatures, name) != std::end(kFeatures);
}

namespace {

Result<void> verify_contents(Bytes file, TableKind kind) {
  GW_TRY(verify_kind(file, kind));
  GW_TRY(verify_sections(file));
  if (kind == TableKind::Gateway) return Verifier(file).run();
  const TableView view(file);
  if (view.sections().size() != 1) return corrupt("section list");
  if (kind == TableKind::Consumers) return verify_consumers(view.section(SectionKind::Consumers));
  return verify_network_set(view.section(SectionKind::NetworkSet));
}

/// The digest, on a thread of its own if a processor has time for one. Whoever comes first computes
/// it: on a busy machine the checks are done before the thread has begun, and it must not be waited
/// for.
class SharedDigest {
 public:
  explicit SharedDigest(Bytes file) : state_(std::make_shared<State>(file)) {
    try {
      std::thread([state = state_] { state->compute(); }).detach();
    } catch (const std::system_error&) {
      // There is no thread to be had: holds() computes it.
    }
  }
  // The thread reads the file, which may go away after this.
  ~SharedDigest() { holds(); }
  SharedDigest(const SharedDigest&) = delete;

  bool holds() {
    state_->compute();
    state_->done.wait(false, std::memory_order_acquire);
    return state_->result;
  }

 private:
  struct State {
    explicit State(Bytes bytes) : file(bytes) {}
    void compute() {
      if (begun.exchange(true, std::memory_order_acq_rel)) return;
      result = digest_holds(file);
      done.store(true, std::memory_order_release);
      done.notify_all();
    }
    const Bytes file;
    std::atomic<bool> begun = false;
    std::atomic<bool> done = false;
    bool result = false;
  };
  std::shared_ptr<State> state_;
};

// Where a file is damaged whose contents are possible ones, but whose digest does not hold.
std::string_view damaged_part(Bytes file) {
  Header header;
  std::memcpy(&header, file.data(), sizeof header);
  for (u32 i = 0; i < header.section_count; ++i) {
    Section section;
    std::memcpy(&section, file.data() + sizeof header + i * sizeof section, sizeof section);
    const u64 digest = XXH3_64bits(file.data() + section.offset, section.bytes);
    if (static_cast<u32>(digest) == section.digest) continue;
    const u32 kind = static_cast<u32>(section.kind);
    return kind <= kLastSectionKind ? kSections[kind].name : "section of a later version";
  }
  return "header or section list";
}

// Damage shows in what refers to it, and by digests: these tell where it is. What a right digest
// vouches for is a table that was written so.
Result<void> judge(Bytes file, TableKind kind, const Result<void>& contents, bool digest_holds) {
  if (digest_holds || !verify_kind(file, kind) || !verify_sections(file)) return contents;
  return corrupt(damaged_part(file));
}

}  // namespace

// Both passes over a large file wait for memory most of the time, so they go side by side. The
// checks of the contents rely on nothing that the digest promises.
Result<void> verify(Bytes file, TableKind kind, std::optional<u64> known_digest) {
  GW_TRY(verify_header(file));
  if (known_digest) {
    return judge(file, kind, verify_contents(file, kind), *known_digest == stored_digest(file));
  }
  if (file.size() < kParallelBytes) {
    const Result<void> contents = verify_contents(file, kind);
    return judge(file, kind, contents, digest_holds(file));
  }
  SharedDigest digest(file);
  const Result<void> contents = verify_contents(file, kind);
  return judge(file, kind, contents, digest.holds());
}

}  // namespace gw::table
