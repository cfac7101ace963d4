// One function per instruction. An instruction that does not concern the kind of the instance
// holds.
//
// `marks` is a set of the instance's children (members or items, by position) that schemas have
// looked at, on a stack of bit sets, or kNoMarks when no unevaluated* wants to know. Schemas that
// apply to the same instance and must hold share a set; alternatives get one of their own, which is
// added when they hold.
#include "runtime/schema/evaluator.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/json/text.h"
#include "runtime/schema/decimal.h"
#include "runtime/schema/formats.h"
#include "runtime/schema/messages.h"

namespace gw::schema {
namespace {

using json::Kind;
using json::Member;
using json::Tape;

constexpr size_t kNoMarks = ~size_t{0};
constexpr u64 kStepsPerNode = 256;
constexpr u64 kFreeSteps = 100'000;

u32 type_bit(Kind kind) {
  constexpr u32 kBits[] = {kTypeNull, kTypeBool, kTypeNumber, kTypeString, kTypeArray, kTypeObject};
  return kBits[static_cast<size_t>(kind)];
}

}  // namespace

class Evaluator::Run {
 public:
  Run(Evaluator& evaluator, const Program& program, const Tape& tape,
      const ValidateOptions& options, ErrorList* errors)
      : equality_(evaluator.equality_),
        evaluated_(evaluator.evaluated_),
        scope_(evaluator.scope_),
        buffer_(evaluator.buffer_),
        program_(program),
        tape_(tape),
        options_(options),
        errors_(errors),
        steps_(kFreeSteps + kStepsPerNode * tape.size()) {
    evaluated_.clear();
    scope_.clear();
  }

  bool run(u32 root, u32 node) {
    const bool holds = evaluate(root, node, kNoMarks);
    if (!exhausted_) return holds;
    if (errors_ != nullptr) {
      add_error(node, "$ref", "the value is too large or nested too deeply to be validated");
    }
    return false;
  }

 private:
  // Reporting ---------------------------------------------------------------------------------
  bool wants_more() const { return errors_ != nullptr && !errors_->full() && !exhausted_; }
  void add_error(u32 node, std::string_view keyword, std::string message) {
    SchemaError error{{}, keyword, std::move(message)};
    tape_.append_pointer(node, error.pointer);
    errors_->add(std::move(error));
  }
  // Always false, so that it can be returned. Messages are made only when somebody wants them.
  template <class MakeMessage>
  bool refuse(u32 node, std::string_view keyword, MakeMessage make_message) {
    if (errors_ != nullptr && !errors_->full()) add_error(node, keyword, make_message());
    return false;
  }
  bool refuse(u32 node, std::string_view keyword, const char* message) {
    if (errors_ != nullptr && !errors_->full()) add_error(node, keyword, message);
    return false;
  }
  bool exhaust() {
    exhausted_ = true;
    return false;
  }

  // Sets of children ---------------------------------------------------------------------------
  size_t push_marks(u32 node) {
    const size_t marks = evaluated_.size();
    evaluated_.resize(marks + (tape_.count(node) + 63) / 64, 0);
    return marks;
  }
  void pop_marks(size_t marks) {
    if (marks != kNoMarks) evaluated_.resize(marks);
  }
  void mark(size_t marks, u32 position) {
    if (marks != kNoMarks) evaluated_[marks + position / 64] |= u64{1} << (position % 64);
  }
  bool is_marked(size_t marks, u32 position) const {
    return (evaluated_[marks + position / 64] >> (position % 64) & 1) != 0;
  }
  void mark_all(size_t marks, u32 node) {
    for (u32 i = 0; i < tape_.count(node); ++i) mark(marks, i);
  }
  void add_marks(size_t to, size_t from, u32 node) {
    if (to == kNoMarks) return;
    const size_t words = (tape_.count(node) + 63) / 64;
    for (size_t i = 0; i < words; ++i) evaluated_[to + i] |= evaluated_[from + i];
  }

