#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sandbox/model/http.hpp"
#include "tests/sandbox/model/text.hpp"

namespace syncd::sandbox {

enum class LinkState : std::uint8_t { connecting, awaiting_token_exchange, connected, error, deleted };
std::string_view link_state_name(LinkState state);
std::optional<LinkState> link_state_from_name(std::string_view name);

/// Whose link it is, as seen by the calling credentials.
enum class LinkAccess : std::uint8_t {
  normal,
  foreign,    ///< 401 link_error.unauthorized_access
  forbidden,  ///< 403 link_error.forbidden_action on data reads
};

/// How pending rows behave at a refresh. Both are in the public evidence.
enum class PendingMode : std::uint8_t {
  rebuilt,           ///< all are dropped and listed anew under new ids; a settled row is a new posted row
  settled_in_place,  ///< a settled row keeps its id and is listed in `updated` with pending false
};

/// How optional members without a value are written.
enum class NullForm : std::uint8_t { explicit_null, absent, mixed };

/// Behaviour of upstream that the public material leaves open. Those marked (rows) shape the text of rows or
/// accounts: change them before the first link is touched, or truth and feed will disagree.
struct Switches {
  PendingMode pending_mode = PendingMode::rebuilt;
  TimestampForm timestamps = TimestampForm::offset;  ///< server times
  NullForm nulls = NullForm::explicit_null;          ///< (rows)
  bool odd_numbers = true;          ///< (rows) some balances as 1e2, 0.1, 1372.90, -0.0 or null
  bool unknown_members = false;     ///< (rows) members nobody has documented, in rows, accounts and links
  bool unknown_enums = false;       ///< (rows) undocumented category, account type and product error texts
  bool date_with_time = false;      ///< (rows) `date` as YYYY-MM-DDT00:00:00, as old examples show it
  bool amounts_as_numbers = false;  ///< (rows) `amount` as a bare JSON number, as old examples show it
  bool marked_data = false;         ///< (rows) every text and sum of people is one of marks.hpp
  bool reads_in_error_are_422 = false;  ///< data reads of a link in `error`: 422 bad_state instead of 200
  bool deleted_is_410 = false;          ///< GET of a deleted link: 410 instead of 200 with state deleted
  bool duplicate_in_updated = true;     ///< a row created and updated in one window is in both lists
  bool idle_cursor_changes = false;     ///< a no-change answer carries a new cursor text
  bool accounts_clock_is_null = false;  ///< products.accounts.refreshed_at stays null on healthy links
  bool sync_without_accounts = false;   ///< the 2023 shape: no `accounts` in sync answers
  int bad_cursor_status = 422;          ///< 400 or 422
  std::uint32_t refresh_failure_permille = 30;  ///< scheduled refreshes that fail
};

/// Calls in any sliding 60 s of wire time; 0 means unlimited.
struct Budget {
  std::uint32_t per_app = 0;
  std::uint32_t per_link = 0;
};

struct Budgets {
  Budgets();  ///< the documented table, and 600 per app and 15 per link where none is documented
  static Budgets unlimited();

  Budget& of(Endpoint endpoint) { return table.at(static_cast<std::size_t>(endpoint)); }
  [[nodiscard]] const Budget& of(Endpoint endpoint) const {
    return table.at(static_cast<std::size_t>(endpoint));
  }

