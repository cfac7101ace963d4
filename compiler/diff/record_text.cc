#include "compiler/diff/record_text.h"

#include <fmt/format.h>

#include <cstring>

#include "runtime/base/units.h"
#include "runtime/policies/field_number.h"
#include "runtime/table/template_format.h"

namespace gw::compiler::diff {
namespace {

using policies::FieldKind;
using policies::FieldSpec;
using table::kNone;

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool is_secret(std::string_view path) {
  for (const std::string_view word : {"secret", "Secret", "password", "authorization", ".key",
                                      "set.cookie", "add.cookie", "set-cookie"}) {
    if (path.find(word) != path.npos) return true;
  }
  return false;
}

class Reader {
 public:
  Reader(const Side& side, std::span<const table::StringRef> captures)
      : side_(side), view_(side.view()), captures_(captures) {}

  Fields run(std::span<const FieldSpec> fields, const std::byte* record) {
    read_all(fields, record, "");
    return std::move(out_);
  }

 private:
  void read_all(std::span<const FieldSpec> fields, const std::byte* record,
                const std::string& prefix) {
    for (const FieldSpec& field : fields) {
      read(field, record + field.offset, record, prefix + std::string(field.name));
    }
  }

  void put(const std::string& path, std::string text, FieldKind kind,
           std::optional<u64> number = {}) {
    FieldValue value{.text = std::move(text), .number = number, .kind = kind};
    // A reference says where a secret comes from, not what it is.
    value.secret = is_secret(path) && !value.text.starts_with("{$") && !number;
    out_.insert_or_assign(path, std::move(value));
  }

  void read(const FieldSpec& field, const std::byte* at, const std::byte* record,
            const std::string& path) {
    if (field.late) return read_late(field, at, path);
    if (field.kind == FieldKind::Record) return read_all(field.fields, at, path + ".");
    if (field.kind == FieldKind::List || field.kind == FieldKind::Map) {
      return read_elements(field, load<table::Extent>(at), path);
    }
    if (field.kind == FieldKind::Union) {
      const u32 tag = load<u32>(at);
      if (tag == 0) return;
      const FieldSpec& chosen = field.fields[tag - 1];
      return read(chosen, record + chosen.offset, record, path + "." + std::string(chosen.name));
    }
    read_scalar(field, at, path);
  }

  void read_late(const FieldSpec& field, const std::byte* at, const std::string& path) {
    const u32 late = load<u32>(at + offsetof(table::LateNumber, late));
    if (late != kNone) {
      const auto resolved = side_.resolved(late);
      if (!resolved) return put(path, side_.bound().late_source(late), field.kind);
      const auto number = policies::is_number(field.kind)
                              ? policies::parse_number(field.kind, *resolved)
                              : std::nullopt;
      return put(path, number ? policies::show_number(field.kind, *number) : *resolved, field.kind,
                 number);
    }
    if (policies::is_number(field.kind)) {
      const u64 value = load<u64>(at);
      return put(path, policies::show_number(field.kind, value), field.kind, value);
    }
    const auto text = load<table::StringRef>(at);
    if (text.offset != kNone) put(path, side_.text(text), field.kind);
  }

  void read_scalar(const FieldSpec& field, const std::byte* at, const std::string& path) {
    switch (field.kind) {
      case FieldKind::Bool:
      case FieldKind::Count:
      case FieldKind::Percent:
      case FieldKind::Status:
        return put(path, policies::show_number(field.kind, load<u32>(at)), field.kind,
                   load<u32>(at));
      case FieldKind::Bytes:
      case FieldKind::Duration:
      case FieldKind::Rate:
        return put(path, policies::show_number(field.kind, load<u64>(at)), field.kind,
                   load<u64>(at));
      case FieldKind::Enum:
        return put(path, std::string(field.words[load<u32>(at)]), field.kind, load<u32>(at));
      case FieldKind::Expression:
      case FieldKind::PathRewrite: {
        const auto parts = load<table::Extent>(at);
        if (parts.count != 0) put(path, expression_text(side_, parts, captures_), field.kind);
        return;
      }
      case FieldKind::Condition: {
        const u32 condition = load<u32>(at);
        if (condition != kNone) put(path, condition_text(side_, condition), field.kind);
        return;
      }
      case FieldKind::Network: {
        const auto networks = load<table::Extent>(at);
        if (networks.count != 0) put(path, networks_text(side_, networks), field.kind);
        return;
      }
      case FieldKind::Regex: {
        const u32 regex = load<u32>(at);
        if (regex != kNone) put(path, side_.text(view_.regexes()[regex].source), field.kind);
        return;
      }
      case FieldKind::Name: {
        const u32 index = load<u32>(at);
        if (index != kNone) put(path, name_of(field, index), field.kind);
        return;
      }
      case FieldKind::Template: {
        const auto nodes = load<table::Extent>(at);
        if (nodes.count != 0) put(path, template_text(nodes), field.kind);
        return;
      }
      case FieldKind::Schema:
      case FieldKind::Program:
        return;  // contracts say it
      default: {
        const auto text = load<table::StringRef>(at);
        if (text.offset != kNone) put(path, side_.text(text), field.kind);
      }
    }
  }

