// What the scheduler of the kernel is told of a thread.
#pragma once

namespace gw {

/// The calling thread, when it wakes, comes before threads of ordinary slices that are in the
/// middle of theirs: it asks for short ones (sched_setattr(2), EEVDF since Linux 6.12). Its share
/// of the processor stays what it is. For workers, so that they do not wait some milliseconds for
/// whoever reads a table or compiles. False: the kernel knows nothing of it; nothing has changed.
bool ask_for_short_slices();

/// The calling thread, and those that it starts, take from now on what others leave: at the lowest
/// ordinary priority, of which some percent of a busy processor remain. For what nobody waits for
/// within milliseconds: taking a table in, answering operators. There is no way back.
void yield_to_others();

}  // namespace gw
