// What a policy is at run time: plain functions over an exchange.
#pragma once
#include "runtime/http/exchange.h"
#include "runtime/table/bound_table.h"

namespace gw::policies {

/// What a step says. Reply: the answer is in exchange.response and exchange.local_body. Wait: the
/// policy's coroutine must be run, which says Continue or Reply in the end.
enum class Verdict : u8 { Continue, Reply, Wait };

}  // namespace gw::policies
