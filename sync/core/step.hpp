#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sync/core/page.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/result.hpp"
#include "sync/core/update.hpp"

namespace syncd::core {

// The reducer: what is stored, what upstream answered (or how asking failed) and the time give one
// LinkUpdate, which is the unit of commit. Pure: same input, same output; nothing is read or written
// elsewhere.

struct StepInput {
  const LinkRecord& record;          // as loaded, or as of the cycle's last commit
  std::shared_ptr<const Held> held;  // answers plan_lookup(); never null
  WallTime now{};
  const Policy& policy;
  Cause cause = Cause::schedule;
  std::vector<RecentSend> recent_sends;  // of the last minute, to be stored with the link
  std::uint64_t entropy = 0;             // for jitter
  // This cycle may ask again for a product that was refused: once a day, and whenever somebody asks for it.
  bool retry_refused = false;
};

// A page that check_page() let pass. Where its link says that the data cannot be read, it counts as a look at
// the link and nothing more; the same goes for a pull of accounts.
LinkUpdate step_page(const StepInput& input, std::shared_ptr<const Page> page);
// A full accounts pull about this very link: the only thing that may mark an account as gone.
LinkUpdate step_accounts(const StepInput& input, std::shared_ptr<const AccountsAnswer> answer);
// A look at the link object alone (GET /links/{id}), about this very link.
LinkUpdate step_link(const StepInput& input, std::shared_ptr<const LinkAnswer> answer);
// The same of a link that is well, asked only whether there is news: `more` says that its feed is to be
// asked.
LinkUpdate step_peek(const StepInput& input, std::shared_ptr<const LinkAnswer> answer);
// Every failure but storage, cancelled, conflict (nothing to record) and auth (touches no link).
LinkUpdate step_error(const StepInput& input, const Error& error, Endpoint endpoint);

// ---- operator actions ----
struct Registration {
  LinkId link_id;
  std::string customer_user_id;
  std::vector<std::string> tags;
};
LinkUpdate step_add(const Registration& registration, WallTime now, Cause cause = Cause::manual);
// Whether the registration says whose link it is, or tags, and the record does not.
bool completes(const Registration& registration, const LinkRecord& record);
// The record, and its entry that waits, get what they lack of the registration; what they have stays. Not in
// the feed, which is about upstream.
LinkUpdate step_complete(const StepInput& input, const Registration& registration);
// Visited by nothing until resumed; data stays readable.
LinkUpdate step_pause(const StepInput& input);
// Due at once; back in the relink status when its entry is still open.
LinkUpdate step_resume(const StepInput& input);
// The whole history once more, with mark and sweep; the feed gets what differs, with cause `verify`.
LinkUpdate step_repair(const StepInput& input);
// Of the letter in `held`: out of the quarantine and due at once; the letter stays and says so.
LinkUpdate step_retry_letter(const StepInput& input);
// Of the letter in `held`: it goes; nothing else changes.
LinkUpdate step_drop_letter(const StepInput& input);
// Takes away everything of the link, see LinkUpdate::purge. The feed gets a receipt: what was stored, and
// whether the link was ended upstream, too.
LinkUpdate step_purge(const StepInput& input, bool unlinked);
// The entry in `held` becomes `changed`, which apply() has made of it. The feed hears when it is dismissed or
// opened again, and of nothing else.
LinkUpdate step_relink(const StepInput& input, RelinkEntry changed);

}  // namespace syncd::core
