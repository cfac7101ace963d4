#include "runtime/server/kept_drains.h"

#include <fmt/format.h>

#include <charconv>

namespace gw::server {
namespace {

// Between an upstream and its target.
constexpr char kBetween = '\t';

// Names may hold anything: what would end them here is written as %XX.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != '%' && c != 0x7f;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

bool unescape(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    u8 byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const char* end = digits.data() + digits.size();
    if (digits.size() != 2 || std::from_chars(digits.data(), end, byte, 16).ptr != end) {
      return false;
    }
    out += static_cast<char>(byte);
    i += 2;
  }
  return true;
}

}  // namespace

Result<std::vector<Drain>> read_drains(const StateDirectory& state) {
  GW_TRY_ASSIGN(const std::vector<std::string> lines, state.drains());
  std::vector<Drain> drains;
  for (const std::string& line : lines) {
    const std::string_view text = line;
    const size_t between = text.find(kBetween);
    Drain& drain = drains.emplace_back();
    const std::string_view target = between == text.npos ? "" : text.substr(between + 1);
    const bool good = unescape(text.substr(0, between), drain.upstream) &&
                      unescape(target, drain.target) && !drain.upstream.empty();
    if (!good) return fail(Errc::TableCorrupt, "drains");
  }
  return drains;
}

Result<void> keep_drains(StateDirectory& state, const std::vector<Drain>& drains) {
  std::vector<std::string> lines;
  for (const Drain& drain : drains) {
    lines.push_back(escaped(drain.upstream));
    if (!drain.target.empty()) lines.back() += kBetween + escaped(drain.target);
  }
  return state.keep_drains(lines);
}

}  // namespace gw::server
