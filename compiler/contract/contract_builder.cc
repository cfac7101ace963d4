// Walks operations in their order and writes each as a fragment; what a reference leads to goes to
// the end of a work list, so that circles end and nothing is written twice. Texts are shared by
// content: generated documents repeat themselves.
#include "compiler/contract/contract_builder.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <unordered_map>

#include "compiler/contract/contract_writer.h"
#include "compiler/contract/view_text.h"
#include "compiler/passes/effective_operation.h"
#include "compiler/passes/template_text.h"
#include "compiler/publish/class_view.h"
#include "compiler/publish/public_document.h"
#include "compiler/router/router_builder.h"
#include "compiler/xgw/encode.h"
#include "runtime/table/contract_format.h"

namespace gw::compiler {
namespace {

using table::ContractDocument;
using table::ContractFragment;
using table::ContractRoute;
using table::ContractView;
using table::Extent;

struct NodeHash {
  size_t operator()(const NodeRef& node) const {
    return std::hash<const void*>{}(node.tree()) * 31 + node.index();
  }
};

// Last part of `#/components/schemas/User`, or of a file's name.
std::string name_of(std::string_view reference) {
  std::string_view last = reference.substr(reference.rfind('/') + 1);
  if (last.starts_with('#')) last.remove_prefix(1);
  std::string name;
  for (size_t i = 0; i < last.size(); ++i) {
    if (last[i] == '~' && i + 1 < last.size()) {
      name += last[++i] == '1' ? '/' : '~';
    } else {
      name += last[i];
    }
  }
  return name;
}

// Views write out what they change, for each operation and class anew.
constexpr size_t kMostViewBytes = 64u << 20;

openapi::Version newest_version(const Gateway& gateway) {
  openapi::Version newest = openapi::Version::V30;
  for (const Unit& unit : gateway.units) newest = std::max(newest, unit.document->version);
  return newest;
}

class ContractBuilder {
 public:
  explicit ContractBuilder(const Module& module)
      : module_(module),
        number_of_([this](const openapi::Document& document, NodeRef reference) {
          return target_of(document, reference);
        }),
        classes_(client_names(module.gateway)),
        newest_(newest_version(module.gateway)) {}

  std::vector<std::byte> run() {
    for (const PlannedOperation& planned : module_.operations) {
      const GatewayOperation& operation = *planned.source;
      const u32 document = document_of(*operation.unit);
      routes_.push_back({write_operation(operation), document});
      write_views(operation);
    }
    while (!waiting_.empty()) {
      const Waiting next = waiting_.front();
      waiting_.pop_front();
      ContractWriter writer(module_.files, *next.document, next.node.span(), number_of_);
      writer.object(next.node);
      fill(next.fragment, *next.document, next.node.span(), writer);
    }
    return section();
  }

 private:
  struct Waiting {
    const openapi::Document* document;
    NodeRef node;
    u32 fragment;
  };

  u32 document_of(const Unit& unit) {
    const u32 gateway = document_of(*unit.gateway);
    const u32 index = document_of(*unit.document);
    documents_[index].gateway = gateway;
    return index;
  }

  u32 document_of(const openapi::Document& document) {
    const auto [known, fresh] =
        document_index_.try_emplace(&document, static_cast<u32>(documents_.size()));
    if (!fresh) return known->second;
    documents_.push_back({new_fragment({}), known->second});
    const u32 fragment = documents_.back().fragment;
    ContractWriter writer(module_.files, document, document.root.span(), number_of_);
    static constexpr std::array<std::string_view, 2> kSkipped{"paths", "components"};
    writer.begin_object(document.root, kSkipped);
    const NodeRef components = document.root.get("components");
    const NodeRef schemes =
        components && components.is_map() ? components.get("securitySchemes") : NodeRef{};
    if (schemes) {
      writer.member("components", document.root.key_of("components").span());
      writer.begin_object({}, {});
      writer.value("securitySchemes", components.key_of("securitySchemes"), schemes);
      writer.end_object();
    }
    writer.end_object();
    fill(fragment, document, document.root.span(), writer);
    return known->second;
  }

