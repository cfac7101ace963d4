// Which parts of a gateway the tests have been through.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/testing/stage.h"

namespace gw::cli::tests {

/// What is counted, by kind. A new kind adds a name here, its units in Coverage's constructor and
/// what hits them in saw().
enum class CoverageKind : u8 {
  Operations,
  Security,
  Limits,
  Validation,
  Access,
  Cache,
  Views,
  Compositions
};
inline constexpr std::string_view kCoverageNames[] = {"operations", "security",       "limits",
                                                      "validation", "allow and deny", "cache",
                                                      "views",      "compositions"};

class Coverage final : public ExchangeWatcher {
 public:
  explicit Coverage(const table::TableView& view);

  void saw(Exchange& exchange, const Outcome& outcome) override;
  void composed(const policies::ComposeRecord& record, std::span<const CallEnd> ends) override;

  /// Something that a test can go through.
  struct Unit {
    CoverageKind kind = CoverageKind::Operations;
    std::string place;  // file:line:column
    std::string what;
    bool hit = false;
  };
  /// In the order of the table.
  const std::vector<Unit>& units() const { return units_; }
  /// Hundredths of a percent; 10,000 where there is nothing to go through.
  u32 share() const;

 private:
  void add(const std::string& key, CoverageKind kind, std::string place, std::string what);
  void hit(const std::string& key);
  void add_route(u32 route);
  void add_security(u32 route, u32 record, const std::string& id);
  void add_limits(u32 route, u32 record);
  void add_validation(u32 route, u32 record, const std::string& id);
  void add_cache(u32 route, u32 record, const std::string& id);
  void add_access(u32 route, u32 record, const std::string& id);
  void add_views(u32 route, u32 record, const std::string& id);
  void add_composition(u32 route, u32 record, const std::string& id);
  void saw_limits(const Exchange& exchange);
  void saw_validation(const Exchange& exchange, const Outcome& outcome);
  void saw_cache(const Exchange& exchange);
  void saw_steps(Exchange& exchange, const Outcome& outcome);
  std::string place_of(const table::SourceRef& ref) const;
  std::string origin_of(u32 route, std::string_view field) const;

  const table::TableView& view_;
  std::vector<Unit> units_;
  std::map<std::string, size_t> index_;
};

/// A line for each kind, and one for each unit that nothing has gone through.
std::string coverage_text(const Coverage& coverage);
/// One object: {coverage: {share, kinds: {...}, uncovered: [...]}}.
std::string coverage_json(const Coverage& coverage);

}  // namespace gw::cli::tests
