// Values that are written as text: parameters, headers, cookies and fields of forms become JSON
// values by style and explode (OpenAPI 3.1 section 4.8.12.3, RFC 6570).
#pragma once
#include <span>
#include <string_view>

#include "runtime/base/arena.h"
#include "runtime/json/tape_builder.h"
#include "runtime/policies/validate/record.h"
#include "runtime/table/view.h"

namespace gw::validate {

/// How text is written at its place: headers as it is, paths and cookies with percent-encoding,
/// queries and forms with `+` for spaces as well.
enum class Escapes : u8 { None, Percent, Form };

/// One `name=value` of a query, a form or a cookie. Views into the message or the arena.
struct Pair {
  std::string_view name;   // decoded
  std::string_view value;  // as written
  std::string_view text;   // the whole, as written
  bool used = false;       // a parameter has taken it
};

inline constexpr u32 kMaxPairs = 4096;

/// Splits a query or a form; false: it has more than kMaxPairs. Memory: `arena`.
bool split_pairs(std::string_view text, Arena& arena, std::span<Pair>& out);

enum class Reading : u8 {
  Value,      // it is in the builder
  Absent,     // nothing was written
  Empty,      // `name=`, and it may be empty
  Several,    // more than one, and it is no list
  Malformed,  // not in its style
};

/// What of a message a parameter is looked for in; of its place only what belongs there is set.
struct Texts {
  std::string_view text = {};  // of path and header: the raw value
  bool present = false;        // of path and header
  bool several = false;        // of headers: fields of this name beyond the first
  std::span<Pair> pairs = {};  // of query, cookie and form
};

/// Reads parameters of one message. Cheap to make. One thread.
class ParameterReader {
 public:
  /// `strings_only`: nothing but lists and objects is guessed from how a text looks.
  ParameterReader(const table::TableView& view, Arena& arena, Escapes escapes,
                  bool strings_only = false)
      : view_(view), arena_(arena), escapes_(escapes), strings_only_(strings_only) {}

  /// Writes the value of `parameter`, whose style is not Json, to `out`: one value, or nothing
  /// unless the result is Value. Marks the pairs that it takes. What is written may still be wrong
  /// (not UTF-8): finish() of the builder tells.
  Reading read(const policies::ParameterRecord& parameter, const Texts& texts,
               json::TapeBuilder& out);
  /// Writes a text as what `types` (of schema::TypeBit) let it be: a number or boolean if it looks
  /// like one that is allowed, else a string.
  void write_scalar(u32 types, std::string_view decoded, json::TapeBuilder& out) const;
  std::string_view decode(std::string_view text);

 private:
  using Parameter = policies::ParameterRecord;
  Reading read_text(const Parameter& parameter, std::string_view text, json::TapeBuilder& out);
  Reading read_label(const Parameter& parameter, std::string_view text, json::TapeBuilder& out);
  Reading read_matrix(const Parameter& parameter, std::string_view text, json::TapeBuilder& out);
  Reading read_pairs(const Parameter& parameter, std::span<Pair> pairs, json::TapeBuilder& out);
  Reading read_deep(const Parameter& parameter, std::span<Pair> pairs, json::TapeBuilder& out);
  Reading write_deep(const Parameter& parameter, std::span<const Pair* const> group,
                     std::string_view path, u32 rest_types, json::TapeBuilder& out);
  Reading write_deep_values(std::span<const Pair* const> group, std::string_view path, u32 types,
                            u32 item_types, json::TapeBuilder& out);
  Reading read_exploded(const Parameter& parameter, std::span<Pair> pairs, json::TapeBuilder& out);
  Reading write_delimited(const Parameter& parameter, std::string_view text, char separator,
                          bool assigned, json::TapeBuilder& out);
  void write_list(const Parameter& parameter, std::string_view text, char separator,
                  json::TapeBuilder& out);
  Reading write_object(const Parameter& parameter, std::string_view text, char separator,
                       bool assigned, json::TapeBuilder& out);
  void write_property(const Parameter& parameter, std::string_view name, std::string_view decoded,
                      json::TapeBuilder& out);
  const policies::PropertyRecord* find_property(const Parameter& parameter,
                                                std::string_view name) const;
  std::string_view item_text(std::string_view text);

  const table::TableView& view_;
  Arena& arena_;
  Escapes escapes_;
  bool strings_only_;
};

}  // namespace gw::validate
