// The access log: its standard line, and the thread that writes it.
#include "runtime/observe/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "runtime/base/random.h"

using namespace gw;
using namespace gw::observe;

namespace {

// A folder of its own, which goes with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gw-log-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void submit(AccessLogWriter& writer, std::string text) {
  LogBlock block;
  block.lines = static_cast<u32>(std::ranges::count(text, '\n'));
  block.text = std::move(text);
  writer.submit(block);
  CHECK(block.text.empty());
  CHECK(block.lines == 0);
}

std::unique_ptr<AccessLogWriter> open_writer(const std::string& place) {
  auto opened = AccessLogWriter::open(place);
  REQUIRE(opened);
  return *std::move(opened);
}

// Waits for what other threads do; far longer than it takes.
template <class Condition>
bool comes_true(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string standard_line(const Exchange& exchange) {
  std::string line;
  append_access_line(exchange, nullptr, 1'795'670'111'042, 1234, line);
  return line;
}

}  // namespace

TEST_CASE("access log: the standard line", "[observe][log]") {
  Exchange exchange;
  exchange.request_id = "r1";
  exchange.client_text = "192.0.2.7";
  exchange.client_class = "mobile";
  exchange.request.method_text = "GET";
  exchange.request.scheme = "https";
  exchange.request.host = "api.example";
  exchange.request.path = "/orders/7";
  exchange.request.has_query = true;
  exchange.request.query = "expand=items&token=s3cret";
  exchange.response.status = 200;
  exchange.response_bytes = 130;
  exchange.started = TimePoint(std::chrono::seconds(1));
  exchange.upstream_asked = exchange.started + std::chrono::microseconds(120);
  exchange.upstream_head = exchange.started + std::chrono::microseconds(900);
  exchange.tries[0] = {"127.0.0.1:9001", 0, Errc::ConnectFailed, 50};
  exchange.tries[1] = {"127.0.0.1:9002", 200, Errc::None, 700};
  exchange.try_count = 2;
  CHECK(standard_line(exchange) ==
        R"({"time":"2026-11-26T05:15:11.042Z","request_id":"r1","client":"192.0.2.7",)"
        R"("client_class":"mobile","method":"GET","scheme":"https","host":"api.example",)"
        R"("path":"/orders/7","query":"expand=*&token=*","http":"1.1","status":200,)"
        R"("request_bytes":0,"response_bytes":130,"duration_us":1234,)"
        R"("phases":{"asked_us":120,"head_us":900,"end_us":1234},)"
        R"("tries":[{"us":50,"target":"127.0.0.1:9001","error":"connect-failed"},)"
        R"({"us":700,"target":"127.0.0.1:9002","status":200}]})"
        "\n");
}

TEST_CASE("access log: a composed answer has its parts", "[observe][log]") {
  Exchange exchange;
  PartRecord parts[3];
  parts[0].name = "user";
  parts[0].upstream = "users";
  parts[0].outcome = "ok";
  parts[0].status = 200;
  parts[0].tries = 2;
  parts[0].microseconds = 700;
  parts[1].name = "each";
  parts[1].outcome = "fallback";
  parts[1].items = 3;
  parts[1].microseconds = 9;
  parts[2].name = "a\"b";
  parts[2].outcome = "skipped";
  exchange.parts = parts;
  const std::string line = standard_line(exchange);
  CAPTURE(line);
  CHECK(line.find(R"("parts":[{"name":"user","outcome":"ok","status":200,"upstream":"users",)"
                  R"("tries":2,"us":700},{"name":"each","outcome":"fallback","items":3,"us":9},)"
                  R"({"name":"a\"b","outcome":"skipped","us":0}])") != line.npos);
  exchange.parts = {};
  CHECK(standard_line(exchange).find("parts") == std::string::npos);
}

