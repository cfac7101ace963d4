// Property: whatever a name server sends, the answer is bounded by the message, and each service
// names a host that can be asked for.
// Input: one byte that chooses the type, then the message.
#include <cstdint>
#include <cstdlib>

#include "runtime/net/dns_message.h"

using namespace gw;
using namespace gw::net;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static constexpr DnsType kTypes[] = {DnsType::A, DnsType::Aaaa, DnsType::Srv};
  const DnsType type = kTypes[data[0] % 3];
  const auto* begin = reinterpret_cast<const std::byte*>(data + 1);
  const auto answer = parse_dns_answer(Bytes(begin, size - 1), type);
  if (!answer) return 0;
  if (answer->addresses.size() + answer->services.size() > size / 11) std::abort();
  for (const IpAddress& address : answer->addresses) {
    if (address.v6 != (type == DnsType::Aaaa)) std::abort();
  }
  for (const SrvRecord& service : answer->services) {
    if (!is_host_name(service.target) || service.port == 0) std::abort();
  }
  return 0;
}
