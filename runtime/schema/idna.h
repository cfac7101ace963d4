// The labels of internationalised host names (RFC 5890 to 5892).
#pragma once
#include <string_view>

namespace gw::schema {

/// Whether what follows `xn--` is Punycode of a label that IDNA 2008 allows: it decodes to
/// something that needed it, begins with no mark, and holds the characters of RFC 5892 appendix A
/// only where they may stand. The tables of all code points that are DISALLOWED or UNASSIGNED are
/// not here: of those only the exceptions that RFC 5892 section 2.6 lists are refused.
bool is_a_label(std::string_view encoded);

}  // namespace gw::schema
