#include "runtime/policies/query/filter.h"

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/engine/expression.h"
#include "runtime/http/query.h"

namespace gw::policies {
namespace {

// A parameter that stands as it came, or one with a new name, value or both.
struct Pair {
  std::string name;   // decoded
  std::string text;   // `name=value` as it is sent
  std::string value;  // encoded, with its `=`; empty without
};

std::string encoded(std::string_view text) {
  std::string out;
  engine::append_query_encoded(text, out);
  return out;
}

class QueryChange {
 public:
  QueryChange(Exchange& exchange, const HeadersRecord& record)
      : exchange_(exchange), record_(record), view_(exchange.table->view()) {
    std::string_view rest = exchange.request.query;
    for (http::QueryPair pair; http::next_query_pair(rest, pair);) {
      pairs_.push_back({std::string(http::percent_decoded(exchange.arena, pair.name, true)),
                        std::string(pair.text), std::string(pair.text.substr(pair.name.size()))});
    }
  }

  std::string_view run() {
    for (const table::StringRef name : view_.policy_list<table::StringRef>(record_.remove)) {
      remove(view_.text(name));
    }
    for (const auto& change : view_.policy_list<HeaderRenameRecord>(record_.rename)) {
      pass_on(view_.text(change.from), view_.text(change.to), true);
    }
    for (const auto& change : view_.policy_list<HeaderRenameRecord>(record_.copy)) {
      pass_on(view_.text(change.from), view_.text(change.to), false);
    }
    std::string_view value;
    for (const auto& change : view_.policy_list<HeaderSetRecord>(record_.set)) {
      remove(view_.text(change.name));
      if (engine::evaluate(exchange_, change.value, value)) add(view_.text(change.name), value);
    }
    for (const auto& change : view_.policy_list<HeaderSetRecord>(record_.fallback)) {
      if (has(view_.text(change.name))) continue;
      if (engine::evaluate(exchange_, change.value, value)) add(view_.text(change.name), value);
    }
    for (const auto& change : view_.policy_list<HeaderSetRecord>(record_.add)) {
      if (engine::evaluate(exchange_, change.value, value)) add(view_.text(change.name), value);
    }
    std::string joined;
    for (const Pair& pair : pairs_) {
      if (!joined.empty()) joined += '&';
      joined += pair.text;
    }
    return exchange_.arena.copy(joined);
  }

 private:
  bool has(std::string_view name) const {
    return std::ranges::any_of(pairs_, [&](const Pair& pair) { return pair.name == name; });
  }
  void remove(std::string_view name) {
    std::erase_if(pairs_, [&](const Pair& pair) { return pair.name == name; });
  }
  void add(std::string_view name, std::string_view value) {
    std::string text = "=" + encoded(value);
    pairs_.push_back({std::string(name), encoded(name) + text, std::move(text)});
  }
  // Under another name, as if that had been sent.
  void pass_on(std::string_view from, std::string_view to, bool moves) {
    if (from == to || !has(from)) return;
    remove(to);
    const size_t count = pairs_.size();
    for (size_t i = 0; i < count; ++i) {
      if (pairs_[i].name != from) continue;
      Pair renamed{std::string(to), encoded(to) + pairs_[i].value, pairs_[i].value};
      if (moves) {
        pairs_[i] = std::move(renamed);
      } else {
        pairs_.push_back(std::move(renamed));
      }
    }
  }

  Exchange& exchange_;
  const HeadersRecord& record_;
  const table::TableView& view_;
  std::vector<Pair> pairs_;
};

}  // namespace

void change_query(Exchange& exchange, const QueryRecord& record) {
  exchange.upstream_request.query = QueryChange(exchange, record.changes).run();
  exchange.upstream_request.has_query = !exchange.upstream_request.query.empty();
}

}  // namespace gw::policies
