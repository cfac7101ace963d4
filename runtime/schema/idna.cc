#include "runtime/schema/idna.h"

#include <algorithm>
#include <iterator>

#include "runtime/base/types.h"
#include "runtime/schema/text_reader.h"

namespace gw::schema {
namespace {

constexpr size_t kMaxPoints = 64;

struct Label {
  u32 points[kMaxPoints];
  size_t size = 0;
  u32 at(size_t i) const { return i < size ? points[i] : 0; }  // before the first: i wraps
};

// RFC 3492 section 6.1.
u32 adapt(u32 delta, u32 points, bool first) {
  delta = first ? delta / 700 : delta / 2;
  delta += delta / points;
  u32 k = 0;
  for (; delta > 455; k += 36) delta /= 35;
  return k + 36 * delta / (delta + 38);
}

int digit_value(char c) {
  if (is_digit(c)) return c - '0' + 26;
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'z' ? lower - 'a' : -1;
}

// RFC 3492 section 6.2.
bool decode(std::string_view text, Label& label) {
  const size_t dash = text.rfind('-');
  if (dash != std::string_view::npos) {
    for (const char c : text.substr(0, dash)) label.points[label.size++] = static_cast<u8>(c);
    text.remove_prefix(dash + 1);
  }
  u64 n = 128;
  u64 i = 0;
  u32 bias = 72;
  for (bool first = true; !text.empty(); first = false) {
    const u64 old = i;
    u64 weight = 1;
    for (u32 k = 36;; k += 36) {
      if (text.empty()) return false;
      const int digit = digit_value(text[0]);
      text.remove_prefix(1);
      if (digit < 0) return false;
      i += static_cast<u64>(digit) * weight;
      const u32 threshold = k <= bias ? 1 : std::min(k - bias, 26u);
      if (static_cast<u32>(digit) < threshold) break;
      weight *= 36 - threshold;
      if (weight > 0xffffffff || i > 0xffffffff) return false;
    }
    if (label.size + 1 > kMaxPoints) return false;
    const u64 count = label.size + 1;
    bias = adapt(static_cast<u32>(i - old), static_cast<u32>(count), first);
    n += i / count;
    i %= count;
    if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000)) return false;
    std::copy_backward(label.points + i, label.points + label.size, label.points + label.size + 1);
    label.points[i++] = static_cast<u32>(n);
    ++label.size;
  }
  return true;
}

struct Range {
  u32 first;
  u32 last;
};

template <size_t N>
bool is_in(const Range (&ranges)[N], u32 point) {
  return std::ranges::any_of(ranges, [&](Range r) { return point >= r.first && point <= r.last; });
}

// Marks (general categories Mn, Mc, Me) of the scripts in common use.
constexpr Range kMarks[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x5bf, 0x5bf},   {0x5c1, 0x5c2},
    {0x5c4, 0x5c5},   {0x5c7, 0x5c7},   {0x610, 0x61a},   {0x64b, 0x65f},   {0x670, 0x670},
    {0x6d6, 0x6dc},   {0x6df, 0x6e4},   {0x6e7, 0x6e8},   {0x6ea, 0x6ed},   {0x711, 0x711},
    {0x730, 0x74a},   {0x7a6, 0x7b0},   {0x900, 0x903},   {0x93a, 0x93c},   {0x93e, 0x94f},
    {0x951, 0x957},   {0x962, 0x963},   {0x981, 0x983},   {0x9bc, 0x9bc},   {0x9be, 0x9cd},
    {0xa01, 0xa03},   {0xa3c, 0xa51},   {0xa81, 0xa83},   {0xabc, 0xabc},   {0xabe, 0xacd},
    {0xb01, 0xb03},   {0xb3c, 0xb3c},   {0xb3e, 0xb57},   {0xbbe, 0xbcd},   {0xc00, 0xc04},
    {0xc3e, 0xc56},   {0xc81, 0xc83},   {0xcbe, 0xcd6},   {0xd00, 0xd03},   {0xd3e, 0xd4d},
    {0xe31, 0xe31},   {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0xeb1, 0xeb1},   {0xeb4, 0xebc},
    {0x102b, 0x103e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20f0}, {0x302a, 0x302f},
    {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};
// DISALLOWED among the exceptions of RFC 5892 section 2.6.
constexpr Range kDisallowed[] = {
    {0x640, 0x640}, {0x7fa, 0x7fa}, {0x302e, 0x302f}, {0x3031, 0x3035}, {0x303b, 0x303b}};
