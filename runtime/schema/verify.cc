// What evaluation relies on. Whether a program says what its author wrote is not proved; a hostile
// file may accept or refuse wrongly, never read outside.
#include "runtime/schema/verify.h"

#include <algorithm>
#include <vector>

#include "runtime/json/text.h"
#include "runtime/schema/format.h"
#include "runtime/schema/formats.h"

namespace gw::schema {
namespace {

Unexpected<Error> corrupt(std::string_view what) { return fail(Errc::TableCorrupt, what); }

class Verifier {
 public:
  Verifier(std::span<const u32> words, std::string_view strings, u64 regex_count)
      : words_(words), strings_(strings), regex_count_(regex_count) {}

  Result<void> run(std::vector<u32>* roots) {
    if (words_.size() >= kNothing) return corrupt("schema programs");
    GW_TRY(mark_records());
    for (u32 at = 0; at < words_.size(); at += size_at(at)) {
      const std::span<const u32> record = words_.subspan(at, size_at(at));
      if (kinds_[at] == kRecordSchema ? !schema_holds(record) : !value_holds(record)) {
        return corrupt("schema programs");
      }
      if (roots != nullptr && kinds_[at] == kRecordSchema) roots->push_back(at);
    }
    return {};
  }

 private:
  u32 size_at(u32 at) const { return words_[at] >> 8; }

  // Walks the records from first to last and notes where each begins.
  Result<void> mark_records() {
    kinds_.assign(words_.size(), 0);
    for (u64 at = 0; at < words_.size();) {
      const u32 kind = words_[at] & 0xff;
      const u64 size = words_[at] >> 8;
      const u32 least = kind == kRecordSchema ? kSchemaHeaderWords : 1 + kValueNodeWords;
      if ((kind != kRecordSchema && kind != kRecordValue) || size < least ||
          size > words_.size() - at) {
        return corrupt("schema programs");
      }
      kinds_[at] = static_cast<u8>(kind);
      at += size;
    }
    return {};
  }

  bool text(std::span<const u32> at) const {
    return at.size() >= 2 && u64{at[0]} + at[1] <= strings_.size();
  }
  bool number(std::span<const u32> at) const {
    return text(at) && json::is_number(strings_.substr(at[0], at[1]));
  }
  bool schema(u32 index) const {
    return index >= kNothing || (index < words_.size() && kinds_[index] == kRecordSchema);
  }
  bool schemas(std::span<const u32> indices) const {
    return std::ranges::all_of(indices, [this](u32 index) { return schema(index); });
  }
  bool values(std::span<const u32> indices) const {
    return std::ranges::all_of(indices, [this](u32 index) {
      return index < words_.size() && kinds_[index] == kRecordValue;
    });
  }

  bool schema_holds(std::span<const u32> record) const {
    const u32 types = record[kSchemaTypes] & 0xff;
    if (types > kAllTypes || record[kSchemaTypes] >> 8 > kCollectsEvaluated) return false;
    for (size_t at = kSchemaHeaderWords; at < record.size();) {
      const size_t size = record[at] >> 8;
      if (size == 0 || size > record.size() - at) return false;
      const u32 op = record[at] & 0xff;
      if (op == 0 || op > static_cast<u32>(kLastOp)) return false;
      if (!operands_hold(static_cast<Op>(op), record.subspan(at + 1, size - 1))) return false;
      at += size;
    }
    return true;
  }

  bool operands_hold(Op op, std::span<const u32> in) const {
    switch (op) {
      case Op::Ref:
      case Op::Not:
      case Op::Names:
      case Op::UnevaluatedItems:
      case Op::UnevaluatedMembers:
        return in.size() == 1 && schema(in[0]);
      case Op::DynamicRef:
        return dynamic_ref_holds(in);
      case Op::All:
      case Op::Any:
      case Op::One:
        return schemas(in);
      case Op::If:
        return in.size() == 3 && schemas(in);
      case Op::Discriminator:
        return text(in) && named_schemas_hold(in.subspan(2));
      case Op::EnumTexts:
        return enum_texts_hold(in);
      case Op::Enum:
        return !in.empty() && in[0] <= 1 && values(in.subspan(1));
      case Op::Limit:
        return in.size() == 6 && in[0] <= kExclusiveMaximum && in[1] <= 1 && number(in.subspan(4));
      case Op::MultipleOf:
        return in.size() == 3 && (in[0] != 0 || in[1] != 0);
      case Op::Length:
      case Op::ItemCount:
      case Op::MemberCount:
        return in.size() == 2;
      case Op::Pattern:
        return in.size() == 1 && in[0] < regex_count_;
      case Op::Format:
        return in.size() == 1 && in[0] <= static_cast<u32>(kLastFormat);
      case Op::Items:
        return in.size() >= 2 && schema(in[0]) && in[1] <= 1 && schemas(in.subspan(2));
      case Op::Contains:
        return in.size() == 3 && schema(in[0]);
      case Op::UniqueItems:
        return in.empty();
      case Op::Members:
        return members_hold(in);
      case Op::DependentRequired:
        return dependent_required_holds(in);
      case Op::DependentSchemas:
        return named_schemas_hold(in);
    }
    return false;
  }

