#include "compiler/passes/lower_mock.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/example_value.h"
#include "compiler/passes/media_names.h"
#include "compiler/xgw/encode.h"
#include "compiler/xgw/node_json.h"
#include "runtime/base/units.h"

namespace gw::compiler {
namespace {

using openapi::Document;
using policies::MockAnswerRecord;

bool is_json(std::string_view media) { return media.find("json") != media.npos; }

void append_encoded(std::string_view text, std::string& out) {
  constexpr std::string_view kPlain = "-._~";  // beside letters and digits (RFC 3986 section 2.3)
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || kPlain.find(c) != kPlain.npos;
    if (is_plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

void append_field(std::string_view name, NodeRef value, std::string& out) {
  if (!out.empty()) out += '&';
  append_encoded(name, out);
  out += '=';
  append_encoded(value.is_scalar() ? std::string(value.text()) : to_json(value), out);
}

// Lists become several fields, what is deeper JSON.
std::string form_text(NodeRef fields) {
  std::string out;
  for (const auto [key, value] : fields.entries()) {
    if (!value.is_seq()) {
      append_field(key.text(), value, out);
      continue;
    }
    for (const NodeRef item : value.items()) append_field(key.text(), item, out);
  }
  return out;
}

// A value in the spelling of its media type.
std::string body_text(NodeRef value, std::string_view media) {
  if (!is_json(media) && value.is_scalar()) return std::string(value.text());
  const bool is_form = plain_type(media) == "application/x-www-form-urlencoded";
  return is_form && value.is_map() ? form_text(value) : to_json(value);
}

class MockBuilder {
 public:
  MockBuilder(Module& module, const GatewayOperation& operation)
      : module_(module), document_(*operation.unit->document), operation_(*operation.operation) {}

  std::vector<MockAnswerRecord> build() {
    std::vector<const openapi::Response*> responses;
    for (const openapi::Response& response : operation_.responses) responses.push_back(&response);
    // The first success answers by default; the others keep their order.
    // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
    std::stable_partition(responses.begin(), responses.end(), [](const openapi::Response* r) {
      return r->status.value.starts_with('2');
    });
    for (const openapi::Response* response : responses) add_response(*response);
    return std::move(answers_);
  }

 private:
  static u32 status_number(std::string_view status) {
    if (status == "default") return 500;
    if (status.size() == 3 && (status[1] == 'X' || status[1] == 'x')) {
      return static_cast<u32>(status[0] - '0') * 100;
    }
    return static_cast<u32>(parse_count(status).value_or(200));
  }

  void add_response(const openapi::Response& response) {
    const u32 status = status_number(response.status.value);
    if (status < 200 || status > 599) return;
    if (response.content.empty()) {
      answers_.push_back({.status = status, .is_example = 1, .media = {}, .name = {}, .body = {}});
      return;
    }
    for (const openapi::MediaType& media : response.content) add_media(status, media);
  }

  void add(u32 status, std::string_view media, std::string_view name, bool is_example,
           std::string body) {
    StringPool& strings = module_.table.pools.strings;
    // A wildcard is no type to answer with.
    const std::string_view sent = media.find('*') == media.npos ? media : "application/json";
    if (body.size() > kMaxMockBytes) return;
    answers_.push_back({.status = status,
                        .is_example = is_example ? 1u : 0u,
                        .media = strings.add(sent),
                        .name = name.empty() ? table::StringRef{} : strings.add(name),
                        .body = strings.add(body)});
  }

  void add_media(u32 status, const openapi::MediaType& media) {
    const std::string_view type = media.name.value;
    bool found = false;
    if (const NodeRef examples = media.node.get("examples"); examples && examples.is_map()) {
      for (const auto [key, example] : examples.entries()) {
        const NodeRef resolved = document_.resolve(example);
        const NodeRef value = resolved && resolved.is_map() ? resolved.get("value") : NodeRef{};
        if (!value) continue;
        add(status, type, key.text(), true, body_text(value, type));
        found = true;
      }
    }
    if (const NodeRef example = media.node.get("example")) {
      add(status, type, {}, true, body_text(example, type));
      found = true;
    }
    if (found) return;
    const NodeRef schema = media.schema ? document_.resolve(media.schema) : NodeRef{};
    if (schema && schema.is_map() && schema.get("example")) {
      add(status, type, {}, true, body_text(schema.get("example"), type));
      return;
    }
    add(status, type, {}, false, generated(schema, type));
  }

  /// JSON, or where another type is asked for the text of a scalar; no structure is passed off as
  /// XML.
  std::string generated(NodeRef schema, std::string_view media) {
    if (!schema) return {};
    std::string value = example_value(document_, schema, {}, module_.pattern_examples);
    if (is_json(media) || media.find('*') != media.npos) return value;
    if (value.starts_with('{') || value.starts_with('[') || value == "null") return {};
    if (!value.starts_with('"') || value.find('\\') != value.npos) return value;
    return value.substr(1, value.size() - 2);
  }

  Module& module_;
  const Document& document_;
  const openapi::Operation& operation_;
  std::vector<MockAnswerRecord> answers_;
};

}  // namespace

policies::MockRecord lower_mock(Module& module, const GatewayOperation& operation,
                                const policies::MockRecord& written) {
  policies::MockRecord record = written;
  record.answers = {};
  // Nobody asks a table for comparison, and making values up takes as long as all the rest.
  if (module.options.for_comparison) return record;
  const std::vector<MockAnswerRecord> answers = MockBuilder(module, operation).build();
  if (!answers.empty()) {
    record.answers = {module.table.pools.policy_data.add(std::as_bytes(std::span(answers))),
                      static_cast<u32>(answers.size())};
  }
  return record;
}

}  // namespace gw::compiler
