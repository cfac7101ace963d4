#include "compiler/passes/lower_validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/passes/deep_object.h"
#include "compiler/passes/media_names.h"
#include "compiler/xgw/validate_language.h"

namespace gw::compiler {
namespace {

using policies::BodyPresence;
using policies::MediaRecord;
using policies::ParameterRecord;
using policies::ParameterStyle;
using policies::Place;
using policies::PropertyRecord;
using policies::ResponseRecord;
using policies::UnknownAction;
using policies::ValidateMode;
using policies::ValidateRecord;

NodeRef child(NodeRef map, std::string_view name) {
  return map && map.is_map() ? map.get(name) : NodeRef{};
}

// The word of a field whose value may be missing or wrong; the decoder reports the latter.
template <class Word>
Word word_of(const Effective* map, std::string_view name, std::span<const std::string_view> words,
             Word fallback) {
  const Effective* value = map == nullptr ? nullptr : map->find(name);
  if (value == nullptr || !value->node || !value->node.is_scalar()) return fallback;
  const std::string_view text =
      value->node.kind() == NodeKind::Bool && !value->node.boolean() ? "off" : value->node.text();
  const auto found = std::ranges::find(words, text);
  return found == words.end() ? fallback : static_cast<Word>(found - words.begin());
}

ParameterStyle style_of(openapi::Style style) {
  switch (style) {
    case openapi::Style::Matrix:
      return ParameterStyle::Matrix;
    case openapi::Style::Label:
      return ParameterStyle::Label;
    case openapi::Style::Form:
      return ParameterStyle::Form;
    case openapi::Style::Simple:
      return ParameterStyle::Simple;
    case openapi::Style::SpaceDelimited:
      return ParameterStyle::SpaceDelimited;
    case openapi::Style::PipeDelimited:
      return ParameterStyle::PipeDelimited;
    case openapi::Style::DeepObject:
      return ParameterStyle::DeepObject;
    case openapi::Style::Cookie:
      return ParameterStyle::Cookie;
  }
  return ParameterStyle::Simple;
}

// Described elsewhere: by content, and by security (OpenAPI 3.1 section 4.8.12.1).
bool is_ignored_header(std::string_view lower) {
  return lower == "accept" || lower == "content-type" || lower == "authorization";
}

bool says_true(NodeRef node) { return node && node.kind() == NodeKind::Bool && node.boolean(); }

const openapi::SecurityScheme* find_scheme(const GatewayOperation& operation,
                                           std::string_view name) {
  const NodeRef bound = child(child(operation.unit->entry, "schemes"), name);
  const openapi::Document& own = *operation.unit->document;
  const openapi::Document& gateway = *operation.unit->gateway;
  if (bound && bound.is_scalar()) return gateway.find_scheme(bound.text());
  const openapi::SecurityScheme* scheme = own.find_scheme(name);
  return scheme != nullptr ? scheme : gateway.find_scheme(name);
}

}  // namespace

ParameterRecord ValidateLowerer::empty_parameter() {
  ParameterRecord record{};
  record.name = table::StringRef{};
  record.schema = table::kNone;
  return record;
}

const ValidateModes& ValidateLowerer::modes(const GatewayOperation& operation,
                                            const Levels& levels) {
  const auto [entry, fresh] = modes_.try_emplace(levels.key());
  ValidateModes& modes = entry->second;
  if (!fresh) return modes;
  const EffectiveOperation effective = effective_operation(module_, operation, levels);
  const Effective* validate = effective.fields.find("validate");
  const bool is_off = std::ranges::any_of(
      effective.removals, [](const Removal& removal) { return removal.field == "validate"; });
  const bool is_given = validate != nullptr && validate->present();
  const ValidateMode fallback =
      is_off || (!is_given && !kValidatesUnasked) ? ValidateMode::Off : ValidateMode::Enforce;
  modes.request = word_of(validate, "request", policies::kValidateModeWords, fallback);
  modes.response = word_of(validate, "response", policies::kValidateModeWords, ValidateMode::Off);
  modes.asked = is_given;
  modes.errors = kReportedFaults;
  const Effective* errors = validate == nullptr ? nullptr : validate->find("errors");
  if (errors != nullptr && errors->node && errors->node.is_scalar()) {
    const std::string_view text = errors->node.text();
    std::from_chars(text.data(), text.data() + text.size(), modes.errors);
    modes.errors = std::clamp(modes.errors, u32{1}, policies::kMaxReportedFaults);
  }
  const UnknownAction otherwise =
      word_of(&effective.fields, "forward", policies::kForwardWords, 0) == 1 ? UnknownAction::Drop
                                                                             : UnknownAction::Allow;
  const Effective* unknown = validate == nullptr ? nullptr : validate->find("unknown");
  const auto action = [&](std::string_view name) {
    const auto said = word_of(unknown, name, policies::kUnknownActionWords, UnknownAction::Allow);
    return said == UnknownAction::Allow ? otherwise : said;
  };
  modes.query = action("query");
  modes.headers = action("headers");
  modes.cookies = action("cookies");
  return modes;
}

schema::SchemaSet& ValidateLowerer::set_of(const openapi::Document& document) {
  std::unique_ptr<schema::SchemaSet>& set = sets_[&document];
  if (set == nullptr) set = std::make_unique<schema::SchemaSet>(document, schema_sink_);
  return *set;
}

// Keywords that the nearest places say are left out, each of them noted once.
void ValidateLowerer::read_unenforced(const GatewayOperation& operation) {
  unenforced_.clear();
  for (const NodeRef level : {operation.operation->x_gw, operation.item->x_gw,
                              operation.unit->document->x_gw, operation.unit->gateway_x_gw}) {
    const NodeRef reasons = child(level, "unenforced");
    if (!reasons || !reasons.is_map()) continue;
    for (const auto [key, reason] : reasons.entries()) {
      if (key.text() == "security" || is_unenforced(key.text())) continue;
      unenforced_.push_back(key.text());
      const Span span = key.span();
      if (!noted_.insert({span.file, span.begin}).second) continue;
      note(table::NoteKind::Unenforced, key.text(),
           reason.is_scalar() ? reason.text() : std::string_view{}, span);
    }
  }
  std::ranges::sort(unenforced_);
}

bool ValidateLowerer::is_unenforced(std::string_view keyword) const {
  return std::ranges::find(unenforced_, keyword) != unenforced_.end();
}

void ValidateLowerer::note(table::NoteKind kind, std::string_view subject, std::string_view reason,
                           Span span) {
  const Position at = module_.files.position(span.file, span.begin);
  module_.table.notes.push_back({.kind = kind,
                                 .subject = pools_.strings.add(subject),
                                 .where = pools_.strings.add(operation_->id),
                                 .reason = pools_.strings.add(reason),
                                 .source = {span.file, at.line, at.column}});
}

// Where nobody has asked for validation a document that was fine stays so, but nothing is left out
// in silence: a warning, and a line of `inspect`.
void ValidateLowerer::note_unchecked(Diagnostic finding) {
  const Span span = finding.primary.span;
  if (!warned_.insert({span.file, span.begin}).second) return;
  note(table::NoteKind::Unenforced, finding.rule, "cannot be checked", span);
  finding.severity = Severity::Warning;
  module_.sink.report(std::move(finding));
}

u32 ValidateLowerer::compile(NodeRef schema) {
  if (!schema) return table::kNone;
  schema_sink_.all().clear();
  const u32 root = schemas_.compile_schema(set_of(*document_), schema, unenforced_);
  if (root == table::kNone && schema_sink_.all().empty()) {
    schema_sink_.report({.rule = "keyword-unknown",
                         .severity = Severity::Error,
                         .message = "the schema cannot be enforced",
                         .primary = {schema.span(), "this one"},
                         .related = {},
                         .help = {}});
  }
  for (Diagnostic& finding : schema_sink_.all()) {
    if (asked_) {
      module_.sink.report(std::move(finding));
    } else if (finding.severity == Severity::Error) {
      note_unchecked(std::move(finding));
    }
  }
  return root;
}

bool ValidateLowerer::refuse_style(Span span, std::string_view name, std::string_view why) {
  if (is_unenforced("style")) return false;
  Diagnostic finding{.rule = "param-style-unsupported",
                     .severity = Severity::Error,
                     .message = fmt::format("the parameter `{}` cannot be read", name),
                     .primary = {span, std::string(why)},
                     .related = {},
                     .help =
                         "write it in another style, or say why it may go unchecked: "
                         "`unenforced: {style: REASON}`"};
  if (asked_) {
    module_.sink.report(std::move(finding));
  } else {
    note_unchecked(std::move(finding));
  }
  return false;
}

NodeRef ValidateLowerer::content_schema(const openapi::Parameter& parameter) const {
  const NodeRef content = child(parameter.node, "content");
  return child(child(content, parameter.media_type.value), "schema");
}

// How its text is read; what may stand in it is the schema's business.
void ValidateLowerer::shape_parameter(NodeRef schema, ParameterRecord& record) {
  const SchemaShape shape(*document_);
  record.types = shape.text_types(schema);
  record.item_types = shape.item_types(schema);
  record.rest_types = shape.rest_types(schema);
  if ((record.types & gw::schema::kTypeObject) == 0) return;
  std::vector<PropertyRecord> properties;
  if (static_cast<ParameterStyle>(record.style) == ParameterStyle::DeepObject) {
    for (const DeepProperty& property : deep_object(shape, schema).properties) {
      properties.push_back({.name = pools_.strings.add(property.path),
                            .types = property.types,
                            .item_types = property.item_types});
    }
    record.properties = store(properties);
    return;
  }
  for (const ShapeProperty& property : shape.properties(schema)) {
    properties.push_back({.name = pools_.strings.add(property.name),
                          .types = shape.text_types(property.schema),
                          .item_types = shape.item_types(property.schema)});
  }
  record.properties = store(properties);
  const bool is_flat =
      static_cast<ParameterStyle>(record.style) == ParameterStyle::Form && record.explode != 0;
  record.open = is_flat && shape.is_open(schema) ? 1 : 0;
}

// A value of a media type: JSON, or a text of which nothing is known but that it is one.
bool ValidateLowerer::shape_content(std::string_view media_type, Span span, NodeRef schema,
                                    std::string_view name, ParameterRecord& record) {
  if (is_json_type(plain_type(media_type))) {
    record.style = static_cast<u32>(ParameterStyle::Json);
    shape_parameter(schema, record);
    return true;
  }
  const SchemaShape shape(*document_);
  record.types = record.item_types = record.rest_types = gw::schema::kTypeString;
  if ((shape.text_types(schema) & gw::schema::kTypeString) != 0) return true;
  return refuse_style(span, name,
                      fmt::format("a value of `{}` is read as a text, and its schema takes none",
                                  plain_type(media_type)));
}

bool ValidateLowerer::check_style(const openapi::Parameter& parameter,
                                  const ParameterRecord& record) {
  constexpr u32 kContainers = gw::schema::kTypeArray | gw::schema::kTypeObject;
  const SchemaShape shape(*document_);
  const std::string_view name = parameter.name.value;
  const bool only_containers = (record.item_types & ~kContainers) == 0;
  if ((record.types & gw::schema::kTypeArray) != 0 && only_containers) {
    return refuse_style(parameter.span, name, "its items are lists or objects");
  }
  if (parameter.style == openapi::Style::DeepObject &&
      (record.types & gw::schema::kTypeObject) == 0) {
    return refuse_style(parameter.span, name, "`deepObject` is for objects");
  }
  if ((record.types & gw::schema::kTypeObject) == 0) return true;
  if (parameter.style == openapi::Style::DeepObject) {
    const std::string problem = deep_object(shape, parameter.schema).problem;
    return problem.empty() || refuse_style(parameter.span, name, problem);
  }
  for (const ShapeProperty& property : shape.properties(parameter.schema)) {
    const u32 types = shape.text_types(property.schema);
    const bool takes_lists = parameter.style == openapi::Style::Form && parameter.explode;
    const u32 readable = takes_lists ? ~u32{gw::schema::kTypeObject} : ~kContainers;
    if ((types & readable) != 0) continue;
    return refuse_style(parameter.span, name,
                        fmt::format("its property `{}` has no place in this style", property.name));
  }
  return true;
}

bool ValidateLowerer::lower_parameter(const openapi::Parameter& parameter,
                                      const PlannedOperation& operation, const ValidateModes& modes,
                                      ParameterRecord& record) {
  const std::string_view name = parameter.name.value;
  const std::string lower = lower_case(name);
  const bool is_header = parameter.in == openapi::ParameterIn::Header;
  if (is_header && is_ignored_header(lower)) return false;
  if (parameter.in == openapi::ParameterIn::QueryString) {
    return refuse_style(parameter.span, name, "a whole query as one value is not read");
  }
  record = empty_parameter();
  record.name = pools_.strings.add(is_header ? std::string_view(lower) : name);
  record.place = static_cast<u32>(is_header                                     ? Place::Header
                                  : parameter.in == openapi::ParameterIn::Path  ? Place::Path
                                  : parameter.in == openapi::ParameterIn::Query ? Place::Query
                                                                                : Place::Cookie);
  record.style = static_cast<u32>(style_of(parameter.style));
  record.explode = parameter.explode ? 1 : 0;
  record.required = parameter.required ? 1 : 0;
  record.allow_empty = parameter.allow_empty_value ? 1 : 0;
  if (parameter.in == openapi::ParameterIn::Path) {
    const auto capture = std::ranges::find(operation.captures, name);
    if (capture == operation.captures.end()) return false;  // of another template; reported
    record.capture = static_cast<u32>(capture - operation.captures.begin());
  }
  const SchemaShape shape(*document_);
  NodeRef schema = parameter.schema;
  if (parameter.media_type.present()) {
    schema = content_schema(parameter);
    if (!shape_content(parameter.media_type.value, parameter.media_type.span, schema, name,
                       record)) {
      return false;
    }
  } else {
    shape_parameter(schema, record);
    if (!check_style(parameter, record)) return false;
  }
  const bool is_free =
      shape.is_any_text(schema) && record.style != static_cast<u32>(ParameterStyle::Json) &&
      parameter.style != openapi::Style::Label && parameter.style != openapi::Style::Matrix;
  if (is_free && parameter.in == openapi::ParameterIn::Path) return false;
  if (is_free && !parameter.required && !modes.looks_at_unknown() &&
      parameter.in != openapi::ParameterIn::Query) {
    return false;
  }
  if (modes.judges_request() && !shape.is_any_text(schema)) record.schema = compile(schema);
  return true;
}

void ValidateLowerer::lower_parameters(const PlannedOperation& operation,
                                       const ValidateModes& modes, ValidateRecord& record) {
  std::vector<ParameterRecord> parameters;
  for (const openapi::Parameter& parameter : operation.source->operation->parameters) {
    ParameterRecord lowered;
    if (lower_parameter(parameter, operation, modes, lowered)) {
      parameters.push_back(lowered);
    } else if (parameter.in != openapi::ParameterIn::Path) {
      unread_.push_back(pools_.strings.add(parameter.name.value));  // unknown it is not
    }
  }
  // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
  std::stable_partition(parameters.begin(), parameters.end(),
                        [](const auto& one) { return one.open == 0; });
  record.parameters = store(parameters);
}

std::vector<ParameterRecord> ValidateLowerer::lower_headers(NodeRef headers) {
  std::vector<ParameterRecord> records;
  if (!headers || !headers.is_map()) return records;
  const SchemaShape shape(*document_);
  for (const auto [key, value] : headers.entries()) {
    const std::string name = lower_case(key.text());
    if (name == "content-type" || name == "set-cookie") continue;
    const NodeRef header = document_->resolve(value);
    if (!header || !header.is_map()) continue;
    ParameterRecord record = empty_parameter();
    record.name = pools_.strings.add(name);
    record.place = static_cast<u32>(Place::Header);
    record.style = static_cast<u32>(ParameterStyle::Simple);
    record.explode = says_true(header.get("explode")) ? 1 : 0;
    record.required = says_true(header.get("required")) ? 1 : 0;
    NodeRef schema = header.get("schema");
    bool readable = true;
    if (const NodeRef content = header.get("content"); content && content.is_map()) {
      for (const auto [type, media] : content.entries()) {  // there is one
        schema = child(media, "schema");
        readable = shape_content(type.text(), type.span(), schema, name, record);
      }
    } else {
      shape_parameter(schema, record);
    }
    if (readable && schema && !shape.is_any_text(schema)) record.schema = compile(schema);
    if (record.required != 0 || record.schema != table::kNone) records.push_back(record);
  }
  return records;
}

// The statuses that a key of `responses` stands for. False: it is none.
bool ValidateLowerer::status_range(std::string_view status, u32& first, u32& last) {
  if (status == "default") {
    first = 100;
    last = 599;
  } else if (status.size() == 3 && lower_case(status).ends_with("xx")) {
    first = static_cast<u32>(status[0] - '0') * 100;
    last = first + 99;
  } else {
    std::from_chars(status.data(), status.data() + status.size(), first);
    last = first;
  }
  return first >= 100 && last <= 599;
}

void ValidateLowerer::lower_responses(const openapi::Operation& operation, ValidateRecord& record) {
  std::vector<ResponseRecord> records;
  for (const openapi::Response& response : operation.responses) {
    ResponseRecord lowered{};
    if (!status_range(response.status.value, lowered.first, lowered.last)) continue;
    lowered.headers = store(lower_headers(child(response.node, "headers")));
    lowered.media = store(lower_media(response.content));
    records.push_back(lowered);
  }
  std::ranges::stable_sort(records, {},
                           [](const ResponseRecord& one) { return one.last - one.first; });
  record.responses = store(records);
}

// Types of good answers; none when one of them has no body, or may be anything.
table::Extent ValidateLowerer::lower_produces(const openapi::Operation& operation) {
  std::vector<std::string> types;
  const auto add = [&](bool is_default) {
    for (const openapi::Response& response : operation.responses) {
      const bool fits =
          is_default ? response.status.value == "default" : response.status.value.starts_with('2');
      if (!fits) continue;
      if (response.content.empty()) return false;
      for (const openapi::MediaType& media : response.content) {
        types.push_back(plain_type(media.name.value));
      }
    }
    return true;
  };
  if (!add(false) || (types.empty() && !add(true))) return {};
  std::ranges::sort(types);
  // Not std::ranges: clang 14 cannot read its subranges in libstdc++ 12.
  types.erase(std::unique(types.begin(), types.end()), types.end());
  if (types.size() > policies::kMaxMediaTypes || std::ranges::find(types, "*/*") != types.end()) {
    return {};
  }
  std::vector<table::StringRef> refs;
  for (const std::string& type : types) refs.push_back(pools_.strings.add(type));
  return store(refs);
}

// Names that are known though they are not judged: of unread parameters, and of the fields, query
// parameters and cookies that carry credentials.
table::Extent ValidateLowerer::known_names(const GatewayOperation& operation) {
  std::vector<table::StringRef> names = unread_;
  const NodeRef list = security_of(operation);
  if (!list || !list.is_seq()) return store(names);
  for (const NodeRef alternative : list.items()) {
    if (!alternative.is_map()) continue;
    for (const auto [key, scopes] : alternative.entries()) {
      const openapi::SecurityScheme* scheme = find_scheme(operation, key.text());
      if (scheme == nullptr) continue;
      const NodeRef name = child(scheme->node, "name");
      const bool is_key = scheme->type == openapi::SchemeType::ApiKey;
      names.push_back(pools_.strings.add(
          is_key && name && name.is_scalar() ? name.text() : std::string_view("authorization")));
    }
  }
  return store(names);
}

ValidateRecord ValidateLowerer::lower(const PlannedOperation& operation,
                                      const ValidateModes& modes) {
  ValidateRecord record{};
  record.accepts = table::StringRef{};
  record.request = static_cast<u32>(modes.request);
  record.response = static_cast<u32>(modes.response);
  record.unknown_query = static_cast<u32>(modes.query);
  record.unknown_headers = static_cast<u32>(modes.headers);
  record.unknown_cookies = static_cast<u32>(modes.cookies);
  record.errors = modes.errors;
  if (!modes.judges_request() && !modes.judges_response() && !modes.looks_at_unknown()) {
    return record;
  }
  const GatewayOperation& source = *operation.source;
  const openapi::Operation& declared = *source.operation;
  operation_ = &source;
  document_ = source.unit->document;
  asked_ = modes.asked;
  unread_.clear();
  read_unenforced(source);
  if (modes.judges_request() || modes.looks_at_unknown()) {
    lower_parameters(operation, modes, record);
    if (modes.looks_at_unknown()) record.known = known_names(source);
  }
  if (modes.judges_request()) {
    const std::vector<MediaRecord> media = lower_media(declared.request_body.content);
    record.media = store(media);
    if (!media.empty()) {
      record.body = static_cast<u32>(declared.request_body.required ? BodyPresence::Required
                                                                    : BodyPresence::Optional);
      std::vector<std::string> types;
      for (const openapi::MediaType& one : declared.request_body.content) {
        types.push_back(plain_type(one.name.value));
      }
      record.accepts = pools_.strings.add(fmt::format("{}", fmt::join(types, ", ")));
    }
    record.produces = lower_produces(declared);
  }
  if (modes.judges_response()) lower_responses(declared, record);
  return record;
}

bool ValidateLowerer::checks_request(const ValidateRecord& record) {
  const auto looks = [](u32 action) { return action != static_cast<u32>(UnknownAction::Allow); };
  const bool judges = record.request != static_cast<u32>(ValidateMode::Off);
  return (judges && record.parameters.count + record.media.count + record.produces.count != 0) ||
         looks(record.unknown_query) || looks(record.unknown_headers) ||
         looks(record.unknown_cookies);
}

bool ValidateLowerer::checks_response(const ValidateRecord& record) {
  return record.response != static_cast<u32>(ValidateMode::Off) && record.responses.count != 0;
}

}  // namespace gw::compiler
