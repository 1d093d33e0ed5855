#pragma once

#include "sync/core/step.hpp"

namespace syncd::core {

// The row parts of step_page() and step_accounts(): each compares what upstream sent with what is held and
// adds only true differences to the update (compare before write).

// created, updated, removed in this order, the last word per id; the pending set and the sweep of a full
// resync.
void diff_transactions(const StepInput& input, const Page& page, LinkUpdate& update);
// `complete`: the rows are all there are, so a held account that is not among them is gone.
void diff_accounts(const StepInput& input, const std::vector<AccountRow>& rows, bool complete,
                   LinkUpdate& update);
// A transaction of this page belongs to an account that neither the page nor the store knows.
bool names_unknown_account(const StepInput& input, const Page& page);

// Keeps `text` alive as long as the update.
std::string_view keep_text(LinkUpdate& update, std::string text);

}  // namespace syncd::core
