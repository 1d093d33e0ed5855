#pragma once

#include <string>
#include <string_view>

#include "sync/core/diff.hpp"
#include "sync/core/step.hpp"

namespace syncd::core {

// What the steps have in common.

// An update of the record as it is, with the next fence.
LinkUpdate begin_step(const StepInput& input);
// A status as the feed shows it.
std::string status_json(LinkStatus status, std::string_view reason);
std::string_view link_id_text(LinkUpdate& update);
// Adds the feed entry for a changed status; called once, last.
void note_status(const StepInput& input, LinkUpdate& update);
// Its entry says that the link waits for its owner, whether somebody still works on it or not.
bool relink_waits(const StepInput& input);
// The history is read from its start into a new generation: everything held stays visible until it ends.
void begin_replay(const StepInput& input, LinkUpdate& update);

}  // namespace syncd::core
