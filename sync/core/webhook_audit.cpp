#include "sync/core/webhook_audit.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "sync/core/step_parts.hpp"

namespace syncd::core {

std::string_view to_string(WebhookFinding finding) {
  switch (finding) {
    case WebhookFinding::right:
      return "right";
    case WebhookFinding::missing:
      return "missing";
    case WebhookFinding::other:
      return "other";
    case WebhookFinding::unknown:
      return "unknown";
  }
  return "unknown";
}

Result<WebhookFinding> judge_webhook(std::string link_json, std::string_view webhook) {
  if (link_json.empty()) return WebhookFinding::unknown;
  const Result<LinkKeeps> link = parse_link_keeps(std::move(link_json));
  if (!link) return std::unexpected(link.error());
  if (link->webhook.empty()) return WebhookFinding::missing;
  return link->webhook == webhook ? WebhookFinding::right : WebhookFinding::other;
}

LinkChange webhook_change(const LinkKeeps& link, std::string_view webhook) {
  LinkChange change{.webhook = std::string(webhook), .link_tags = {}};
  if (!link.link_tags.empty()) change.link_tags = link.link_tags;
  return change;
}

Result<void> check_webhook_change(const LinkKeeps& before, const LinkKeeps& now, std::string_view webhook) {
  if (now.webhook != webhook)
    return fail(Errc::protocol, "upstream accepted the webhook, and the link does not have it");
  std::vector<std::string> tags_before = before.link_tags;
  std::vector<std::string> tags_now = now.link_tags;
  std::ranges::sort(tags_before);
  std::ranges::sort(tags_now);
  if (tags_now != tags_before) {
    return fail(
        Errc::protocol,
        "upstream took the webhook, and the link's tags are not the ones that it had; look at it in the "
        "MoneyKit dashboard");
  }
  return {};
}

LinkUpdate step_link_object(const StepInput& input, std::shared_ptr<const LinkAnswer> answer) {
  LinkUpdate update = begin_step(input);
  update.record.last_attempt_at = input.record.last_attempt_at;
  const Digest digest = digest_of(answer->link.json);
  if (digest != update.record.link_digest) update.link_object = answer->link.json;
  update.record.link_digest = digest;
  update.keep_alive.push_back(std::move(answer));
  return update;
}

}  // namespace syncd::core