  std::array<Budget, endpoint_count> table{};
  std::uint32_t link_session_per_user = 20;
};

enum class HookEvent : std::uint8_t {
  state_changed,
  product_refresh,
  updates_available,
  product_state_changed
};
inline constexpr std::size_t hook_event_count = 4;
std::string_view hook_event_name(HookEvent event);
std::optional<HookEvent> hook_event_from_name(std::string_view name);

/// How hooks travel. Times are the bank's.
struct HookOptions {
  std::uint32_t recall_permille = 1000;  ///< of what happened, how much is told at all
  Milliseconds latency_mean{0};          ///< exponential
  std::uint32_t duplicate_permille = 0;  ///< told twice, under the same key
  std::uint32_t late_permille = 0;       ///< held back for up to late_max, so that later ones overtake them
  Milliseconds late_max{60'000};
  bool renew_signature = false;  ///< signed again for each attempt; otherwise `iat` stays that of the first
  std::array<bool, hook_event_count> events = {true, true, true, true};  ///< which are told, by HookEvent
  Milliseconds first_retry{10'000};                                      ///< doubles with each attempt
  Milliseconds retry_max{900'000};
  Milliseconds give_up_after{7'200'000};  ///< since it happened
  std::size_t kept = 10'000;              ///< hooks that the books keep, finished or not
};

struct UpstreamOptions {
  std::uint64_t seed = 1;
  std::string client_id = "sandbox_0123456789abcdef0123";
  std::string client_secret = "sandbox-secret";
  std::chrono::seconds token_life{3600};
  Budgets budgets{};
  Switches switches{};
  std::chrono::seconds accounts_refresh_interval{3600};  ///< on-demand refreshes
  std::chrono::seconds other_refresh_interval{86400};
  /// Requests that arrive this soon after a 429 was decided are taken as already under way, not as a breach
  /// of its Retry-After. A simulation without network delay leaves it at zero.
  Milliseconds retry_after_grace{0};
  std::uint32_t list_page_max = 0;  ///< most links in one page of GET /links, whatever was asked; 0: as asked
  bool record_requests = false;     ///< keep every RequestRecord
  bool record_account_forms = false;  ///< keep every text an account ever had
  HookOptions hooks{};
  double refresh_pace = 1.0;       ///< how many times faster made-up institutions live
  std::size_t refreshes_kept = 0;  ///< last successful refreshes that the books keep
  bool record_past = false;        ///< keep what FaultKind::replica_lag shows; without it nothing lags
};

/// How the hook of one event travels.
struct HookTravel {
  bool told = true;
  Milliseconds latency{0};
};

/// A refresh that was drawn elsewhere: it succeeds, and brings one new row or nothing.
struct PlannedRefresh {
  TimePoint at;  ///< bank time
  bool changed = false;
  HookTravel hook{};  ///< of `transactions.updates_available`, if it changed something
};

/// What add_link makes. The bank behind it is a function of the options' seed and the link's number.
struct NewLink {
  std::string institution = "instant_bank";
  std::string user_id{};       ///< empty: "user-" and six digits
  std::uint32_t accounts = 0;  ///< 0: one to five, by seed
  std::uint32_t history_months = 24;
  std::uint32_t transactions_per_month = 40;
  bool transactions_product = true;
  bool prefetch = true;  ///< false: no data until the first refresh after the link connected
  LinkState state = LinkState::connected;
  std::string error_code{};                     ///< with LinkState::error
  std::optional<Milliseconds> refresh_every{};  ///< strictly periodic, instead of the institution's habit
  std::optional<Milliseconds> expires_after{};  ///< then error/auth_expired by itself
  std::optional<std::string> webhook{};
  std::vector<std::string> tags{};
  /// Of a link at a made-up institution, instead of all that its habit would bring: in order of their time.
  /// What is over when the link is added is its history. `link.product_refresh` is not told.
  std::shared_ptr<const std::vector<PlannedRefresh>> refreshes{};
};

struct RefreshHabit;

struct Institution {
  std::string_view id;
  std::string_view name;
  std::string_view provider;
  Milliseconds refresh_every;  ///< period, or mean gap of an irregular one
  bool irregular = false;
  bool needs_credentials = false;
  bool flaky = false;                   ///< a fifth of its refreshes fail
  const RefreshHabit* habit = nullptr;  ///< of a made-up one, see refresh_habit.hpp
};
const std::vector<Institution>& institutions();
const Institution* find_institution(std::string_view id);

}  // namespace syncd::sandbox
