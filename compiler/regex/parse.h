// The parser for both syntaxes; private to this folder.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/regex/ast.h"

namespace gw::compiler::regex {

/// One use per pattern. Groups are kept on an explicit stack, bounded by Limits::depth.
class Parser {
 public:
  Parser(std::string_view pattern, Syntax syntax, const Limits& limits)
      : text_(pattern), syntax_(syntax), limits_(limits) {}

  std::variant<Ast, RegexError> run();

 private:
  struct Flags {
    bool fold_case = false;
    bool dot_all = false;
    bool multi_line = false;
  };
  struct Group {
    Flags outer;                       // restored when it ends
    size_t open = 0;                   // offset of its parenthesis
    std::vector<NodeId> alternatives;  // finished ones
    std::vector<NodeId> sequence;      // the one in work
    bool repeatable = false;           // whether the last of `sequence` may be repeated
    bool repeated = false;             // it is a repeat already
  };

  bool re2() const { return syntax_ == Syntax::Re2; }
  bool at_end() const { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  /// Remembers the first error; always false, so that parsers can return it.
  bool error(size_t offset, std::string message);

  bool parse_one();
  bool parse_group_open();
  bool parse_flags(size_t open);
  bool parse_group_close();
  bool parse_star(u32 min, u32 max);
  bool parse_braces();
  bool add_repeat(size_t offset, u32 min, u32 max);
  bool read_count(u32& count);
  void push(NodeId node, bool repeatable = true);
  void push_literal(u32 code_point);
  void push_set(CodePointSet set);
  void push_assertion(Assertion assertion);
  NodeId finish_sequence(Group& group);
  NodeId finish_group(Group& group);

  // parse_escape.cc
  bool parse_escape();
  bool parse_class();
  bool parse_class_item(CodePointSet& into, std::optional<u32>& single);
  bool parse_posix_class(CodePointSet& into);
  bool parse_perl_class(char letter, CodePointSet& set) const;
  bool parse_property(bool negated, CodePointSet& set);
  bool parse_character_escape(bool in_class, u32& code_point);
  bool parse_ecma_unicode_escape(size_t start, u32& code_point);
  bool parse_hex(u32 digits, u32& value);
  bool next_character(u32& code_point);
  CodePointSet folded(CodePointSet set) const;

  std::string_view text_;
  Syntax syntax_;
  const Limits& limits_;
  size_t at_ = 0;
  Flags flags_;
  bool quoted_ = false;  // between \Q and \E
  std::vector<Group> groups_;
  Ast ast_;
  std::optional<RegexError> error_;
};

}  // namespace gw::compiler::regex
