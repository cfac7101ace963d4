#include "runtime/policies/validate/faults.h"

#include <algorithm>

#include "runtime/base/log.h"

namespace gw::validate {
namespace {

// Cut between two characters.
std::string_view shown(std::string_view text) {
  if (text.size() <= kMaxShownBytes) return text;
  size_t end = kMaxShownBytes;
  while (end > 0 && (static_cast<u8>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void append_member(std::string_view name, std::string_view value, std::string& out) {
  if (out.back() != '{') out += ',';
  out += '"';
  out += name;
  out += "\":\"";
  append_json_escaped(shown(value), out);
  out += '"';
}

}  // namespace

void FaultList::add(const Fault& fault) {
  if (count_++ < limit_) faults_.push_back(fault);
}

void FaultList::add(policies::Place in, std::string_view parameter,
                    const schema::ErrorList& errors) {
  for (const schema::SchemaError& error : errors.all()) {
    add({.in = in,
         .parameter = parameter,
         .pointer = arena_.copy(shown(error.pointer)),
         .keyword = error.keyword,
         .detail = arena_.copy(error.message)});
  }
}

std::string_view FaultList::to_members() const {
  std::string out = ",\"errors\":[";
  for (const Fault& fault : faults_) {
    if (out.back() != '[') out += ',';
    out += '{';
    append_member("in", policies::kPlaceWords[static_cast<u32>(fault.in)], out);
    if (!fault.parameter.empty()) append_member("parameter", fault.parameter, out);
    // In a body the empty pointer is the whole of it; of a parameter it says nothing.
    if (fault.parameter.empty() || !fault.pointer.empty()) {
      append_member("pointer", fault.pointer, out);
    }
    append_member("keyword", fault.keyword, out);
    append_member("detail", fault.detail, out);
    out += '}';
  }
  out += ']';
  return arena_.copy(out);
}

std::string_view FaultList::to_note() const {
  if (faults_.empty()) return {};
  const Fault& fault = faults_.front();
  std::string out(policies::kPlaceWords[static_cast<u32>(fault.in)]);
  if (!fault.parameter.empty()) out.append(" ").append(shown(fault.parameter));
  if (!fault.pointer.empty()) out.append(" ").append(fault.pointer);
  out.append(": ").append(fault.keyword);
  return arena_.copy(out);
}

}  // namespace gw::validate
