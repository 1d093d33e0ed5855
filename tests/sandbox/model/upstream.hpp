#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sandbox/model/faults.hpp"
#include "tests/sandbox/model/hooks.hpp"
#include "tests/sandbox/model/http.hpp"
#include "tests/sandbox/model/options.hpp"

namespace syncd::sandbox {

/// What upstream would show for one link at an instant: ids and the exact JSON text of each object.
struct Truth {
  LinkState state = LinkState::connected;
  std::string error_code;
  std::string link;                             ///< the link object
  std::map<std::string, std::string> accounts;  ///< what GET accounts lists
  std::map<std::string, std::string> posted;
  std::map<std::string, std::string> pending;
  /// products.transactions.refreshed_at; unset before the first success.
  std::optional<TimePoint> transactions_refreshed_at;
};

/// What a correct client holds once it has committed the page that brought a cursor. Posted rows are the fold
/// of all pages on the way to it. Pending rows are replaced as a whole by the last page of a drain, so in the
/// middle of one they are still those of the drain before (less those that were posted under their own id).
struct Held {
  std::map<std::string, std::string> posted;
  std::map<std::string, std::string> pending;
  bool drained = false;     ///< the cursor ended a drain (has_more was false)
  bool from_start = false;  ///< inside a drain that began without a cursor
  bool caught_up = false;   ///< nothing has been added to the feed since
};

struct RequestRecord {
  TimePoint at;  ///< wire time
  Endpoint endpoint;
  std::string link_id;
  int status;  ///< 0: reset or closed without an answer
  std::string fault;
};

struct EndpointStatistics {
  std::uint64_t requests = 0;
  std::uint64_t throttled_by_budget = 0;     ///< 429 because the caller overran a budget
  std::uint64_t throttled_by_script = 0;     ///< 429 by a fault rule
  std::uint64_t throttled_by_interval = 0;   ///< 429 because a product was refreshed too recently
  std::uint64_t inside_retry_after = 0;      ///< arrived inside a Retry-After window
  std::uint32_t in_minute_max = 0;           ///< most arrivals in any sliding 60 s, whole app
  std::uint32_t in_minute_per_link_max = 0;  ///< the same for the busiest link
  std::map<int, std::uint64_t> by_status;    ///< 0: reset or closed
};

struct Statistics {
  std::uint64_t requests = 0;
  std::uint64_t throttled = 0;  ///< all 429 answers
  std::uint64_t inside_retry_after = 0;
  std::uint64_t faults = 0;
  std::uint64_t version_header_missing = 0;
  std::map<std::string, std::uint64_t> version_headers;
  std::map<Endpoint, EndpointStatistics> endpoints;  ///< only those that were called
};

/// A refresh that succeeded.
struct RefreshNote {
  std::uint64_t number = 0;  ///< counts all refreshes of all links
  std::string link_id{};
  TimePoint at;
  bool accounts = false;
  bool transactions = false;
  std::uint32_t rows = 0;     ///< entries that it added to the feed; 0: a sync would bring nothing new
  std::string created_row{};  ///< the id of one row that it created; empty: it created none
};

struct LinkSummary {
  std::string link_id;
  std::string institution_id;
  std::string user_id;
  LinkState state;
  std::string error_code;
};

/// Outcome of the linking component's work on a session, done here by a control call instead of a browser.
struct SessionOutcome {
  bool ok = false;
  std::string exchangeable_token{};  ///< empty after a relink
  std::string link_id{};             ///< set after a relink
  std::string problem{};             ///< why not, for people
};

/// A deterministic model of the upstream API: one app, its links, their banks.
///
/// Nothing happens between calls. Each call names the instant; whatever upstream would have done since the
/// last one (refreshes, delayed outcomes, expiries) is worked out first, and depends only on the seed and on
/// that history, never on who asked. Instants must not go backwards. Not thread-safe.
///
/// `now` is the time of the bank world: refreshes, dates, timestamps. `wire_now` is the time in which
/// requests are counted, tokens age and Retry-After windows run; they differ only when a server runs its
/// world faster than its clients' clocks.
class Upstream {
 public:
  explicit Upstream(UpstreamOptions options);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  HttpResponse respond(const HttpRequest& request, TimePoint now) { return respond(request, now, now); }
  HttpResponse respond(const HttpRequest& request, TimePoint now, TimePoint wire_now);

  // Links. Calls on an unknown link_id return false (or an empty optional) and change nothing.

  /// The bank's data are made when the link is first touched, so links that nobody asks for cost little.
  std::string add_link(const NewLink& link, TimePoint now);
  [[nodiscard]] std::size_t link_count() const;
  [[nodiscard]] std::vector<LinkSummary> links(std::size_t from, std::size_t count, TimePoint now);
  [[nodiscard]] std::vector<std::string> link_ids() const;

