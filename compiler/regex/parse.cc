// Patterns to trees: groups, alternatives, repeats and assertions.
//
// Both syntaxes share one loop, since they differ only in escapes, in what a lone bracket or brace
// means, and in the flags RE2 has. Deviations from ECMA-262 with flag u, all of them lenient: an
// escaped ASCII punctuation character stands for itself, and a lone `]`, `{` or `}` is a literal
// (Annex B does the same), because schemas in the wild depend on both.
#include "compiler/regex/parse.h"

namespace gw::compiler::regex {
namespace {

constexpr u32 kMaxRe2Count = 1000;
constexpr u32 kMaxEcmaCount = 100'000;

}  // namespace

std::variant<Ast, RegexError> parse(std::string_view pattern, Syntax syntax, const Limits& limits) {
  return Parser(pattern, syntax, limits).run();
}

bool Parser::error(size_t offset, std::string message) {
  if (!error_) error_ = RegexError{static_cast<u32>(offset), std::move(message)};
  return false;
}

std::variant<Ast, RegexError> Parser::run() {
  if (text_.size() > limits_.pattern_bytes) {
    return RegexError{
        0, "the pattern is longer than " + std::to_string(limits_.pattern_bytes) + " bytes"};
  }
  groups_.emplace_back();
  while (!at_end()) {
    if (!parse_one()) return *error_;
  }
  if (groups_.size() > 1) {
    error(groups_.back().open, "the group opened here is not closed");
    return *error_;
  }
  ast_.root = finish_group(groups_.back());
  return std::move(ast_);
}

bool Parser::parse_one() {
  if (quoted_) {
    if (take("\\E")) {
      quoted_ = false;
      return true;
    }
    u32 literal = 0;
    if (!next_character(literal)) return false;
    push_literal(literal);
    return true;
  }
  switch (peek()) {
    case '(':
      return parse_group_open();
    case ')':
      return parse_group_close();
    case '|':
      ++at_;
      groups_.back().alternatives.push_back(finish_sequence(groups_.back()));
      return true;
    case '*':
      return parse_star(0, kUnbounded);
    case '+':
      return parse_star(1, kUnbounded);
    case '?':
      return parse_star(0, 1);
    case '{':
      return parse_braces();
    case '[':
      return parse_class();
    case '\\':
      return parse_escape();
    case '^':
      ++at_;
      push_assertion(flags_.multi_line ? Assertion::LineBegin : Assertion::TextBegin);
      return true;
    case '$':
      ++at_;
      push_assertion(flags_.multi_line ? Assertion::LineEnd : Assertion::TextEnd);
      return true;
    case '.': {
      ++at_;
      CodePointSet excluded;
      if (!flags_.dot_all) {
        excluded.add('\n', '\n');
        if (!re2()) {
          excluded.add('\r', '\r');
          excluded.add(0x2028, 0x2029);
        }
      }
      excluded.canonicalise();
      excluded.negate();
      push_set(std::move(excluded));
      return true;
    }
    default:
      break;
  }
  u32 literal = 0;
  if (!next_character(literal)) return false;
  push_literal(literal);
  return true;
}

bool Parser::parse_group_open() {
  const size_t open = at_++;
  if (groups_.size() > limits_.depth) {
    return error(open, "groups are nested more than " + std::to_string(limits_.depth) + " deep");
  }
  const Flags outer = flags_;
  if (take("?")) {
    if (peek() == '=' || peek() == '!') {
      return error(open, "look-ahead cannot run in linear time and is not supported");
    }
    if (peek() == '<' && (peek(1) == '=' || peek(1) == '!')) {
      return error(open, "look-behind cannot run in linear time and is not supported");
    }
    if (take(re2() ? "P<" : "<")) {
      const size_t name = at_;
      while (!at_end() && peek() != '>') ++at_;
      if (at_end() || at_ == name) return error(open, "the group's name is empty or not closed");
      ++at_;
    } else if (take(":")) {
    } else {
      if (!re2()) return error(open, "unknown kind of group");
      if (!parse_flags(open)) return false;
      if (take(")")) {
        groups_.back().repeatable = false;
        return true;
      }
      ++at_;  // the colon, which parse_flags() saw
    }
  }
  Group group;
  group.outer = outer;
  group.open = open;
  groups_.push_back(std::move(group));
  return true;
}

/// `i`, `m`, `s`, `U` and `-`, up to `:` or `)`, which is left.
bool Parser::parse_flags(size_t open) {
  bool on = true;
  bool any = false;
  while (!at_end() && peek() != ':' && peek() != ')') {
    switch (peek()) {
      case 'i':
        flags_.fold_case = on;
        break;
      case 'm':
        flags_.multi_line = on;
        break;
      case 's':
        flags_.dot_all = on;
        break;
      case 'U':  // swaps lazy and greedy, which changes no answer
        break;
      case '-':
        if (!on) return error(at_, "a second `-` among flags");
        on = false;
        any = false;
        ++at_;
        continue;
      default:
        return error(open, "unknown kind of group or flag");
    }
    any = true;
    ++at_;
  }
  if (at_end()) return error(open, "the group opened here is not closed");
  if (!any) return error(open, "a group without flags");
  return true;
}

bool Parser::parse_group_close() {
  if (groups_.size() == 1) return error(at_, "`)` without `(`");
  ++at_;
  Group group = std::move(groups_.back());
  groups_.pop_back();
  flags_ = group.outer;
  push(finish_group(group));
  return true;
}

bool Parser::parse_star(u32 min, u32 max) {
  const size_t offset = at_++;
  return add_repeat(offset, min, max);
}

bool Parser::read_count(u32& count) {
  const size_t start = at_;
  u64 value = 0;
  while (peek() >= '0' && peek() <= '9') {
    if (value <= kMaxEcmaCount) value = value * 10 + static_cast<u64>(peek() - '0');
    ++at_;
  }
  count = static_cast<u32>(value);
  return at_ != start;
}

bool Parser::parse_braces() {
  const size_t offset = at_++;
  u32 min = 0;
  bool counted = read_count(min);
  u32 max = min;
  if (counted && take(",")) {
    max = kUnbounded;
    if (peek() != '}') counted = read_count(max);
  }
  if (!counted || !take("}")) {
    at_ = offset + 1;
    push_literal('{');
    return true;
  }
  const u32 limit = re2() ? kMaxRe2Count : kMaxEcmaCount;
  if (min > limit || (max != kUnbounded && max > limit)) {
    return error(offset, "the count is more than " + std::to_string(limit));
  }
  if (min > max) return error(offset, "the smaller count comes after the larger");
  return add_repeat(offset, min, max);
}

bool Parser::add_repeat(size_t offset, u32 min, u32 max) {
  take("?");  // lazy
  Group& group = groups_.back();
  if (!group.repeatable || group.sequence.empty()) {
    return error(offset, "nothing to repeat");
  }
  if (group.repeated) return error(offset, "a repeat of a repeat; use a group");
  const NodeId child = group.sequence.back();
  group.sequence.back() =
      ast_.add({.kind = NodeKind::Repeat, .min = min, .max = max, .children = {child}});
  group.repeated = true;
  return true;
}

void Parser::push(NodeId node, bool repeatable) {
  Group& group = groups_.back();
  group.sequence.push_back(node);
  group.repeatable = repeatable;
  group.repeated = false;
}

void Parser::push_literal(u32 code_point) { push_set(folded({code_point, code_point})); }

void Parser::push_set(CodePointSet set) { push(ast_.add_class(std::move(set))); }

void Parser::push_assertion(Assertion assertion) {
  push(ast_.add({.kind = NodeKind::Assert, .assertion = assertion}), re2());
}

NodeId Parser::finish_sequence(Group& group) {
  std::vector<NodeId> sequence = std::move(group.sequence);
  group.sequence.clear();
  group.repeatable = false;
  if (sequence.empty()) return ast_.add({.kind = NodeKind::Empty});
  if (sequence.size() == 1) return sequence.front();
  return ast_.add({.kind = NodeKind::Concat, .children = std::move(sequence)});
}

NodeId Parser::finish_group(Group& group) {
  group.alternatives.push_back(finish_sequence(group));
  if (group.alternatives.size() == 1) return group.alternatives.front();
  return ast_.add({.kind = NodeKind::Alternate, .children = std::move(group.alternatives)});
}

}  // namespace gw::compiler::regex
