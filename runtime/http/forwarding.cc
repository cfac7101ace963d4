#include "runtime/http/forwarding.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

#include "runtime/base/address_prefix.h"
#include "runtime/http/field_names.h"

namespace gw::http {
namespace {

constexpr u8 kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_trusted(const PeerAddress& address, const ForwardingOptions& options) {
  for (const AddressRange& range : options.trusted_proxies) {
    if (contains(range, address)) return true;
  }
  return false;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view join(Arena& arena, std::initializer_list<std::string_view> parts) {
  size_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size();
  char* const begin = static_cast<char*>(arena.allocate(bytes, 1));
  char* to = begin;
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  return {begin, bytes};
}

// All fields of one name as one list.
std::string_view joined_values(const FieldList& fields, FieldId id, Arena& arena) {
  std::string_view all;
  for (const Field& field : fields) {
    if (field.removed || field.id != id || field.value.empty()) continue;
    all = all.empty() ? field.value : join(arena, {all, ", ", field.value});
  }
  return all;
}

bool is_request_id(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  for (const char c : text) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!good) return false;
  }
  return true;
}

std::string_view make_request_id(Arena& arena, u64 high, u64 low) {
  static constexpr char kHex[] = "0123456789abcdef";
  char* text = static_cast<char*>(arena.allocate(32, 1));
  for (u32 i = 0; i < 16; ++i) {
    text[i] = kHex[(high >> (60 - 4 * i)) & 15];
    text[16 + i] = kHex[(low >> (60 - 4 * i)) & 15];
  }
  return {text, 32};
}

// Walks X-Forwarded-For from its end, over proxies that are trusted. What stands before an entry
// that cannot be read was written by somebody nobody vouches for.
void believe_forwarded_for(Exchange& exchange, const ForwardingOptions& options) {
  std::string_view list =
      joined_values(exchange.request.fields, FieldId::XForwardedFor, exchange.arena);
  while (!list.empty()) {
    const size_t comma = list.rfind(',');
    const std::string_view entry =
        trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
    PeerAddress address;
    if (!parse_address(entry, address)) return;
    exchange.client = address;
    exchange.client_text = entry;
    if (!is_trusted(address, options) || comma == std::string_view::npos) return;
    list = list.substr(0, comma);
  }
}

bool is_mapped(const u8* bytes) {
  return std::memcmp(bytes, kMappedPrefix, sizeof kMappedPrefix) == 0;
}

// Which forwarding fields the request brought that are to be kept.
struct Given {
  bool forwarded_for = false;
  bool proto = false;
  bool host = false;
  bool port = false;
  bool forwarded = false;
  bool via = false;
};

// Removes what nobody vouches for, and the request id, which is written anew.
Given settle_given(FieldList& fields, bool trusted) {
  Given given;
  for (Field& field : fields) {
    if (field.removed) continue;
    bool* kept = nullptr;
    switch (field.id) {
      case FieldId::XForwardedFor:
        kept = &given.forwarded_for;
        break;
      case FieldId::XForwardedProto:
        kept = &given.proto;
        break;
      case FieldId::XForwardedHost:
        kept = &given.host;
        break;
      case FieldId::XForwardedPort:
        kept = &given.port;
        break;
      case FieldId::Forwarded:
        kept = &given.forwarded;
        break;
      case FieldId::Via:  // says who has handled the request, not who the client is
        given.via = true;
        continue;
      case FieldId::XRequestId:
        field.removed = true;
        continue;
      case FieldId::Other:
        if (!trusted && claims_forwarding(field.name)) field.removed = true;
        continue;
      default:
        continue;
    }
    field.removed = !trusted;
    *kept = trusted;
  }
  return given;
}

// `value` is made of parts that were checked when they were parsed.
void add_own(FieldList& fields, FieldId id, std::string_view value) {
  Field field{field_name(id), value, id};
  field.checked = true;
  fields.add(field);
}

// One field, whose list ends with `last`.
void append_to_list(FieldList& fields, FieldId id, std::string_view last, bool given) {
  Arena& arena = fields.arena();
  const std::string_view before = given ? joined_values(fields, id, arena) : std::string_view{};
  if (before.empty()) {
    if (given) fields.remove(id);
    add_own(fields, id, last);
    return;
  }
  fields.set(id, join(arena, {before, ", ", last}));
}

std::string_view port_text(Arena& arena, u16 port) {
  char* text = static_cast<char*>(arena.allocate(5, 1));
  const char* end = std::to_chars(text, text + 5, port).ptr;
  return {text, static_cast<size_t>(end - text)};
}

// forwarded-element of RFC 7239 section 4.
std::string_view forwarded_element(Arena& arena, std::string_view peer,
                                   const RequestHead& request) {
  const bool v6 = peer.find(':') != std::string_view::npos;
  const bool named = !request.authority.empty();
  return join(arena, {v6 ? "for=\"[" : "for=", peer, v6 ? "]\"" : "", named ? ";host=\"" : "",
                      request.authority, named ? "\"" : "", ";proto=", request.scheme});
}

}  // namespace

