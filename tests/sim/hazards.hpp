#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace syncd::test {

// The kinds of things that can go wrong or be done in a simulated world. Each is left out of half of the
// seeds, so that rare combinations meet, and can be switched off by name.
enum class Hazard : std::uint8_t {
  // Made up by the transport.
  dns_failure,
  refused,
  connect_timeout,
  tls_failure,
  stale_connection,
  silent_peer,
  answer_lost,
  slow_answer,
  bad_framing,
  compressed_answer,
  large_pages,
  // Made up by the store.
  store_fails_before,
  store_fails_after,
  // What happens to the process.
  crash,
  power_cut,
  clean_stop,
  reload,
  older_copy,
  long_stop,
  // Its clocks.
  clock_forward,
  clock_back,
  suspend,
  boot_in_1970,
  // What upstream answers.
  latency,
  status_5xx,
  odd_status,
  redirect,
  reset,
  close,
  cut,
  malformed,
  wrong_link,
  repeat_cursor,
  cyclic_cursor,
  endless,
  bad_cursor,
  refuse_cursor,
  bad_state,
  unauthorized_access,
  forbidden,
  not_found,
  unauthorized,
  throttle,
  expired_token,
  repeated_rows,
  odd_lists,
  replica_lag,
  // What happens upstream, and what people do.
  link_reset,
  relink,
  new_accounts,
  cursors_end,
  outage,
  link_error,
  access,
  deleted,
  added,
  flapping,
  new_link_id,
  tokens_end,
  wrong_secret,
  all_down,
  act_in_flight,
  operator_acts,
  verify,
  repair,
  dead_letters,
  damage,
  audit,
  // Of the store, too; behind the others, whose seeds keep their meaning.
  disk_full,
  store_read_fails,
  queue_acts,
  purge,
  // Webhooks.
  hooks,
  hook_lost,
  hook_repeated,
  hook_storm,
  hook_stranger,
};
inline constexpr std::size_t hazard_count = static_cast<std::size_t>(Hazard::hook_stranger) + 1;

std::string_view name_of(Hazard hazard);
std::optional<Hazard> hazard_named(std::string_view name);

class HazardSet {
 public:
  bool has(Hazard hazard) const { return bits_.test(static_cast<std::size_t>(hazard)); }
  void set(Hazard hazard, bool value = true) { bits_.set(static_cast<std::size_t>(hazard), value); }
  std::size_t size() const { return bits_.count(); }
  HazardSet others() const {
    HazardSet set;
    set.bits_ = ~bits_;
    return set;
  }
  // Names with commas between them; none: `nothing`.
  std::string text() const;
  // nullopt: a name is not known.
  static std::optional<HazardSet> parse(std::string_view text);

 private:
  std::bitset<hazard_count> bits_;
};

}  // namespace syncd::test