  u32 write_operation(const GatewayOperation& operation) {
    const openapi::Document& document = *operation.unit->document;
    const u32 fragment = new_fragment({});
    ContractWriter writer(module_.files, document, operation.span, number_of_);
    static constexpr std::array<std::string_view, 2> kSkipped{"parameters", "security"};
    writer.begin_object(operation.operation->node, kSkipped);
    if (!operation.operation->parameters.empty())
      write_parameters(document, *operation.operation, writer);
    if (const NodeRef security = security_of(operation)) {
      writer.value("security", security, security);
    }
    writer.end_object();
    fill(fragment, document, operation.span, writer);
    return fragment;
  }

  void write_parameters(const openapi::Document& document, const openapi::Operation& operation,
                        ContractWriter& writer) {
    writer.member("parameters", operation.parameters[0].span);
    writer.begin_list();
    for (const openapi::Parameter& parameter : operation.parameters) {
      writer.item(parameter.span);
      // Those of the path item are shared by its operations.
      const bool shared = parameter.from_path_item || !(parameter.span == parameter.node.span());
      if (shared) {
        writer.reference(fragment_of(document, parameter.node, ""));
      } else {
        writer.object(parameter.node);
      }
    }
    writer.end_list();
  }

  // Whether answers may be others than the declared ones. Most are not.
  static bool may_change_answers(const Levels& levels) {
    return std::ranges::any_of(levels.levels, [](const Level& level) {
      return level.node && level.node.is_map() &&
             (level.node.get("response") || level.node.get("views") || level.node.get("use"));
    });
  }

  // What callers get otherwise than it is declared, and classes otherwise than others.
  void write_views(const GatewayOperation& operation) {
    const Levels levels = levels_of(operation);
    if (!may_change_answers(levels)) return;
    const Effective fields = effective_operation(module_, operation, levels).fields;
    write_view(operation, fields, "");
    for (const std::string_view name : classes_) {
      if (view_of_class(fields, name) != nullptr) write_view(operation, fields, name);
    }
  }

  void write_view(const GatewayOperation& operation, const Effective& fields,
                  std::string_view name) {
    const NodeRef node = operation.operation->node;
    const NodeRef responses = node && node.is_map() ? node.get("responses") : NodeRef{};
    Components components;
    ObjectCopier copier(module_.gateway, newest_, components);
    PublicValue answers = PublicValue::map();
    if (responses) {
      answers = copier.copy(*operation.unit, responses, openapi::ObjectKind::Responses);
    }
    if (!show_answers(module_, operation, fields, name, newest_, copier, answers)) return;
    const u32 fragment = copier.is_complete() ? view_of(answers, components) : table::kNone;
    views_.push_back({static_cast<u32>(routes_.size() - 1), fragment, add_text(name)});
  }

  // kNone: there are too many to keep this one.
  u32 view_of(const PublicValue& answers, const Components& components) {
    std::optional<std::string> text = view_text(
        answers, components,
        [this](const Component& component) {
          return fragment_of(*component.unit->document, component.node, component.label);
        },
        [this](std::string response) { return view_fragment(std::move(response)); });
    return text ? view_fragment(*std::move(text)) : table::kNone;
  }

  u32 view_fragment(std::string text) {
    const auto known = view_index_.find(text);
    if (known != view_index_.end()) return known->second;
    if (text.size() > kMostViewBytes - view_bytes_) return table::kNone;
    view_bytes_ += text.size();
    const u32 number = new_fragment({});
    fragments_[number].text = add_text(text);
    if (newest_ == openapi::Version::V30) fragments_[number].flags = table::kContractOpenApi30;
    view_index_.emplace(std::move(text), number);
    return number;
  }

  u32 target_of(const openapi::Document& document, NodeRef reference) {
    const NodeRef target = document.follow(reference);
    if (!target) return missing();
    return fragment_of(document, target, name_of(reference.get("$ref").text()));
  }

  u32 fragment_of(const openapi::Document& document, NodeRef node, const std::string& name) {
    const NodeRef value(node.tree(), node.target_index());
    const auto [known, fresh] = fragment_index_.try_emplace(value, 0);
    if (!fresh) return known->second;
    const u32 fragment = new_fragment(name);
    known->second = fragment;
    waiting_.push_back({&document, value, fragment});
    return fragment;
  }

  // What a broken reference leads to: anything.
  u32 missing() {
    if (missing_ == table::kNone) {
      missing_ = new_fragment({});
      fragments_[missing_].text = add_text("{}");
    }
    return missing_;
  }

