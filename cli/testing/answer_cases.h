// Cases of what an operation's upstream answers: the examples of its responses.
#pragma once
#include "cli/testing/generated_caller.h"
#include "cli/testing/generated_file.h"
#include "cli/testing/generated_request.h"
#include "cli/testing/generated_target.h"

namespace gw::cli::tests {

/// An upstream that answers with an example of the document is believed: its status, and its body
/// where nothing changes it, reach the client. `plain` by `caller` is let through.
void add_answer_cases(const GeneratedTarget& target, const BoundaryTools& tools,
                      const GeneratedRequest& plain, const Caller& caller, GeneratedFile& file);

}  // namespace gw::cli::tests
