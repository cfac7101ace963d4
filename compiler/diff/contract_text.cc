#include "compiler/diff/contract_text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "compiler/syntax/limits.h"
#include "compiler/xgw/node_json.h"

namespace gw::compiler::diff {
namespace {

constexpr u32 kMaxReferences = 64;  // in a chain
constexpr size_t kMaxCanonicalBytes = size_t{1} << 20;
constexpr u32 kMaxExpanded = 6;  // references within references in a canonical text
constexpr json::TapeLimits kLimits{.depth = kMaxDepth + 16, .nodes = 64'000'000};

// One spelling for equal numbers, as far as a double can tell; others stay as they are.
std::string canonical_number(std::string_view text) {
  const std::string copy(text);
  const double value = std::strtod(copy.c_str(), nullptr);
  if (!std::isfinite(value) || std::fabs(value) >= 9e15 || value != std::floor(value)) return copy;
  return std::to_string(static_cast<i64>(value));
}

}  // namespace

ContractText::ContractText(const table::TableView& view, const table::Contracts& contracts)
    : view_(view), contracts_(contracts), read_(contracts.fragments().size()) {}

const ContractText::Read& ContractText::read(u32 fragment) const {
  std::unique_ptr<Read>& slot = read_[fragment];
  if (slot != nullptr) return *slot;
  slot = std::make_unique<Read>();
  const table::ContractFragment& record = contracts_.fragments()[fragment];
  // A damaged text is as good as none.
  if (!slot->tape.parse(contracts_.text(record.text), kLimits)) (void)slot->tape.parse("{}");
  return *slot;
}

Place ContractText::place_at(u32 fragment, u32 node) const {
  const table::ContractFragment& record = contracts_.fragments()[fragment];
  if (record.source.file == table::kNone) return {};
  (void)read(fragment);
  Read& read = *read_[fragment];
  if (read.places.empty()) {
    read.places.resize(read.tape.size());
    table::PlaceReader reader(contracts_.text(record.places), record.source);
    read.places[0] = {record.source.line, record.source.column};
    for (u32 i = 1; i < read.tape.size(); ++i) {
      if ((read.tape.node(i).flags & json::kNodeKey) == 0) read.places[i] = reader.next();
    }
  }
  const table::PlaceReader::Place& place =
      read.places[node].line != 0 ? read.places[node] : read.places[0];
  return {std::string(view_.text(view_.files()[record.source.file])), place.line, place.column};
}

Value ContractText::operation(u32 route) const { return root(contracts_.routes()[route].fragment); }
Value ContractText::document_at(u32 index) const {
  return root(contracts_.documents()[index].fragment);
}
Value ContractText::document(u32 route) const {
  return document_at(contracts_.routes()[route].document);
}
Value ContractText::gateway_document(u32 route) const {
  return document_at(contracts_.documents()[contracts_.routes()[route].document].gateway);
}

const json::Tape& Value::tape() const { return text_->read(fragment_).tape; }
json::Kind Value::kind() const { return tape().kind(node_); }
bool Value::boolean() const { return tape().boolean(node_); }
u32 Value::size() const { return *this ? tape().count(node_) : 0; }

std::string Value::text() const {
  if (!*this) return {};
  if (kind() == json::Kind::Number) return std::string(tape().text(node_));
  if (kind() != json::Kind::String) return {};
  std::string buffer;
  const std::string_view view = tape().string(node_, buffer);
  return std::string(view);
}

Value Value::get(std::string_view key) const {
  if (!is_object()) return {};
  const u32 found = tape().find(node_, key);
  return found == json::kNoNode ? Value{} : Value{text_, fragment_, found};
}

bool Value::refers() const {
  const Value target = get("$ref");
  return target && target.kind() == json::Kind::Number;
}

Value Value::target() const {
  const u64 fragment = std::strtoull(get("$ref").text().c_str(), nullptr, 10);
  if (fragment >= text_->contracts_.fragments().size()) return {};
  return text_->root(static_cast<u32>(fragment));
}

Value Value::resolved() const {
  Value at = *this;
  for (u32 i = 0; i < kMaxReferences && at.refers(); ++i) at = at.target();
  return at;
}

std::string_view Value::fragment_name() const {
  if (!*this || node_ != 0) return {};
  return text_->contracts_.text(text_->contracts_.fragments()[fragment_].name);
}

bool Value::is_openapi30() const {
  return *this && (text_->contracts_.fragments()[fragment_].flags & table::kContractOpenApi30) != 0;
}

Place Value::place() const { return *this ? text_->place_at(fragment_, node_) : Place{}; }

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  if (!is_array()) return out;
  for (const u32 item : tape().items(node_)) out.emplace_back(text_, fragment_, item);
  return out;
}

std::vector<Value::Member> Value::members() const {
  std::vector<Member> out;
  if (!is_object()) return out;
  std::string buffer;
  for (const json::Member member : tape().members(node_)) {
    out.push_back(
        {std::string(tape().string(member.key, buffer)), Value(text_, fragment_, member.value)});
  }
  return out;
}

void Value::append_canonical(std::string& out, u32 depth) const {
  if (out.size() > kMaxCanonicalBytes) return;  // a hostile table may unfold without end
  if (refers()) {
    const Value leads_to = target();
    if (leads_to && depth < kMaxExpanded) return leads_to.append_canonical(out, depth + 1);
    append_json_string(leads_to.fragment_name(), out);
    return;
  }
  switch (kind()) {
    case json::Kind::Object: {
      std::vector<Member> all = members();
      std::ranges::sort(all, {}, &Member::name);
      out += '{';
      for (const Member& member : all) {
        if (!out.ends_with('{')) out += ',';
        append_json_string(member.name, out);
        out += ':';
        member.value.append_canonical(out, depth);
      }
      out += '}';
      return;
    }
    case json::Kind::Array: {
      out += '[';
      bool first = true;
      for (const Value item : items()) {
        if (!first) out += ',';
        first = false;
        item.append_canonical(out, depth);
      }
      out += ']';
      return;
    }
    case json::Kind::Number:
      out += canonical_number(tape().text(node_));
      return;
    case json::Kind::String:
      append_json_string(text(), out);
      return;
    case json::Kind::Bool:
      out += boolean() ? "true" : "false";
      return;
    case json::Kind::Null:
      out += "null";
      return;
  }
}

std::string Value::canonical() const {
  std::string out;
  if (*this) append_canonical(out, 0);
  return out;
}

}  // namespace gw::compiler::diff