constexpr Range kGreek[] = {{0x370, 0x373}, {0x375, 0x3e1}, {0x3f0, 0x3ff}, {0x1f00, 0x1fff}};
constexpr Range kHebrew[] = {{0x591, 0x5f4}, {0xfb1d, 0xfb4f}};
constexpr Range kKanaOrHan[] = {{0x3005, 0x3005},   {0x3007, 0x3007}, {0x3041, 0x3096},
                                {0x309d, 0x309f},   {0x30a1, 0x30fa}, {0x30fd, 0x30ff},
                                {0x3400, 0x4dbf},   {0x4e00, 0x9fff}, {0xf900, 0xfaff},
                                {0x20000, 0x2fa1f}, {0x31f0, 0x31ff}};
constexpr Range kViramas[] = {{0x94d, 0x94d},   {0x9cd, 0x9cd},   {0xa4d, 0xa4d},  {0xacd, 0xacd},
                              {0xb4d, 0xb4d},   {0xbcd, 0xbcd},   {0xc4d, 0xc4d},  {0xccd, 0xccd},
                              {0xd4d, 0xd4d},   {0xdca, 0xdca},   {0xe3a, 0xe3a},  {0xf84, 0xf84},
                              {0x1039, 0x103a}, {0x17d2, 0x17d2}, {0x1b44, 0x1b44}};
// Letters of Arabic script that join on both sides, and those that join to the right only.
constexpr Range kJoinsBoth[] = {{0x626, 0x626}, {0x628, 0x628}, {0x62a, 0x62e}, {0x633, 0x63f},
                                {0x641, 0x647}, {0x649, 0x64a}, {0x66e, 0x66f}, {0x678, 0x687},
                                {0x69a, 0x6bf}, {0x6c1, 0x6c2}, {0x6cc, 0x6cc}, {0x6ce, 0x6ce},
                                {0x6d0, 0x6d1}};
constexpr Range kJoinsRight[] = {{0x622, 0x625}, {0x627, 0x627}, {0x629, 0x629}, {0x62f, 0x632},
                                 {0x648, 0x648}, {0x671, 0x673}, {0x675, 0x677}, {0x688, 0x699},
                                 {0x6c0, 0x6c0}, {0x6c3, 0x6cb}, {0x6cd, 0x6cd}, {0x6cf, 0x6cf},
                                 {0x6d2, 0x6d3}, {0x6d5, 0x6d5}};

template <size_t N>
bool holds_any(const Label& label, const Range (&ranges)[N]) {
  return std::any_of(label.points, label.points + label.size,
                     [&](u32 point) { return is_in(ranges, point); });
}

bool joiner_may_stand(const Label& label, size_t i) {
  if (is_in(kViramas, label.at(i - 1))) return true;
  if (label.points[i] == 0x200d) return false;
  size_t before = i - 1;
  while (before < label.size && is_in(kMarks, label.at(before))) --before;
  size_t after = i + 1;
  while (after < label.size && is_in(kMarks, label.at(after))) ++after;
  return is_in(kJoinsBoth, label.at(before)) &&
         (is_in(kJoinsBoth, label.at(after)) || is_in(kJoinsRight, label.at(after)));
}

// RFC 5892 appendix A.
bool may_stand(const Label& label, size_t i) {
  constexpr Range kArabicDigits[] = {{0x660, 0x669}};
  constexpr Range kExtendedDigits[] = {{0x6f0, 0x6f9}};
  const u32 point = label.points[i];
  switch (point) {
    case 0xb7:
      return label.at(i - 1) == 'l' && label.at(i + 1) == 'l';
    case 0x375:
      return is_in(kGreek, label.at(i + 1));
    case 0x5f3:
    case 0x5f4:
      return is_in(kHebrew, label.at(i - 1));
    case 0x30fb:
      return holds_any(label, kKanaOrHan);
    case 0x200c:
    case 0x200d:
      return joiner_may_stand(label, i);
    default:
      break;
  }
  if (is_in(kArabicDigits, point)) return !holds_any(label, kExtendedDigits);
  if (is_in(kExtendedDigits, point)) return !holds_any(label, kArabicDigits);
  return !is_in(kDisallowed, point);
}

}  // namespace

bool is_a_label(std::string_view encoded) {
  Label label;
  if (encoded.size() > 59 || !decode(encoded, label)) return false;
  if (std::all_of(label.points, label.points + label.size, [](u32 p) { return p < 128; })) {
    return false;
  }
  if (is_in(kMarks, label.points[0])) return false;
  if (label.at(0) == '-' || label.at(label.size - 1) == '-') return false;
  if (label.at(2) == '-' && label.at(3) == '-') return false;  // RFC 5891 section 4.2.3.1
  for (size_t i = 0; i < label.size; ++i) {
    if (!may_stand(label, i)) return false;
  }
  return true;
}

}  // namespace gw::schema
