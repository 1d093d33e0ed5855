#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sync/core/link_session.hpp"
#include "sync/core/page.hpp"
#include "sync/core/step.hpp"

// Whether upstream tells us of a link's changes. A relink that leaves the webhook out takes it from the link,
// and nothing else would notice: the link is polled as before, only later.
namespace syncd::core {

enum class WebhookFinding : std::uint8_t {
  right = 1,    // as the configuration says
  missing = 2,  // the link has none
  other = 3,    // it has another one
  unknown = 4,  // upstream has not shown us the link yet
};
std::string_view to_string(WebhookFinding finding);

// `link_json`: the link object as it is stored; empty: none is. `webhook`: what the configuration says, never
// empty. Errc::protocol: what is stored is no link object.
Result<WebhookFinding> judge_webhook(std::string link_json, std::string_view webhook);

// What PATCH is to say so that the link has this webhook and keeps its tags, whatever upstream makes of a tag
// list that is left out.
LinkChange webhook_change(const LinkKeeps& link, std::string_view webhook);

// Whether the link is now as it was to be: with this webhook and the tags that it had. The error says what is
// wrong with it, without any value.
Result<void> check_webhook_change(const LinkKeeps& before, const LinkKeeps& now, std::string_view webhook);

// The link object as upstream has just answered, stored as it is; about this very link. Nothing else is taken
// from it: its state is for a visit to find.
LinkUpdate step_link_object(const StepInput& input, std::shared_ptr<const LinkAnswer> answer);

}  // namespace syncd::core