  // Schemas --------------------------------------------------------------------------------------
  bool evaluate(u32 schema, u32 node, size_t marks) {
    if (schema == kAnything) return true;
    if (schema == kNothing) return refuse(node, "false", "no value is allowed here");
    if (steps_ == 0 || depth_ == kMaxEvaluationDepth || exhausted_) return exhaust();
    --steps_;
    ++depth_;
    const u32* const record = program_.words + schema;
    const bool entered = enter(record[kSchemaResource]);
    const bool holds = has_type(record[kSchemaTypes], node) && record_holds(record, node, marks);
    if (entered) scope_.pop_back();
    --depth_;
    return holds;
  }

  // Whether `schema` holds, without a word about why it does not.
  bool evaluate_quietly(u32 schema, u32 node, size_t marks) {
    ErrorList* const errors = std::exchange(errors_, nullptr);
    const bool holds = evaluate(schema, node, marks);
    errors_ = errors;
    return holds;
  }

  // The same with a set of its own, which is added to `marks` when it holds.
  bool evaluate_branch(u32 schema, u32 node, size_t marks) {
    if (marks == kNoMarks) return evaluate_quietly(schema, node, kNoMarks);
    const size_t own = push_marks(node);
    const bool holds = evaluate_quietly(schema, node, own);
    if (holds) add_marks(marks, own, node);
    pop_marks(own);
    return holds;
  }

  bool enter(u32 resource) {
    if (resource == kNone || (!scope_.empty() && scope_.back() == resource)) return false;
    scope_.push_back(resource);
    return true;
  }

  bool has_type(u32 types, u32 node) {
    types &= 0xff;
    const u32 bit = type_bit(tape_.kind(node));
    if ((types & bit) == bit) return true;
    if ((types & bit) != 0) {  // of numbers one half
      const bool integer =
          tape_.is_integer_text(node) || parse_decimal(tape_.text(node)).is_integer();
      if (integer == ((types & kTypeInteger) != 0)) return true;
    }
    return refuse(node, "type", [&] { return type_message(types); });
  }

  bool record_holds(const u32* record, u32 node, size_t marks) {
    const bool collects =
        (record[kSchemaTypes] >> 8 & kCollectsEvaluated) != 0 && tape_.kind(node) >= Kind::Array;
    const size_t own = collects ? push_marks(node) : marks;
    bool holds = true;
    const u32* const end = record + (record[0] >> 8);
    for (const u32* at = record + kSchemaHeaderWords; at != end; at += at[0] >> 8) {
      const Op op = static_cast<Op>(at[0] & 0xff);
      // What is left over is known only when all others hold.
      if (!holds && op >= Op::UnevaluatedItems) break;
      if (instruction_holds(op, at, node, own)) continue;
      holds = false;
      if (!wants_more()) break;
    }
    if (collects) {
      if (holds) add_marks(marks, own, node);
      pop_marks(own);
    }
    return holds;
  }

  bool instruction_holds(Op op, const u32* in, u32 node, size_t marks) {
    const Kind kind = tape_.kind(node);
    const bool object = kind == Kind::Object;
    const bool array = kind == Kind::Array;
    const bool string = kind == Kind::String;
    const bool number = kind == Kind::Number;
    switch (op) {
      case Op::Ref:
        return evaluate(in[1], node, marks);
      case Op::DynamicRef:
        return evaluate(dynamic_target(in), node, marks);
      case Op::All:
        return all(in, node, marks);
      case Op::Any:
        return any(in, node, marks);
      case Op::One:
        return one(in, node, marks);
      case Op::Not:
        return !evaluate_quietly(in[1], node, kNoMarks) ||
               refuse(node, "not", "matches what is not allowed");
      case Op::If:
        return evaluate_branch(in[1], node, marks) ? evaluate(in[2], node, marks)
                                                   : evaluate(in[3], node, marks);
      case Op::Discriminator:
        return !object || discriminator(in, node, marks);
      case Op::EnumTexts:
        return enum_texts(in, node);
      case Op::Enum:
        return enum_values(in, node);
      case Op::Limit:
        return !number || limit(in, node);
      case Op::MultipleOf:
        return !number || multiple_of(in, node);
      case Op::Length:
        return !string || length(in, node);
      case Op::Pattern:
        return !string || program_.patterns->matches(in[1], tape_.string(node, buffer_)) ||
               refuse(node, "pattern", "does not match the pattern");
      case Op::Format:
        return format(static_cast<Format>(in[1]), node);
      case Op::Items:
        return !array || items(in, node, marks);
      case Op::Contains:
        return !array || contains(in, node, marks);
      case Op::ItemCount:
        return !array || count_between(in, node, "minItems", "maxItems", "items");
      case Op::UniqueItems:
        return !array || unique_items(node);
      case Op::Members:
        return !object || members(in, node, marks);
      case Op::MemberCount:
        return !object || count_between(in, node, "minProperties", "maxProperties", "properties");
      case Op::Names:
        return !object || names(in, node);
      case Op::DependentRequired:
        return !object || dependent_required(in, node);
      case Op::DependentSchemas:
        return !object || dependent_schemas(in, node, marks);
      case Op::UnevaluatedItems:
        return !array || unevaluated_items(in, node, marks);
      case Op::UnevaluatedMembers:
        return !object || unevaluated_members(in, node, marks);
    }
    return false;
  }

