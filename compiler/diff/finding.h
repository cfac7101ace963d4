// What a comparison of two tables finds.
#pragma once
#include <compare>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/types.h"

namespace gw::compiler::diff {

/// How much a change matters, the worst first. Security: protection is lost, or data are shown to
/// more people. Breaking: clients that followed the contract fail. Behaviour: something else
/// happens, within the contract. Compatible: nobody has to change. Cosmetic: words only.
enum class Class : u8 { Security, Breaking, Behaviour, Compatible, Cosmetic };
inline constexpr std::string_view kClassNames[] = {"security", "breaking", "behaviour",
                                                   "compatible", "cosmetic"};
constexpr std::string_view class_name(Class c) { return kClassNames[static_cast<u32>(c)]; }

/// Where something is written; line 0: not known.
struct Place {
  std::string file;
  u32 line = 0;
  u32 column = 0;
  bool known() const { return line != 0; }
  friend auto operator<=>(const Place&, const Place&) = default;
};

/// An operation as people know it.
struct Subject {
  std::string id;
  std::string method;
  std::string host;  // "" any
  std::string path;  // template
  friend auto operator<=>(const Subject&, const Subject&) = default;
};
/// A shared one: a change of a schema may concern every operation that there is.
class SubjectRef {
 public:
  SubjectRef(Subject subject) : subject_(std::make_shared<const Subject>(std::move(subject))) {}
  operator const Subject&() const { return *subject_; }
  const Subject* operator->() const { return subject_.get(); }
  /// By content; the same one is told at once.
  friend std::strong_ordering operator<=>(const SubjectRef& a, const SubjectRef& b) {
    return a.subject_ == b.subject_ ? std::strong_ordering::equal : *a.subject_ <=> *b.subject_;
  }
  friend bool operator==(const SubjectRef& a, const SubjectRef& b) { return (a <=> b) == 0; }

 private:
  std::shared_ptr<const Subject> subject_;
};
/// "GET shop.example/orders/{id}"
std::string place_of(const Subject& subject);

struct Finding {
  std::string_view id;  // of changes.def
  Class rank = Class::Cosmetic;
  std::string message;           // what changed, in words: lower case, no stop
  std::string_view reason = {};  // why it matters
  std::string where =
      {};  // inside the operations: "request body, address.city"; or "upstream users"
  std::string before = {};  // empty: nothing
  std::string after = {};
  std::string witness = {};  // a request that shows it
  Place old_place = {};
  Place new_place = {};
  std::vector<SubjectRef> operations = {};  // that are concerned, sorted; none: the gateway itself
  std::string fingerprint = {};  // 16 hexadecimal digits; the same wherever the lines move
};

}  // namespace gw::compiler::diff
