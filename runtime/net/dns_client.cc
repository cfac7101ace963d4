// c-ares does the protocol: ids and ports drawn at random, the question compared, repetition, TCP.
// Here its sockets and deadlines meet the loop of the control thread. A change of settings makes a
// new channel; the old one finishes its questions.
#include "runtime/net/dns_client.h"

#include <ares.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstring>
#include <map>

#include "runtime/base/check.h"
#include "runtime/net/worker_loop.h"

namespace gw::net {
namespace {

namespace asio = boost::asio;

constexpr int kTimeoutMs = 1500;  // of the first round of tries; the second takes twice as long
constexpr int kTries = 2;
constexpr int kUdpBytes = 1232;  // what passes without fragments (dnsflagday.net/2020)
constexpr const char* kResolvConf = "/etc/resolv.conf";

// What tells one state of the file from another.
std::string stamp_of_resolv_conf() {
  struct stat file {};
  if (::stat(kResolvConf, &file) != 0) return "none";
  return fmt::format("{}.{}.{}.{}", file.st_ino, file.st_size, file.st_mtim.tv_sec,
                     file.st_mtim.tv_nsec);
}

DnsStatus status_of(int ares_status) {
  switch (ares_status) {
    case ARES_SUCCESS:
      return DnsStatus::Answered;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
      return DnsStatus::NoRecord;
    case ARES_ETIMEOUT:
      return DnsStatus::TimedOut;
    case ARES_EBADRESP:
      return DnsStatus::Malformed;
    default:
      return DnsStatus::Failed;
  }
}

bool is_localhost(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name == "localhost" || name.ends_with(".localhost");
}

std::string csv_of(const std::vector<ServerAddress>& servers) {
  std::string out;
  for (const ServerAddress& server : servers) {
    const std::string ip = format_ip(server.address);
    if (!out.empty()) out += ',';
    out += server.address.v6 ? fmt::format("[{}]:{}", ip, server.port)
                             : fmt::format("{}:{}", ip, server.port);
  }
  return out;
}

}  // namespace

std::string_view dns_status_text(DnsStatus status) {
  switch (status) {
    case DnsStatus::Answered:
      return "answered";
    case DnsStatus::NoRecord:
      return "no such name or record";
    case DnsStatus::TimedOut:
      return "no name server answers";
    case DnsStatus::Failed:
      return "the name server failed";
    case DnsStatus::Malformed:
      return "the answer is malformed";
  }
  return "";
}

class AresClient::Channel {
 public:
  Channel(WorkerLoop& loop, const std::vector<ServerAddress>& servers)
      : loop_(loop), searches_(servers.empty()), timer_(&Channel::on_timer, this) {
    ares_options options{};
    options.flags = ARES_FLAG_EDNS;
    options.ednspsz = kUdpBytes;
    options.timeout = kTimeoutMs;
    options.tries = kTries;
    options.sock_state_cb = &Channel::on_socket;
    options.sock_state_cb_data = this;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                     ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&channel_, &options, mask) != ARES_SUCCESS) {
      channel_ = nullptr;
      return;
    }
    if (!servers.empty()) ares_set_servers_ports_csv(channel_, csv_of(servers).c_str());
  }
  ~Channel() {
    ending_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  bool at_rest() const { return pending_ == 0; }

  void ask(const std::string& name, DnsType type, Done done) {
    auto* question = new Question{this, type, std::move(done)};
    ++pending_;
    if (channel_ == nullptr) {
      finish(question, {});
      return;
    }
    const auto send = searches_ ? &ares_search : &ares_query;
    send(channel_, name.c_str(), kClassIn, static_cast<int>(type), &Channel::on_answer, question);
    set_timer();
  }

  void add_from_file(const std::string& name, int family, std::vector<IpAddress>& out) {
    hostent* found = nullptr;
    if (channel_ == nullptr) return;
    if (ares_gethostbyname_file(channel_, name.c_str(), family, &found) != ARES_SUCCESS) return;
    for (char** address = found->h_addr_list; *address != nullptr; ++address) {
      IpAddress& added = out.emplace_back();
      added.v6 = found->h_addrtype == AF_INET6;
      std::memcpy(added.bytes.data(), *address, added.v6 ? 16 : 4);
    }
    ares_free_hostent(found);
  }

 private:
  static constexpr int kClassIn = 1;
  using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  struct Question {
    Channel* channel;
    DnsType type;
    Done done;
  };
  // Outlives the channel's interest in it: its waits end later.
  struct Socket {
    explicit Socket(asio::io_context& io) : descriptor(io.get_executor()) {}
    Descriptor descriptor;
    int number = -1;  // -1: it is closed
    bool wants_read = false;
    bool wants_write = false;
    bool reading = false;
    bool writing = false;
  };

  static void on_answer(void* argument, int status, int, unsigned char* message, int bytes) {
    auto* question = static_cast<Question*>(argument);
    DnsReply reply;
    reply.status = status_of(status);
    if (status == ARES_SUCCESS) {
      const auto* begin = reinterpret_cast<const std::byte*>(message);
      auto answer = parse_dns_answer(Bytes(begin, static_cast<size_t>(bytes)), question->type);
      if (answer) {
        reply.answer = *std::move(answer);
        const bool empty = reply.answer.addresses.empty() && reply.answer.services.empty();
        if (empty) reply.status = DnsStatus::NoRecord;
      } else {
        reply.status = DnsStatus::Malformed;
      }
    }
    question->channel->finish(question, std::move(reply));
  }

  // c-ares may call within the very call that asks.
  void finish(Question* question, DnsReply reply) {
    --pending_;
    if (!ending_) {
      loop_.post([done = std::move(question->done), reply = std::move(reply)] { done(reply); });
    }
    delete question;
  }

  static void on_socket(void* context, ares_socket_t number, int readable, int writable) {
    auto* self = static_cast<Channel*>(context);
    const auto known = self->sockets_.find(number);
    if (readable == 0 && writable == 0) {
      if (known == self->sockets_.end()) return;
      known->second->number = -1;
      known->second->descriptor.release();  // c-ares closes it
      self->sockets_.erase(known);
      return;
    }
    if (known == self->sockets_.end()) {
      auto made = std::make_shared<Socket>(self->loop_.io());
      boost::system::error_code ec;
      made->descriptor.assign(number, ec);
      if (ec) return;  // its question ends by its deadline
      made->number = number;
      self->sockets_[number] = std::move(made);
    }
    const std::shared_ptr<Socket> socket = self->sockets_[number];
    socket->wants_read = readable != 0;
    socket->wants_write = writable != 0;
    self->wait(socket);
  }

  void wait(const std::shared_ptr<Socket>& socket) {
    if (socket->wants_read && !socket->reading) {
      socket->reading = true;
      socket->descriptor.async_wait(Descriptor::wait_read,
                                    [this, socket](const boost::system::error_code& ec) {
                                      socket->reading = false;
                                      take_event(ec, socket, true);
                                    });
    }
    if (socket->wants_write && !socket->writing) {
      socket->writing = true;
      socket->descriptor.async_wait(Descriptor::wait_write,
                                    [this, socket](const boost::system::error_code& ec) {
                                      socket->writing = false;
                                      take_event(ec, socket, false);
                                    });
    }
  }

  void take_event(const boost::system::error_code& ec, const std::shared_ptr<Socket>& socket,
                  bool read) {
    if (ec || socket->number < 0) return;  // the channel may be gone, too
    loop_.begin_turn();
    const int number = socket->number;
    ares_process_fd(channel_, read ? number : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : number);
    set_timer();
    if (socket->number >= 0) wait(socket);
  }

  void set_timer() {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) {
      timer_.clear();
      return;
    }
    loop_.set_timer(timer_, loop_.now() + std::chrono::seconds(left.tv_sec) +
                                std::chrono::microseconds(left.tv_usec));
  }

  static void on_timer(void* context) {
    auto* self = static_cast<Channel*>(context);
    ares_process_fd(self->channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    self->set_timer();
  }

  WorkerLoop& loop_;
  ares_channel channel_ = nullptr;
  const bool searches_;  // by the list of resolv.conf
  bool ending_ = false;
  u32 pending_ = 0;
  Timer timer_;
  std::map<int, std::shared_ptr<Socket>> sockets_;
};