  // In place -------------------------------------------------------------------------------------
  u32 dynamic_target(const u32* in) const {
    const u32* const end = in + (in[0] >> 8);
    for (const u32 resource : scope_) {
      for (const u32* candidate = in + 2; candidate != end; candidate += 2) {
        if (candidate[0] == resource) return candidate[1];
      }
    }
    return in[1];
  }

  bool all(const u32* in, u32 node, size_t marks) {
    bool holds = true;
    for (const u32* at = in + 1; at != in + (in[0] >> 8); ++at) {
      if (evaluate(*at, node, marks)) continue;
      holds = false;
      if (!wants_more()) break;
    }
    return holds;
  }

  bool any(const u32* in, u32 node, size_t marks) {
    const u32* const end = in + (in[0] >> 8);
    bool holds = false;
    for (const u32* at = in + 1; at != end; ++at) {
      if (!evaluate_branch(*at, node, marks)) continue;
      holds = true;
      if (marks == kNoMarks) break;
    }
    return holds || refuse_alternatives(in, node, "anyOf");
  }

  bool one(const u32* in, u32 node, size_t marks) {
    const u32* const end = in + (in[0] >> 8);
    u32 holding = 0;
    for (const u32* at = in + 1; at != end && holding < 2; ++at) {
      holding += evaluate_branch(*at, node, marks) ? 1u : 0u;
    }
    if (holding == 1) return true;
    if (holding == 0) return refuse_alternatives(in, node, "oneOf");
    return refuse(node, "oneOf", "matches more than one of the alternatives");
  }

  // No alternative holds. When only one is for values of this kind, its faults say more.
  bool refuse_alternatives(const u32* in, u32 node, std::string_view keyword) {
    if (errors_ == nullptr) return false;
    const u32* const end = in + (in[0] >> 8);
    u32 likely = kNothing;
    u32 count = 0;
    for (const u32* at = in + 1; at != end; ++at) {
      if (*at >= kNothing) continue;
      const bool fits = (program_.words[*at + kSchemaTypes] & type_bit(tape_.kind(node))) != 0;
      if (fits) likely = *at;
      count += fits ? 1u : 0u;
    }
    if (count == 1 && !evaluate(likely, node, kNoMarks)) return false;
    return refuse(node, keyword, "matches none of the alternatives");
  }

  bool discriminator(const u32* in, u32 node, size_t marks) {
    const std::string_view name = program_.text(in + 1);
    const u32 value = tape_.find(node, name);
    if (value == json::kNoNode) {
      return refuse(node, "discriminator", [&] { return missing_message(name); });
    }
    if (tape_.kind(value) == Kind::String) {
      for (const u32* at = in + 3; at != in + (in[0] >> 8); at += 3) {
        if (tape_.string_equals(value, program_.text(at))) return evaluate(at[2], node, marks);
      }
    }
    return refuse(value, "discriminator", "is none of the values that are known");
  }

  bool enum_texts(const u32* in, u32 node) {
    if (tape_.kind(node) == Kind::String) {
      const std::string_view text = tape_.string(node, buffer_);
      const u32 wanted = json::fingerprint(text);
      const u32* const fingerprints = in + 3;
      const u32* const end = fingerprints + in[2];
      for (const u32* at = std::lower_bound(fingerprints, end, wanted); at != end && *at == wanted;
           ++at) {
        if (program_.text(end + 2 * (at - fingerprints)) == text) return true;
      }
    }
    return refuse_enum(in, node);
  }