  u32 new_fragment(std::string_view name) {
    fragments_.push_back({});
    if (!name.empty()) fragments_.back().name = add_text(name);
    return static_cast<u32>(fragments_.size() - 1);
  }

  void fill(u32 index, const openapi::Document& document, Span begin,
            const ContractWriter& writer) {
    ContractFragment& fragment = fragments_[index];
    fragment.text = add_text(writer.text());
    fragment.places = add_text(writer.places());
    if (begin.valid()) {
      const Position position = module_.files.position(begin.file, begin.begin);
      fragment.source = {begin.file, position.line, position.column};
    }
    if (document.version == openapi::Version::V30) fragment.flags = table::kContractOpenApi30;
  }

  Extent add_text(std::string_view text) {
    const auto [known, fresh] =
        text_index_.try_emplace(std::string(text), static_cast<u32>(texts_.size()));
    if (fresh) texts_ += text;
    return {known->second, static_cast<u32>(text.size())};
  }

  template <class T>
  static void append(const std::vector<T>& records, std::vector<std::byte>& out) {
    const Bytes bytes = std::as_bytes(std::span(records));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }

  std::vector<std::byte> section() const {
    const std::vector<table::ContractHeader> header{
        {.version = table::kContractsVersion,
         .documents = static_cast<u32>(documents_.size()),
         .routes = static_cast<u32>(routes_.size()),
         .fragments = static_cast<u32>(fragments_.size()),
         .views = static_cast<u32>(views_.size()),
         .reserved = 0,
         .text_bytes = texts_.size()}};
    std::vector<std::byte> out;
    append(header, out);
    append(documents_, out);
    append(routes_, out);
    append(fragments_, out);
    append(views_, out);
    const Bytes texts = as_bytes(texts_);
    out.insert(out.end(), texts.begin(), texts.end());
    return out;
  }

  const Module& module_;
  const ContractWriter::NumberOf number_of_;
  const std::vector<std::string_view> classes_;
  const openapi::Version newest_;  // in which views are written
  std::vector<ContractDocument> documents_;
  std::vector<ContractRoute> routes_;
  std::vector<ContractFragment> fragments_;
  std::vector<ContractView> views_;
  std::string texts_;
  std::unordered_map<std::string, u32> text_index_;
  std::unordered_map<const openapi::Document*, u32> document_index_;
  std::unordered_map<NodeRef, u32, NodeHash> fragment_index_;
  std::unordered_map<std::string, u32> view_index_;
  size_t view_bytes_ = 0;
  std::deque<Waiting> waiting_;
  u32 missing_ = table::kNone;
};

}  // namespace

std::vector<std::byte> build_contracts(const Module& module) {
  return ContractBuilder(module).run();
}

std::vector<std::byte> contract_table(const Module& module) {
  TableParts parts;
  Pools& pools = parts.pools;
  DiagnosticSink ignored;
  const Encoder encoder(pools, module.files, ignored);
  for (const PlannedOperation& planned : module.operations) {
    const GatewayOperation& source = *planned.source;
    std::string hosts;
    for (const std::string& host : source.unit->hosts) hosts += (hosts.empty() ? "" : ", ") + host;
    parts.routes.push_back(
        {.id = pools.strings.add(source.id),
         .template_ = pools.strings.add(public_template(module, source)),
         .method = pools.strings.add(source.any_method ? "*" : source.operation->method.value),
         .host = pools.strings.add(hosts),
         .plan = 0,
         .settings = 0,
         .captures = {},
         .source = encoder.source(source.span),
         .flags = planned.flags});
  }
  for (size_t i = 0; i < module.files.size(); ++i) {
    parts.files.push_back(pools.strings.add(module.files.name(static_cast<FileId>(i))));
  }
  parts.plans.push_back({.steps = {},
                         .origins = {},
                         .upstream = table::kNone,
                         .request_body = table::BodyNeed::None,
                         .response_body = table::BodyNeed::None,
                         .reserved = {}});
  parts.settings.emplace_back();
  parts.gateway.title = pools.strings.add(module.gateway.title);
  parts.gateway.version = pools.strings.add(module.gateway.version);
  parts.gateway.consumer_file.offset = table::kNone;
  parts.gateway.default_plan = table::kNone;
  parts.router = router::build_router({}).blob;
  parts.features = {"http1"};
  parts.contracts = build_contracts(module);
  return write_table(parts);
}

}  // namespace gw::compiler
