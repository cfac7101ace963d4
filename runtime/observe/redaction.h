// What logs and traces may tell of queries and header fields.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/policies/access_log/record.h"

namespace gw {
class BoundTable;
}

namespace gw::observe {

/// Of one table; needs nothing of it once it is made. Immutable: any thread.
class Redaction {
 public:
  /// Of a gateway that says nothing: queries without values.
  Redaction() = default;
  /// As `observe.accessLog` says by `query` and `reveal`. What carries credentials of its schemes
  /// is hidden in any case.
  explicit Redaction(const BoundTable& table);

  bool hides_header(std::string_view lower_case_name) const;
  bool shows_queries() const { return query_ != policies::LogQuery::Omit; }
  /// Gives `piece(text)` the beginning of a query in pieces, with `*` for values that are hidden.
  /// Not where queries are not shown.
  template <typename Piece>
  void each_piece_of_query(std::string_view query, Piece piece) const;

 private:
  static constexpr size_t kMostQueryBytes = 4096;
  static constexpr size_t kMostNameBytes = 64;  // of a parameter without `=`

  bool hides_parameter(std::string_view encoded_name) const;
  template <typename Piece>
  void pieces_of_pair(std::string_view pair, Piece& piece) const;

  policies::LogQuery query_ = policies::LogQuery::Names;
  std::vector<std::string> secret_headers_;     // in lower case
  std::vector<std::string> secret_parameters_;  // of queries
  std::vector<std::string> revealed_;           // of both, as written: they are no secrets
};

inline constexpr std::string_view kHidden = "*";

template <typename Piece>
void Redaction::each_piece_of_query(std::string_view query, Piece piece) const {
  query = query.substr(0, kMostQueryBytes);
  for (;;) {
    const size_t end = query.find('&');
    pieces_of_pair(query.substr(0, end), piece);
    if (end == query.npos) return;
    piece(query.substr(end, 1));
    query.remove_prefix(end + 1);
  }
}

// What stands alone is a name, unless it is too long for one.
template <typename Piece>
void Redaction::pieces_of_pair(std::string_view pair, Piece& piece) const {
  const size_t equals = pair.find('=');
  if (equals == pair.npos) return piece(pair.size() <= kMostNameBytes ? pair : kHidden);
  piece(pair.substr(0, equals + 1));
  const bool shown = query_ == policies::LogQuery::Keep && !hides_parameter(pair.substr(0, equals));
  piece(shown ? pair.substr(equals + 1) : kHidden);
}

}  // namespace gw::observe