  bool enum_values(const u32* in, u32 node) {
    for (const u32* at = in + 2; at != in + (in[0] >> 8); ++at) {
      if (equality_.equal(tape_, node, program_, program_.words + *at + 1)) return true;
    }
    return refuse_enum(in, node);
  }

  bool refuse_enum(const u32* in, u32 node) {
    return in[1] != 0 ? refuse(node, "const", "is not the value that is expected")
                      : refuse(node, "enum", "is none of the values that are allowed");
  }

  // Numbers and strings
  // ----------------------------------------------------------------------------
  bool limit(const u32* in, u32 node) {
    i64 bound = 0;
    i64 value = 0;
    int order = 0;
    if (in[2] != 0 && tape_.is_integer_text(node) && small_integer(tape_.text(node), value)) {
      std::memcpy(&bound, in + 3, sizeof bound);
      order = value < bound ? -1 : value > bound ? 1 : 0;
    } else {
      order = compare(parse_decimal(tape_.text(node)), parse_decimal(program_.text(in + 5)));
    }
    const u32 kind = in[1];
    const bool below = kind == kMaximum || kind == kExclusiveMaximum;
    const bool exclusive = kind == kExclusiveMinimum || kind == kExclusiveMaximum;
    if (order == 0 ? !exclusive : (order < 0) == below) return true;
    return refuse(node, limit_keyword(kind),
                  [&] { return limit_message(kind, program_.text(in + 5)); });
  }

  bool multiple_of(const u32* in, u32 node) {
    u64 digits = 0;
    std::memcpy(&digits, in + 1, sizeof digits);
    return is_multiple(parse_decimal(tape_.text(node)), digits, static_cast<i32>(in[3])) ||
           refuse(node, "multipleOf", "is not a multiple of what is asked for");
  }

  bool length(const u32* in, u32 node) {
    const std::string_view text = tape_.string(node, buffer_);
    // A character has one to four bytes, which often decides.
    if (text.size() / 4 >= in[1] && text.size() <= in[2]) return true;
    const u64 count = json::count_code_points(text);
    if (count < in[1]) {
      return refuse(node, "minLength", [&] { return at_least_message(in[1], "characters"); });
    }
    return count <= in[2] ||
           refuse(node, "maxLength", [&] { return at_most_message(in[2], "characters"); });
  }

  bool format(Format format, u32 node) {
    const Kind kind = tape_.kind(node);
    if (kind != (is_number_format(format) ? Kind::Number : Kind::String)) return true;
    const std::string_view text =
        kind == Kind::String ? tape_.string(node, buffer_) : tape_.text(node);
    return has_format(format, text) ||
           refuse(node, "format", [&] { return format_message(format); });
  }

  // Arrays
  // -----------------------------------------------------------------------------------------
  bool items(const u32* in, u32 node, size_t marks) {
    const u32 rest = in[1];
    const bool rest_given = in[2] != 0;
    const u32* const first = in + 3;
    const u32 first_count = (in[0] >> 8) - 3;
    if (rest == kAnything && first_count == 0) {
      if (rest_given && marks != kNoMarks) mark_all(marks, node);
      return true;
    }
    bool holds = true;
    u32 position = 0;
    for (const u32 item : tape_.items(node)) {
      const bool among_first = position < first_count;
      if (!among_first && !rest_given) break;
      if (!evaluate(among_first ? first[position] : rest, item, kNoMarks)) {
        holds = false;
        if (!wants_more()) break;
      }
      mark(marks, position++);
    }
    return holds;
  }

  bool contains(const u32* in, u32 node, size_t marks) {
    u32 found = 0;
    u32 position = 0;
    for (const u32 item : tape_.items(node)) {
      if (evaluate_quietly(in[1], item, kNoMarks)) {
        ++found;
        mark(marks, position);
      }
      ++position;
      const bool decided = found > in[3] || (found >= in[2] && in[3] == kNone);
      if (decided && marks == kNoMarks) break;
    }
    if (found < in[2]) {
      return refuse(node, in[2] == 1 ? "contains" : "minContains",
                    "has too few of the items that it must contain");
    }
    return found <= in[3] ||
           refuse(node, "maxContains", "has too many of the items that it may contain");
  }