TEST_CASE("access log: whatever a client sends stays within its value", "[observe][log]") {
  Xoshiro random;
  for (int round = 0; round < 500; ++round) {
    std::string texts[4];
    for (std::string& text : texts) {
      for (u64 length = random.next() % 40; text.size() < length;) {
        static constexpr char kTricky[] = "\"\\\n\r\0&=?";
        const bool any = random.next() % 3 == 0;
        text += any ? static_cast<char>(random.next() % 256) : kTricky[random.next() % 8];
      }
    }
    Exchange exchange;
    exchange.request.method_text = texts[0];
    exchange.request.host = texts[1];
    exchange.request.path = texts[2];
    exchange.request.has_query = true;
    exchange.request.query = texts[3];
    const std::string line = standard_line(exchange);
    CAPTURE(line);
    CHECK(std::ranges::count(line, '\n') == 1);
    CHECK(std::ranges::none_of(line.substr(0, line.size() - 1),
                               [](char c) { return static_cast<u8>(c) < 0x20; }));
    // Quotes come in pairs that are not escaped.
    int quotes = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\') {
        ++i;
      } else if (line[i] == '"') {
        ++quotes;
      }
    }
    CHECK(quotes % 2 == 0);
  }
}

TEST_CASE("access log: a parameter alone is a name, unless it is too long", "[observe][log]") {
  Exchange exchange;
  exchange.request.has_query = true;
  const auto query_of = [&](std::string_view query) {
    exchange.request.query = query;
    const std::string line = standard_line(exchange);
    const size_t begin = line.find("\"query\":\"") + 9;
    return line.substr(begin, line.find('"', begin) - begin);
  };
  CHECK(query_of("") == "");
  CHECK(query_of("verbose") == "verbose");
  CHECK(query_of("a=1&&b=&c") == "a=*&&b=*&c");
  CHECK(query_of("a=b=c") == "a=*");
  CHECK(query_of(std::string(65, 'x')) == "*");
}

TEST_CASE("access log: lines come in the order in which they were submitted", "[observe][log]") {
  const Folder folder;
  const std::string path = folder / "log";
  std::string expected;
  {
    const auto writer = open_writer(path);
    for (int i = 0; i < 1000; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      expected += line;
      submit(*writer, line);
    }
  }
  CHECK(read_file(path) == expected);
}

TEST_CASE("access log: opened anew, the old file has what came before and the new one the rest",
          "[observe][log]") {
  const Folder folder;
  const std::string path = folder / "log";
  const auto writer = open_writer(path);
  std::string expected;
  for (int turn = 0; turn < 20; ++turn) {
    for (int i = 0; i < 50; ++i) {
      const std::string line = std::to_string(turn) + " " + std::to_string(i) + "\n";
      expected += line;
      submit(*writer, line);
    }
    std::filesystem::rename(path, path + "." + std::to_string(turn));
    REQUIRE(writer->reopen());
  }
  submit(*writer, "last\n");
  REQUIRE(comes_true([&] { return read_file(path) == "last\n"; }));
  std::string all;
  for (int turn = 0; turn < 20; ++turn) all += read_file(path + "." + std::to_string(turn));
  CHECK(all == expected);
  CHECK(writer->lost_lines() == 0);
}

TEST_CASE("access log: what cannot be opened anew goes on as it was", "[observe][log]") {
  const Folder folder;
  const std::string path = folder / "log";
  {
    const auto writer = open_writer(path);
    submit(*writer, "one\n");
    std::filesystem::rename(path, folder / "old");
    std::filesystem::create_directory(path);
    const auto reopened = writer->reopen();
    REQUIRE_FALSE(reopened);
    CHECK(reopened.error().sys == EISDIR);
    submit(*writer, "two\n");
  }
  CHECK(read_file(folder / "old") == "one\ntwo\n");
}

