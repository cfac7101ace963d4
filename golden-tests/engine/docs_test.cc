// Operations in words for those who call them, from documents.
#include "runtime/admin/docs.h"

#include <boost/json/array.hpp>
#include <catch2/catch.hpp>
#include <string>

#include "golden-tests/engine/compiled_table.h"

namespace gw {
namespace {

namespace json = boost::json;

std::string document(const std::string& paths) {
  return R"(
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  clients: {mobile: {when: {header: {x-client: mobile}}}, iot: {when: {header: {x-client: iot}}}, web: {}}
paths:
)" + paths;
}

std::string operation(const std::string& name, const std::string& x_gw) {
  return "  /" + name + ": {get: {operationId: " + name + ", x-gw: {public: test, respond: 204" +
         (x_gw.empty() ? "" : ", " + x_gw) + "}}}\n";
}

std::string ids(const json::object& docs) {
  std::string all;
  for (const json::value& one : docs.at("operations").as_array()) {
    if (!all.empty()) all += ' ';
    all += one.at("id").as_string();
  }
  return all;
}

}  // namespace

TEST_CASE("docs: an operation that refuses a class is not for it", "[docs]") {
  const auto table = compiled_file(
      document(operation("all", "") + operation("allowed", "allow: {client: mobile}") +
               operation("denied", "deny: {client: [mobile, iot]}") +
               operation("others", "allow: {client: {not: mobile}}") +
               operation("prefix", "deny: {client: {prefix: mo}}") +
               operation("pattern", "deny: {client: {matches: 'm.*'}}") +
               operation("either", "allow: [{client: iot}, {header: {x-a: '1'}}]") +
               operation("both", "deny: {client: mobile, header: {x-a: '1'}}") +
               operation("viewed", "deny: {client: iot}, views: {mobile: {omit: [secret]}}")));
  const auto shown = [&](const std::string& client) {
    return ids(admin::docs_json(*table, {.client = client}));
  };
  CHECK(shown("mobile") == "all allowed either both viewed");
  CHECK(shown("iot") == "all others prefix pattern either both");
  CHECK(shown("web") == "all denied others prefix pattern either both viewed");
  CHECK(shown("") == "all allowed denied others prefix pattern either both viewed");
  CHECK(admin::docs_json(*table, {.client = "nobody"}).empty());
}

TEST_CASE("docs: pages lead to every operation, both ways", "[docs]") {
  constexpr size_t kOperations = 2 * admin::kOperationsOfPage + 7;
  std::string paths;
  for (size_t i = 0; i < kOperations; ++i) {
    // Every other one refuses mobile clients.
    paths += operation("o" + std::to_string(1000 + i), i % 2 == 0 ? "" : "deny: {client: mobile}");
  }
  const auto table = compiled_file(document(paths));
  const std::string client = GENERATE("", "mobile");
  const size_t expected = client.empty() ? kOperations : (kOperations + 1) / 2;
  size_t seen = 0;
  size_t pages = 0;
  json::object page = admin::docs_json(*table, {.client = client});
  while (true) {
    ++pages;
    CHECK(page.at("total").to_number<size_t>() == expected);
    CHECK(page.at("first").to_number<size_t>() == seen);
    seen += page.at("operations").as_array().size();
    if (page.at("next").is_null()) break;
    CHECK(page.at("operations").as_array().size() == admin::kOperationsOfPage);
    page =
        admin::docs_json(*table, {.client = client, .from = page.at("next").to_number<size_t>()});
  }
  CHECK(seen == expected);
  for (; !page.at("previous").is_null(); --pages) {
    page = admin::docs_json(*table,
                            {.client = client, .from = page.at("previous").to_number<size_t>()});
    CHECK(page.at("operations").as_array().size() == admin::kOperationsOfPage);
  }
  CHECK(pages == 1);
  CHECK(page.at("first").to_number<size_t>() == 0);
}

TEST_CASE("docs: a search looks at ids, methods and paths, whatever the case", "[docs]") {
  const auto table = compiled_file(document(
      operation("listOrders", "") + operation("getUser", "deny: {client: mobile}") +
      "  /users/{id}/orders: {post: {operationId: add, x-gw: {public: test, respond: 204}, "
      "parameters: [{name: id, in: path, required: true, schema: {type: integer}}]}}\n"));
  const auto found = [&](const std::string& search, const std::string& client = "") {
    return ids(admin::docs_json(*table, {.client = client, .search = search}));
  };
  CHECK(found("ORDERS") == "listOrders add");
  CHECK(found("post /users") == "add");
  CHECK(found("user", "mobile") == "add");
  CHECK(found("nothing").empty());
  CHECK(admin::docs_json(*table, {.from = 1'000'000}).at("operations").as_array().empty());
}

}  // namespace gw
