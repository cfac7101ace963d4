// The test suite of the HTTP working group for Structured Fields, both ways: what is read has the
// values that the suite says, and is written in its canonical form.
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "cmake/source_dir.h"
#include "runtime/http/structured_field.h"

namespace gw::http::structured {
namespace {

namespace json = boost::json;

const std::filesystem::path kFolder =
    source_dir() + "/../shared/conformance/structured-field-tests";

json::value read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return json::parse(text.str());
}

std::string_view text_of(const json::value& value) {
  const json::string& text = value.as_string();
  return {text.data(), text.size()};
}

std::string from_base32(std::string_view text) {
  std::string out;
  u32 bits = 0;
  u32 bit_count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 5 | static_cast<u32>(c >= 'A' ? c - 'A' : c - '2' + 26);
    bit_count += 5;
    if (bit_count < 8) continue;
    bit_count -= 8;
    out += static_cast<char>(bits >> bit_count);
  }
  return out;
}

// Values as the suite writes them, made into ours. A value that has no form of ours, such as a
// number that is out of range, makes all of it `impossible`.
class Expected {
 public:
  BareItem bare_item(const json::value& value) {
    if (value.is_bool()) return BareItem::boolean(value.as_bool());
    if (value.is_int64()) return BareItem::integer(value.as_int64());
    if (value.is_double()) return decimal(value.as_double());
    if (value.is_string()) return BareItem::string(text_of(value));
    const json::object& typed = value.as_object();
    const json::value& content = typed.at("value");
    const std::string_view type = text_of(typed.at("__type"));
    if (type == "token") return BareItem::token(text_of(content));
    if (type == "date") return BareItem::date(content.as_int64());
    if (type == "displaystring") return BareItem::display(text_of(content));
    REQUIRE(type == "binary");
    texts_.push_back(from_base32(text_of(content)));
    return BareItem::bytes(texts_.back());
  }

  std::span<const Parameter> parameters(const json::value& value) {
    std::vector<Parameter>& out = parameters_.emplace_back();
    for (const json::value& each : value.as_array()) {
      const json::array& pair = each.as_array();
      out.push_back({text_of(pair[0]), bare_item(pair[1])});
    }
    return out;
  }

  Item item(const json::value& value) {
    const json::array& pair = value.as_array();
    return {bare_item(pair[0]), parameters(pair[1])};
  }

  Member member(std::string_view key, const json::value& value) {
    const json::array& pair = value.as_array();
    Member out;
    out.key = key;
    out.is_inner_list = pair[0].is_array();
    if (out.is_inner_list) {
      std::vector<Item>& items = items_.emplace_back();
      for (const json::value& each : pair[0].as_array()) items.push_back(item(each));
      out.items = items;
    } else {
      out.value = bare_item(pair[0]);
    }
    out.parameters = parameters(pair[1]);
    return out;
  }

  Members members(const json::value& value, bool keys) {
    std::vector<Member>& out = members_.emplace_back();
    for (const json::value& each : value.as_array()) {
      out.push_back(keys ? member(text_of(each.as_array()[0]), each.as_array()[1])
                         : member({}, each));
    }
    return out;
  }

  bool impossible = false;

 private:
  BareItem decimal(double value) {
    const std::optional<BareItem> out = decimal_of(value);
    impossible = impossible || !out;
    return out.value_or(BareItem{});
  }

  std::deque<std::string> texts_;
  std::deque<std::vector<Parameter>> parameters_;
  std::deque<std::vector<Item>> items_;
  std::deque<std::vector<Member>> members_;
};

bool same(std::span<const Parameter> a, std::span<const Parameter> b) {
  return std::ranges::equal(a, b, [](const Parameter& x, const Parameter& y) {
    return x.key == y.key && x.value == y.value;
  });
}
bool same(const Item& a, const Item& b) {
  return a.value == b.value && same(a.parameters, b.parameters);
}
bool same(const Member& a, const Member& b) {
  const auto items = [](const Item& x, const Item& y) { return same(x, y); };
  return a.key == b.key && a.is_inner_list == b.is_inner_list &&
         (a.is_inner_list || a.value == b.value) && std::ranges::equal(a.items, b.items, items) &&
         same(a.parameters, b.parameters);
}
bool same(Members a, Members b) {
  return std::ranges::equal(a, b, [](const Member& x, const Member& y) { return same(x, y); });
}