  /// `error_code` counts with LinkState::error only. Leaving `connected` ends refreshes; returning to it
  /// refreshes at once.
  bool set_state(std::string_view link_id, LinkState state, std::string_view error_code, TimePoint now);
  bool set_access(std::string_view link_id, LinkAccess access);
  /// As a PATCH of it, which costs no call; unset: none.
  bool set_webhook(std::string_view link_id, std::optional<std::string> webhook, TimePoint now);
  bool reset(std::string_view link_id, TimePoint now);
  bool remove(std::string_view link_id, TimePoint now);
  /// What the user does in the relink flow. Only user_good / pass_good repairs the link; anything else leaves
  /// it in error/invalid_credentials and returns false.
  bool relink(std::string_view link_id, std::string_view username, std::string_view password, TimePoint now);
  /// As relink, and the new connection reports its accounts under new ids: old rows are removed, new ones
  /// made.
  bool relink_with_new_accounts(std::string_view link_id, TimePoint now, bool with_twin = false);
  /// Before a relink: the new connection will not have every third of the posted rows.
  bool lose_rows(std::string_view link_id, TimePoint now);
  /// A successful refresh of accounts and transactions at `now`, whatever the schedule says.
  bool refresh(std::string_view link_id, TimePoint now);
  /// As refresh, and it brings at least one created, one updated and one removed row.
  bool refresh_with_changes(std::string_view link_id, TimePoint now);
  /// From now on every cursor handed out before is refused.
  bool expire_cursors(std::string_view link_id);
  /// All links of an institution fail with institution_error, or recover. Returns how many changed.
  std::size_t set_outage(std::string_view institution_id, bool down, TimePoint now);
  SessionOutcome complete_session(std::string_view token, std::string_view institution_id,
                                  std::string_view username, std::string_view password, TimePoint now);
  /// While held, no scheduled refresh happens: what upstream shows stays as it is.
  void hold_refreshes(bool held);
  /// Works out everything due until `now` for all links that were ever touched.
  void advance(TimePoint now);

  // Hooks. They come out of the model as values; whoever runs it sends them and says how that ended.

  /// What is to be sent now, at most `most`. Works out everything due until `now` for touched links with a
  /// webhook.
  std::vector<HookDelivery> due_hooks(TimePoint now, TimePoint wire_now, std::size_t most);
  /// `status`: of the receiver's answer, 0 for none. What was not taken is due again later, for two hours.
  void hook_answered(std::uint64_t number, int status, TimePoint now);
  void hook_refused(std::uint64_t number, std::string problem);
  /// The first instant at which due_hooks() may have something; unset when nothing is to be expected.
  [[nodiscard]] std::optional<TimePoint> next_hook() const;
  /// Sends hooks of this kind although nothing happened, whatever the options say. False: no such link, or it
  /// has no webhook.
  bool send_hooks(std::string_view link_id, HookEvent event, std::uint32_t count, TimePoint now);
  HookDesk& hooks();

  /// On-demand refreshes of an institution are accepted in [from, to) only, hours of the day in UTC; equal:
  /// always.
  bool set_refresh_hours(std::string_view institution_id, std::uint32_t from, std::uint32_t to);
  /// Refreshes numbered above `after` that the books still have, the oldest first; needs
  /// UpstreamOptions::refreshes_kept. Those of a link's first touch are not among them.
  [[nodiscard]] std::vector<RefreshNote> refreshes(std::uint64_t after, std::size_t count, TimePoint now);

  // The oracle. It asks the model itself, never our client code.

  [[nodiscard]] std::optional<Truth> truth(std::string_view link_id, TimePoint now);
  /// nullopt for an unknown link, or a cursor this link never handed out (or that expire_cursors() ended). An
  /// empty cursor is the start: nothing held.
  [[nodiscard]] std::optional<Held> truth_at_cursor(std::string_view link_id, std::string_view cursor,
                                                    TimePoint now);
  /// Every text each account ever had, oldest first; needs UpstreamOptions::record_account_forms.
  [[nodiscard]] std::map<std::string, std::vector<std::string>> account_forms(std::string_view link_id,
                                                                              TimePoint now);
  /// Posted row to the pending row it settled from (different ids; PendingMode::rebuilt only).
  [[nodiscard]] std::map<std::string, std::string> settled_from(std::string_view link_id, TimePoint now);
  /// Changes that its feed tells from the start: a drain without a cursor lists at most so many rows. 0 for a
  /// link that is unknown.
  [[nodiscard]] std::size_t feed_length(std::string_view link_id, TimePoint now);
  /// The next instant at which this link changes by itself; unset when nothing is due.
  [[nodiscard]] std::optional<TimePoint> next_change(std::string_view link_id, TimePoint now);

  // Switches, faults, books.

  [[nodiscard]] const Switches& switches() const;
  void set_switches(const Switches& switches);
  void set_budgets(const Budgets& budgets);
  /// How many seconds pass at the banks for one on the wire: waits for the bank are told in wire time.
  void set_bank_speed(double speed);
  FaultPlan& faults();
  /// Every bearer token ends now: the next use gets expired_access_token.
  void expire_tokens();
  /// Rotates the secret, for tests of credential loss.
  void set_client_secret(std::string secret);

  [[nodiscard]] Statistics statistics() const;
  void clear_statistics();
  [[nodiscard]] const std::vector<RequestRecord>& requests() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::sandbox
