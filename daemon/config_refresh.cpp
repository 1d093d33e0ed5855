#include <array>

#include "daemon/config_key.hpp"

namespace syncd::daemon {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::array product_choices{"accounts"sv, "transactions"sv, "both"sv};

}  // namespace

void add_refresh_keys(std::vector<ConfigKey>& keys) {
  using namespace config_key;
  using std::chrono::hours;
  using std::chrono::minutes;
  constexpr auto section = "refresh";
  keys.push_back(live(flag(
      section, "enabled", [](C& c) -> bool& { return c.refresh.enabled; }, false,
      "Whether anybody may ask for a link to be refreshed (`POST /v1/links/{id}/refresh`, "
      "`moneykitctl links refresh`).")));
  keys.push_back(live(number(
      section, "calls_per_day", [](C& c) -> std::uint64_t& { return c.refresh.calls_per_day; }, 100, 0,
      1'000'000,
      "Refreshes of a day (UTC), each product of a link counted by itself. A refusal by upstream does not "
      "count.")));
  keys.push_back(live(number(
      section, "calls_per_month", [](C& c) -> std::uint64_t& { return c.refresh.calls_per_month; }, 1'000, 0,
      100'000'000, "The same of a month (UTC).")));
  keys.push_back(live(choice(
      section, "products", [](C& c) -> std::string& { return c.refresh.products; }, "transactions",
      product_choices, "What is refreshed.")));
  keys.push_back(live(span_of(
      section, "transactions_interval", [](C& c) -> core::Millis& { return c.refresh.transactions_interval; },
      hours(24), hours(1), hours(24 * 30),
      "How long after the last refresh of a link's transactions, by the bank's own schedule or on demand, "
      "the next "
      "one may be asked for. Upstream's documents say a day in one place and an hour in another.")));
  keys.push_back(live(span_of(
      section, "accounts_interval", [](C& c) -> core::Millis& { return c.refresh.accounts_interval; },
      hours(1), minutes(10), hours(24 * 30), "The same for a link's accounts.")));
}

}  // namespace syncd::daemon
