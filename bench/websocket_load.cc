// Load and echo for bench/websocket.sh: `websocket_load echo PORT` sends every message back;
// `websocket_load run PORT CONNECTIONS BYTES MESSAGES` has one message under way on each connection
// until so many have come back. One thread, no library: what is measured is the proxy between them.
// Masks are all zero, so a message is its own masked form.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

// The pair of RFC 6455 section 1.3: one key for all saves the echo the digest.
constexpr std::string_view kRequest =
    "GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
constexpr std::string_view kAnswer =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
constexpr size_t kMaskBytes = 4;
constexpr unsigned kMaskBit = 0x80;
constexpr unsigned kLongLength = 126;
constexpr size_t kMaxMessageBytes = 65535;

struct Peer {
  int socket = -1;
  std::string in;
  bool open = false;  // the handshake is done
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Messages are smaller than a socket's buffer and alone on their connection, so a write fits.
void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) die("send");
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// False: the peer has closed.
bool receive(Peer& peer) {
  char bytes[kMaxMessageBytes + 16];
  const ssize_t got = ::recv(peer.socket, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  peer.in.append(bytes, static_cast<size_t>(got));
  return true;
}

std::string frame(size_t bytes, bool masked) {
  std::string out(1, '\x82');  // final, binary
  const unsigned mask = masked ? kMaskBit : 0;
  if (bytes < kLongLength) {
    out += static_cast<char>(mask | bytes);
  } else {
    out += static_cast<char>(mask | kLongLength);
    out += static_cast<char>(bytes >> 8);
    out += static_cast<char>(bytes & 0xff);
  }
  if (masked) out.append(kMaskBytes, '\0');
  return out.append(bytes, 'x');
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void without_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void watch(int poll, int socket, Peer* peer) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = peer;
  if (::epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event) != 0) die("epoll_ctl");
}

// Answers the handshake, then every whole message.
void echo_input(Peer& peer) {
  if (!peer.open) {
    const size_t end = peer.in.find("\r\n\r\n");
    if (end == std::string::npos) return;
    peer.in.erase(0, end + 4);
    peer.open = true;
    send_all(peer.socket, kAnswer);
  }
  while (peer.in.size() >= 2) {
    size_t head = 2 + kMaskBytes;
    size_t bytes = static_cast<unsigned char>(peer.in[1]) & ~kMaskBit;
    if (bytes == kLongLength) {
      if (peer.in.size() < 4) return;
      bytes = static_cast<size_t>(static_cast<unsigned char>(peer.in[2])) << 8 |
              static_cast<unsigned char>(peer.in[3]);
      head += 2;
    }
    if (peer.in.size() < head + bytes) return;
    peer.in.erase(0, head + bytes);
    send_all(peer.socket, frame(bytes, false));
  }
}

int echo(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    die("bind");
  if (::listen(listener, 1024) != 0) die("listen");
  const int poll = ::epoll_create1(0);
  watch(poll, listener, nullptr);
  while (true) {
    epoll_event events[64];
    const int count = ::epoll_wait(poll, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      auto* peer = static_cast<Peer*>(events[i].data.ptr);
      if (peer == nullptr) {
        peer = new Peer;
        peer->socket = ::accept(listener, nullptr, nullptr);
        if (peer->socket < 0) die("accept");
        without_delay(peer->socket);
        watch(poll, peer->socket, peer);
      } else if (receive(*peer)) {
        echo_input(*peer);
      } else {
        ::close(peer->socket);
        delete peer;
      }
    }
  }
}

void open_peer(Peer& peer, int port) {
  const sockaddr_in address = loopback(port);
  peer.socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(peer.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("connect");
  }
  without_delay(peer.socket);
  send_all(peer.socket, kRequest);
  size_t end = std::string::npos;
  while (end == std::string::npos) {
    if (!receive(peer)) die("handshake");
    end = peer.in.find("\r\n\r\n");
  }
  if (!peer.in.starts_with("HTTP/1.1 101") || peer.in.size() != end + 4) {
    std::fprintf(stderr, "websocket_load: %s\n", peer.in.c_str());
    std::exit(1);
  }
  peer.in.clear();
}

int run(int port, size_t connections, size_t bytes, size_t messages) {
  if (bytes > kMaxMessageBytes || messages < connections) return 2;
  const std::string question = frame(bytes, true);
  const std::string answer = frame(bytes, false);
  const int poll = ::epoll_create1(0);
  std::vector<Peer> peers(connections);
  for (Peer& peer : peers) {
    open_peer(peer, port);
    watch(poll, peer.socket, &peer);
  }
  size_t sent = 0;
  for (Peer& peer : peers) {
    send_all(peer.socket, question);
    ++sent;
  }
  for (size_t done = 0; done < messages;) {
    epoll_event events[64];
    const int count = ::epoll_wait(poll, events, 64, 10'000);
    if (count == 0) die("no answer within 10 s");
    for (int i = 0; i < count; ++i) {
      Peer& peer = *static_cast<Peer*>(events[i].data.ptr);
      if (!receive(peer)) die("receive");
      if (peer.in.size() < answer.size()) continue;
      if (peer.in != answer) {
        std::fputs("websocket_load: an answer differs\n", stderr);
        return 1;
      }
      peer.in.clear();
      ++done;
      if (sent == messages) continue;
      send_all(peer.socket, question);
      ++sent;
    }
  }
  for (const Peer& peer : peers) ::close(peer.socket);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const auto number = [&](int i) { return std::atoi(arguments[i]); };
  const std::string_view verb = count > 1 ? arguments[1] : "";
  if (verb == "echo" && count == 3) return echo(number(2));
  if (verb == "run" && count == 6) {
    return run(number(2), static_cast<size_t>(number(3)), static_cast<size_t>(number(4)),
               static_cast<size_t>(number(5)));
  }
  std::fputs("websocket_load echo PORT | run PORT CONNECTIONS BYTES MESSAGES\n", stderr);
  return 2;
}