  bool unique_items(u32 node) {
    const u32 nodes = tape_.next(node) - node;
    if (steps_ < nodes) return exhaust();
    steps_ -= nodes;
    return tape_.count(node) < 2 || !equality_.has_duplicates(tape_, node) ||
           refuse(node, "uniqueItems", "holds the same value twice");
  }

  bool count_between(const u32* in, u32 node, std::string_view min_keyword,
                     std::string_view max_keyword, std::string_view noun) {
    const u32 count = tape_.count(node);
    if (count < in[1]) {
      return refuse(node, min_keyword, [&] { return at_least_message(in[1], noun); });
    }
    return count <= in[2] ||
           refuse(node, max_keyword, [&] { return at_most_message(in[2], noun); });
  }

  bool unevaluated_items(const u32* in, u32 node, size_t marks) {
    bool holds = true;
    u32 position = 0;
    for (const u32 item : tape_.items(node)) {
      const u32 here = position++;
      if (is_marked(marks, here)) continue;
      if (in[1] == kNothing) {
        holds = refuse(item, "unevaluatedItems", "is not allowed");
      } else if (!evaluate(in[1], item, kNoMarks)) {
        holds = false;
      }
      if (!holds && !wants_more()) break;
      mark(marks, here);
    }
    return holds;
  }

  // Objects
  // ----------------------------------------------------------------------------------------
  bool unevaluated_members(const u32* in, u32 node, size_t marks) {
    bool holds = true;
    u32 position = 0;
    for (const Member member : tape_.members(node)) {
      const u32 here = position++;
      if (is_marked(marks, here)) continue;
      if (in[1] == kNothing) {
        holds = refuse(member.value, "unevaluatedProperties", "is not allowed");
      } else if (!evaluate(in[1], member.value, kNoMarks)) {
        holds = false;
      }
      if (!holds && !wants_more()) break;
      mark(marks, here);
    }
    return holds;
  }

  // The instruction Members, taken apart.
  struct Properties {
    explicit Properties(const u32* in)
        : additional(in[1]),
          flags(in[2]),
          count(in[3]),
          pattern_count(in[4]),
          required(in[5]),
          fingerprints(in + kMembersHeaderWords),
          entries(fingerprints + count),
          patterns(entries + size_t{count} * kPropertyWords) {}
    u32 additional;
    u32 flags;
    u32 count;
    u32 pattern_count;
    u32 required;
    const u32* fingerprints;
    const u32* entries;
    const u32* patterns;
  };

  // The entry of a key; null: there is none.
  const u32* find_property(const Properties& properties, u32 key) const {
    const u32 wanted = tape_.count(key);  // its fingerprint
    const u32* const end = properties.fingerprints + properties.count;
    const u32* at = properties.fingerprints;
    if (properties.count > 16) {
      at = std::lower_bound(at, end, wanted);
    } else {
      while (at != end && *at < wanted) ++at;
    }
    for (; at != end && *at == wanted; ++at) {
      const u32* const entry = properties.entries + (at - properties.fingerprints) * kPropertyWords;
      if (tape_.string_equals(key, program_.text(entry))) return entry;
    }
    return nullptr;
  }

  bool is_read_only(u32 flags) const {
    return options_.direction == Direction::Request && (flags & kReadOnly) != 0;
  }
  bool is_write_only(u32 flags) const {
    return options_.direction == Direction::Response && (flags & kWriteOnly) != 0;
  }

  bool members(const u32* in, u32 node, size_t marks) {
    const Properties properties(in);
    bool holds = true;
    u32 required = 0;
    u32 position = 0;
    for (const Member member : tape_.members(node)) {
      const u32* const entry = find_property(properties, member.key);
      if (entry != nullptr && (entry[3] & kRequired) != 0) ++required;
      bool looked_at = false;
      if (!member_holds(properties, entry, member, looked_at)) {
        holds = false;
        if (!wants_more()) return false;
      }
      if (looked_at) mark(marks, position);
      ++position;
    }
    const bool directed = options_.direction != Direction::Neither &&
                          (properties.flags & ~u32{kAdditionalGiven}) != 0;
    if (required == properties.required && !directed) return holds;
    return required_are_there(properties, node) && holds;
  }

