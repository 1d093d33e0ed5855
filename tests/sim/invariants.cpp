#include "tests/sim/invariants.hpp"

#include <algorithm>

namespace syncd::test {

namespace {

constexpr InvariantInfo table[] = {
    {Invariant::convergence, "convergence",
     "after quiet and after healing each live link equals upstream, field by field", 2'000},
    {Invariant::cursor_not_ahead, "cursor never ahead of data",
     "the rows equal upstream's history at the stored cursor, at every moment and across every crash", 8'000},
    {Invariant::cursor_not_back, "cursor never back without reason",
     "a cursor returns only by a resync of a new generation, an older copy, or upstream's own repetition",
     80'000},
    {Invariant::exactly_once, "exactly once",
     "the feed replayed from empty is the state; each entry changes something; as many as net changes",
     300'000},
    {Invariant::gap_free_feed, "gap-free feed",
     "sequences 1..n without gap or repeat in an epoch, epochs grow, nothing shown is above what is durable",
     200'000},
    {Invariant::atomicity, "atomicity", "no reader sees part of a page, or pending rows of two generations",
     2'500},
    {Invariant::relink, "relink completeness and soundness",
     "one open entry exactly while the owner must act; it survives crashes and leaves by a recorded step",
     80'000},
    {Invariant::budget, "budget",
     "no sliding minute over its limit, nothing inside Retry-After, one request per link, few in all",
     300'000},
    {Invariant::no_starvation, "no starvation",
     "no link is put off for longer than the longest interval; healthy ones are visited in theirs", 70'000},
    {Invariant::single_owner, "single owner",
     "commits of one link do not interleave; a stale fence or a dead process writes nothing", 150'000},
    {Invariant::termination, "termination",
     "a stop ends within its grace and leaves no task, timer, request or commit behind", 10'000},
    {Invariant::bounded, "bounded resources",
     "waiters, cycles, commits under way and the state of a drain stay under their caps", 300'000},
    {Invariant::tombstones, "tombstones",
     "what upstream removed does not come back by an older page; the counts are those of the rows", 80'000},
    {Invariant::acts, "acts",
     "each change by a person has one entry in the audit log, in its batch; a repeated request has none; the "
     "chain is whole",
     100'000},
    {Invariant::determinism, "determinism", "the same seed gives the same events", 5},
    {Invariant::liveness, "liveness after heal",
     "when the faults stop, all links are where upstream says within a bound computed from the policy",
     1'500},
    {Invariant::verify, "verify",
     "a copy that is right is never called wrong, and planted damage is found exactly", 1'000},
    {Invariant::repair, "repair",
     "a repair ends at the truth, also over crashes, and what it finds is told with its cause", 5'000},
    {Invariant::dead_letters, "dead letters",
     "each is retried once and dropped once, and nothing else changes by that", 300},
    {Invariant::audit, "audit", "the rolling audit leaves no link out and goes on where it was", 2'500},
    {Invariant::full_disk, "full disk",
     "while the disk is nearly full no request begins; what was under way ends, and all goes on afterwards",
     370},
    {Invariant::continuity, "continuity",
     "a relinked link was looked at before it was read again, once; the report is about what is stored, and "
     "comes",
     5'000},
    {Invariant::hints, "hints",
     "a webhook is stored before it is answered; its hint waits until a visit that asked later has ended, "
     "and "
     "is followed within minutes while nothing is wrong",
     5'000},
};

}  // namespace

std::span<const InvariantInfo> invariants() {
  return table;
}

std::string label(Invariant invariant) {
  const auto found = std::ranges::find(table, invariant, &InvariantInfo::invariant);
  return "I-" + std::to_string(static_cast<int>(invariant)) + " " + std::string(found->name);
}

}  // namespace syncd::test
