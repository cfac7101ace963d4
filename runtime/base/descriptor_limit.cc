#include "runtime/base/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace gw {
namespace {

constexpr u64 kMost = 1'048'576;

}  // namespace

DescriptorLimit descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  return {.before = limit.rlim_cur, .now = limit.rlim_cur, .hard = limit.rlim_max};
}

DescriptorLimit raise_descriptor_limit() {
  DescriptorLimit limit = descriptor_limit();
  const u64 wanted = std::min(limit.hard, kMost);
  if (limit.now >= wanted) return limit;
  const rlimit raised{.rlim_cur = wanted, .rlim_max = limit.hard};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.now = wanted;
  return limit;
}

}  // namespace gw
