// Keywords about single values: const, enum, numbers, strings, counts.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "compiler/openapi/report.h"
#include "compiler/schema/lowering.h"
#include "compiler/schema/refuse.h"
#include "compiler/xgw/node_json.h"
#include "runtime/json/text.h"
#include "runtime/schema/decimal.h"
#include "runtime/schema/formats.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::Op;
using gw::schema::ValueKind;

constexpr size_t kMaxDivisorDigits = 18;
constexpr i64 kMaxDivisorExponent = 1'000'000;

bool is_number(NodeRef node) {
  return node.kind() == NodeKind::Int || node.kind() == NodeKind::Float;
}

void add_words(i64 value, UnitWriter& out) {
  u32 words[2];
  std::memcpy(words, &value, sizeof words);
  out.add(words[0]);
  out.add(words[1]);
}

}  // namespace

bool Lowering::number_text(NodeRef node, std::string& text) {
  if (is_number(node)) {
    text = to_json(node);
    if (json::is_number(text)) return true;  // .inf and .nan of YAML are none
  }
  refuse_at("field-type", node, "a number of JSON is expected here", "cannot be enforced");
  return false;
}

void Lowering::values() {
  if (const NodeRef values = assertion("enum")) {
    if (!values.is_seq()) {
      wrong(values, "enum", "a list");
    } else {
      std::vector<NodeRef> nodes;
      for (const NodeRef value : values.items()) nodes.push_back(value);
      enum_values(nodes, false);
    }
  }
  const NodeRef value = since(Dialect::Draft6) ? assertion("const") : NodeRef{};
  if (value) enum_values({value}, true);
}

void Lowering::enum_values(const std::vector<NodeRef>& nodes, bool is_const) {
  const bool texts = std::ranges::all_of(nodes, [](NodeRef node) { return node.is_string(); });
  if (!texts) {
    std::vector<u32> records;
    for (const NodeRef node : nodes) {
      const u32 record = value_record(node);
      if (record == gw::schema::kNone) return;
      records.push_back(record);
    }
    out_.begin(Op::Enum);
    out_.add(is_const ? 1 : 0);
    for (const u32 record : records) out_.add(record);
    out_.end();
    return;
  }
  std::vector<std::pair<u32, std::string_view>> sorted;
  for (const NodeRef node : nodes) sorted.emplace_back(json::fingerprint(node.text()), node.text());
  std::ranges::sort(sorted);
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  out_.begin(Op::EnumTexts);
  out_.add(is_const ? 1 : 0);
  out_.add(static_cast<u32>(sorted.size()));
  for (const auto& [fingerprint, text] : sorted) out_.add(fingerprint);
  for (const auto& [fingerprint, text] : sorted) out_.add_text(compiler_.pools_.strings.add(text));
  out_.end();
}

// Index of a value record in the program; kNone: reported.
u32 Lowering::value_record(NodeRef node) {
  std::vector<u32> words = {0};
  if (!value_node(node, 0, words)) return gw::schema::kNone;
  words[0] = gw::schema::kRecordValue | static_cast<u32>(words.size()) << 8;
  std::vector<u32>& program = compiler_.pools_.schema_programs;
  const std::string content(reinterpret_cast<const char*>(words.data()),
                            words.size() * sizeof(u32));
  const auto [entry, fresh] =
      compiler_.values_.try_emplace(content, static_cast<u32>(program.size()));
  if (fresh) program.insert(program.end(), words.begin(), words.end());
  return entry->second;
}

bool Lowering::value_node(NodeRef node, u32 depth, std::vector<u32>& words) {
  constexpr u32 kMaxWords = 1 << 20;
  if (depth >= gw::schema::kMaxValueDepth || words.size() > kMaxWords) {
    refuse_at("field-value", node, "the value is too large to be compared with",
              "cannot be enforced");
    return false;
  }
  const size_t begin = words.size();
  words.resize(begin + gw::schema::kValueNodeWords);
  std::string text;
  ValueKind kind = ValueKind::Null;
  u32 count = 0;
  switch (node.kind()) {
    case NodeKind::Null:
      break;
    case NodeKind::Bool:
      kind = node.boolean() ? ValueKind::True : ValueKind::False;
      break;
    case NodeKind::Int:
    case NodeKind::Float:
      kind = ValueKind::Number;
      if (!number_text(node, text)) return false;
      break;
    case NodeKind::String:
      kind = ValueKind::String;
      text = node.text();
      break;
    case NodeKind::Seq:
      kind = ValueKind::Array;
      count = node.size();
      for (const NodeRef item : node.items()) {
        if (!value_node(item, depth + 1, words)) return false;
      }
      break;
    case NodeKind::Map:
      kind = ValueKind::Object;
      count = node.size();
      for (const NodeRef::Entry entry : node.entries()) {
        const table::StringRef key = compiler_.pools_.strings.add(entry.key.text());
        words.insert(words.end(), {static_cast<u32>(ValueKind::String), 1, key.offset, key.bytes});
        if (!value_node(entry.value, depth + 1, words)) return false;
      }
      break;
  }
  const table::StringRef stored = compiler_.pools_.strings.add(text);
  words[begin] = static_cast<u32>(kind) | count << 8;
  words[begin + 1] = static_cast<u32>((words.size() - begin) / gw::schema::kValueNodeWords);
  words[begin + 2] = stored.offset;
  words[begin + 3] = stored.bytes;
  return true;
}

