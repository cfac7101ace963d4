// Look-up: (host, path, method) to a route.
#pragma once
#include <string_view>

#include "runtime/base/method.h"
#include "runtime/base/types.h"
#include "runtime/router/capture.h"
#include "runtime/router/format.h"
#include "runtime/table/phf.h"

namespace gw::router {

/// Answers the constraints of path parameters; whoever owns the DFAs and RE2s implements it.
class ConstraintOracle {
 public:
  virtual ~ConstraintOracle() = default;
  /// `value` is decoded and lives only for the call.
  virtual bool dfa_accepts(u32 index, std::string_view value) const = 0;
  virtual bool re2_accepts(u32 index, std::string_view value) const = 0;
};

enum class Outcome : u8 {
  Found,
  NotFound,
  MethodNotAllowed,  // answer 405 with `allow`
  OptionsDefault,    // OPTIONS that nothing declares: answer 204 with `allow`
};

struct Lookup {
  Outcome outcome = Outcome::NotFound;
  bool constraint_failed = false;  // Found, but no candidate's constraints accept
  u8 failed_capture = 0;           // which parameter, if constraint_failed
  u8 capture_count = 0;            // set whenever a path matched
  u32 route = kNone;               // Found
  u32 host_id = kNone;             // of the host whose path matched, else of the closest host
  u32 group = kNone;               // of the path that matched
  std::string_view allow;          // MethodNotAllowed, OptionsDefault; lives as long as the table
};

/// A verified router section in place. Cheap to copy; does not own the bytes. Any thread.
class RouterView {
 public:
  RouterView() = default;
  explicit RouterView(const std::byte* blob);

  /// `host`: lower case, without port and trailing dot; "" if there is none. `path`: normalised,
  /// begins with '/'. `method_text` matters only for Method::Other. HEAD is served by GET's route,
  /// and any method by the path's "any" route. Captures hold raw text; constraints see it decoded
  /// (a value of more than kMaxConstraintBytes is not accepted). No allocation; linear in the path.
  Lookup find(std::string_view host, std::string_view path, http::Method method,
              std::string_view method_text, const ConstraintOracle& oracle,
              Capture captures[kMaxCaptures]) const;

  /// For explanations: the parameter whose constraint keeps `route`, of the group that find() met,
  /// from taking the path; kNone: none does. `captures` are those of find().
  u32 refused_capture(u32 group, u32 route, std::string_view path, const ConstraintOracle& oracle,
                      const Capture* captures) const;

  static constexpr u32 kMaxConstraintBytes = 4096;

 private:
  friend class Walk;
  const std::byte* blob_ = nullptr;
  RouterHeader header_;
  const GroupRecord* groups_ = nullptr;
  const HostRecord* hosts_ = nullptr;
  const u32* states_ = nullptr;
  const u32* details_ = nullptr;
  const char* texts_ = nullptr;
  Phf static_paths_;
  Phf exact_hosts_;
  Phf wildcard_hosts_;
};

}  // namespace gw::router
