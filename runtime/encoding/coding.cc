#include "runtime/encoding/coding.h"

#include <algorithm>

namespace gw::encoding {
namespace {

constexpr int kUnset = -1;
constexpr int kFullQuality = 1000;

bool is_space(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The text before `separator`; `rest` is what follows it. No member has quotes: a quote breaks the
// member that it stands in, and no other.
std::string_view split(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view item = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return item;
}

// False: it is none of ours. `x-gzip` is the same as `gzip` (section 8.4.1.3).
bool parse_coding(std::string_view name, Coding& out) {
  if (http::equal_fold(name, "identity")) {
    out = Coding::Identity;
    return true;
  }
  if (http::equal_fold(name, "x-gzip")) {
    out = Coding::Gzip;
    return true;
  }
  for (size_t i = 0; i < kCodings; ++i) {
    if (!http::equal_fold(name, kCodingNames[i])) continue;
    out = static_cast<Coding>(i);
    return true;
  }
  return false;
}

// In thousandths; kUnset: it is no qvalue (section 12.4.2).
int parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return kUnset;
  int quality = (text[0] - '0') * kFullQuality;
  if (text.size() > 1 && text[1] != '.') return kUnset;
  int weight = kFullQuality / 10;
  for (size_t i = 2; i < text.size(); ++i, weight /= 10) {
    if (text[i] < '0' || text[i] > '9') return kUnset;
    quality += (text[i] - '0') * weight;
  }
  return quality <= kFullQuality ? quality : kUnset;
}

// What follows the name of a coding; kUnset: it cannot be read.
int quality_of(std::string_view parameters) {
  if (parameters.empty()) return kFullQuality;
  const std::string_view weight = split(parameters, ';');
  if (!parameters.empty() || weight.size() < 2 || weight[1] != '=') return kUnset;
  return weight[0] == 'q' || weight[0] == 'Q' ? parse_quality(weight.substr(2)) : kUnset;
}

// What a client says, in thousandths. Of what it says twice, the best counts.
struct Accepted {
  int by_coding[kCodings + 1] = {kUnset, kUnset, kUnset, kUnset};
  int others = kUnset;  // `*`

  void add(std::string_view member) {
    const std::string_view name = split(member, ';');
    const int quality = quality_of(member);
    // A member that cannot be read says nothing, neither yes nor no.
    if (quality == kUnset) return;
    Coding coding = Coding::Identity;
    if (name == "*") {
      others = std::max(others, quality);
    } else if (parse_coding(name, coding)) {
      int& stated = by_coding[static_cast<size_t>(coding)];
      stated = std::max(stated, quality);
    }
  }

  int of(Coding coding) const {
    const int stated = by_coding[static_cast<size_t>(coding)];
    if (stated != kUnset) return stated;
    // Identity is always acceptable unless it is refused, and nobody's wish unless it is named.
    if (coding == Coding::Identity) return 0;
    return std::max(others, 0);
  }
};

}  // namespace

std::string_view coding_name(Coding coding) {
  return coding == Coding::Identity ? "identity" : kCodingNames[static_cast<size_t>(coding)];
}

BodyCoding coding_of(const http::FieldList& fields) {
  BodyCoding found;
  for (const http::Field& field : fields) {
    if (field.removed || field.id != http::FieldId::ContentEncoding) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::string_view name = split(rest, ',');
      Coding coding = Coding::Identity;
      if (name.empty()) continue;
      const bool read = parse_coding(name, coding);
      if (coding == Coding::Identity && read) continue;
      // One on top of another: nobody sends that but to make bombs.
      if (!read || found.coding != Coding::Identity) return {.known = false};
      found.coding = coding;
    }
  }
  return found;
}

Coding negotiate(const http::FieldList& request, std::span<const Coding> offered) {
  Accepted accepted;
  for (const http::Field& field : request) {
    if (field.removed || field.id != http::FieldId::AcceptEncoding) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) accepted.add(split(rest, ','));
  }
  Coding best = Coding::Identity;
  int quality = 0;
  for (const Coding coding : offered) {
    if (accepted.of(coding) <= quality) continue;
    best = coding;
    quality = accepted.of(coding);
  }
  return accepted.of(Coding::Identity) > quality ? Coding::Identity : best;
}

}  // namespace gw::encoding
