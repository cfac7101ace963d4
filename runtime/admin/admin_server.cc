#include "runtime/admin/admin_server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "runtime/admin/watch.h"
#include "runtime/base/random.h"
#include "runtime/base/thread_priority.h"
#include "runtime/base/units.h"
#include "runtime/net/socket_stream.h"

namespace gw::admin {
namespace {

constexpr std::chrono::milliseconds kStopStep{10};

struct LoopRandom final : Random {
  u64 next() override { return source.next(); }
  Xoshiro source;
};
struct IgnoreObserver final : ExchangeObserver {
  void finished(const Exchange&) override {}
};

Unexpected<Error> no_address(std::string_view what) {
  return fail(Error{.code = Errc::AddressInvalid, .sys = errno, .what = what});
}

// One that others can write to would let them put their own socket in the place of ours.
Result<void> make_private_parent(const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (parent.empty()) return {};
  if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) return no_address("mkdir");
  struct stat status {};
  if (::stat(parent.c_str(), &status) != 0) return no_address("stat");
  const bool sticky = (status.st_mode & S_ISVTX) != 0;  // such as /tmp: nobody can replace it
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (!ours || ((status.st_mode & 022) != 0 && !sticky)) {
    errno = EPERM;
    return no_address("others may write to its directory");
  }
  return {};
}

}  // namespace

std::string default_admin_address() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/')
    return fmt::format("unix:{}/gwctl/admin.sock", runtime);
  if (::geteuid() == 0) return "unix:/run/gwctl/admin.sock";
  return fmt::format("unix:/tmp/gwctl-{}/admin.sock", ::geteuid());
}

Result<std::unique_ptr<AdminServer>> AdminServer::open(const AdminAddress& address,
                                                       UniqueDescriptor inherited) {
  const std::string path(parse_unix_address(address.address));
  if (path.empty() && address.tokens.orders.empty()) {
    return fail(Errc::AddressInvalid, "orders over TCP need a token");
  }
  if (inherited && server::bound_address(inherited.get()) == address.address) {
    return std::unique_ptr<AdminServer>(
        new AdminServer(address.address, address.tokens, std::move(inherited)));
  }
  UniqueDescriptor socket;
  std::string bound = address.address;
  if (!path.empty()) {
    GW_TRY(make_private_parent(path));
    // The file is never there with other rights, not even for a moment. No other thread runs yet.
    const mode_t before = ::umask(0177);
    auto opened = server::open_listener(address.address);
    ::umask(before);
    GW_TRY_ASSIGN(const int descriptor, std::move(opened));
    socket.reset(descriptor);
  } else {
    GW_TRY_ASSIGN(const int descriptor, server::open_listener(address.address));
    socket.reset(descriptor);
    bound = fmt::format("{}:{}", bound.substr(0, bound.rfind(':')), server::bound_port(descriptor));
  }
  return std::unique_ptr<AdminServer>(
      new AdminServer(std::move(bound), address.tokens, std::move(socket)));
}

struct AdminServer::Serving {
  Serving(AdminTarget& target, const AdminTokens& tokens, bool is_local, int descriptor)
      : watch(loop, target),
        fetcher(loop, target, watch, tokens, is_local),
        host(loop, random, options, &run_admin),
        generation(nullptr, loop, random, fetcher, observer),
        listener(loop, descriptor,
                 [this](int socket, const PeerAddress& peer, const PeerAddress& local) {
                   accept(socket, peer, local);
                 }),
        stop_timer(&Serving::on_stop_step, this) {
    host.current = &generation;
  }

  void accept(int socket, const PeerAddress& peer, const PeerAddress& local) {
    auto stream = std::make_unique<net::SocketStream>(loop);
    if (stream->open(socket)) host.start(std::move(stream), peer, local.port);
  }
  void begin_stop() {
    listener.stop();
    watch.stop();
    on_stop_step(this);
  }
  static void on_stop_step(void* context) {
    auto* self = static_cast<Serving*>(context);
    self->host.abort();
    if (self->host.open_sessions() == 0) {
      self->loop.stop();
      return;
    }
    self->loop.set_timer(self->stop_timer, self->loop.now() + kStopStep);
  }

  net::WorkerLoop loop;
  LoopRandom random;
  IgnoreObserver observer;
  server::SessionOptions options;
  Watch watch;
  AdminFetcher fetcher;
  server::SessionHost host;
  server::Generation generation;
  server::Listener listener;
  net::Timer stop_timer;
  std::thread thread;
};

AdminServer::AdminServer(std::string address, AdminTokens tokens, UniqueDescriptor descriptor)
    : address_(std::move(address)),
      tokens_(std::move(tokens)),
      descriptor_(std::move(descriptor)),
      shared_descriptor_(descriptor_.get()) {}

AdminServer::~AdminServer() {
  stop();
  const std::string path(parse_unix_address(address_));
  if (!path.empty() && !leave_file_) ::unlink(path.c_str());
}

void AdminServer::start(AdminTarget& target) {
  const bool is_local = !parse_unix_address(address_).empty();
  serving_ = std::make_unique<Serving>(target, tokens_, is_local, descriptor_.release());
  serving_->thread = std::thread([serving = serving_.get()] {
    yield_to_others();  // a table that is sent is large
    serving->listener.start();
    serving->watch.start();
    serving->loop.run();
  });
}

void AdminServer::stop() {
  if (serving_ == nullptr) return;
  serving_->loop.post([serving = serving_.get()] { serving->begin_stop(); });
  serving_->thread.join();
  serving_.reset();
}

}  // namespace gw::admin