AresClient::AresClient(WorkerLoop& loop) : loop_(loop) {
  GW_CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

AresClient::~AresClient() {
  leaving_.clear();
  channel_.reset();
  ares_library_cleanup();
}

void AresClient::use(std::vector<ServerAddress> servers) {
  if (csv_of(servers) == csv_of(servers_)) return;
  servers_ = std::move(servers);
  if (channel_ != nullptr) leaving_.push_back(std::move(channel_));
}

AresClient::Channel& AresClient::current() {
  std::erase_if(leaving_, [](const auto& channel) { return channel->at_rest(); });
  std::string stamp = servers_.empty() ? stamp_of_resolv_conf() : std::string();
  if (channel_ == nullptr || stamp != stamp_) {
    if (channel_ != nullptr) leaving_.push_back(std::move(channel_));
    channel_ = std::make_unique<Channel>(loop_, servers_);
    stamp_ = std::move(stamp);
  }
  return *channel_;
}

void AresClient::ask(const std::string& name, DnsType type, Done done) {
  current().ask(name, type, std::move(done));
}

std::vector<IpAddress> AresClient::known_locally(const std::string& name) {
  std::vector<IpAddress> out;
  current().add_from_file(name, AF_INET, out);
  current().add_from_file(name, AF_INET6, out);
  if (out.empty() && is_localhost(name)) out = {*parse_ip("127.0.0.1"), *parse_ip("::1")};
  return out;
}

}  // namespace gw::net