void Lowering::numbers() {
  limit("minimum", gw::schema::kMinimum);
  limit("maximum", gw::schema::kMaximum);
  if (since(Dialect::Draft6)) {
    limit("exclusiveMinimum", gw::schema::kExclusiveMinimum);
    limit("exclusiveMaximum", gw::schema::kExclusiveMaximum);
  }
  multiple_of();
}

void Lowering::limit(std::string_view name, u32 kind) {
  const NodeRef bound = assertion(name);
  std::string text;
  if (!bound || !number_text(bound, text)) return;
  if (!since(Dialect::Draft6)) {  // a boolean beside it makes it exclusive
    const bool low = kind == gw::schema::kMinimum;
    const NodeRef exclusive = assertion(low ? "exclusiveMinimum" : "exclusiveMaximum");
    if (exclusive && exclusive.kind() == NodeKind::Bool && exclusive.boolean()) {
      kind = low ? gw::schema::kExclusiveMinimum : gw::schema::kExclusiveMaximum;
    }
  }
  i64 value = 0;
  const bool integer = gw::schema::small_integer(text, value);
  out_.begin(Op::Limit);
  out_.add(kind);
  out_.add(integer ? 1 : 0);
  add_words(integer ? value : 0, out_);
  out_.add_text(compiler_.pools_.strings.add(text));
  out_.end();
}

void Lowering::multiple_of() {
  const NodeRef divisor = assertion("multipleOf");
  std::string text;
  if (!divisor || !number_text(divisor, text)) return;
  const gw::schema::Decimal number = gw::schema::parse_decimal(text);
  if (number.is_zero() || number.negative) {
    refuse_at("field-value", divisor, "`multipleOf` is more than zero",
              "nothing is a multiple of this");
    return;
  }
  if (number.huge != 0 || number.digit_count > kMaxDivisorDigits ||
      std::abs(number.exponent) > kMaxDivisorExponent) {
    refuse_at("field-value", divisor, "`multipleOf` has more digits than can be computed with",
              "cannot be enforced");
    return;
  }
  u64 digits = 0;
  for (const char c : number.digits) {
    if (c != '.') digits = digits * 10 + static_cast<u64>(c - '0');
  }
  out_.begin(Op::MultipleOf);
  add_words(static_cast<i64>(digits), out_);
  out_.add(static_cast<u32>(static_cast<i32>(number.exponent - number.digit_count)));
  out_.end();
}

// False: the keyword is absent. What is beyond 32 bits is as good as the largest number there.
bool Lowering::count(std::string_view name, u32& value) {
  const NodeRef node = assertion(name);
  std::string text;
  if (!node || !number_text(node, text)) return false;
  const gw::schema::Decimal number = gw::schema::parse_decimal(text);
  if (number.negative || !number.is_integer()) {
    refuse_at("field-value", node, openapi::in_quotes(name) + " is an integer that is not negative",
              "not a count");
    return false;
  }
  value = 0;
  if (number.huge != 0 || number.exponent > 10) {
    value = gw::schema::kNone;
    return true;
  }
  u64 digits = 0;
  for (const char c : number.digits) {
    if (c != '.') digits = digits * 10 + static_cast<u64>(c - '0');
  }
  for (i64 i = number.digit_count; i < number.exponent; ++i) digits *= 10;
  value = static_cast<u32>(std::min<u64>(digits, gw::schema::kNone));
  return true;
}

void Lowering::counts(std::string_view min_name, std::string_view max_name, Op op) {
  u32 min = 0;
  u32 max = gw::schema::kNone;
  const bool has_min = count(min_name, min);
  const bool has_max = count(max_name, max);
  if (!has_min && !has_max) return;
  out_.begin(op);
  out_.add(min);
  out_.add(max);
  out_.end();
}

void Lowering::strings() {
  counts("minLength", "maxLength", Op::Length);
  const NodeRef pattern = assertion("pattern");
  if (pattern && !pattern.is_string()) {
    wrong(pattern, "pattern", "a string");
  } else if (pattern) {
    const u32 regex = compiler_.regex_of(pattern, pattern.text());
    if (regex != gw::schema::kNone) {
      out_.begin(Op::Pattern);
      out_.add(regex);
      out_.end();
    }
  }
  const NodeRef format = resource_->asserts_formats ? keyword("format") : NodeRef{};
  if (!format || !format.is_string()) return;
  gw::schema::Format found{};
  if (gw::schema::find_format(format.text(), found)) {
    out_.begin(Op::Format);
    out_.add(static_cast<u32>(found));
    out_.end();
  } else if (!is_hint(format.text())) {
    warn_of_format(compiler_.sink_, format);
  }
}

}  // namespace gw::compiler::schema
