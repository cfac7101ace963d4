// Security schemes to records, as operations ask for them.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "compiler/passes/module.h"

namespace gw::compiler {

/// Schemes are lowered when an operation names them first, so that one that nobody uses need not be
/// enforceable. What cannot be enforced is reported once (auth-scheme-unbacked,
/// auth-jwt-incomplete, extension-*).
class SchemeLowerer {
 public:
  explicit SchemeLowerer(Module& module) : module_(module) {}

  /// The scheme that `name` means in the document of `unit`: by the bindings of its service entry,
  /// else its own, else the gateway document's. Null: there is none, or it has been reported.
  const SchemeInfo* find(const Unit& unit, std::string_view name, Span used_at);
  /// Whether the document says which scopes a scheme has, and `scope` is none of them.
  bool is_unknown_scope(const Unit& unit, std::string_view name, std::string_view scope) const;

 private:
  struct Declared {
    const openapi::SecurityScheme* scheme = nullptr;
    std::string name;  // as the table has it
  };
  Declared declared(const Unit& unit, std::string_view name) const;
  const SchemeInfo* lower(const Declared& declared, Span used_at);
  bool lower_api_key(const Declared& declared, policies::SchemeRecord& record);
  bool lower_http(const Declared& declared, policies::SchemeRecord& record, SchemeInfo& info,
                  Span used_at);
  bool lower_bearer(const Declared& declared, policies::SchemeRecord& record, SchemeInfo& info,
                    Span used_at);
  bool check_introspection(const Declared& declared, const policies::SchemeRecord& record);
  bool lower_mutual_tls(const Declared& declared, policies::SchemeRecord& record, SchemeInfo& info,
                        Span used_at);
  bool check_token(const Declared& declared, const policies::SchemeRecord& record, Span used_at);
  bool encode(const policies::RecordSpec& spec, const Declared& declared,
              policies::SchemeRecord& record);
  bool needs_consumers(const Declared& declared, Span used_at);
  void unbacked(const Declared& declared, Span used_at, std::string why, std::string help);

  Module& module_;
  std::deque<SchemeInfo> infos_;
  std::map<const openapi::SecurityScheme*, const SchemeInfo*> known_;  // null: reported
};

}  // namespace gw::compiler
