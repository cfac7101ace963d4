// Result<T>: a value or an Error. The subset of std::expected that we use, under its names;
// g++ 12 has <expected> only in C++23 mode.
#pragma once
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/error.h"

namespace gw {

template <class E>
struct Unexpected {
  E error;
};

[[nodiscard]] inline Unexpected<Error> fail(Error error) { return {error}; }
[[nodiscard]] inline Unexpected<Error> fail(Errc code, std::string_view what) {
  return {Error{.code = code, .what = what}};
}

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Unexpected<Error> failure)
      : error_(failure.error) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    GW_CHECK(has_value());
    return *value_;
  }
  const T& value() const& {
    GW_CHECK(has_value());
    return *value_;
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && {
    GW_CHECK(has_value());
    return std::move(*value_);
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Unexpected<Error> failure)
      : error_(failure.error) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return error_.code == Errc::None; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

}  // namespace gw

// Leaves the enclosing function with the error of `expr`, or goes on. Statement level only; in a
// coroutine use GW_CO_TRY.
#define GW_TRY(expr)                                                         \
  do {                                                                       \
    if (auto gw_try_ = (expr); !gw_try_) return ::gw::fail(gw_try_.error()); \
  } while (false)
#define GW_CO_TRY(expr)                                                         \
  do {                                                                          \
    if (auto gw_try_ = (expr); !gw_try_) co_return ::gw::fail(gw_try_.error()); \
  } while (false)

// GW_TRY_ASSIGN(MappedFile file, MappedFile::open(path));
#define GW_TRY_ASSIGN(decl, expr) GW_TRY_ASSIGN_AT(decl, expr, __LINE__, return )
#define GW_CO_TRY_ASSIGN(decl, expr) GW_TRY_ASSIGN_AT(decl, expr, __LINE__, co_return )
#define GW_TRY_ASSIGN_AT(decl, expr, line, leave) GW_TRY_ASSIGN_TO(decl, expr, line, leave)
#define GW_TRY_ASSIGN_TO(decl, expr, line, leave)              \
  auto gw_try_##line = (expr);                                 \
  if (!gw_try_##line) leave ::gw::fail(gw_try_##line.error()); \
  decl = *std::move(gw_try_##line)