bool parse_address(std::string_view text, PeerAddress& out) {
  char copy[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof copy) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  out = {};
  if (text.find(':') == std::string_view::npos) {
    std::memcpy(out.bytes, kMappedPrefix, sizeof kMappedPrefix);
    return ::inet_pton(AF_INET, copy, out.bytes + 12) == 1;
  }
  return ::inet_pton(AF_INET6, copy, out.bytes) == 1;
}

std::string_view address_text(const PeerAddress& address, char* out) {
  const bool mapped = is_mapped(address.bytes);
  ::inet_ntop(mapped ? AF_INET : AF_INET6, address.bytes + (mapped ? 12 : 0), out,
              INET6_ADDRSTRLEN);
  return out;
}

Result<AddressRange> parse_address_range(std::string_view text) {
  const size_t slash = text.find('/');
  PeerAddress address;
  if (!parse_address(text.substr(0, slash), address)) {
    return fail(Errc::AddressInvalid, "not an address range");
  }
  AddressRange range;
  std::memcpy(range.bytes, address.bytes, sizeof range.bytes);
  if (slash == std::string_view::npos) return range;
  const u32 offset = is_mapped(address.bytes) ? 96 : 0;
  const std::string_view digits = text.substr(slash + 1);
  u32 bits = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() ||
      bits > 128 - offset) {
    return fail(Errc::AddressInvalid, "not an address range");
  }
  range.prefix_bits = bits + offset;
  return range;
}

bool contains(const AddressRange& range, const PeerAddress& address) {
  return same_prefix(range.bytes, address.bytes, range.prefix_bits);
}

void identify_client(Exchange& exchange, const ForwardingOptions& options, u64 random_high,
                     u64 random_low) {
  exchange.client = exchange.peer;
  exchange.client_text = exchange.peer_text;
  if (!options.trusted_proxies.empty() && is_trusted(exchange.peer, options)) {
    believe_forwarded_for(exchange, options);
  }
  const std::string_view given = exchange.request.fields.value(FieldId::XRequestId);
  exchange.request_id =
      is_request_id(given) ? given : make_request_id(exchange.arena, random_high, random_low);
}

void add_forwarding_fields(const Exchange& exchange, const ForwardingOptions& options,
                           FieldList& fields) {
  const bool trusted = !options.trusted_proxies.empty() && is_trusted(exchange.peer, options);
  const Given given = settle_given(fields, trusted);
  Arena& arena = fields.arena();
  const RequestHead& request = exchange.request;
  const std::string_view peer = exchange.peer_text;
  append_to_list(fields, FieldId::XForwardedFor, peer, given.forwarded_for);
  if (!given.proto) add_own(fields, FieldId::XForwardedProto, request.scheme);
  if (!given.host && !request.authority.empty()) {
    add_own(fields, FieldId::XForwardedHost, request.authority);
  }
  if (!given.port) add_own(fields, FieldId::XForwardedPort, port_text(arena, exchange.local.port));
  append_to_list(fields, FieldId::Forwarded, forwarded_element(arena, peer, request),
                 given.forwarded);
  const std::string_view version = request.version_major == 2   ? "2.0 "
                                   : request.version_minor == 0 ? "1.0 "
                                                                : "1.1 ";
  const std::string_view via = join(arena, {version, options.via});
  append_to_list(fields, FieldId::Via, via, given.via);
  add_own(fields, FieldId::XRequestId, exchange.request_id);
}

}  // namespace gw::http
