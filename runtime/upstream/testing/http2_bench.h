// Fetching from a target that speaks HTTP/2 by a script.
#pragma once
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/upstream/testing/fetch_bench.h"
#include "runtime/upstream/testing/http2_origin.h"

namespace gw::upstream::testing {

constexpr u16 kMaxConcurrentStreams = 3;  // its number in SETTINGS

inline UpstreamConfig http2_config() {
  UpstreamConfig config = config_of(1);
  config.protocol = Protocol::Http2;
  return config;
}

// A pool whose targets answer what `on_frames` says, or nothing.
struct Http2Bench {
  explicit Http2Bench(const UpstreamConfig& config = http2_config()) : bench(config) {
    bench.on_request = [this](net::MemoryPeer& peer, size_t number) {
      while (origins.size() <= number) origins.push_back(nullptr);
      if (origins[number] == nullptr) {
        origins[number] = std::make_unique<Http2Origin>(peer);
        if (settings_first) origins[number]->send_settings(settings);
      }
      origins[number]->read();
      if (on_frames) on_frames(*origins[number]);
    };
  }
  std::unique_ptr<Fetching> begin(const char* method = "GET", http::BodySource* body = nullptr,
                                  bool read_body = true) {
    auto fetching = std::make_unique<Fetching>(bench, method);
    fetching->start(body, read_body);
    return fetching;
  }
  Http2Origin& origin(size_t number = 0) { return *origins.at(number); }
  void run() { bench.loop.run(); }

  std::vector<std::unique_ptr<Http2Origin>> origins;
  std::vector<std::pair<u16, u32>> settings;
  bool settings_first = true;
  std::function<void(Http2Origin&)> on_frames;
  FetchBench bench;  // ends first: its connections still have something to say
};

}  // namespace gw::upstream::testing
