// One scalar to its field: numbers, words, names, references, expressions, texts.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/xgw/encode.h"
#include "compiler/xgw/field_value.h"
#include "compiler/xgw/node_json.h"
#include "compiler/xgw/template.h"
#include "compiler/xgw/value.h"
#include "runtime/base/letter_case.h"
#include "runtime/base/units.h"

namespace gw::compiler {

using policies::FieldKind;
using policies::FieldSpec;

namespace {

// Whether the default of a late value would be taken when the table is loaded.
bool is_usable(const FieldSpec& field, std::string_view text) {
  if (policies::is_number(field.kind)) {
    const auto number = policies::parse_number(field.kind, text);
    return number && *number >= field.min && *number <= field.max;
  }
  std::string_view problem;
  if (field.kind == FieldKind::Url) return parse_http_url(text, problem).has_value();
  if (field.kind == FieldKind::Address) return is_listen_address(text);
  if (field.kind == FieldKind::Pem || field.kind == FieldKind::Document) return false;
  if (field.kind == FieldKind::Origin) return parse_origin(text, false, problem);
  return true;
}

}  // namespace

u32 Encoder::add_late_record(const FieldSpec& field, const std::vector<table::LatePart>& parts,
                             const std::string& path, Span span) {
  // A text's length is bounded by `max`; the value of an expression by what a field may hold.
  const bool is_expression = field.kind == FieldKind::Expression;
  const table::LateRecord record{
      .parts = pools_.late_parts.add(parts),
      .value_kind = static_cast<u32>(is_expression ? FieldKind::String : field.kind),
      .reserved = 0,
      .min = field.min,
      .max = is_expression ? 8192 : field.max,
      .field = pools_.strings.add(path),
      .source = source(span),
      .padding = 0};
  return pools_.late.add({record}).offset;
}

bool Encoder::encode_late(const FieldSpec& field, NodeRef node, const std::string& path,
                          std::byte* at) {
  std::vector<table::LatePart> parts;
  ValueError error;
  if (!parse_late(node.text(), pools_.strings, parts, error)) {
    refuse("extension-value", node.span(), fmt::format("`{}`: {}", path, error.message), "here",
           error.help);
    return false;
  }
  if (parts.size() == 1 && parts[0].has_default != 0) {
    const table::StringRef ref = parts[0].fallback;
    const std::string_view fallback =
        std::string_view(pools_.strings.bytes()).substr(ref.offset, ref.bytes);
    if (!is_usable(field, fallback)) {
      refuse("extension-value", node.span(),
             fmt::format("`{}`: its default `{}` is not {}{}", path, fallback, expected(field.kind),
                         policies::is_number(field.kind) ? fmt::format(", {}", range_text(field))
                                                         : std::string()),
             "here", "");
      return false;
    }
  }
  const u32 index = add_late_record(field, parts, path, node.span());
  if (policies::is_number(field.kind)) {
    store(at, table::LateNumber{.value = 0, .late = index, .reserved = 0});
  } else {
    store(at, table::LateString{.value = {}, .late = index, .reserved = 0});
  }
  return true;
}

bool Encoder::encode_late_number(const FieldSpec& field, NodeRef node, const std::string& path,
                                 table::LateNumber& out) {
  return encode_late(field, node, path, reinterpret_cast<std::byte*>(&out));
}

void Encoder::encode_scalar(const FieldSpec& field, NodeRef node, std::string_view level,
                            const Place& place, const std::string& path, std::byte* at) {
  const auto wrong = [&](std::string label, std::string help) {
    refuse("extension-value", node.span(),
           fmt::format("`{}` is not {}", path, expected(field.kind)), std::move(label),
           std::move(help));
    store_absent(field, at);
  };
  const auto note = [&](std::string text) {
    if (place.out != nullptr) place.out->push_back({path, level, std::move(text), node.span()});
  };
  if (field.kind == FieldKind::Condition) {
    store(at, encode_condition(node, place.scope, pools_, sink_));
    note(to_json(node));
    return;
  }
  if (field.kind == FieldKind::Schema) {
    store(at, pools_.schemas.add({pools_.strings.add(to_json(node))}).offset);
    note(to_json(node));
    return;
  }
  if (field.kind == FieldKind::Template) {
    const AddLate add_late = [&](const std::vector<table::LatePart>& parts) {
      return add_late_record(FieldSpec{.name = field.name, .kind = FieldKind::Expression}, parts,
                             path, node.span());
    };
    store(at, encode_template(node, place.scope, add_late, path, pools_, sink_));
    note(to_json(node));
    return;
  }
  if (field.kind == FieldKind::Body) {
    std::string body = node.is_scalar() ? std::string(node.text()) : to_json(node);
    if (body.size() > field.max) {
      refuse("extension-value", node.span(), fmt::format("`{}` is too long", path),
             fmt::format("it takes {} bytes", field.max), "");
      return;
    }
    store(at, pools_.strings.add(body));
    note(std::move(body));
    return;
  }
  if (!node.is_scalar() || node.is_null()) {
    const bool unquoted_reference =
        node.is_map() && node.size() == 1 && (*node.entries().begin()).key.text().starts_with("$");
    wrong(unquoted_reference ? "a map, since the reference has no quotes"
                             : fmt::format("this is {}", kind_name(node.kind())),
          unquoted_reference ? "write it in quotes: '{$env.NAME}'" : "");
    return;
  }
  const std::string_view text = node.text();
  if (has_late_reference(text) && field.kind != FieldKind::Expression) {
    if (field.late) {
      if (encode_late(field, node, path, at)) note(std::string(text));
      return;
    }
    refuse("extension-value", node.span(), fmt::format("`{}` cannot be a reference", path),
           "its value is needed at compile time",
           "write the value, or set it per environment with --overlay");
    return;
  }
  if (policies::is_number(field.kind)) {
    const auto number = parse_number(field.kind, node);
    if (!number) {
      const bool bare = parse_count(text).has_value() && field.kind != FieldKind::Bool;
      wrong(bare ? "a number without unit" : fmt::format("`{}`", text), "");
      return;
    }
    if (*number < field.min || *number > field.max) {
      refuse("extension-value", node.span(),
             fmt::format("`{}` is out of range: it takes {}", path, range_text(field)),
             fmt::format("`{}`", text), "");
      store_absent(field, at);
      return;
    }
    store_number(field, *number, at);
    note(policies::show_number(field.kind, *number));
    return;
  }
  ValueError error;
  switch (field.kind) {
    case FieldKind::Enum: {
      const auto word = std::ranges::find(field.words, text);
      if (word == field.words.end()) {
        refuse("extension-value", node.span(),
               fmt::format("`{}` is none of {}", path, fmt::join(field.words, ", ")),
               fmt::format("`{}`", text),
               did_you_mean(text, {field.words.begin(), field.words.end()}));
        store(at, u32{0});
        return;
      }
      store(at, static_cast<u32>(word - field.words.begin()));
      note(std::string(text));
      return;
    }
    case FieldKind::Name: {
      store(at, table::kNone);
      if (place.scope.upstreams == nullptr) return;
      const auto found = place.scope.upstreams->find(text);
      if (found == place.scope.upstreams->end()) {
        std::vector<std::string_view> names;
        for (const auto& [name, index] : *place.scope.upstreams) names.push_back(name);
        std::ranges::sort(names);
        refuse("extension-dangling", node.span(), fmt::format("there is no upstream `{}`", text),
               "not among the upstreams", did_you_mean(text, names));
        return;
      }
      store(at, found->second);
      note(std::string(text));
      return;
    }
    case FieldKind::Regex:
      store(at, encode_regex(text, false, true, node.span(), pools_, sink_));
      note(std::string(text));
      return;
    case FieldKind::Expression:
    case FieldKind::PathRewrite: {
      // Of calls of a composition lower_compose() says it.
      if (field.kind == FieldKind::PathRewrite && path == "path" && !text.starts_with('/')) {
        refuse("extension-value", node.span(), "`path` does not begin with `/`", "here",
               "write an absolute path");
        return;
      }
      std::vector<table::ExpressionPart> parts;
      const AddLate add_late = [&](const std::vector<table::LatePart>& late_parts) {
        return add_late_record(field, late_parts, path, node.span());
      };
      EncodeScope scope = place.scope;
      // A header field without a value is left out.
      if (path.find("headers.") != path.npos) {
        scope.may_be_absent = true;
        scope.inherited = level != "operation" && level != "service operations";
      }
      if (!parse_expression(text, field.kind == FieldKind::PathRewrite, scope, pools_.strings,
                            add_late, parts, error)) {
        const u32 shift = node.quoted() ? 1 : 0;
        refuse("extension-value", sub_span(node.span(), error.begin + shift, error.end + shift),
               fmt::format("`{}`: {}", path, error.message), "here", error.help);
        return;
      }
      store(at, pools_.expressions.add(parts));
      note(std::string(text));
      return;
    }
    case FieldKind::Network: {
      table::NetworkRecord record{};
      if (!parse_network(text, record.address, record.prefix_bits)) {
        wrong(fmt::format("`{}`", text), "");
        return;
      }
      store(at, pools_.networks.add({record}));
      note(std::string(text));
      return;
    }
    case FieldKind::Url: {
      std::string_view problem;
      const auto url = parse_http_url(text, problem);
      if (!url) {
        wrong(std::string(problem), "");
        return;
      }
      break;
    }
    case FieldKind::Address:
      if (!is_listen_address(text)) {
        wrong(fmt::format("`{}`", text), "write HOST:PORT, IPv6 in brackets, or unix:/PATH");
        return;
      }
      break;
    case FieldKind::ClaimPath: {
      const std::string pointer = claim_pointer(text);
      if (pointer.empty()) {
        wrong(fmt::format("`{}`", text), "write `$jwt.NAME`, or `$jwt#/a/b` for a deeper one");
        return;
      }
      store(at, pools_.strings.add(pointer));
      note(std::string(text));
      return;
    }
    case FieldKind::Document:
      wrong("written out, or the name of a file",
            "write a reference with an absolute path, '$file./etc/gwctl/keys.json'");
      return;
    case FieldKind::Origin: {
      std::string_view problem;
      if (text != "*" && !parse_origin(text, true, problem)) {
        wrong(std::string(problem),
              text == "null" ? "sandboxed pages and local files share it" : "");
        return;
      }
      break;
    }
    case FieldKind::Pem:  // tables hold no keys, and certificates change more often than tables
      wrong("written out, or the name of a file",
            "write a reference with an absolute path, '$file./etc/gwctl/server.pem'");
      return;
    case FieldKind::HeaderName:
      if (!is_token(text)) {
        wrong(fmt::format("`{}`", text), "field names are letters, digits and `-`");
        return;
      }
      if (path.find(".rename.") != path.npos || path.find(".copy.") != path.npos) {
        check_written_header(text, node.span());
      }
      break;
    default:
      break;
  }
  if (text.size() < field.min || text.size() > field.max) {
    refuse("extension-value", node.span(), fmt::format("`{}` is too long or too short", path),
           "here", "");
    return;
  }
  std::string stored(text);
  if (field.kind == FieldKind::HeaderName) {
    stored = lower_case(stored);
  }
  const table::StringRef ref = pools_.strings.add(stored);
  if (field.late) {
    store(at, table::LateString{.value = ref, .late = table::kNone, .reserved = 0});
  } else {
    store(at, ref);
  }
  note(std::string(text));
}

}  // namespace gw::compiler
