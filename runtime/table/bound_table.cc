#include "runtime/table/bound_table.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <cstdlib>
#include <cstring>

#include "runtime/base/units.h"
#include "runtime/policies/field_number.h"

namespace gw {
namespace {

using policies::FieldKind;
using table::LatePart;
using table::LatePartKind;
using table::LateRecord;

constexpr u64 kMaxReferenceBytes = u64{1} << 20;
constexpr i64 kRegexMemoryBytes = 8 << 20;

std::string where(const table::TableView& view, const table::SourceRef& source) {
  if (source.file == table::kNone) return {};
  return fmt::format("{}:{}:{}", view.text(view.files()[source.file]), source.line, source.column);
}

// Puts the parts of a late value together; empty with `problem` set when one is missing.
std::optional<std::string> join_parts(const table::TableView& view, const LateRecord& record,
                                      const ReferenceSource& references, std::string& problem) {
  std::string out;
  for (const LatePart& part : view.part(view.late_parts(), record.parts)) {
    const std::string text(view.text(part.text));
    switch (part.kind) {
      case LatePartKind::Literal:
        out += text;
        break;
      case LatePartKind::Env: {
        const auto value = references.env(text);
        if (value && !value->empty()) {
          out += *value;
        } else if (part.has_default != 0) {
          out += view.text(part.fallback);
        } else {
          problem = fmt::format("the environment has no variable `{}`", text);
          return std::nullopt;
        }
        break;
      }
      case LatePartKind::File: {
        auto content = references.file(text);
        if (!content) {
          problem = fmt::format("cannot read `{}`: {}", text, std::strerror(content.error().sys));
          return std::nullopt;
        }
        if (content->ends_with('\n')) content->pop_back();
        if (content->ends_with('\r')) content->pop_back();
        out += *content;
        break;
      }
    }
  }
  return out;
}

// Checks a resolved text as the compiler would have checked a literal. Values are not repeated in
// messages: they may be secrets.
bool check_value(const LateRecord& record, const std::string& text, u64& number,
                 std::string& problem) {
  const auto kind = static_cast<FieldKind>(record.value_kind);
  if (policies::is_number(kind)) {
    const auto value = policies::parse_number(kind, text);
    if (!value) {
      problem = "its value has the wrong form or unit";
      return false;
    }
    if (*value < record.min || *value > record.max) {
      problem = "its value is out of range";
      return false;
    }
    number = *value;
    return true;
  }
  if (kind == FieldKind::Url) {
    std::string_view detail;
    const auto url = parse_http_url(text, detail);
    if (!url) {
      problem = fmt::format("its value is not a URL: {}", detail);
      return false;
    }
  }
  std::string_view detail;
  if (kind == FieldKind::Origin && !parse_origin(text, false, detail)) {
    problem = fmt::format("its value is not an origin: {}", detail);
    return false;
  }
  if (kind == FieldKind::Address && !is_listen_address(text)) {
    problem = "its value is neither HOST:PORT nor unix:/PATH";
    return false;
  }
  if (kind == FieldKind::Document) {
    if (!text.empty() && text.size() <= record.max) return true;
    problem = "it is empty or too long";
    return false;
  }
  if (kind == FieldKind::Pem) {  // what it holds is read where it is used
    if (text.find("-----BEGIN ") != text.npos && text.size() <= record.max) return true;
    problem = "its value is not in PEM";
    return false;
  }
  if (text.size() < record.min || text.size() > record.max || !is_field_value(text)) {
    problem = "its value has a forbidden character or length";
    return false;
  }
  return true;
}

}  // namespace

ReferenceSource ReferenceSource::process(std::map<std::string, std::string> overrides) {
  ReferenceSource source;
  source.env = [overrides =
                    std::move(overrides)](const std::string& name) -> std::optional<std::string> {
    if (const auto found = overrides.find(name); found != overrides.end()) return found->second;
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
  source.file = [](const std::string& path) { return table::read_file(path, kMaxReferenceBytes); };
  return source;
}

ReferenceSource ReferenceSource::none() { return {}; }

BoundTable::BoundTable() = default;
BoundTable::~BoundTable() = default;

Result<std::shared_ptr<const BoundTable>> BoundTable::bind(
    std::shared_ptr<const table::TableFile> file, const ReferenceSource& references,
    std::vector<ReferenceProblem>& problems) {
  std::shared_ptr<BoundTable> bound(new BoundTable());
  bound->file_ = std::move(file);
  bound->view_ = table::TableView(bound->file_->bytes());
  const table::TableView& view = bound->view_;
  bound->router_ = router::RouterView(view.section(table::SectionKind::Router).data());

  bound->late_.resize(view.late().size());
  for (u32 i = 0; i < view.late().size(); ++i) {
    const LateRecord& record = view.late()[i];
    if (!references.env) {
      bound->show_unresolved(i);
      continue;
    }
    std::string problem;
    auto text = join_parts(view, record, references, problem);
    if (text && check_value(record, *text, bound->late_[i].number, problem)) {
      bound->late_[i].text = std::move(*text);
      continue;
    }
    problems.push_back({std::string(view.text(record.field)), where(view, record.source), problem});
  }
  if (!problems.empty()) return fail(Errc::ReferenceInvalid, "late reference");
  bound->compile_fallbacks();
  return std::shared_ptr<const BoundTable>(std::move(bound));
}

// Without an environment a reference is its own text; a number is its default, or as large as it
// may be, so that nothing is refused for want of it.
void BoundTable::show_unresolved(u32 late) {
  const LateRecord& record = view_.late()[late];
  late_[late].text = late_source(late);
  late_[late].number = record.max;
  ReferenceSource nothing;
  nothing.env = [](const std::string&) { return std::optional<std::string>{}; };
  nothing.file = [](const std::string&) -> Result<std::string> {
    return fail(Errc::FileUnreadable, "no files");
  };
  std::string problem;
  const auto text = join_parts(view_, record, nothing, problem);
  u64 number = 0;
  if (text && check_value(record, *text, number, problem)) late_[late].number = number;
}

void BoundTable::compile_fallbacks() {
  const auto regexes = view_.regexes();
  fallbacks_.resize(regexes.size());
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryBytes);
  for (u32 i = 0; i < regexes.size(); ++i) {
    if (regexes[i].dfa.count != 0) continue;
    fallbacks_[i] = std::make_unique<RE2>(std::string(view_.text(regexes[i].re2)), options);
  }
}

std::optional<std::string> BoundTable::resolve_again(u32 late, const ReferenceSource& references,
                                                     std::string& problem) const {
  const LateRecord& record = view_.late()[late];
  auto text = join_parts(view_, record, references, problem);
  u64 number = 0;
  if (text && check_value(record, *text, number, problem)) return text;
  problem = fmt::format("{}: {}", view_.text(record.field), problem);
  return std::nullopt;
}

std::optional<std::string> BoundTable::late_file(u32 late) const {
  const auto parts = view_.part(view_.late_parts(), view_.late()[late].parts);
  if (parts.size() != 1 || parts[0].kind != LatePartKind::File) return std::nullopt;
  return std::string(view_.text(parts[0].text));
}

std::string BoundTable::late_source(u32 late) const {
  std::string out;
  for (const LatePart& part : view_.part(view_.late_parts(), view_.late()[late].parts)) {
    const std::string_view text = view_.text(part.text);
    if (part.kind == LatePartKind::Literal) {
      out += text;
    } else if (part.kind == LatePartKind::File) {
      out += fmt::format("{{$file.{}}}", text);
    } else if (part.has_default != 0) {
      out += fmt::format("{{$env.{}:-{}}}", text, view_.text(part.fallback));
    } else {
      out += fmt::format("{{$env.{}}}", text);
    }
  }
  return out;
}

bool BoundTable::matches(u32 index, std::string_view text) const {
  const table::RegexRecord& regex = view_.regexes()[index];
  if (regex.dfa.count != 0) {
    const Bytes data = view_.section(table::SectionKind::DfaData);
    return Dfa(data.data() + regex.dfa.offset).matches(text);
  }
  const re2::RE2& pattern = *fallbacks_[index];
  const re2::StringPiece piece(text.data(), text.size());
  // A pattern that RE2 cannot compile within its memory matches nothing: closed, not open.
  if (!pattern.ok()) return false;
  return regex.anchored != 0 ? re2::RE2::FullMatch(piece, pattern)
                             : re2::RE2::PartialMatch(piece, pattern);
}

}  // namespace gw
