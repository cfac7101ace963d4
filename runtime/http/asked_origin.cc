#include "runtime/http/asked_origin.h"

#include <algorithm>
#include <span>

#include "runtime/base/letter_case.h"
#include "runtime/http/request_rules.h"

namespace gw::http {
namespace {

bool is_trusted(const PeerAddress& address, const ForwardingOptions& options) {
  return std::ranges::any_of(options.trusted_proxies,
                             [&](const AddressRange& range) { return contains(range, address); });
}

// Some proxies name WebSockets by a scheme of their own; the request is one of HTTP all the same.
std::string_view read_scheme(std::string_view text) {
  if (equal_ignoring_case(text, "https") || equal_ignoring_case(text, "wss")) return "https";
  if (equal_ignoring_case(text, "http") || equal_ignoring_case(text, "ws")) return "http";
  return {};
}

std::string_view read_authority(std::string_view text) {
  std::string_view host;
  std::string_view port;
  return parse_authority(text, host, port) && !host.empty() ? text : std::string_view{};
}

enum class Quotes : u8 { Plain, Strings };

// Cuts at `separator`, but not within quoted strings where there are such, and calls `each` with
// the pieces; false: a quoted string has no end.
template <typename Each>
bool split(std::string_view text, char separator, Quotes quotes, Each each) {
  bool quoted = false;
  size_t from = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (quotes == Quotes::Strings && text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == separator) {
      each(trim(text.substr(from, i - from)));
      from = i + 1;
    }
  }
  each(trim(text.substr(from)));
  return !quoted;
}

// All entries of all fields of one name, in order; an empty one has its place. None, too, where a
// field cannot be read.
std::span<const std::string_view> entries_of(Exchange& exchange, FieldId id) {
  const Quotes quotes = id == FieldId::Forwarded ? Quotes::Strings : Quotes::Plain;
  const FieldList& fields = exchange.request.fields;
  const auto is_one = [id](const Field& field) {
    return !field.removed && field.id == id && !field.value.empty();
  };
  size_t most = 0;
  for (const Field& field : fields) {
    if (is_one(field)) most += 1 + static_cast<size_t>(std::ranges::count(field.value, ','));
  }
  if (most == 0) return {};
  auto* entries = exchange.arena.allocate_array<std::string_view>(most);
  size_t count = 0;
  for (const Field& field : fields) {
    if (!is_one(field)) continue;
    const bool whole = split(field.value, ',', quotes, [&](std::string_view entry) {
      new (entries + count++) std::string_view(entry);
    });
    if (!whole) return {};
  }
  return {entries, count};
}

// How far from its end the client stands in X-Forwarded-For; 1 where nothing can be read.
size_t place_of_client(std::span<const std::string_view> forwarded_for,
                       const ForwardingOptions& options) {
  size_t place = 1;
  for (size_t i = forwarded_for.size(); i > 1; --i) {
    PeerAddress address;
    PeerAddress before;
    if (!parse_address(forwarded_for[i - 1], address) || !is_trusted(address, options)) break;
    if (!parse_address(forwarded_for[i - 2], before)) break;
    ++place;
  }
  return place;
}

std::string_view entry_at(std::span<const std::string_view> entries, size_t place) {
  if (entries.empty()) return {};
  return place >= entries.size() ? entries.front() : entries[entries.size() - place];
}

// An element of Forwarded. Texts are without quotes; empty: not told.
struct Element {
  std::string_view from;
  std::string_view proto;
  std::string_view host;
};

// False: it is none. Values that need an escape are none that we look for.
bool read_element(std::string_view text, Element& out) {
  bool good = true;
  const bool whole = split(text, ';', Quotes::Strings, [&](std::string_view pair) {
    if (pair.empty()) return;
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    std::string_view value = equals == pair.npos ? pair.substr(0, 0) : pair.substr(equals + 1);
    const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
    if (quoted) value = value.substr(1, value.size() - 2);
    good = good && is_token(name) && !value.empty() && value.find_first_of("\"\\") == value.npos;
    if (equal_ignoring_case(name, "for")) out.from = value;
    if (equal_ignoring_case(name, "proto")) out.proto = value;
    if (equal_ignoring_case(name, "host")) out.host = value;
  });
  return whole && good;
}

// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`; what hides its address is not trusted.
bool is_trusted_node(std::string_view node, const ForwardingOptions& options) {
  std::string_view host;
  std::string_view port;
  if (!parse_authority(node, host, port)) return false;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  PeerAddress address;
  return parse_address(host, address) && is_trusted(address, options);
}

void believe(std::string_view scheme, std::string_view authority, AskedOrigin& out) {
  if (!scheme.empty()) out.scheme = scheme;
  if (!authority.empty()) out.authority = authority;
}

// From the end, as far as each element was written by somebody who is trusted.
void believe_forwarded(std::span<const std::string_view> elements, const ForwardingOptions& options,
                       AskedOrigin& out) {
  for (size_t i = elements.size(); i > 0; --i) {
    Element element;
    if (!read_element(elements[i - 1], element)) return;
    believe(read_scheme(element.proto), read_authority(element.host), out);
    if (!is_trusted_node(element.from, options)) return;
  }
}

}  // namespace

AskedOrigin asked_origin(Exchange& exchange, const ForwardingOptions& options) {
  AskedOrigin asked{exchange.request.scheme, exchange.request.authority};
  if (options.trusted_proxies.empty() || !is_trusted(exchange.peer, options)) return asked;
  const auto forwarded_for = entries_of(exchange, FieldId::XForwardedFor);
  const auto protos = entries_of(exchange, FieldId::XForwardedProto);
  const auto hosts = entries_of(exchange, FieldId::XForwardedHost);
  // A proxy speaks the one or the other: what it does not speak it may have passed on unread.
  if (forwarded_for.empty() && protos.empty() && hosts.empty()) {
    believe_forwarded(entries_of(exchange, FieldId::Forwarded), options, asked);
    return asked;
  }
  const size_t place = place_of_client(forwarded_for, options);
  believe(read_scheme(entry_at(protos, place)), read_authority(entry_at(hosts, place)), asked);
  return asked;
}

}  // namespace gw::http
