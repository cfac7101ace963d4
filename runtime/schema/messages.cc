#include "runtime/schema/messages.h"

#include <vector>

#include "runtime/schema/format.h"

namespace gw::schema {

std::string type_message(u32 types) {
  std::vector<std::string_view> words;
  if ((types & kTypeObject) != 0) words.push_back("an object");
  if ((types & kTypeArray) != 0) words.push_back("an array");
  if ((types & kTypeString) != 0) words.push_back("a string");
  if ((types & kTypeFraction) != 0) {
    words.push_back("a number");
  } else if ((types & kTypeInteger) != 0) {
    words.push_back("an integer");
  }
  if ((types & kTypeBool) != 0) words.push_back("a boolean");
  if ((types & kTypeNull) != 0) words.push_back("null");
  if (words.empty()) return "no value is allowed here";
  std::string message = "must be ";
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) message += i + 1 == words.size() ? " or " : ", ";
    message += words[i];
  }
  return message;
}

std::string missing_message(std::string_view name) {
  return "`" + std::string(name) + "` is missing";
}

std::string_view limit_keyword(u32 kind) {
  constexpr std::string_view kWords[] = {"minimum", "exclusiveMinimum", "maximum",
                                         "exclusiveMaximum"};
  return kWords[kind];
}

std::string limit_message(u32 kind, std::string_view bound) {
  constexpr std::string_view kWords[] = {"must be at least ", "must be more than ",
                                         "must be at most ", "must be less than "};
  return std::string(kWords[kind]) + std::string(bound);
}

std::string at_least_message(u32 count, std::string_view noun) {
  return "must have at least " + std::to_string(count) + " " + std::string(noun);
}

std::string at_most_message(u32 count, std::string_view noun) {
  return "must have at most " + std::to_string(count) + " " + std::string(noun);
}

std::string format_message(Format format) {
  return "is not of the format `" + std::string(format_name(format)) + "`";
}

}  // namespace gw::schema
