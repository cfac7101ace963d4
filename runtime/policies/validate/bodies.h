// Bodies in memory as JSON values, whatever they are written in.
#pragma once
#include <string_view>

#include "runtime/json/tape.h"
#include "runtime/policies/validate/media_type.h"
#include "runtime/policies/validate/record.h"
#include "runtime/table/view.h"

namespace gw::validate {

/// Why a body could not be read. `what` is static; `field` is that of a form, or empty.
struct BodyProblem {
  std::string_view what;
  std::string_view field;
};

struct BodyTapes {
  json::Tape value;
  json::Tape part;  // JSON within a form
};

/// Reads `body`, of media type `type`, as `media` says, into tapes.value, which views the body and
/// `arena`. False: `problem` says why. Allocates in `arena` only, once the tapes are warm. Linear,
/// with bounds on depth, pairs and parts.
bool read_body(const table::TableView& view, const policies::MediaRecord& media,
               const MediaType& type, std::string_view body, Arena& arena, BodyTapes& tapes,
               BodyProblem& problem);

}  // namespace gw::validate
