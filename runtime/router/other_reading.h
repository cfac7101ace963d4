// Paths that many servers read as another one, and so another route's.
#pragma once
#include <string_view>

#include "runtime/router/router.h"

namespace gw::router {

/// What of a request a look-up is about, as RouterView::find() takes it.
struct Target {
  std::string_view host;
  std::string_view path;
  http::Method method = http::Method::Get;
  std::string_view method_text;
};

/// Whether a path has anything that servers read in different ways. Most have nothing.
bool may_be_read_otherwise(std::string_view path);

/// The route that servers would take the request to which cut parameters off paths (`/admin;x`), or
/// do not tell `/admin/` and `/admin.` from `/admin`, when that is another than `route`: the
/// request would get past its rules and is refused. kNone otherwise. `path_template` is that of
/// `route`; one without parameters, or with `;`, means what it says. `scratch` holds at least
/// path.size() bytes. One look-up at most.
u32 route_of_other_reading(const RouterView& router, const ConstraintOracle& oracle,
                           const Target& target, std::string_view path_template, u32 route,
                           char* scratch);

}  // namespace gw::router
