// Only the answer section is read, and of it only what the question leads to: records of the name
// itself, or of the end of its chain of aliases. Whatever else a server puts there is not believed.
#include "runtime/net/dns_message.h"

#include <algorithm>

#include "runtime/base/letter_case.h"

namespace gw::net {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxLabelBytes = 63;
constexpr u32 kMaxAliases = 16;
constexpr u16 kTypeCname = 5;
constexpr u16 kClassIn = 1;

struct Record {
  std::string owner;
  u16 type = 0;
  u32 ttl_s = 0;
  size_t data = 0;  // where its data begins
  u16 data_bytes = 0;
};

class Reader {
 public:
  explicit Reader(Bytes message) : message_(message) {}

  size_t at() const { return at_; }
  void go_to(size_t where) { at_ = where; }
  bool skip(size_t bytes) {
    if (bytes > message_.size() - at_) return false;
    at_ += bytes;
    return true;
  }
  bool number16(u16& out) {
    if (message_.size() - at_ < 2) return false;
    out = static_cast<u16>(byte(at_) << 8 | byte(at_ + 1));
    at_ += 2;
    return true;
  }
  bool number32(u32& out) {
    u16 high = 0;
    u16 low = 0;
    if (!number16(high) || !number16(low)) return false;
    out = static_cast<u32>(high) << 16 | low;
    return true;
  }
  bool address(IpAddress& out, bool v6) {
    const size_t bytes = v6 ? 16 : 4;
    if (message_.size() - at_ < bytes) return false;
    out.v6 = v6;
    for (size_t i = 0; i < bytes; ++i) out.bytes[i] = byte(at_ + i);
    at_ += bytes;
    return true;
  }
  // In lower case, labels joined by dots. A pointer leads further back than all before it, so that
  // there is an end.
  bool name(std::string& out) {
    out.clear();
    size_t from = at_;
    size_t barrier = at_;
    size_t after = 0;  // behind the first pointer; 0: none yet
    for (;;) {
      if (from >= message_.size()) return false;
      const u8 length = byte(from);
      if (length == 0) break;
      if (length >= 0xc0) {
        if (from + 1 >= message_.size()) return false;
        const size_t to = static_cast<size_t>(length & 0x3f) << 8 | byte(from + 1);
        if (to >= barrier) return false;
        if (after == 0) after = from + 2;
        from = barrier = to;
        continue;
      }
      if (length > kMaxLabelBytes || length >= message_.size() - from) return false;
      if (!out.empty()) out += '.';
      for (size_t i = 1; i <= length; ++i) out += to_lower(static_cast<char>(byte(from + i)));
      if (out.size() > kMaxNameBytes) return false;
      from += 1 + length;
    }
    at_ = after != 0 ? after : from + 1;
    return true;
  }

 private:
  u8 byte(size_t where) const { return std::to_integer<u8>(message_[where]); }

  Bytes message_;
  size_t at_ = 0;
};

bool read_record(Reader& reader, Record& out) {
  u16 record_class = 0;
  if (!reader.name(out.owner) || !reader.number16(out.type) || !reader.number16(record_class) ||
      !reader.number32(out.ttl_s) || !reader.number16(out.data_bytes)) {
    return false;
  }
  out.data = reader.at();
  if (record_class != kClassIn) out.type = 0;
  if (out.ttl_s > 0x7fffffff) out.ttl_s = 0;  // RFC 2181 section 8
  return reader.skip(out.data_bytes);
}

bool read_data(Reader& reader, const Record& record, DnsType type, DnsAnswer& out) {
  reader.go_to(record.data);
  if (type != DnsType::Srv) {
    IpAddress address;
    const bool v6 = type == DnsType::Aaaa;
    if (record.data_bytes != (v6 ? 16 : 4) || !reader.address(address, v6)) return false;
    out.addresses.push_back(address);
    return true;
  }
  SrvRecord service;
  if (!reader.number16(service.priority) || !reader.number16(service.weight) ||
      !reader.number16(service.port) || !reader.name(service.target) ||
      reader.at() != record.data + record.data_bytes) {
    return false;
  }
  if (service.port == 0 || !is_host_name(service.target)) return true;  // `.`, or of no use
  out.services.push_back(std::move(service));
  return true;
}

Unexpected<Error> malformed() { return fail(Errc::AddressInvalid, "answer is malformed"); }

}  // namespace

Result<DnsAnswer> parse_dns_answer(Bytes message, DnsType type) {
  Reader reader(message);
  u16 questions = 0;
  u16 answers = 0;
  if (message.size() < kHeaderBytes || !reader.skip(4) || !reader.number16(questions) ||
      !reader.number16(answers) || !reader.skip(4) || questions != 1) {
    return malformed();
  }
  std::string name;
  if (!reader.name(name) || !reader.skip(4)) return malformed();
  std::vector<Record> records;
  for (u32 i = 0; i < answers; ++i) {
    Record record;
    if (!read_record(reader, record)) return malformed();
    const bool wanted = record.type == static_cast<u16>(type) || record.type == kTypeCname;
    if (wanted) records.push_back(std::move(record));
  }
  DnsAnswer out;
  out.ttl_s = 0x7fffffff;
  for (u32 alias = 0; alias <= kMaxAliases; ++alias) {
    const Record* next = nullptr;
    bool found = false;
    for (const Record& record : records) {
      if (record.owner != name) continue;
      if (record.type == kTypeCname) {
        next = &record;
        continue;
      }
      if (!read_data(reader, record, type, out)) return malformed();
      out.ttl_s = std::min(out.ttl_s, record.ttl_s);
      found = true;
    }
    if (found || next == nullptr) break;
    reader.go_to(next->data);
    if (!reader.name(name)) return malformed();
    out.ttl_s = std::min(out.ttl_s, next->ttl_s);
  }
  return out;
}

}  // namespace gw::net
