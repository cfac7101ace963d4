// What the scheduler of the kernel is told of a thread.
#pragma once
#include <cstddef>

namespace gw {

/// The calling thread, when it wakes, comes before threads of ordinary slices that are in the
/// middle of theirs: it asks for short ones (sched_setattr(2), EEVDF since Linux 6.12). Its share
/// of the processor stays what it is. For workers, so that they do not wait some milliseconds for
/// whoever reads a table or compiles. False: the kernel knows nothing of it; nothing has changed.
bool ask_for_short_slices();

/// The calling thread, and those that it starts, take from now on what others leave: at the lowest
/// ordinary priority, of which some percent of a busy processor remain. For what nobody waits for
/// within milliseconds: taking a table in, answering operators. There is no way back. It asks for
/// short slices as well, so that what let_others_run() gives up is little.
void yield_to_others();

/// As much work, in bytes that are copied or compared, as goes by between two calls of
/// let_others_run(): some 50 us.
inline constexpr std::size_t kYieldBytes = std::size_t{256} << 10;

/// Between the pieces of long work. On a thread of the lowest priority: whoever waits for this
/// processor has it now, and it is back at once when nobody does (0.4 us). A worker that was put
/// aside for such a thread would get the processor back at the next tick of the kernel, which may
/// be 4 ms away. On other threads it does nothing.
void let_others_run();

}  // namespace gw
