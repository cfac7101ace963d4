// An operation as shops have it, and a body of 1 KB for it; for tests and benchmarks of validation.
#pragma once
#include <string>

namespace gw {

inline constexpr const char* kOrderDocument = R"(openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {origin: {targets: [{url: 'http://127.0.0.1:9001'}]}}
  defaults: {upstream: origin, timeout: 5s}
components:
  schemas:
    Order:
      type: object
      required: [id, customer, items, currency]
      additionalProperties: false
      properties:
        id: {type: string, format: uuid}
        placedAt: {type: string, format: date-time}
        currency: {type: string, pattern: '^[A-Z]{3}$'}
        note: {type: string, maxLength: 500}
        customer:
          type: object
          required: [id, email]
          properties:
            id: {type: integer, minimum: 1}
            email: {type: string, format: email}
            name: {type: string, minLength: 1, maxLength: 100}
        items:
          type: array
          minItems: 1
          maxItems: 100
          items:
            type: object
            required: [sku, quantity, price]
            additionalProperties: false
            properties:
              sku: {type: string, pattern: '^[A-Z0-9-]{4,20}$'}
              title: {type: string, maxLength: 200}
              quantity: {type: integer, minimum: 1, maximum: 1000}
              price: {type: number, minimum: 0}
paths:
  /shops/{shop}/orders:
    post:
      operationId: placeOrder
      parameters:
        - {name: shop, in: path, required: true, schema: {type: integer, minimum: 1}}
        - {name: dry, in: query, schema: {type: boolean}}
        - {name: X-Tenant, in: header, schema: {type: string, maxLength: 40}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
      responses: {'201': {description: ok, content: {application/json: {}}}}
)";

inline std::string order_body() {
  std::string body =
      R"({"id":"9b2d9f4e-3c1f-4d0a-9a55-0f2f5c7d1e11","placedAt":"2026-03-01T10:15:30Z",)"
      R"("currency":"EUR","note":"leave it at the door","customer":{"id":4711,)"
      R"("email":"ada@example.org","name":"Ada Lovelace"},"items":[)";
  for (int i = 0; body.size() < 950; ++i) {
    if (i > 0) body += ',';
    body += R"({"sku":"PEN-000)" + std::to_string(i % 10) +
            R"(","title":"a pen that writes","quantity":3,"price":12.50})";
  }
  return body + "]}";
}

}  // namespace gw
