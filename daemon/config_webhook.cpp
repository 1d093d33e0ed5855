#include "daemon/config_key.hpp"
#include "daemon/config_values.hpp"

namespace syncd::daemon {

void add_webhook_keys(std::vector<ConfigKey>& keys) {
  using namespace config_key;
  constexpr auto section = "webhook";
  keys.push_back(text(
      section, "listen", [](C& c) -> std::string& { return c.webhook.listen; }, "", check_listen,
      "`ADDRESS:PORT`, or empty",
      "Where webhooks are received, over plain http: whoever has the certificate passes them on. Port 0 lets "
      "the system choose one. Empty: none are."));
  keys.push_back(live(text(
      section, "path", [](C& c) -> std::string& { return c.webhook.path; }, "/webhook", check_hook_path,
      "path from `/` on, without a query, at most 256 bytes",
      "The only path that is answered, as the proxy passes it on.")));
  keys.push_back(live(text(
      section, "issuer", [](C& c) -> std::string& { return c.webhook.issuer; }, "", check_issuer,
      "at most 256 bytes without control characters",
      "What the `iss` of a signature must be. Empty: `upstream.base_url`.")));
  keys.push_back(live(number(
      section, "hooks_per_second_max", [](C& c) -> std::uint64_t& { return c.webhook.hooks_per_second_max; },
      500, 1, 100'000,
      "Webhooks whose signature is checked in a second; the check takes some 60 us. One more is answered "
      "with "
      "503, and upstream sends it again.")));
  keys.push_back(live(number(
      section, "links_waiting_max", [](C& c) -> std::uint64_t& { return c.webhook.links_waiting_max; },
      100'000, 1, 10'000'000,
      "Links that may wait for the visit that a webhook asked for, some 60 bytes each. Webhooks of one more "
      "are answered with 503, and upstream sends them again.")));
}

}  // namespace syncd::daemon
