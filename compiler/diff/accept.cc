#include "compiler/diff/accept.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "compiler/diag/sink.h"
#include "compiler/diff/classify.h"
#include "compiler/source/file_set.h"
#include "compiler/syntax/read.h"
#include "runtime/schema/formats.h"

namespace gw::compiler::diff {
namespace {

bool is_fingerprint(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

class AcceptanceReader {
 public:
  AcceptanceReader(const std::string& path, std::vector<std::string>& problems)
      : path_(path), problems_(problems) {}

  std::vector<Acceptance> run() {
    const Result<FileId> file = files_.read(path_);
    if (!file) {
      problems_.push_back(fmt::format("cannot read {}: {}", path_,
                                      std::generic_category().message(file.error().sys)));
      return {};
    }
    DiagnosticSink sink;
    const std::unique_ptr<Tree> tree = read_tree(files_, *file, sink);
    for (const Diagnostic& finding : sink.sorted()) problem(finding.primary.span, finding.message);
    if (tree == nullptr || !tree->root() || tree->root().is_null()) return {};
    if (!tree->root().is_seq()) {
      problem(tree->root().span(), "a list of accepted changes is expected");
      return {};
    }
    for (const NodeRef item : tree->root().items()) entry(item);
    if (!problems_.empty()) entries_.clear();
    return std::move(entries_);
  }

 private:
  void problem(Span span, const std::string& message) {
    if (!span.valid()) {
      problems_.push_back(fmt::format("{}: {}", path_, message));
      return;
    }
    const Position at = files_.position(span.file, span.begin);
    problems_.push_back(fmt::format("{}:{}:{}: {}", path_, at.line, at.column, message));
  }

  void entry(NodeRef item) {
    if (!item.is_map()) {
      problem(item.span(), "an accepted change is a map");
      return;
    }
    Acceptance entry;
    entry.line = files_.position(item.span().file, item.span().begin).line;
    for (const auto [key, value] : item.entries()) field(entry, key, value);
    if (entry.reason.empty()) problem(item.span(), "an accepted change needs a `reason`");
    if (entry.fingerprint.empty() == entry.id.empty()) {
      problem(item.span(), "an accepted change has a `fingerprint`, or an `id`");
    }
    if (!entry.fingerprint.empty() && !entry.operation.empty()) {
      problem(item.span(), "a `fingerprint` says which operations are meant");
    }
    entries_.push_back(std::move(entry));
  }

  void field(Acceptance& entry, NodeRef key, NodeRef value) {
    struct Known {
      std::string_view name;
      std::string Acceptance::*member;
    };
    static constexpr Known kKnown[] = {{"fingerprint", &Acceptance::fingerprint},
                                       {"id", &Acceptance::id},
                                       {"operation", &Acceptance::operation},
                                       {"reason", &Acceptance::reason},
                                       {"until", &Acceptance::until}};
    const auto known = std::ranges::find(kKnown, key.text(), &Known::name);
    if (known == std::end(kKnown)) {
      std::vector<std::string_view> names;
      for (const Known& one : kKnown) names.push_back(one.name);
      const std::string meant = did_you_mean(key.text(), names);
      problem(key.span(), fmt::format("there is no field `{}`{}{}", key.text(),
                                      meant.empty() ? "" : "; ", meant));
      return;
    }
    if (!value.is_scalar() || value.is_null() || value.text().empty()) {
      problem(value.span(), fmt::format("`{}` is a text", key.text()));
      return;
    }
    const std::string text(value.text());
    if (known->name == "until" && !gw::schema::is_date(text)) {
      problem(value.span(), "`until` is a date, YYYY-MM-DD");
    }
    if (known->name == "fingerprint" && !is_fingerprint(text)) {
      problem(value.span(), "a fingerprint has 16 hexadecimal digits; quote it");
    }
    if (known->name == "id" && find_change(text) == nullptr) {
      std::vector<std::string_view> names;
      for (const ChangeInfo& change : change_list()) names.push_back(change.id);
      const std::string meant = did_you_mean(text, names);
      problem(value.span(),
              fmt::format("there is no change `{}`{}{}", text, meant.empty() ? "" : "; ", meant));
    }
    entry.*(known->member) = text;
  }

  FileSet files_;
  const std::string& path_;
  std::vector<std::string>& problems_;
  std::vector<Acceptance> entries_;
};

// Splits off what an entry accepts of a finding; nothing: none of it.
bool take(Finding& finding, const Acceptance& entry, std::vector<Finding>& accepted) {
  if (!entry.fingerprint.empty()) {
    if (finding.fingerprint != entry.fingerprint) return false;
    accepted.push_back(finding);
    finding.operations.clear();
    return true;
  }
  if (finding.id != entry.id) return false;
  if (finding.operations.empty() || entry.operation == "*") {
    if (entry.operation.empty() != finding.operations.empty() && entry.operation != "*") {
      return false;
    }
    accepted.push_back(finding);
    finding.operations.clear();
    return true;
  }
  const auto named = [&](const Subject& subject) {
    return subject.id == entry.operation || place_of(subject) == entry.operation;
  };
  if (std::ranges::none_of(finding.operations, named)) return false;
  Finding part = finding;
  std::erase_if(part.operations, [&](const Subject& subject) { return !named(subject); });
  std::erase_if(finding.operations, named);
  accepted.push_back(std::move(part));
  return true;
}

}  // namespace

std::vector<Acceptance> read_acceptances(const std::string& path,
                                         std::vector<std::string>& problems) {
  return AcceptanceReader(path, problems).run();
}

std::vector<Finding> accept(std::vector<Finding>& findings, std::vector<Acceptance>& acceptances,
                            const std::string& path, const std::string& today,
                            std::vector<std::string>& remarks) {
  std::vector<Finding> accepted;
  std::vector<Finding> left;
  for (Finding& finding : findings) {
    bool gone = false;
    for (Acceptance& entry : acceptances) {
      if (!entry.until.empty() && entry.until < today) continue;
      if (!take(finding, entry, accepted)) continue;
      entry.used = true;
      gone = finding.operations.empty();
      if (gone) break;
    }
    if (!gone) left.push_back(std::move(finding));
  }
  findings = std::move(left);
  for (const Acceptance& entry : acceptances) {
    const bool expired = !entry.until.empty() && entry.until < today;
    const std::string& what = entry.fingerprint.empty() ? entry.id : entry.fingerprint;
    if (expired) {
      remarks.push_back(fmt::format("{}:{}: the acceptance of `{}` has expired on {}", path,
                                    entry.line, what, entry.until));
    } else if (!entry.used) {
      const bool lacks_operation =
          entry.fingerprint.empty() && entry.operation.empty() &&
          std::ranges::find(findings, entry.id, &Finding::id) != findings.end();
      remarks.push_back(
          lacks_operation
              ? fmt::format("{}:{}: `{}` is a change of operations: the acceptance needs "
                            "`operation`, the one that it is meant for, or '*'",
                            path, entry.line, what)
              : fmt::format("{}:{}: nothing needs the acceptance of `{}`", path, entry.line, what));
    }
  }
  return accepted;
}

}  // namespace gw::compiler::diff
