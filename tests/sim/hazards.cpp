#include "tests/sim/hazards.hpp"

#include <algorithm>
#include <array>

namespace syncd::test {

namespace {

constexpr std::array<std::string_view, hazard_count> names = {"dns_failure",
                                                              "refused",
                                                              "connect_timeout",
                                                              "tls_failure",
                                                              "stale_connection",
                                                              "silent_peer",
                                                              "answer_lost",
                                                              "slow_answer",
                                                              "bad_framing",
                                                              "compressed_answer",
                                                              "large_pages",
                                                              "store_fails_before",
                                                              "store_fails_after",
                                                              "crash",
                                                              "power_cut",
                                                              "clean_stop",
                                                              "reload",
                                                              "older_copy",
                                                              "long_stop",
                                                              "clock_forward",
                                                              "clock_back",
                                                              "suspend",
                                                              "boot_in_1970",
                                                              "latency",
                                                              "status_5xx",
                                                              "odd_status",
                                                              "redirect",
                                                              "reset",
                                                              "close",
                                                              "cut",
                                                              "malformed",
                                                              "wrong_link",
                                                              "repeat_cursor",
                                                              "cyclic_cursor",
                                                              "endless",
                                                              "bad_cursor",
                                                              "refuse_cursor",
                                                              "bad_state",
                                                              "unauthorized_access",
                                                              "forbidden",
                                                              "not_found",
                                                              "unauthorized",
                                                              "throttle",
                                                              "expired_token",
                                                              "repeated_rows",
                                                              "odd_lists",
                                                              "replica_lag",
                                                              "link_reset",
                                                              "relink",
                                                              "new_accounts",
                                                              "cursors_end",
                                                              "outage",
                                                              "link_error",
                                                              "access",
                                                              "deleted",
                                                              "added",
                                                              "flapping",
                                                              "new_link_id",
                                                              "tokens_end",
                                                              "wrong_secret",
                                                              "all_down",
                                                              "act_in_flight",
                                                              "operator_acts",
                                                              "verify",
                                                              "repair",
                                                              "dead_letters",
                                                              "damage",
                                                              "audit",
                                                              "disk_full",
                                                              "store_read_fails",
                                                              "queue_acts",
                                                              "purge",
                                                              "hooks",
                                                              "hook_lost",
                                                              "hook_repeated",
                                                              "hook_storm",
                                                              "hook_stranger"};

}  // namespace

std::string_view name_of(Hazard hazard) {
  return names.at(static_cast<std::size_t>(hazard));
}

std::optional<Hazard> hazard_named(std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Hazard>(found - names.begin());
}

std::string HazardSet::text() const {
  std::string text;
  for (std::size_t i = 0; i < hazard_count; ++i) {
    if (!bits_.test(i)) continue;
    if (!text.empty()) text += ',';
    text += names.at(i);
  }
  return text.empty() ? "nothing" : text;
}

std::optional<HazardSet> HazardSet::parse(std::string_view text) {
  HazardSet set;
  if (text == "nothing") return set;
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(','));
    text.remove_prefix(std::min(name.size() + 1, text.size()));
    const auto hazard = hazard_named(name);
    if (!hazard) return std::nullopt;
    set.set(*hazard);
  }
  return set;
}

}  // namespace syncd::test