struct Outcome {
  bool read = false;
  bool right = false;  // as expected
  std::string written;
};

template <class T, class Write>
Outcome outcome_of(const Result<T>& result, const T* expected, Write write) {
  Outcome out;
  out.read = result.has_value();
  if (!out.read) return out;
  out.right = expected != nullptr && same(*result, *expected);
  CHECK(write(*result, out.written));
  return out;
}

Outcome read_case(const json::object& one, std::string_view text, Arena& arena, Expected& made) {
  const std::string_view type = text_of(one.at("header_type"));
  const json::value* expected = one.if_contains("expected");
  if (type == "item") {
    std::optional<Item> item;
    if (expected != nullptr) item = made.item(*expected);
    return outcome_of(parse_item(text, arena), item ? &*item : nullptr, write_item);
  }
  const bool keys = type == "dictionary";
  std::optional<Members> members;
  if (expected != nullptr) members = made.members(*expected, keys);
  const auto result = keys ? parse_dictionary(text, arena) : parse_list(text, arena);
  return outcome_of(result, members ? &*members : nullptr, keys ? write_dictionary : write_list);
}

// Lines of the canonical form as one text; an empty List or Dictionary has none.
std::string canonical_of(const json::object& one, const char* otherwise) {
  std::string out;
  const json::value* lines = one.if_contains("canonical");
  if (lines == nullptr) lines = one.if_contains(otherwise);
  REQUIRE(lines != nullptr);
  for (const json::value& line : lines->as_array()) {
    if (!out.empty()) out += ", ";
    out += text_of(line);
  }
  return out;
}

bool flag(const json::object& one, const char* name) {
  const json::value* value = one.if_contains(name);
  return value != nullptr && value->as_bool();
}

void check_reading(const json::object& one) {
  Arena arena;
  Expected made;
  std::vector<std::string_view> lines;
  for (const json::value& line : one.at("raw").as_array()) lines.push_back(text_of(line));
  const Outcome outcome = read_case(one, join_lines(lines, arena), arena, made);
  if (flag(one, "must_fail")) {
    CHECK_FALSE(outcome.read);
    return;
  }
  if (!outcome.read) {
    CHECK(flag(one, "can_fail"));
    return;
  }
  CHECK(outcome.right);
  CHECK(outcome.written == canonical_of(one, "raw"));
}

void check_writing(const json::object& one) {
  Expected made;
  std::string text = "kept";
  bool good = false;
  const std::string_view type = text_of(one.at("header_type"));
  const json::value& expected = one.at("expected");
  if (type == "item") {
    good = write_item(made.item(expected), text);
  } else {
    const Members members = made.members(expected, type == "dictionary");
    good = type == "list" ? write_list(members, text) : write_dictionary(members, text);
  }
  if (flag(one, "must_fail")) {
    CHECK((made.impossible || (!good && text == "kept")));
    return;
  }
  CHECK(good);
  CHECK(text == "kept" + canonical_of(one, "canonical"));
}

template <class Check>
int run_folder(const std::filesystem::path& folder, Check check) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const json::value document = read(entry.path());
    for (const json::value& one : document.as_array()) {
      CAPTURE(entry.path().filename().string(), json::serialize(one.as_object().at("name")));
      check(one.as_object());
      ++cases;
    }
  }
  return cases;
}

}  // namespace

TEST_CASE("structured fields: the suite of the working group", "[http][suite]") {
  if (!std::filesystem::exists(kFolder)) {
    WARN("skipped: no structured-field-tests");
    return;
  }
  CHECK(run_folder(kFolder, check_reading) == 1591);
  CHECK(run_folder(kFolder / "serialisation-tests", check_writing) == 544);
}

}  // namespace gw::http::structured
