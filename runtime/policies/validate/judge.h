// Values of one message against their schemas; what requests and answers have in common.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "runtime/http/exchange.h"
#include "runtime/policies/validate/bodies.h"
#include "runtime/policies/validate/faults.h"
#include "runtime/policies/validate/parameters.h"
#include "runtime/schema/evaluator.h"
#include "runtime/table/bound_table.h"

namespace gw::validate {

/// One message. Lives as long as one synchronous step; its tapes are the thread's.
class Judge {
 public:
  Judge(Exchange& exchange, schema::Direction direction, u32 max_faults)
      : exchange_(exchange),
        view_(exchange.table->view()),
        direction_(direction),
        faults(exchange.arena, max_faults) {}

  /// A parameter, header or cookie: present where required, in its style, and as its schema says.
  void judge_parameter(const policies::ParameterRecord& parameter, const Texts& texts,
                       Escapes escapes);
  /// A header of `fields`, by name.
  void judge_header(const policies::ParameterRecord& parameter, const http::FieldList& fields);
  void judge_body(const policies::MediaRecord& media, const MediaType& type, Bytes body);

 private:
  bool judge_value(u32 schema, policies::Place in, std::string_view name, const json::Tape& tape,
                   bool reports);
  void judge_json(const policies::ParameterRecord& parameter, const Texts& texts, Escapes escapes);
  bool judge_text(const policies::ParameterRecord& parameter, const Texts& texts, Escapes escapes,
                  bool strings_only, bool reports);
  void add(const policies::ParameterRecord& parameter, std::string_view keyword,
           std::string_view detail);

  Exchange& exchange_;
  const table::TableView& view_;
  schema::Direction direction_;

 public:
  FaultList faults;
};

/// The entry of `media` for a body of this type; null: none. Of several patterns the closest.
const policies::MediaRecord* find_media(const table::TableView& view, table::Extent media,
                                        std::string_view type);
/// Whether such a body is read at all.
inline bool is_judged(const policies::MediaRecord& media) {
  return media.schema != table::kNone &&
         static_cast<policies::BodyFormat>(media.format) != policies::BodyFormat::Opaque;
}
/// Empty: the body can be read, once it is decoded (encoding::coding_of).
std::string_view unreadable(const policies::MediaRecord& media, const MediaType& type,
                            const http::FieldList& fields);

}  // namespace gw::validate
