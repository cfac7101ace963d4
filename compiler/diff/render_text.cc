#include <fmt/format.h>

#include <algorithm>

#include "compiler/diag/render.h"
#include "compiler/diff/render.h"

namespace gw::compiler::diff {
namespace {

constexpr std::string_view kHeadings[] = {"SECURITY", "BREAKING", "BEHAVIOUR", "COMPATIBLE",
                                          "COSMETIC"};
constexpr std::string_view kColors[] = {"\x1b[1;35m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;32m",
                                        "\x1b[1;34m"};
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

std::string at(const Place& place) {
  return fmt::format("{}:{}:{}", printable(place.file), place.line, place.column);
}

std::string operation_text(const Subject& subject) {
  if (subject.path.empty()) return printable(subject.id);
  const std::string place = printable(place_of(subject));
  const bool derived = subject.id.find('/') != subject.id.npos;
  return derived ? place : fmt::format("{} ({})", place, printable(subject.id));
}

// Whether `text` has `word`, and not just as a part of another word. Nothing is always there.
bool has_word(std::string_view text, std::string_view word) {
  const auto joins = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !joins(text[at - 1]);
    const bool ends = end == text.size() || !joins(text[end]);
    if (word.empty() || (begins && ends)) return true;
  }
  return false;
}

class TextRenderer {
 public:
  explicit TextRenderer(const TextOptions& options) : options_(options) {}

  void finding(const Finding& finding, std::string& out) const {
    std::string head = paint(kBold, std::string(finding.id));
    if (!finding.where.empty()) head += " in " + printable(finding.where);
    out += "  " + head + "\n";
    out += "    " + printable(finding.message) + "\n";
    out += "    why: " + std::string(finding.reason) + "\n";
    operations(finding, out);
    // Where the message has not said it.
    const auto says = [&](const std::string& value) { return has_word(finding.message, value); };
    if (!says(finding.before)) out += "    was: " + printable(finding.before) + "\n";
    if (!says(finding.after)) out += "    now: " + printable(finding.after) + "\n";
    if (!finding.witness.empty() && !says(finding.witness)) {
      out += "    request: " + printable(finding.witness) + "\n";
    }
    if (finding.old_place.known()) out += "    old: " + at(finding.old_place) + "\n";
    if (finding.new_place.known()) out += "    new: " + at(finding.new_place) + "\n";
    out += "    fingerprint: " + finding.fingerprint + "\n\n";
  }

  std::string paint(std::string_view color, const std::string& text) const {
    if (!options_.color) return text;
    return std::string(color) + text + std::string(kPlain);
  }

 private:
  void operations(const Finding& finding, std::string& out) const {
    const size_t all = finding.operations.size();
    const size_t shown =
        options_.operations == 0 ? all : std::min<size_t>(all, options_.operations);
    for (size_t i = 0; i < shown; ++i) {
      out += "    " + std::string(i == 0 ? "operation: " : "           ") +
             operation_text(finding.operations[i]) + "\n";
    }
    if (shown < all) out += fmt::format("               and {} more\n", all - shown);
  }

  const TextOptions& options_;
};

}  // namespace

std::string render_text(const Outcome& outcome, const TextOptions& options) {
  const TextRenderer renderer(options);
  std::string out;
  for (size_t i = 0; i < outcome.findings.size(); ++i) {
    const Finding& finding = outcome.findings[i];
    const size_t rank = static_cast<size_t>(finding.rank);
    if (i == 0 || outcome.findings[i - 1].rank != finding.rank) {
      const auto count = std::ranges::count(outcome.findings, finding.rank, &Finding::rank);
      out += renderer.paint(kColors[rank], fmt::format("{} ({})", kHeadings[rank], count)) + "\n";
    }
    renderer.finding(finding, out);
  }
  if (!outcome.accepted.empty()) {
    out += fmt::format("ACCEPTED ({})\n", outcome.accepted.size());
    for (const Finding& finding : outcome.accepted) {
      out += fmt::format("  {} {}\n", finding.fingerprint, finding.id);
    }
    out += "\n";
  }
  for (const std::string& remark : outcome.remarks) out += "note: " + printable(remark) + "\n";
  return out;
}

std::string summary(const Outcome& outcome) {
  std::vector<std::string> parts;
  for (size_t rank = 0; rank < std::size(kClassNames); ++rank) {
    const auto count =
        std::ranges::count(outcome.findings, static_cast<Class>(rank), &Finding::rank);
    if (count != 0) parts.push_back(fmt::format("{} {}", count, kClassNames[rank]));
  }
  if (parts.empty()) return "no changes";
  std::string out = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    out += (i + 1 == parts.size() ? " and " : ", ") + parts[i];
  }
  return out + (outcome.findings.size() == 1 ? " change" : " changes");
}

}  // namespace gw::compiler::diff
