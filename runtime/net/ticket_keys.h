// Keys that encrypt the session tickets of TLS clients.
#pragma once
#include <openssl/ssl.h>

#include <mutex>

#include "runtime/base/types.h"

namespace gw::net {

/// Keys of session tickets (RFC 5077, RFC 8446 section 4.6.1), shared by all workers of a process
/// and gone with it. A new one is made every 12 hours; the last three decrypt. Any thread.
class TicketKeys {
 public:
  TicketKeys();
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  /// The callback of OpenSSL; `encrypt` chooses the newest key.
  int use(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
          bool encrypt);
  /// Makes a new newest key now. For tests, and for whoever wants to forget old sessions.
  void rotate();

 private:
  static constexpr size_t kKept = 3;
  struct Key {
    unsigned char name[16];
    unsigned char cipher[32];
    unsigned char mac[32];
    i64 made_s;
  };
  void rotate_locked(i64 now_s);

  std::mutex mutex_;
  Key keys_[kKept];
  size_t count_ = 0;  // keys_[0] is the newest
};

}  // namespace gw::net
