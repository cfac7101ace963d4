#include "compiler/openapi/objects.h"

namespace gw::compiler::openapi {
namespace {

using enum Shape;
constexpr Version k31 = Version::V31;
constexpr Version k32 = Version::V32;
constexpr Version k30 = Version::V30;
using K = ObjectKind;

constexpr Field kOpenApi[] = {
    {"openapi", String, K::None, true},
    {"$self", String, K::None, false, k32},
    {"info", Object, K::Info, true},
    {"jsonSchemaDialect", String, K::None, false, k31},
    {"servers", ObjectList, K::Server},
    {"paths", Object, K::Paths},
    {"webhooks", ObjectMap, K::PathItem, false, k31},
    {"components", Object, K::Components},
    {"security", ObjectList, K::SecurityRequirement},
    {"tags", ObjectList, K::Tag},
    {"externalDocs", Object, K::ExternalDocs},
};
constexpr Field kInfo[] = {
    {"title", String, K::None, true},
    {"summary", String, K::None, false, k31},
    {"description", String},
    {"termsOfService", String},
    {"contact", Object, K::Contact},
    {"license", Object, K::License},
    {"version", String, K::None, true},
};
constexpr Field kContact[] = {{"name", String}, {"url", String}, {"email", String}};
constexpr Field kLicense[] = {
    {"name", String, K::None, true},
    {"identifier", String, K::None, false, k31},
    {"url", String},
};
constexpr Field kServer[] = {
    {"url", String, K::None, true},
    {"description", String},
    {"name", String, K::None, false, k32},
    {"variables", ObjectMap, K::ServerVariable},
};
constexpr Field kServerVariable[] = {
    {"enum", StringList},
    {"default", String, K::None, true},
    {"description", String},
};
constexpr Field kComponents[] = {
    {"schemas", ObjectMap, K::Schema},
    {"responses", ObjectMap, K::Response},
    {"parameters", ObjectMap, K::Parameter},
    {"examples", ObjectMap, K::Example},
    {"requestBodies", ObjectMap, K::RequestBody},
    {"headers", ObjectMap, K::Header},
    {"securitySchemes", ObjectMap, K::SecurityScheme},
    {"links", ObjectMap, K::Link},
    {"callbacks", ObjectMap, K::Callback},
    {"pathItems", ObjectMap, K::PathItem, false, k31},
    {"mediaTypes", ObjectMap, K::MediaType, false, k32},
};
constexpr Field kPathItem[] = {
    {"$ref", String},
    {"summary", String},
    {"description", String},
    {"get", Object, K::Operation},
    {"put", Object, K::Operation},
    {"post", Object, K::Operation},
    {"delete", Object, K::Operation},
    {"options", Object, K::Operation},
    {"head", Object, K::Operation},
    {"patch", Object, K::Operation},
    {"trace", Object, K::Operation},
    {"query", Object, K::Operation, false, k32},
    {"additionalOperations", ObjectMap, K::Operation, false, k32},
    {"servers", ObjectList, K::Server},
    {"parameters", ObjectList, K::Parameter},
};
constexpr Field kOperation[] = {
    {"tags", StringList},
    {"summary", String},
    {"description", String},
    {"externalDocs", Object, K::ExternalDocs},
    {"operationId", String},
    {"parameters", ObjectList, K::Parameter},
    {"requestBody", Object, K::RequestBody},
    {"responses", Object, K::Responses},
    {"callbacks", ObjectMap, K::Callback},
    {"deprecated", Bool},
    {"security", ObjectList, K::SecurityRequirement},
    {"servers", ObjectList, K::Server},
};
constexpr Field kExternalDocs[] = {{"description", String}, {"url", String, K::None, true}};
constexpr Field kParameter[] = {
    {"name", String, K::None, true},
    {"in", String, K::None, true, k30, k32, "query|header|path|cookie|querystring"},
    {"description", String},
    {"required", Bool},
    {"deprecated", Bool},
    {"allowEmptyValue", Bool},
    {"style", String, K::None, false, k30, k32,
     "matrix|label|form|simple|spaceDelimited|pipeDelimited|deepObject|cookie"},
    {"explode", Bool},
    {"allowReserved", Bool},
    {"schema", Object, K::Schema},
    {"example", Any},
    {"examples", ObjectMap, K::Example},
    {"content", ObjectMap, K::MediaType},
};
constexpr Field kHeader[] = {
    {"description", String},
    {"required", Bool},
    {"deprecated", Bool},
    {"allowEmptyValue", Bool, K::None, false, k30, k30},
    {"style", String, K::None, false, k30, k32, "simple"},
    {"explode", Bool},
    {"allowReserved", Bool, K::None, false, k30, k30},
    {"schema", Object, K::Schema},
    {"example", Any},
    {"examples", ObjectMap, K::Example},
    {"content", ObjectMap, K::MediaType},
};
constexpr Field kRequestBody[] = {
    {"description", String},
    {"content", ObjectMap, K::MediaType, true},
    {"required", Bool},
};
constexpr Field kMediaType[] = {
    {"description", String, K::None, false, k32},
    {"schema", Object, K::Schema},
    {"itemSchema", Object, K::Schema, false, k32},
    {"example", Any},
    {"examples", ObjectMap, K::Example},
    {"encoding", ObjectMap, K::Encoding},
    {"prefixEncoding", ObjectList, K::Encoding, false, k32},
    {"itemEncoding", Object, K::Encoding, false, k32},
};
constexpr Field kEncoding[] = {
    {"contentType", String},
    {"headers", ObjectMap, K::Header},
    {"style", String, K::None, false, k30, k32, "form|spaceDelimited|pipeDelimited|deepObject"},
    {"explode", Bool},
    {"allowReserved", Bool},
    {"encoding", ObjectMap, K::Encoding, false, k32},
    {"prefixEncoding", ObjectList, K::Encoding, false, k32},
    {"itemEncoding", Object, K::Encoding, false, k32},
};
constexpr Field kResponse[] = {
    {"summary", String, K::None, false, k32},
    {"description", String},
    {"headers", ObjectMap, K::Header},
    {"content", ObjectMap, K::MediaType},
    {"links", ObjectMap, K::Link},
};
constexpr Field kExample[] = {
    {"summary", String},
    {"description", String},
    {"dataValue", Any, K::None, false, k32},
    {"serializedValue", String, K::None, false, k32},
    {"value", Any},
    {"externalValue", String},
};
constexpr Field kLink[] = {
    {"operationRef", String}, {"operationId", String}, {"parameters", Map},
    {"requestBody", Any},     {"description", String}, {"server", Object, K::Server},
};
constexpr Field kTag[] = {
    {"name", String, K::None, true},
    {"summary", String, K::None, false, k32},
    {"description", String},
    {"externalDocs", Object, K::ExternalDocs},
    {"parent", String, K::None, false, k32},
    {"kind", String, K::None, false, k32},
};
constexpr Field kDiscriminator[] = {
    {"propertyName", String, K::None, true},
    {"mapping", StringMap},
    {"defaultMapping", String, K::None, false, k32},
};
constexpr Field kXml[] = {
    {"nodeType", String, K::None, false, k32, k32, "element|attribute|text|cdata|none"},
    {"name", String},
    {"namespace", String},
    {"prefix", String},
    {"attribute", Bool},
    {"wrapped", Bool},
};
constexpr Field kSecurityScheme[] = {
    {"type", String, K::None, true, k30, k32, "apiKey|http|mutualTLS|oauth2|openIdConnect"},
    {"description", String},
    {"name", String},
    {"in", String, K::None, false, k30, k32, "query|header|cookie"},
    {"scheme", String},
    {"bearerFormat", String},
    {"flows", Object, K::OAuthFlows},
    {"openIdConnectUrl", String},
    {"oauth2MetadataUrl", String, K::None, false, k32},
    {"deprecated", Bool, K::None, false, k32},
};
constexpr Field kOAuthFlows[] = {
    {"implicit", Object, K::OAuthFlow},
    {"password", Object, K::OAuthFlow},
    {"clientCredentials", Object, K::OAuthFlow},
    {"authorizationCode", Object, K::OAuthFlow},
    {"deviceAuthorization", Object, K::OAuthFlow, false, k32},
};
constexpr Field kOAuthFlow[] = {
    {"authorizationUrl", String},
    {"deviceAuthorizationUrl", String, K::None, false, k32},
    {"tokenUrl", String},
    {"refreshUrl", String},
    {"scopes", StringMap, K::None, true},
};
// Keywords of the 3.0 dialect and of JSON Schema 2020-12 with OpenAPI's own.
constexpr Field kSchema[] = {
    {"type", TypeName},
    {"properties", ObjectMap, K::Schema},
    {"description", String},
    {"$ref", String},
    {"enum", List},
    {"items", Object, K::Schema},
    {"format", String},
    {"required", StringList},
    {"title", String},
    {"example", Any},
    {"default", Any},
    {"nullable", Bool, K::None, false, k30, k30},
    {"allOf", ObjectList, K::Schema},
    {"anyOf", ObjectList, K::Schema},
    {"oneOf", ObjectList, K::Schema},
    {"not", Object, K::Schema},
    {"additionalProperties", BoolOrSchema, K::Schema},
    {"maximum", Number},
    {"minimum", Number},
    {"exclusiveMaximum", Limit},
    {"exclusiveMinimum", Limit},
    {"multipleOf", Number},
    {"maxLength", Count},
    {"minLength", Count},
    {"pattern", String},
    {"maxItems", Count},
    {"minItems", Count},
    {"uniqueItems", Bool},
    {"maxProperties", Count},
    {"minProperties", Count},
    {"discriminator", Object, K::Discriminator},
    {"readOnly", Bool},
    {"writeOnly", Bool},
    {"deprecated", Bool},
    {"xml", Object, K::Xml},
    {"externalDocs", Object, K::ExternalDocs},
    {"const", Any, K::None, false, k31},
    {"examples", List, K::None, false, k31},
    {"$id", String, K::None, false, k31},
    {"$schema", String, K::None, false, k31},
    {"$anchor", String, K::None, false, k31},
    {"$dynamicRef", String, K::None, false, k31},
    {"$dynamicAnchor", String, K::None, false, k31},
    {"$vocabulary", Map, K::None, false, k31},
    {"$comment", String, K::None, false, k31},
    {"$defs", ObjectMap, K::Schema, false, k31},
    {"definitions", ObjectMap, K::Schema, false, k31},
    {"prefixItems", ObjectList, K::Schema, false, k31},
    {"contains", Object, K::Schema, false, k31},
    {"minContains", Count, K::None, false, k31},
    {"maxContains", Count, K::None, false, k31},
    {"patternProperties", ObjectMap, K::Schema, false, k31},
    {"propertyNames", Object, K::Schema, false, k31},
    {"unevaluatedItems", Object, K::Schema, false, k31},
    {"unevaluatedProperties", Object, K::Schema, false, k31},
    {"dependentSchemas", ObjectMap, K::Schema, false, k31},
    {"dependentRequired", StringsMap, K::None, false, k31},
    {"dependencies", SchemaOrNames, K::Schema, false, k31},
    {"if", Object, K::Schema, false, k31},
    {"then", Object, K::Schema, false, k31},
    {"else", Object, K::Schema, false, k31},
    {"contentEncoding", String, K::None, false, k31},
    {"contentMediaType", String, K::None, false, k31},
    {"contentSchema", Object, K::Schema, false, k31},
};

// In the order of ObjectKind.
constexpr ObjectType kTypes[] = {
    {"the value", {}, true, false},
    {"the document", kOpenApi, true, false},
    {"`info`", kInfo, true, false},
    {"the contact", kContact, true, false},
    {"the license", kLicense, true, false},
    {"the server", kServer, true, false},
    {"the server variable", kServerVariable, true, false},
    {"`components`", kComponents, true, false},
    {"`paths`", {}, true, false},
    {"the path item", kPathItem, true, true},
    {"the operation", kOperation, true, false},
    {"the external documentation", kExternalDocs, true, false},
    {"the parameter", kParameter, true, true},
    {"the request body", kRequestBody, true, true},
    {"the media type", kMediaType, true, true},
    {"the encoding", kEncoding, true, false},
    {"`responses`", {}, true, false},
    {"the response", kResponse, true, true},
    {"the callback", {}, true, true},
    {"the example", kExample, true, true},
    {"the link", kLink, true, true},
    {"the header", kHeader, true, true},
    {"the tag", kTag, true, false},
    {"the discriminator", kDiscriminator, true, false},
    {"the `xml` object", kXml, true, false},
    {"the security scheme", kSecurityScheme, true, true},
    {"the OAuth flows", kOAuthFlows, true, false},
    {"the OAuth flow", kOAuthFlow, true, false},
    {"the security requirement", {}, false, false},
    {"the schema", kSchema, true, true},
};
static_assert(std::size(kTypes) == static_cast<size_t>(ObjectKind::Schema) + 1);

}  // namespace

const ObjectType& object_type(ObjectKind kind) { return kTypes[static_cast<size_t>(kind)]; }

const Field* find_field(const ObjectType& type, std::string_view name) {
  for (const Field& field : type.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string_view version_name(Version version) {
  switch (version) {
    case Version::V30:
      return "3.0";
    case Version::V31:
      return "3.1";
    case Version::V32:
      return "3.2";
  }
  return "3.0";
}

}  // namespace gw::compiler::openapi
