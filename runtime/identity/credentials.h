// Where credentials stand in a request.
#pragma once
#include <string_view>

#include "runtime/http/exchange.h"
#include "runtime/policies/scheme/record.h"

namespace gw::identity {

enum class Found : u8 {
  None,
  One,
  Several,  // it cannot be told which is meant
};

/// The credential that `scheme` asks for: key, token, or what follows `Basic `. A view into the
/// request, or its arena.
Found find_credential(Exchange& exchange, const policies::SchemeRecord& scheme,
                      std::string_view& out);

/// Takes it out of the request, so that neither the upstream nor an expression ever sees it.
void remove_credential(Exchange& exchange, const policies::SchemeRecord& scheme);

struct Login {
  std::string_view user;
  std::string_view password;
};
/// User and password of Basic (RFC 7617). False: not base64, no colon, a control character. Memory:
/// the exchange's arena.
bool parse_basic(Exchange& exchange, std::string_view credential, Login& out);

}  // namespace gw::identity
