#include "runtime/engine/template.h"

#include <span>

#include "runtime/base/log.h"
#include "runtime/engine/expression.h"
#include "runtime/engine/message_values.h"
#include "runtime/jose/claims.h"
#include "runtime/json/text.h"
#include "runtime/table/bound_table.h"
#include "runtime/table/template_format.h"

namespace gw::engine {
namespace {

using table::ExpressionPart;
using table::ExpressionSource;
using table::TemplateKind;
using table::TemplateNode;

enum class Written : u8 { Yes, Absent, Failed };

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  append_json_escaped(text, out);
  out += '"';
}

void append_claim(const jose::JsonValue& value, std::string& out) {
  switch (value.kind()) {
    case jose::JsonKind::String:
      append_quoted(value.text(), out);
      return;
    case jose::JsonKind::Array:
    case jose::JsonKind::Object: {
      const bool is_object = value.kind() == jose::JsonKind::Object;
      out += is_object ? '{' : '[';
      bool is_first = true;
      for (jose::JsonValue child = value.first(); child.present(); child = child.next()) {
        if (!is_first) out += ',';
        is_first = false;
        if (is_object) {
          append_quoted(child.name(), out);
          out += ':';
        }
        append_claim(child, out);
      }
      out += is_object ? '}' : ']';
      return;
    }
    case jose::JsonKind::Null:
      out += "null";
      return;
    default:
      out += value.text();
  }
}

class Writer {
 public:
  Writer(Exchange& exchange, std::span<const TemplateNode> nodes, size_t max_bytes,
         std::string& out)
      : exchange_(exchange), nodes_(nodes), max_bytes_(max_bytes), out_(out) {}

  Written run() { return nodes_.empty() ? Written::Failed : write(0, 0); }

 private:
  Written write(u32 index, u32 depth) {
    const TemplateNode& node = nodes_[index];
    const BoundTable& table = *exchange_.table;
    Written written = Written::Yes;
    switch (node.kind) {
      case TemplateKind::Literal:
        out_ += table.text(node.text);
        break;
      case TemplateKind::Object:
      case TemplateKind::Array:
        written = write_children(index, depth);
        break;
      case TemplateKind::Json:
        written = write_json(node);
        break;
      case TemplateKind::Number:
      case TemplateKind::Boolean:
      case TemplateKind::Text:
        written = write_text(node);
        break;
    }
    return out_.size() > max_bytes_ ? Written::Failed : written;
  }

  Written write_children(u32 index, u32 depth) {
    const TemplateNode& node = nodes_[index];
    if (depth >= table::kMaxTemplateDepth || node.end > nodes_.size()) return Written::Failed;
    const bool is_object = node.kind == TemplateKind::Object;
    out_ += is_object ? '{' : '[';
    const size_t empty = out_.size();
    for (u32 child = index + 1; child < node.end; child = nodes_[child].end) {
      if (nodes_[child].end <= child || nodes_[child].end > node.end) return Written::Failed;
      const size_t before = out_.size();
      if (before != empty) out_ += ',';
      if (is_object) {
        out_ += exchange_.table->text(nodes_[child].key);
        out_ += ':';
      }
      const Written written = write(child, depth + 1);
      if (written == Written::Failed) return written;
      if (written == Written::Absent) out_.resize(before);
    }
    out_ += is_object ? '}' : ']';
    return Written::Yes;
  }

  Written write_json(const TemplateNode& node) {
    const table::TableView& view = exchange_.table->view();
    const auto parts = view.part(view.expressions(), node.value);
    if (parts.size() != 1) return Written::Failed;
    const ExpressionPart& part = parts[0];
    if (part.source == ExpressionSource::Claim || part.source == ExpressionSource::SchemeClaim) {
      const jose::Claims* claims = part.source == ExpressionSource::Claim
                                       ? exchange_.identity.claims
                                       : exchange_.identity.claims_of(part.index);
      if (claims == nullptr) return Written::Absent;
      const jose::JsonValue value = claims->at(exchange_.table->text(part.text));
      if (!value.present()) return Written::Absent;
      append_claim(value, out_);
      return Written::Yes;
    }
    return append_message_json(exchange_, part, out_) ? Written::Yes : Written::Absent;
  }

  // A number that is none is left out: it would not be JSON.
  Written write_text(const TemplateNode& node) {
    std::string_view text;
    if (!evaluate(exchange_, node.value, text)) return Written::Absent;
    if (node.kind == TemplateKind::Text) {
      append_quoted(text, out_);
      return Written::Yes;
    }
    const bool fits = node.kind == TemplateKind::Number ? json::is_number(text)
                                                        : text == "true" || text == "false";
    if (!fits) return Written::Absent;
    out_ += text;
    return Written::Yes;
  }

  Exchange& exchange_;
  std::span<const TemplateNode> nodes_;
  size_t max_bytes_;
  std::string& out_;
};

Written write_nodes(Exchange& exchange, table::Extent nodes, size_t max_bytes, std::string& out) {
  const auto list = exchange.table->view().policy_list<TemplateNode>(nodes);
  return Writer(exchange, list, max_bytes, out).run();
}

}  // namespace

bool write_template(Exchange& exchange, table::Extent nodes, size_t max_bytes, std::string& out) {
  const Written written = write_nodes(exchange, nodes, max_bytes, out);
  if (written == Written::Absent) out += "null";
  return written != Written::Failed;
}

bool write_present_template(Exchange& exchange, table::Extent nodes, size_t max_bytes,
                            std::string& out) {
  return write_nodes(exchange, nodes, max_bytes, out) == Written::Yes;
}

}  // namespace gw::engine
