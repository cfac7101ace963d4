// What a verified token says.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/jose/json_document.h"

namespace gw::jose {

class ClaimsPtr;

/// The claims of one token; owns what it shows, so that it can outlive the token and the request.
/// Immutable, but counted by ClaimsPtr without atomics: one thread.
class Claims {
 public:
  /// Null: not a JSON object, a member twice, nested too deep.
  static ClaimsPtr parse(std::string_view json);

  /// All of them. Views, valid as long as a ClaimsPtr holds them; look-ups go through the members
  /// one after the other and do not allocate.
  JsonValue root() const { return document_.root(); }
  JsonValue find(std::string_view name) const { return root().find(name); }
  /// By JSON Pointer: `/realm_access/roles`. Allocates for escaped names only.
  JsonValue at(std::string_view pointer) const { return root().at(pointer); }
  /// `sub`, or empty.
  std::string_view subject() const;
  /// `scope` where it is there (RFC 8693 section 4.2, a text), otherwise `scp` (a list or a text).
  JsonValue scopes() const;
  size_t held_bytes() const { return sizeof *this + document_.held_bytes(); }

 private:
  friend class ClaimsPtr;
  explicit Claims(JsonDocument document) : document_(std::move(document)) {}
  JsonDocument document_;
  mutable u32 references_ = 0;
};

/// Holds claims. Copies count; one thread.
class ClaimsPtr {
 public:
  ClaimsPtr() = default;
  explicit ClaimsPtr(const Claims* claims) : claims_(claims) { ++claims_->references_; }
  ClaimsPtr(const ClaimsPtr& other) : claims_(other.claims_) {
    if (claims_ != nullptr) ++claims_->references_;
  }
  ClaimsPtr(ClaimsPtr&& other) noexcept : claims_(std::exchange(other.claims_, nullptr)) {}
  ClaimsPtr& operator=(ClaimsPtr other) noexcept {
    std::swap(claims_, other.claims_);
    return *this;
  }
  ~ClaimsPtr() {
    if (claims_ != nullptr && --claims_->references_ == 0) delete claims_;
  }
  const Claims* get() const { return claims_; }
  const Claims& operator*() const { return *claims_; }
  const Claims* operator->() const { return claims_; }
  explicit operator bool() const { return claims_ != nullptr; }

 private:
  const Claims* claims_ = nullptr;
};

/// Goes through words: the texts of a list, or those between spaces of one text. Items of a list
/// that are no scalars are passed over; anything else has no words.
///   for (ClaimWords words(claims->scopes()); words.next();) use(words.word());
class ClaimWords {
 public:
  explicit ClaimWords(JsonValue value);
  bool next();
  std::string_view word() const { return word_; }

 private:
  JsonValue item_;         // of a list: the next one
  std::string_view rest_;  // of a text
  std::string_view word_;
};
bool has_word(JsonValue value, std::string_view word);

/// The JSON Pointer to the claim of this name, whatever its characters
/// (`https://a.example/tenant`).
std::string pointer_to(std::string_view name);

/// A NumericDate (RFC 7519 section 2) in milliseconds since 1970. Fractions count; what is beyond
/// 10,000 years either way is cut there. Nothing: not a number.
std::optional<i64> date_ms(JsonValue value);

}  // namespace gw::jose
