// Upstreams that answer by a script, behind the real pools: what is sent has gone through choice of
// the target, repetitions, breakers and the writer of HTTP/1.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/testing/suite.h"
#include "runtime/net/memory_stream.h"
#include "runtime/upstream/pool_fetcher.h"

namespace gw::cli::tests {

/// A request as a target got it.
struct SentRequest {
  std::string upstream;
  std::string method;
  std::string target;  // in origin form
  std::vector<engine::OfflineField> fields;
  std::string body;
};

/// All upstreams of one test. One thread; outlives the exchanges.
class ScriptedUpstreams final : public Fetcher {
 public:
  ScriptedUpstreams(const std::vector<upstream::UpstreamConfig>& configs, net::VirtualLoop& loop,
                    Random& random);
  ~ScriptedUpstreams() override;

  /// Each try takes the next reply that is for its upstream and its target; 200 without a body
  /// when there is none.
  void set_script(std::vector<Reply> replies);
  /// Which replies of the script have been taken.
  const std::vector<bool>& taken() const { return used_; }
  /// What was sent since the last call.
  std::vector<SentRequest> take_sent();
  /// How often the calls of compositions have tried a target since the last call.
  u32 take_part_tries() { return std::exchange(part_tries_, 0); }

  Task<Result<void>> fetch(Exchange& exchange, const http::RequestHead& request,
                           http::BodySource* body, const FetchOptions& options,
                           Responder* responder, Fetched& out) override;
  void release(Fetched& out) noexcept override;

 private:
  class Target;
  struct Talk;
  upstream::PoolFetcher& fetcher_of(u32 upstream);
  Reply* next_reply(const std::string& upstream, const std::string* target);
  bool waits_for_target(const std::string& upstream) const;
  void listen(Talk& talk);

  const std::vector<upstream::UpstreamConfig>& configs_;
  net::VirtualLoop& loop_;
  Random& random_;
  std::vector<Reply> script_;
  std::vector<bool> used_;  // of script_
  std::vector<SentRequest> sent_;
  u32 part_tries_ = 0;
  std::vector<std::unique_ptr<Talk>> talks_;
  std::vector<std::unique_ptr<Target>> targets_;                  // by upstream; made when asked
  std::vector<std::unique_ptr<upstream::PoolFetcher>> fetchers_;  // the same
};

}  // namespace gw::cli::tests
