#include "runtime/http/field_names.h"

#include "runtime/base/types.h"

namespace gw::http {
namespace {

char lower(char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

// Compares with a lower-case name; `_` in `name` stands for `-`.
bool begins_as(std::string_view name, std::string_view wanted) {
  if (name.size() < wanted.size()) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const char c = name[i] == '_' ? '-' : lower(name[i]);
    if (c != wanted[i]) return false;
  }
  return true;
}

bool is_same(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() && begins_as(name, wanted);
}

// Whether the letters of `name`, and nothing else of it, spell `letters`.
bool spells(std::string_view name, std::string_view letters) {
  for (const char raw : name) {
    const char c = lower(raw);
    if (!is_letter(c)) continue;
    if (letters.empty() || letters.front() != c) return false;
    letters.remove_prefix(1);
  }
  return letters.empty();
}

template <size_t kCount>
bool is_one_of(std::string_view name, const std::string_view (&names)[kCount]) {
  for (const std::string_view wanted : names) {
    if (is_same(name, wanted)) return true;
  }
  return false;
}

constexpr std::string_view kOverrides[] = {
    "proxy",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-rewrite-uri",
    "x-rewrite-url",
};

constexpr std::string_view kForwarding[] = {
    "cf-connecting-ip", "client-ip",           "front-end-https", "true-client-ip",
    "x-client-ip",      "x-cluster-client-ip", "x-host",          "x-http-host-override",
    "x-original-host",  "x-originating-ip",    "x-proxyuser-ip",  "x-real-ip",
    "x-remote-addr",    "x-remote-ip",         "x-url-scheme",
};

}  // namespace

bool looks_like_framing(std::string_view name) {
  const char first = lower(name.front());
  if (is_letter(first) && first != 'c' && first != 't') return false;
  return spells(name, "contentlength") || spells(name, "transferencoding");
}

bool overrides_request(std::string_view name) {
  const char first = lower(name.front());
  return (first == 'x' || first == 'p') && is_one_of(name, kOverrides);
}

bool claims_forwarding(std::string_view name) {
  switch (lower(name.front())) {
    case 'x':
      return begins_as(name, "x-forwarded-") || is_one_of(name, kForwarding);
    case 'c':
    case 'f':
    case 't':
      return is_one_of(name, kForwarding);
    default:
      return false;
  }
}

}  // namespace gw::http
