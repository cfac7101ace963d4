#include "runtime/router/candidates.h"

#include "runtime/base/hex.h"

namespace gw::router {

using http::Method;

namespace {

bool decode(std::string_view value, char* out, u32& size) {
  size = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    if (size == RouterView::kMaxConstraintBytes) return false;
    char c = value[i];
    if (const int byte = percent_byte(value, i); byte >= 0) {
      c = static_cast<char>(byte);
      i += 2;
    }
    out[size++] = c;
  }
  return true;
}

/// One candidate of a complex group, in place.
struct Candidate {
  u32 methods;
  u32 any_route;
  u32 constraint_count;
  u32 other_count;
  const u32* routes;
  const u32* others;
  const u32* constraints;
  const u32* end;

  explicit Candidate(const u32* words) {
    methods = words[0] & 0xffff;
    constraint_count = (words[0] >> 16) & 0xff;
    other_count = words[0] >> 24;
    any_route = words[1];
    routes = words + 2;
    others = routes + bit_count(methods);
    constraints = others + 3 * other_count;
    end = constraints + 2 * constraint_count;
  }

  u32 route(const Request& request, const char* texts) const {
    if (const u32 bit = served_bit(methods, request.method); bit != 0) {
      return routes[rank_of(methods, bit)];
    }
    if (request.method == Method::Other) {
      for (u32 i = 0; i < other_count; ++i) {
        const std::string_view name(texts + others[3 * i], others[3 * i + 1]);
        if (name == request.method_text) return others[3 * i + 2];
      }
    }
    return any_route;
  }

  bool holds(u32 route) const {
    if (any_route == route) return true;
    for (u32 i = 0; i < bit_count(methods); ++i) {
      if (routes[i] == route) return true;
    }
    for (u32 i = 0; i < other_count; ++i) {
      if (others[3 * i + 2] == route) return true;
    }
    return false;
  }
};

bool accepts(const u32* constraint, const Request& request, char* buffer) {
  const Capture capture = request.captures[constraint[0] & 0xff];
  std::string_view value = request.path.substr(capture.begin, capture.end - capture.begin);
  if (value.find('%') != std::string_view::npos || value.size() > RouterView::kMaxConstraintBytes) {
    u32 size = 0;
    if (!decode(value, buffer, size)) return false;
    value = {buffer, size};
  }
  return ((constraint[0] >> 8) & 0xff) == kConstraintDfa
             ? request.oracle.dfa_accepts(constraint[1], value)
             : request.oracle.re2_accepts(constraint[1], value);
}

/// The first constraint that refuses, or null.
const u32* refusing(const Candidate& candidate, const Request& request) {
  char buffer[RouterView::kMaxConstraintBytes];
  for (u32 i = 0; i < candidate.constraint_count; ++i) {
    const u32* constraint = candidate.constraints + 2 * i;
    if (!accepts(constraint, request, buffer)) return constraint;
  }
  return nullptr;
}

}  // namespace

void refuse_method(Method method, Lookup& lookup) {
  lookup.outcome = method == Method::Options ? Outcome::OptionsDefault : Outcome::MethodNotAllowed;
}

u32 refused_capture(const u32* words, u32 route, const Request& request) {
  const u32* at = words + 2;
  for (u32 i = 0; i < words[0]; ++i) {
    const Candidate candidate(at);
    at = candidate.end;
    if (!candidate.holds(route)) continue;
    const u32* failed = refusing(candidate, request);
    return failed == nullptr ? kNone : failed[0] & 0xff;
  }
  return kNone;
}

u32 choose_candidate(const u32* words, const char* texts, const Request& request, Lookup& lookup) {
  const u32 candidate_count = words[0];
  const u32 allow = words[1];
  const u32* at = words + 2;
  u32 widest = kNone;
  const u32* failed = nullptr;
  for (u32 i = 0; i < candidate_count; ++i) {
    const Candidate candidate(at);
    at = candidate.end;
    const u32 route = candidate.route(request, texts);
    if (route == kNone) continue;
    failed = refusing(candidate, request);
    widest = route;
    if (failed == nullptr) break;
  }
  if (widest == kNone) {
    refuse_method(request.method, lookup);
    return allow;
  }
  if (failed != nullptr && (failed[0] >> 16 & 1) != 0) {
    lookup.outcome = Outcome::NotFound;
    return kNone;
  }
  lookup.outcome = Outcome::Found;
  lookup.route = widest;
  if (failed != nullptr) {
    lookup.constraint_failed = true;
    lookup.failed_capture = static_cast<u8>(failed[0] & 0xff);
  }
  return kNone;
}

}  // namespace gw::router