TEST_CASE("access log: a FIFO that nobody reads delays nobody", "[observe][log]") {
  const Folder folder;
  const std::string path = folder / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const std::string block = [] {
    std::string text;
    while (text.size() < 64 * 1024) text += std::string(63, 'x') + "\n";
    return text;
  }();
  const u64 lines = block.size() / 64;
  u64 submitted = 0;
  const auto begun = std::chrono::steady_clock::now();
  auto writer = open_writer(path);
  // Twice what fits in.
  for (size_t i = 0; i < 2 * AccessLogWriter::kMostQueuedBytes / block.size(); ++i) {
    submit(*writer, block);
    submitted += lines;
  }
  CHECK(writer->lost_lines() > submitted / 3);
  CHECK(writer->lost_lines() < submitted);
  writer.reset();  // which has patience for two seconds
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(15));
}

TEST_CASE("access log: another place is not held up by one that takes nothing", "[observe][log]") {
  const Folder folder;
  const std::string fifo = folder / "fifo";
  const std::string file = folder / "file";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto writer = open_writer(fifo);
  for (int i = 0; i < 10; ++i) submit(*writer, std::string(64 * 1024 - 1, 'x') + "\n");
  auto sink = LogSink::open(file);
  REQUIRE(sink);
  writer->go_on_with(*std::move(sink));
  CHECK(writer->place() == file);
  submit(*writer, "here\n");
  CHECK(comes_true([&] { return read_file(file) == "here\n"; }));
  CHECK(writer->lost_lines() >= 8);
  CHECK(writer->lost_lines() <= 10);
}

TEST_CASE("access log: lines that a full disk refuses are counted", "[observe][log]") {
  const auto writer = open_writer("/dev/full");
  submit(*writer, "one\ntwo\n");
  submit(*writer, "three\n");
  CHECK(comes_true([&] { return writer->lost_lines() == 3; }));
}

TEST_CASE("access log: each line is a datagram of the system's log", "[observe][log]") {
  const Folder folder;
  const std::string path = folder / "socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const timeval limit{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const auto writer = open_writer("syslog:unix:" + path);
  // More than a socket holds: it waits for who reads.
  std::string lines;
  for (int i = 0; i < 500; ++i) lines += "line " + std::to_string(i) + "\n";
  submit(*writer, lines);
  const std::string end = " gwctl[" + std::to_string(::getpid()) + "]: ";
  for (int i = 0; i < 500; ++i) {
    char buffer[512];
    const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
    REQUIRE(got > 0);
    const std::string_view text(buffer, static_cast<size_t>(got));
    CAPTURE(text);
    CHECK(text.starts_with("<30>"));
    const size_t at = text.find(end);
    REQUIRE(at == 4 + 15);  // `Nov 26 05:15:11`
    CHECK(text.substr(at + end.size()) == "line " + std::to_string(i));
  }
  CHECK(writer->lost_lines() == 0);
  ::close(socket);
  submit(*writer, "nobody\n");
  CHECK(comes_true([&] { return writer->lost_lines() == 1; }));
}

TEST_CASE("access log: places that are none", "[observe][log]") {
  for (const char* place : {"", "off", "syslog:", "syslog:tcp:h:1", "syslog:unix:relative",
                            "/no/such/folder/log", "syslog:unix:/no/such/socket"}) {
    CAPTURE(place);
    CHECK_FALSE(AccessLogWriter::open(place));
  }
}

TEST_CASE("access log: many threads submit at once", "[observe][log]") {
  const Folder folder;
  const std::string path = folder / "log";
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  {
    const auto writer = open_writer(path);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&writer, t] {
        LogBlock block;
        for (int i = 0; i < kLines; ++i) {
          block.text += std::to_string(t) + " " + std::to_string(i) + "\n";
          ++block.lines;
          if (i % 7 == 0) writer->submit(block);
        }
        if (block.lines != 0) writer->submit(block);
      });
    }
    for (int i = 0; i < 10; ++i) REQUIRE(writer->reopen());
    for (std::thread& thread : threads) thread.join();
  }
  // Of each thread every line once, in order.
  std::istringstream lines(read_file(path));
  int next[kThreads] = {};
  int t = 0;
  int i = 0;
  while (lines >> t >> i) CHECK(i == next[t]++);
  for (const int count : next) CHECK(count == kLines);
}
