#include "runtime/admin/promises.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <limits>

namespace gw::admin {
namespace {

namespace json = boost::json;

constexpr int kMostReferences = 4;  // that lead to each other

// Documents nest less; the parser needs no stack for it.
constexpr size_t kMostDepth = 1024;

const json::object& nothing() {
  static const json::object kNothing;
  return kNothing;
}

const json::object& object_or_nothing(const json::value& value) {
  const json::object* object = value.if_object();
  return object == nullptr ? nothing() : *object;
}

}  // namespace

Promises::Promises(const table::TableView& view) {
  if (auto opened = table::Contracts::open(view)) contracts_ = *opened;
}

const json::object& Promises::operation(size_t route) {
  if (!contracts_ || route >= contracts_->routes().size()) return nothing();
  return object_or_nothing(fragment(contracts_->routes()[route].fragment));
}

const table::ContractView* Promises::find_view(size_t route, std::string_view client) const {
  if (!contracts_) return nullptr;
  const table::ContractView* own = contracts_->find_view(route, client);
  return own != nullptr || client.empty() ? own : contracts_->find_view(route, "");
}

bool Promises::has_own_view(size_t route, std::string_view client) const {
  return contracts_ && !client.empty() && contracts_->find_view(route, client) != nullptr;
}

const json::object* Promises::view(size_t route, std::string_view client) {
  const table::ContractView* found = find_view(route, client);
  if (found == nullptr || found->fragment == table::kNone) return nullptr;
  return &object_or_nothing(fragment(found->fragment));
}

bool Promises::is_view_missing(size_t route, std::string_view client) const {
  const table::ContractView* found = find_view(route, client);
  return found != nullptr && found->fragment == table::kNone;
}

std::optional<u32> Promises::reference_of(const json::object& object) {
  const json::value* reference = object.if_contains("$ref");
  const i64* number = reference == nullptr ? nullptr : reference->if_int64();
  if (number == nullptr || *number < 0 || *number > std::numeric_limits<u32>::max()) return {};
  return static_cast<u32>(*number);
}

const json::object& Promises::resolved(const json::value& value) {
  const json::object* object = &object_or_nothing(value);
  for (int i = 0; i < kMostReferences; ++i) {
    const std::optional<u32> reference = reference_of(*object);
    if (!reference) return *object;
    object = &object_or_nothing(fragment(*reference));
  }
  return nothing();
}

const json::value& Promises::fragment(u32 index) {
  static const json::value kNothing;
  if (const auto known = parsed_.find(index); known != parsed_.end()) return known->second;
  if (!contracts_ || index >= contracts_->fragments().size()) return kNothing;
  const std::string_view text = contracts_->text(contracts_->fragments()[index].text);
  if (text.size() > left_bytes_) {
    ++left_out_;
    return kNothing;
  }
  left_bytes_ -= text.size();
  json::value& parsed = parsed_[index];
  boost::system::error_code problem;
  json::value value = json::parse(text, problem, {}, {.max_depth = kMostDepth});
  if (!problem) parsed = std::move(value);
  return parsed;
}

std::string_view Promises::name_of(u32 fragment) const {
  if (!contracts_ || fragment >= contracts_->fragments().size()) return {};
  return contracts_->text(contracts_->fragments()[fragment].name);
}

std::string_view text_member(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  return member != nullptr && member->is_string() ? std::string_view(member->get_string())
                                                  : std::string_view();
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  return member != nullptr && member->is_bool() && member->get_bool();
}

const json::object& object_member(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  return member == nullptr ? nothing() : object_or_nothing(*member);
}

const json::array& array_member(const json::object& object, std::string_view name) {
  static const json::array kEmpty;
  const json::value* member = object.if_contains(name);
  return member != nullptr && member->is_array() ? member->get_array() : kEmpty;
}

}  // namespace gw::admin
