// Effective values to records, driven by field tables. No code per policy.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/diag/sink.h"
#include "compiler/emit/pools.h"
#include "compiler/xgw/effective.h"
#include "runtime/policies/field_spec.h"

namespace gw::compiler {

/// A security scheme as expressions see it.
struct SchemeInfo {
  std::string name;
  u32 index = 0;          // into the table's schemes
  bool is_token = false;  // its claims can be asked for
  bool names_consumer = false;
  std::vector<std::string_view> claims = {};  // that it declares
};

/// What is known of callers: the schemes of each alternative of `security`, none where anybody is
/// let in.
struct IdentityScope {
  std::vector<std::vector<const SchemeInfo*>> alternatives;
};

/// Which messages are there when a value is worked out, and what was asked of them.
struct MessageScope {
  bool request_body = false;
  bool response = false;                    // its status, fields and body
  bool of_view = false;                     // its body is as the operation's changes leave it
  std::span<const std::string_view> calls;  // of a composition, by index
  bool item = false;                        // within `forEach`
  bool* reads_request_body = nullptr;       // set when one does
  bool* reads_response_body = nullptr;
  std::vector<bool>* reads_calls = nullptr;  // of each call
};

/// What names and expressions may refer to at one place.
struct EncodeScope {
  /// Index of each upstream; null: names are not checked (a policy that nobody uses yet).
  const std::unordered_map<std::string_view, u32>* upstreams = nullptr;
  /// Path parameters in order of the template; `unchecked_parameters`: any name is fine.
  std::vector<std::string_view> parameters = {};
  std::vector<bool> greedy = {};  // of each parameter: it may hold slashes
  bool unchecked_parameters = false;
  const IdentityScope* identity = nullptr;  // null: not checked either
  bool may_be_absent = false;  // of the place: nothing is lost when a value is not there
  bool inherited = false;      // meant for other operations as well, which may have what this lacks
  MessageScope messages = {};
  const std::vector<std::string_view>* client_classes = nullptr;  // null: not checked
  /// What the parameter of that place and name is declared to be: a mask of schema::TypeBit, 0: it
  /// is not known. Empty: none is.
  std::function<u32(table::ExpressionSource, std::string_view)> types = {};
};

/// A field whose effective value has been written, for `explain` and `inspect`.
struct EncodedField {
  std::string field;  // "timeout.total"
  std::string_view level;
  std::string value;
  Span span;
};

/// Takes away those whose names begin so: defaults of what nobody has written mean nothing.
inline void forget_fields(std::string_view prefix, std::vector<EncodedField>& fields) {
  std::erase_if(fields, [&](const EncodedField& one) { return one.field.starts_with(prefix); });
}

/// Writes records into memory and everything they point to into pools.
///
/// Every problem becomes a diagnostic (rules extension-unknown, extension-value,
/// extension-missing, extension-dangling, extension-unsupported, regex-*); encoding goes on, so
/// that all are found at once.
class Encoder {
 public:
  Encoder(Pools& pools, const FileSet& files, DiagnosticSink& sink)
      : pools_(pools), files_(files), sink_(sink) {}

  /// Fills `record` (zeroed, spec-sized) from `value`; absent fields get their defaults. `path` is
  /// the name of the value for messages and origins. `fields_out` may be null.
  void encode(std::span<const policies::FieldSpec> fields, const Effective& value,
              const EncodeScope& scope, const std::string& path, std::byte* record,
              std::vector<EncodedField>* fields_out);

  /// Names that are fields of features to come: refused as "not supported yet".
  void set_later_fields(std::span<const std::string_view> names) { later_ = names; }

  /// A number that stands as a reference where `field`, a late one, is meant. False: reported.
  bool encode_late_number(const policies::FieldSpec& field, NodeRef node, const std::string& path,
                          table::LateNumber& out);

  /// Table source reference of a span; file indices are those of the FileSet.
  table::SourceRef source(Span span) const;
  Pools& pools() { return pools_; }

 private:
  struct Place {
    const EncodeScope& scope;
    std::vector<EncodedField>* out;
  };
  void encode_field(const policies::FieldSpec& field, const Effective& value, const Place& place,
                    const std::string& path, std::byte* at, std::byte* record);
  void encode_fallback(const policies::FieldSpec& field, const Place& place,
                       const std::string& path, std::byte* at);
  void encode_scalar(const policies::FieldSpec& field, NodeRef node, std::string_view level,
                     const Place& place, const std::string& path, std::byte* at);
  void encode_list(const policies::FieldSpec& field, const Effective& value, const Place& place,
                   const std::string& path, std::byte* at);
  void encode_map(const policies::FieldSpec& field, const Effective& value, const Place& place,
                  const std::string& path, std::byte* at);
  /// Fields that say how one connection carries a message are the gateway's own.
  void check_written_header(std::string_view name, Span span);
  bool encode_late(const policies::FieldSpec& field, NodeRef node, const std::string& path,
                   std::byte* at);
  u32 add_late_record(const policies::FieldSpec& field, const std::vector<table::LatePart>& parts,
                      const std::string& path, Span span);
  void refuse(std::string_view rule, Span span, std::string message, std::string label,
              std::string help);

  Pools& pools_;
  const FileSet& files_;
  DiagnosticSink& sink_;
  std::span<const std::string_view> later_ = {};
};

}  // namespace gw::compiler