  // JSON, but for expressions, which stand without quotes.
  std::string template_text(table::Extent nodes) {
    const auto list = view_.policy_list<table::TemplateNode>(nodes);
    std::string out;
    append_template(list, 0, out);
    return out;
  }

  void append_template(std::span<const table::TemplateNode> list, u32 index, std::string& out) {
    const table::TemplateNode& node = list[index];
    if (node.kind != table::TemplateKind::Object && node.kind != table::TemplateKind::Array) {
      out += node.kind == table::TemplateKind::Literal
                 ? side_.text(node.text)
                 : expression_text(side_, node.value, captures_);
      return;
    }
    const bool is_object = node.kind == table::TemplateKind::Object;
    out += is_object ? '{' : '[';
    for (u32 child = index + 1; child < node.end && child < list.size();
         child = std::max(list[child].end, child + 1)) {
      if (child != index + 1) out += ',';
      if (is_object) out += side_.text(list[child].key) + ":";
      append_template(list, child, out);
    }
    out += is_object ? '}' : ']';
  }

  std::string name_of(const FieldSpec& field, u32 index) const {
    return side_.text(field.names == policies::NameSpace::Scheme ? view_.schemes()[index].name
                                                                 : view_.upstreams()[index].name);
  }

  void read_elements(const FieldSpec& field, table::Extent extent, const std::string& path) {
    if (extent.count == 0) return;
    const FieldSpec& element = field.fields[0];
    const std::byte* begin = view_.section(table::SectionKind::PolicyData).data() + extent.offset;
    if (element.kind != FieldKind::Record && field.kind == FieldKind::List) {
      return put(path, scalars(field, begin, extent.count), field.kind);
    }
    for (u32 i = 0; i < extent.count; ++i) {
      const std::byte* at = begin + u64{i} * field.size;
      std::string key = std::to_string(i);
      if (field.kind == FieldKind::Map) {
        key = side_.text(load<table::StringRef>(at));
      } else if (const std::string name = key_of(element, at); !name.empty()) {
        key = name;
      }
      if (element.kind == FieldKind::Record) {
        read_all(element.fields, at, path + "." + key + ".");
      } else {
        read(element, at + element.offset, at, path + "." + key);
      }
    }
  }

  // Elements are told apart by a name where they have one, so that order says nothing.
  std::string key_of(const FieldSpec& element, const std::byte* at) const {
    if (element.kind != FieldKind::Record || element.fields.empty()) return {};
    const FieldSpec& first = element.fields[0];
    const std::byte* place = at + first.offset;
    if (first.late) {
      const u32 late = load<u32>(place + offsetof(table::LateString, late));
      if (late != kNone) return side_.bound().late_source(late);
      return policies::is_text(first.kind) ? side_.text(load<table::StringRef>(place)) : "";
    }
    if (first.kind == FieldKind::Name) {
      const u32 index = load<u32>(place);
      return index == kNone ? "" : name_of(first, index);
    }
    return policies::is_text(first.kind) ? side_.text(load<table::StringRef>(place)) : "";
  }

  std::string scalars(const FieldSpec& field, const std::byte* begin, u32 count) {
    std::string out;
    Reader inner(side_, captures_);
    for (u32 i = 0; i < count; ++i) {
      const std::byte* at = begin + u64{i} * field.size;
      inner.out_.clear();
      inner.read(field.fields[0], at + field.fields[0].offset, at, "x");
      if (inner.out_.empty()) continue;
      out += (out.empty() ? "" : ", ") + inner.out_.begin()->second.text;
    }
    return out;
  }

