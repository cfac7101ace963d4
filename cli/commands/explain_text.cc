#include "cli/commands/explain_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/units.h"

namespace gw::cli {
namespace {

namespace json = boost::json;

std::string_view str(const json::object& object, std::string_view key) {
  return object.at(key).as_string();
}

std::string target_text(const json::object& delivery) {
  std::string text(str(delivery, "balance"));
  if (delivery.at("target").is_string()) {
    return text + fmt::format(", the key leads to {}", str(delivery, "target"));
  }
  if (delivery.at("by_key").as_bool() && !delivery.at("key_is_there").as_bool()) {
    text += ", any: the request has no value for the key";
  }
  return text;
}

std::string retry_text(const json::object& delivery) {
  std::string after;
  for (const json::value& cause : delivery.at("after").as_array()) {
    after += (after.empty() ? "" : ", ") + std::string(std::string_view(cause.as_string()));
  }
  const u64 times = delivery.at("repetitions").to_number<u64>();
  if (times == 0 || after.empty()) return "none";
  std::string text = times == 1 ? "once" : fmt::format("{} times", times);
  text += fmt::format(" after {}; {}", after, str(delivery, "because"));
  if (str(delivery, "body") != "none") text += fmt::format("; body {}", str(delivery, "body"));
  return text;
}

std::string delivery_text(const json::object& delivery) {
  const json::object& times = delivery.at("deadlines").as_object();
  std::string out = "\ndelivery\n";
  if (str(delivery, "chosen_by") != "name") {
    out += fmt::format("  upstream   by {}\n", str(delivery, "chosen_by"));
  }
  out += fmt::format("  target     {}\n", target_text(delivery));
  out += fmt::format("  deadlines  connect {}, try {}, total {}{}, idle {}\n",
                     str(times, "connect"), str(times, "try"), str(times, "total"),
                     times.at("total_is_clients").as_bool() ? " (the client's)" : "",
                     str(times, "idle"));
  out += fmt::format("  retry      {}\n", retry_text(delivery));
  return out;
}

std::string calls_text(const json::object& all) {
  std::string out = "\ncalls\n";
  for (const json::value& value : all.at("calls").as_array()) {
    const json::object& call = value.as_object();
    const bool of_operation = call.contains("operation");
    const std::string_view of(call.at(of_operation ? "operation" : "upstream").as_string());
    out += fmt::format("  {}  {} {}, at most {}", std::string_view(call.at("name").as_string()),
                       of_operation ? "operation" : "upstream", of,
                       format_duration(call.at("at_most_ms").to_number<u64>()));
    std::string after;
    for (const json::value& name : call.at("after").as_array()) {
      after += (after.empty() ? ", after " : " and ") + std::string(name.as_string());
    }
    out += after;
    if (call.at("for_each").as_bool()) out += ", for each item";
    if (call.at("conditional").as_bool()) out += ", for some requests";
    if (call.at("optional").as_bool()) out += ", optional";
    out += '\n';
  }
  out += "  critical path: ";
  bool is_first = true;
  for (const json::value& name : all.at("critical_path").as_array()) {
    if (!is_first) out += ", then ";
    is_first = false;
    out += std::string_view(name.as_string());
  }
  out += fmt::format("; at most {}\n", format_duration(all.at("at_most_ms").to_number<u64>()));
  return out;
}

}  // namespace

std::string explanation_text(const json::object& all) {
  std::string out = fmt::format("request      {} {}\n", str(all, "method"), str(all, "path"));
  if (!str(all, "host").empty()) out += fmt::format("host         {}\n", str(all, "host"));
  out += fmt::format("client       {}\n", str(all, "client"));
  if (const json::object* route = all.at("route").if_object()) {
    out += fmt::format("route        {} ({} {}) at {}\n", str(*route, "id"), str(*route, "method"),
                       str(*route, "path"), str(*route, "source"));
    for (const auto& [name, value] : route->at("parameters").as_object()) {
      out += fmt::format("parameter    {} = {}\n", std::string_view(name),
                         std::string_view(value.as_string()));
    }
    if (str(*route, "security") == "unenforced") out += "security     declared but NOT ENFORCED\n";
  } else {
    out += "route        none\n";
  }
  if (const json::array& candidates = all.at("candidates").as_array(); !candidates.empty()) {
    out += "\ncandidates\n";
    for (const json::value& item : candidates) {
      const json::object& candidate = item.as_object();
      out += fmt::format("  {} {} {} ({}): {}\n", candidate.at("chosen").as_bool() ? "*" : "-",
                         str(candidate, "method"), str(candidate, "path"), str(candidate, "id"),
                         str(candidate, "reason"));
    }
  }
  if (const json::array& settings = all.at("settings").as_array(); !settings.empty()) {
    out += "\nsettings\n";
    size_t field_width = 0;
    size_t value_width = 0;
    for (const json::value& item : settings) {
      field_width = std::max(field_width, str(item.as_object(), "field").size());
      value_width = std::max(value_width, str(item.as_object(), "value").size());
    }
    for (const json::value& item : settings) {
      const json::object& setting = item.as_object();
      out += fmt::format("  {:<{}}  {:<{}}  {} ({})\n", str(setting, "field"), field_width,
                         str(setting, "value"), value_width, str(setting, "level"),
                         str(setting, "source"));
    }
  }
  if (const json::array& steps = all.at("steps").as_array(); !steps.empty()) {
    out += "\nsteps\n";
    int number = 0;
    for (const json::value& item : steps) {
      const json::object& step = item.as_object();
      out += fmt::format("  {}. {}: {} ({})\n", ++number, str(step, "phase"), str(step, "policy"),
                         str(step, "condition"));
    }
  }
  if (const json::value* found = all.if_contains("security")) {
    const json::object& security = found->as_object();
    out += fmt::format("\nsecurity\n  requires   {}\n  caller     {}\n", str(security, "required"),
                       str(security, "caller"));
    if (!str(security, "refused").empty()) {
      out += fmt::format("  refused    {}\n", str(security, "refused"));
    }
  }
  if (all.contains("preflight")) {
    out += "\npreflight    answered for the request that it announces\n";
  }
  if (const json::value* limits = all.if_contains("limits")) {
    out += all.at("live").as_bool() ? "\nlimits\n" : "\nlimits, if nobody has come before\n";
    for (const json::value& item : limits->as_array()) {
      const json::object& limit = item.as_object();
      out += fmt::format("  {} {}: {}, {} left\n", str(limit, "kind"), str(limit, "name"),
                         str(limit, "verdict"), limit.at("remaining").to_number<u64>());
    }
  }
  if (const json::value* found = all.if_contains("cache")) {
    const json::object& cache = found->as_object();
    out += fmt::format("\ncache{}\n  verdict    {}\n  key        {}, caller: {}\n",
                       all.at("live").as_bool() ? "" : ", if nothing is stored yet",
                       str(cache, "verdict"), str(cache, "uri"), str(cache, "caller"));
    if (!str(cache, "status").empty()) {
      out += fmt::format("  answer     Cache-Status: {}\n", str(cache, "status"));
    }
  }
  if (const json::value* found = all.if_contains("validation")) {
    const json::object& faults = found->as_object();
    out += fmt::format("\nvalidation   {} fault(s), the first: {}\n",
                       faults.at("faults").to_number<u32>(), str(faults, "first"));
  }
  if (const json::value* sent = all.if_contains("upstream_request")) {
    const json::object& request = sent->as_object();
    out += fmt::format("\nupstream request to `{}`", str(request, "upstream"));
    for (const json::value& target : request.at("targets").as_array()) {
      out += fmt::format(" {}", std::string_view(target.as_string()));
    }
    out += fmt::format("\n  {} {}\n", str(request, "method"), str(request, "target"));
    for (const json::value& field : request.at("headers").as_array()) {
      out += fmt::format("  {}\n", std::string_view(field.as_string()));
    }
  }
  if (const json::value* composition = all.if_contains("composition")) {
    out += calls_text(composition->as_object());
  }
  if (const json::value* delivery = all.if_contains("delivery")) {
    out += delivery_text(delivery->as_object());
  }
  if (const json::value* local = all.if_contains("answer")) {
    const json::object& answer = local->as_object();
    out +=
        fmt::format("\nanswer by the gateway itself\n  {}\n", answer.at("status").to_number<u32>());
    for (const json::value& field : answer.at("headers").as_array()) {
      out += fmt::format("  {}\n", std::string_view(field.as_string()));
    }
    std::string_view body = str(answer, "body");
    while (body.ends_with('\n')) body.remove_suffix(1);
    if (!body.empty()) out += fmt::format("\n  {}\n", body);
  }
  return out;
}

}  // namespace gw::cli