  bool dynamic_ref_holds(std::span<const u32> in) const {
    if (in.empty() || in.size() % 2 != 1 || !schema(in[0])) return false;
    for (size_t i = 2; i < in.size(); i += 2) {
      if (!schema(in[i])) return false;
    }
    return true;
  }

  bool named_schemas_hold(std::span<const u32> in) const {
    for (; !in.empty(); in = in.subspan(3)) {
      if (in.size() < 3 || !text(in) || !schema(in[2])) return false;
    }
    return true;
  }

  bool enum_texts_hold(std::span<const u32> in) const {
    if (in.size() < 2 || in[0] > 1 || in.size() - 2 != u64{in[1]} * 3) return false;
    for (u32 i = 0; i < in[1]; ++i) {
      if (!text(in.subspan(2 + in[1] + size_t{i} * 2))) return false;
    }
    return std::ranges::is_sorted(in.subspan(2, in[1]));
  }

  bool members_hold(std::span<const u32> in) const {
    if (in.size() < kMembersHeaderWords - 1 || !schema(in[0]) || in[1] > 7) return false;
    const u64 properties = in[2];
    const u64 patterns = in[3];
    in = in.subspan(kMembersHeaderWords - 1);
    if (in.size() != properties * (1 + kPropertyWords) + patterns * 2) return false;
    if (!std::ranges::is_sorted(in.first(properties))) return false;
    in = in.subspan(properties);
    for (u64 i = 0; i < properties; ++i, in = in.subspan(kPropertyWords)) {
      if (!text(in) || !schema(in[2]) || in[3] > 15) return false;
    }
    for (; !in.empty(); in = in.subspan(2)) {
      if (in[0] >= regex_count_ || !schema(in[1])) return false;
    }
    return true;
  }

  bool dependent_required_holds(std::span<const u32> in) const {
    while (!in.empty()) {
      if (in.size() < 3 || !text(in)) return false;
      const u64 names = in[2];
      in = in.subspan(3);
      if (names * 2 > in.size()) return false;
      for (u64 i = 0; i < names; ++i, in = in.subspan(2)) {
        if (!text(in)) return false;
      }
    }
    return true;
  }

  bool value_holds(std::span<const u32> record) const {
    const std::span<const u32> nodes = record.subspan(1);
    return nodes.size() % kValueNodeWords == 0 && nodes[1] == nodes.size() / kValueNodeWords &&
           value_node_holds(nodes, 0);
  }

  // Children fill their parent exactly; a parent's size has been checked. Depth is limited.
  bool value_node_holds(std::span<const u32> nodes, u32 depth) const {
    const u32 kind = nodes[0] & 0xff;
    const u64 count = nodes[0] >> 8;
    const u64 size = nodes[1];
    if (depth > kMaxValueDepth || kind > static_cast<u32>(ValueKind::Object)) return false;
    if (!text(nodes.subspan(2))) return false;
    if (kind < static_cast<u32>(ValueKind::Array)) {
      const bool is_number = kind == static_cast<u32>(ValueKind::Number);
      return size == 1 && (!is_number || number(nodes.subspan(2)));
    }
    const bool object = kind == static_cast<u32>(ValueKind::Object);
    u64 children = 0;
    u64 at = 1;
    for (; at < size; ++children) {
      const std::span<const u32> child = nodes.subspan(at * kValueNodeWords);
      const u64 child_size = child[1];
      if (child_size == 0 || child_size > size - at) return false;
      if (object && children % 2 == 0 && (child[0] & 0xff) != static_cast<u32>(ValueKind::String)) {
        return false;
      }
      if (!value_node_holds(child, depth + 1)) return false;
      at += child_size;
    }
    return at == size && children == (object ? count * 2 : count);
  }

  std::span<const u32> words_;
  std::string_view strings_;
  u64 regex_count_;
  std::vector<u8> kinds_;  // of the record that begins at a word
};

}  // namespace

Result<void> verify_schemas(std::span<const u32> words, std::string_view strings, u64 regex_count,
                            std::vector<u32>* roots) {
  return Verifier(words, strings, regex_count).run(roots);
}

}  // namespace gw::schema