  const Side& side_;
  const table::TableView& view_;
  std::span<const table::StringRef> captures_;
  Fields out_;
};

std::string source_text(const Side& side, const table::ExpressionPart& part,
                        std::span<const table::StringRef> captures) {
  using Source = table::ExpressionSource;
  const std::string text = side.text(part.text);
  switch (part.source) {
    case Source::Literal:
      return text;
    case Source::PathParameter:
      return fmt::format("{{$request.path.{}}}", part.index < captures.size()
                                                     ? side.text(captures[part.index])
                                                     : std::to_string(part.index));
    case Source::Query:
      return "{$request.query." + text + "}";
    case Source::Header:
      return "{$request.header." + text + "}";
    case Source::Cookie:
      return "{$request.cookie." + text + "}";
    case Source::Method:
      return "{$method}";
    case Source::Path:
      return "{$path}";
    case Source::Host:
      return "{$host}";
    case Source::Url:
      return "{$url}";
    case Source::ClientIp:
      return "{$client.ip}";
    case Source::RequestId:
      return "{$request.id}";
    case Source::Scheme:
      return "{$scheme}";
    case Source::Late:
      return side.bound().late_source(part.index);
    case Source::ClientCertSubject:
      return "{$client.cert.subject}";
    case Source::ClientCertSan:
      return "{$client.cert.san}";
    case Source::ClientCertFingerprint:
      return "{$client.cert.fingerprint}";
    case Source::Claim:
      return "{$jwt#" + text + "}";
    case Source::SchemeClaim:
      return fmt::format("{{$auth.{}#{}}}", side.text(side.view().schemes()[part.index].name),
                         text);
    case Source::ConsumerName:
      return "{$consumer.name}";
    case Source::ConsumerPlan:
      return "{$consumer.plan}";
    case Source::ConsumerMetadata:
      return "{$consumer.metadata." + text + "}";
    case Source::RequestBody:
      return "{$request.body#" + text + "}";
    case Source::ResponseBody:
      return "{$response.body#" + text + "}";
    case Source::ResponseHeader:
      return "{$response.header." + text + "}";
    case Source::ResponseStatus:
      return "{$response.status}";
    case Source::CallBody:
      return fmt::format("{{$calls.{}.body#{}}}", part.index, text);
    case Source::CallHeader:
      return fmt::format("{{$calls.{}.header.{}}}", part.index, text);
    case Source::CallStatus:
      return fmt::format("{{$calls.{}.status}}", part.index);
    case Source::Item:
      return "{$item#" + text + "}";
    case Source::ClientClass:
      return "{$client.class}";
  }
  return text;
}

std::string test_subject(const Side& side, const table::ConditionTest& test) {
  static constexpr std::string_view kWords[] = {"header",        "query",
                                                "cookie",        "ip",
                                                "host",          "path",
                                                "method",        "jwt",
                                                "consumer.name", "consumer.groups",
                                                "consumer.plan", "consumer.metadata",
                                                "client"};
  const std::string name = side.text(test.name);
  std::string out(kWords[static_cast<u32>(test.source)]);
  return name.empty() ? out : out + " " + name;
}

std::string test_text(const Side& side, const table::ConditionTest& test) {
  const table::TableView& view = side.view();
  std::string values;
  if (test.kind == table::TestKind::Network) {
    values = networks_text(side, test.values);
  } else if (test.kind == table::TestKind::NetworkFile) {
    values = side.text(view.network_files()[test.values.offset]);
  } else if (test.kind == table::TestKind::Matches) {
    values = side.text(view.regexes()[test.regex].source);
  } else {
    for (const table::StringRef value : view.part(view.string_lists(), test.values)) {
      values += (values.empty() ? "" : " or ") + side.text(value);
    }
  }
  static constexpr std::string_view kVerbs[] = {"is there", "is",    "begins with",
                                                "matches",  "is in", "is in file"};
  std::string out = test_subject(side, test);
  if (test.negate != 0) out = "not " + out;
  out += " " + std::string(kVerbs[static_cast<u32>(test.kind)]);
  return values.empty() ? out : out + " " + values;
}

}  // namespace

std::set<std::string> names_of(const Fields& before, const Fields& after) {
  std::set<std::string> names;
  for (const auto& [name, value] : before) names.insert(name);
  for (const auto& [name, value] : after) names.insert(name);
  return names;
}

const FieldValue* find(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? nullptr : &found->second;
}

Fields fields_of(const Side& side, const policies::RecordSpec& spec, const void* record,
                 std::span<const table::StringRef> captures) {
  return Reader(side, captures).run(spec.fields, static_cast<const std::byte*>(record));
}

std::string expression_text(const Side& side, table::Extent parts,
                            std::span<const table::StringRef> captures) {
  std::string out;
  for (const auto& part : side.view().part(side.view().expressions(), parts)) {
    out += source_text(side, part, captures);
  }
  return out;
}

std::string condition_text(const Side& side, u32 condition) {
  if (condition == kNone) return {};
  const table::TableView& view = side.view();
  std::string out;
  for (u32 i = condition; i < view.conditions().size(); ++i) {
    const table::ConditionRecord& record = view.conditions()[i];
    if (!out.empty()) out += ", or ";
    bool first = true;
    for (const table::ConditionTest& test : view.part(view.condition_tests(), record.tests)) {
      if (!first) out += " and ";
      first = false;
      out += test_text(side, test);
    }
    if (record.last != 0) break;
  }
  return out;
}

std::string networks_text(const Side& side, table::Extent extent) {
  std::string out;
  for (const auto& network : side.view().part(side.view().networks(), extent)) {
    out += (out.empty() ? "" : ", ") + format_network(network.address, network.prefix_bits);
  }
  return out;
}

}  // namespace gw::compiler::diff
