// `cors` to its record: what a preflight is told, from what the operations of a path declare.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/passes/effective_operation.h"
#include "compiler/passes/module.h"
#include "runtime/policies/cors/record.h"

namespace gw::compiler {

/// Methods and fields that browsers may use on a path, as values of header fields.
struct CorsOffer {
  std::string methods;
  std::vector<std::string> headers;  // lower case, sorted
};

class CorsLowerer {
 public:
  explicit CorsLowerer(Module& module) : module_(module) {}

  /// Whether operations with these levels have a `cors`; `off` is none.
  bool is_set(const GatewayOperation& operation, const Levels& levels);
  /// What the operations of the path that have the same `cors` declare together. Others are left
  /// out: browsers keep an answer for the whole path.
  CorsOffer offer(const GatewayOperation& operation, const Levels& levels);
  /// The record; reports wildcards that let everybody in, and (rule cors-missing-header) declared
  /// fields that `headers` leaves out.
  policies::CorsRecord lower(const GatewayOperation& operation, const Effective& cors,
                             const CorsChoice& choice, const CorsOffer& offer);
  /// The record of `cors: off`.
  static policies::CorsRecord strip();
  /// The record for requests without a route, which tell no methods.
  policies::CorsRecord lower_default(const Effective& cors, const CorsChoice& choice);

 private:
  const std::string& text_of(const GatewayOperation& operation, const Levels& levels);
  void add_headers(const GatewayOperation& operation, std::vector<std::string>& headers) const;
  void check_wildcards(const Effective& cors, const CorsChoice& choice);
  void check_missing(const GatewayOperation& operation, const Effective& cors,
                     const std::vector<std::string>& allowed);
  std::vector<std::string> texts_of(table::Extent list) const;

  Module& module_;
  std::unordered_map<std::string, std::string> known_;  // by key of levels; "" is no cors
  std::unordered_map<const openapi::PathItem*, std::vector<const GatewayOperation*>> siblings_;
};

}  // namespace gw::compiler
