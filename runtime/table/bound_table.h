// A table with its late references resolved: what an exchange runs on.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/router/router.h"
#include "runtime/schema/program.h"
#include "runtime/table/dfa.h"
#include "runtime/table/table_file.h"
#include "runtime/table/view.h"

namespace re2 {
class RE2;
}

namespace gw {

/// How late references are looked up. Tests give fixed values.
struct ReferenceSource {
  std::function<std::optional<std::string>(const std::string&)> env;
  std::function<Result<std::string>(const std::string&)> file;
  /// The process environment, overridden by `overrides` (--env-file), and real files.
  static ReferenceSource process(std::map<std::string, std::string> overrides);
  /// Nothing resolves: for `inspect` and `explain`, which show references unresolved.
  static ReferenceSource none();
};

/// A reference that did not resolve, with the place to mend.
struct ReferenceProblem {
  std::string field;
  std::string where;  // file:line:column
  std::string message;
};

/// Immutable after bind(); shared by all workers. Any thread.
class BoundTable final : public router::ConstraintOracle, public schema::PatternMatcher {
 public:
  BoundTable(const BoundTable&) = delete;
  BoundTable& operator=(const BoundTable&) = delete;
  ~BoundTable() override;

  /// Resolves, parses and bounds every late value. On failure `problems` lists all of them and
  /// the table is refused (ReferenceInvalid). With ReferenceSource::none() nothing fails and late
  /// values are their references as text, numbers 0.
  static Result<std::shared_ptr<const BoundTable>> bind(
      std::shared_ptr<const table::TableFile> file, const ReferenceSource& references,
      std::vector<ReferenceProblem>& problems);

  const table::TableView& view() const { return view_; }
  const router::RouterView& router() const { return router_; }

  u64 number(const table::LateNumber& value) const {
    return value.late == table::kNone ? value.value : late_[value.late].number;
  }
  std::string_view text(const table::LateString& value) const {
    return value.late == table::kNone ? view_.text(value.value)
                                      : std::string_view(late_[value.late].text);
  }
  std::string_view text(table::StringRef ref) const { return view_.text(ref); }
  std::string_view late_text(u32 late) const { return late_[late].text; }
  /// Late value `late` resolved once more, e.g. because a file has changed; this table keeps what
  /// it has. Empty: `problem` says why.
  std::optional<std::string> resolve_again(u32 late, const ReferenceSource& references,
                                           std::string& problem) const;
  /// The file that a late value is the content of, if it is that of one file.
  std::optional<std::string> late_file(u32 late) const;
  /// The reference itself, e.g. `{$env.USERS:-http://...}`.
  std::string late_source(u32 late) const;

  /// Whether regex `index` matches; the whole of `text` when the pattern is anchored.
  bool matches(u32 index, std::string_view text) const override;
  /// The compiled schemas, with the patterns of this table.
  schema::Program schemas() const {
    return {view_.schema_programs().data(),
            as_text(view_.section(table::SectionKind::Strings)).data(), this};
  }
  // Constraints of the router name regexes by the same index, whatever they were compiled to.
  bool dfa_accepts(u32 index, std::string_view value) const override {
    return matches(index, value);
  }
  bool re2_accepts(u32 index, std::string_view value) const override {
    return matches(index, value);
  }

 private:
  struct LateValue {
    u64 number = 0;
    std::string text;
  };
  BoundTable();
  void compile_fallbacks();
  void show_unresolved(u32 late);

  std::shared_ptr<const table::TableFile> file_;
  table::TableView view_;
  router::RouterView router_;
  std::vector<LateValue> late_;
  std::vector<std::unique_ptr<re2::RE2>> fallbacks_;  // by regex index; null: it has a DFA
};

}  // namespace gw