  bool member_holds(const Properties& properties, const u32* entry, const Member& member,
                    bool& looked_at) {
    bool holds = true;
    if (entry != nullptr && (entry[3] & kDeclared) != 0) {
      looked_at = true;
      if (is_read_only(entry[3])) {
        holds = refuse(member.value, "readOnly", "must not be sent");
      } else if (is_write_only(entry[3])) {
        holds = refuse(member.value, "writeOnly", "must not be sent");
      } else {
        holds = evaluate(entry[2], member.value, kNoMarks);
      }
    }
    for (u32 i = 0; i < properties.pattern_count && (holds || wants_more()); ++i) {
      const u32* const pattern = properties.patterns + size_t{i} * 2;
      if (!program_.patterns->matches(pattern[0], tape_.string(member.key, buffer_))) continue;
      looked_at = true;
      if (!evaluate(pattern[1], member.value, kNoMarks)) holds = false;
    }
    if (looked_at || (properties.flags & kAdditionalGiven) == 0) return holds;
    looked_at = true;
    if (properties.additional == kNothing) {
      return refuse(member.value, "additionalProperties", "is not allowed");
    }
    return evaluate(properties.additional, member.value, kNoMarks);
  }

  bool required_are_there(const Properties& properties, u32 node) {
    bool holds = true;
    for (u32 i = 0; i < properties.count; ++i) {
      const u32* const entry = properties.entries + size_t{i} * kPropertyWords;
      if ((entry[3] & kRequired) == 0 || is_read_only(entry[3]) || is_write_only(entry[3]))
        continue;
      const std::string_view name = program_.text(entry);
      if (tape_.find(node, name) != json::kNoNode) continue;
      holds = refuse(node, "required", [&] { return missing_message(name); });
      if (!wants_more()) break;
    }
    return holds;
  }

  bool names(const u32* in, u32 node) {
    bool holds = true;
    for (const Member member : tape_.members(node)) {
      if (evaluate_quietly(in[1], member.key, kNoMarks)) continue;
      holds = refuse(member.value, "propertyNames", "has a name that is not allowed");
      if (!wants_more()) break;
    }
    return holds;
  }

  bool dependent_required(const u32* in, u32 node) {
    bool holds = true;
    const u32* const end = in + (in[0] >> 8);
    for (const u32* at = in + 1; at != end; at += 3 + 2 * size_t{at[2]}) {
      if (tape_.find(node, program_.text(at)) == json::kNoNode) continue;
      for (u32 i = 0; i < at[2]; ++i) {
        const std::string_view name = program_.text(at + 3 + 2 * size_t{i});
        if (tape_.find(node, name) != json::kNoNode) continue;
        holds = refuse(node, "dependentRequired", [&] { return missing_message(name); });
        if (!wants_more()) return false;
      }
    }
    return holds;
  }

  bool dependent_schemas(const u32* in, u32 node, size_t marks) {
    bool holds = true;
    for (const u32* at = in + 1; at != in + (in[0] >> 8); at += 3) {
      if (tape_.find(node, program_.text(at)) == json::kNoNode) continue;
      if (evaluate(at[2], node, marks)) continue;
      holds = false;
      if (!wants_more()) break;
    }
    return holds;
  }

  Equality& equality_;
  std::vector<u64>& evaluated_;
  std::vector<u32>& scope_;
  std::string& buffer_;
  const Program program_;
  const Tape& tape_;
  const ValidateOptions options_;
  ErrorList* errors_;
  u64 steps_;
  u32 depth_ = 0;
  bool exhausted_ = false;
};

bool Evaluator::validate(const Program& program, u32 root, const Tape& tape, u32 node,
                         const ValidateOptions& options, ErrorList* errors) {
  return Run(*this, program, tape, options, errors).run(root, node);
}

}  // namespace gw::schema
