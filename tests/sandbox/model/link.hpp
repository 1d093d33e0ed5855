#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sandbox/model/bank.hpp"
#include "tests/sandbox/model/options.hpp"
#include "tests/sandbox/model/upstream.hpp"

namespace syncd::sandbox {

class Link;

/// Hears what links do by themselves. Links call it while they change, so it must not touch them.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// What a hook would tell; only of links that have a webhook.
  virtual void heard(Link& link, const HookNews& news) = 0;
  virtual void refreshed(RefreshNote note) = 0;
  /// When the link changes next by itself; only of links that have a webhook.
  virtual void due(std::uint32_t number, TimePoint at) = 0;
};

/// What all links share.
struct World {
  std::uint64_t seed = 1;
  Switches switches;
  bool record_account_forms = false;
  bool refreshes_held = false;
  bool record_past = false;
  double refresh_pace = 1.0;
  Watcher* watcher = nullptr;
};

/// The freshness of one product as the link object shows it.
struct ProductClock {
  std::optional<TimePoint> refreshed_at;
  std::optional<TimePoint> attempted_at;
  std::string_view error_code;  ///< outcome of the last try, empty when good; always a literal
};

/// What a sync answer is to distort, decided by the fault plan.
enum class CursorFault : std::uint8_t { none, repeat, cyclic, endless, null, empty, absent, number, huge };

/// What a sync answer is to do to its rows; a client that follows the rules ends with the same.
enum class RowFault : std::uint8_t { none, repeated, odd_lists, lag };

struct SyncQuery {
  std::optional<std::string> cursor;
  std::uint32_t size = 50;
  CursorFault fault = CursorFault::none;
  std::uint32_t cycle_length = 3;
  RowFault rows = RowFault::none;
};

/// One link: its bank, and the feed of changes that clients follow with cursors.
///
/// The feed is a log of events; a cursor names a position in it. Pages show each row as it is now, not as it
/// was when the event was logged, so a page fetched late differs from one fetched early. To stay able to say
/// what a client holds, a cursor also remembers where its drain began and how long the log was when each of
/// its pages was made: with these the past can be folded exactly.
class Link {
 public:
  Link(const World& world, NewLink spec, std::uint32_t number, TimePoint created_at);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const NewLink& spec() const { return spec_; }
  [[nodiscard]] TimePoint created_at() const { return created_at_; }
  [[nodiscard]] LinkState state() const { return state_; }
  [[nodiscard]] const std::string& error_code() const { return error_code_; }
  [[nodiscard]] LinkAccess access() const { return access_; }
  [[nodiscard]] std::optional<TimePoint> deleted_at() const { return deleted_at_; }
  [[nodiscard]] bool touched() const { return built_; }
  [[nodiscard]] const std::optional<std::string>& webhook() const { return spec_.webhook; }
  [[nodiscard]] const Institution& institution() const { return *institution_; }
  /// A different word for each hook of this link; what chance does to it follows from it.
  [[nodiscard]] std::uint64_t next_hook_draw();

  /// Brings the link up to date: everything due until `now` happens, in order.
  void settle(TimePoint now) {
    if (!built_ || now >= next_event_) {
      settle_slowly(now);
    }
  }
  /// Enough for state() alone: a link that nobody has touched and that will not expire stays unbuilt.
  void settle_state(TimePoint now) {
    if (built_ || expires_at_) {
      settle(now);
    }
  }
  /// Valid after settle(); TimePoint::max() when nothing is due.
  [[nodiscard]] TimePoint next_event() const { return next_event_; }

  // Changes from outside. All of them expect settle(now) to have been called.
  void set_state(LinkState state, std::string_view error_code, TimePoint now);
  void set_access(LinkAccess access) { access_ = access; }
  void set_webhook(std::optional<std::string> webhook);
  void set_tags(std::vector<std::string> tags);
  void set_provider(std::string_view provider);
  void refresh_now(TimePoint now, bool with_changes);
  /// The same accounts under new ids, with their rows. `with_twin`: the first of them comes back as two that
  /// nobody can tell apart. False when the link has been reconnected so often that no more accounts fit.
  bool replace_accounts(TimePoint now, bool with_twin);
  /// Every third posted row goes.
  void lose_rows();
  void request_refresh(bool accounts, bool transactions, TimePoint now);
  void expire_cursors();
  void forget_texts();  ///< after a change of switches

  // Reading. All of them expect settle(now) to have been called.
  [[nodiscard]] const std::string& link_json();
  void append_accounts(std::string& out, const std::vector<std::string>& filter) const;
  [[nodiscard]] const Account* find_account(std::string_view account_id) const;
  [[nodiscard]] bool grants(std::string_view product) const;
  [[nodiscard]] std::uint32_t log_length() const { return static_cast<std::uint32_t>(log_.size()); }
  /// The rows as of now, newest first.
  [[nodiscard]] std::vector<std::uint32_t> rows_by_date() const;
  void append_row_json(std::string& out, std::uint32_t index) const;
  [[nodiscard]] std::int32_t day_of(std::uint32_t index) const;
  [[nodiscard]] std::string_view account_of(std::uint32_t index) const;
  /// The sync answer, or nullopt when the cursor is refused.
  [[nodiscard]] std::optional<std::string> sync(const SyncQuery& query);
  [[nodiscard]] const ProductClock& accounts_clock() const { return accounts_clock_; }
  [[nodiscard]] const ProductClock& transactions_clock() const { return transactions_clock_; }

  // The oracle.
  [[nodiscard]] Truth truth();
  [[nodiscard]] std::optional<Held> held_at(std::string_view cursor) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::vector<std::string>>>& account_forms() const {
    return account_forms_;
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> settled_from() const;

 private:
  enum class Event : std::uint32_t {
    refresh,  ///< all pending rows are dropped here; not shown
    created,
    updated,
    settled,   ///< shown as updated: a pending row became posted under its id
    relisted,  ///< shown as created: a pending row is still pending, under its id
    returned,  ///< shown as created: a removed row is back
    removed,
  };
  struct Cursor {
    std::uint32_t position = 0;  ///< events consumed
    std::uint32_t pin = 0;       ///< length of the log when the last page was made
    std::uint32_t start = 0;     ///< where the drain began; equal to position and pin when it has ended
    std::uint32_t chain = 0;     ///< earlier pages made under other pins: index into chains_, 0 is none
    std::uint32_t nonce = 0;
    std::uint32_t detour = 0;  // steps that a scripted circle has led away from the feed's own cursor
  };
  struct Chain {
    std::uint32_t previous;
    std::uint32_t until;
    std::uint32_t pin;
    bool operator==(const Chain&) const = default;
  };
  struct RefreshRequest {
    TimePoint due;
    bool accounts;
    bool transactions;
    bool fails;
  };
  /// Indexes of what one page shows.
  struct Page {
    std::vector<std::uint32_t> created;
    std::vector<std::uint32_t> updated;
    std::vector<std::uint32_t> removed;
    std::uint32_t end = 0;
  };
  using Batch = std::vector<std::uint32_t>;
  /// As a replica saw the link before its last refresh.
  struct Past {
    std::uint32_t length = 0;
    std::string link_json;
    std::vector<Account> accounts;
  };
  /// What a page is made from: the present, or the past of a replica.
  struct View {
    std::uint32_t length;
    std::vector<RowState> states;  ///< empty: as they are now
    const std::string& link_json;
    const std::vector<Account>& accounts;
  };

  void settle_slowly(TimePoint now);
  void build();
  void schedule_next(TimePoint after);
  void find_next_event();
  void touch();
  void refresh_by_schedule(TimePoint at);
  void refresh_as_asked(TimePoint at);

  // Hooks and books.
  void tell(HookNews news);
  void tell_product(TimePoint at, std::string_view product, std::string_view state, std::string_view error);
  void tell_refresh(TimePoint at, bool accounts, bool transactions, std::string_view state,
                    std::string_view error);
  void note_refresh(TimePoint at, bool accounts, bool transactions, std::uint32_t from);

  // Links of made-up institutions, see refresh_habit.hpp.
  [[nodiscard]] bool made_up() const { return institution_->habit != nullptr; }
  void schedule_made_up(TimePoint after);
  void happen(TimePoint at);
  void refresh_made_up(TimePoint at, bool accounts, bool transactions, bool with_changes);
  // Those of them whose refreshes are planned.
  [[nodiscard]] bool planned() const { return spec_.refreshes != nullptr; }
  [[nodiscard]] TimePoint last_before_created();
  void refresh_as_planned(TimePoint at);

  // Refreshes.
  void fail_refresh(TimePoint at, bool accounts, bool transactions, std::string_view code);
  void note_link_error(TimePoint at);
  void apply_refresh(TimePoint at, bool accounts, bool transactions, bool with_changes);
  void refresh_accounts(TimePoint at, Rng& rng);
  void refresh_transactions(TimePoint at, Rng& rng, bool with_changes);
  void load_history(TimePoint at, Rng& rng);
  void settle_pending(Rng& rng, std::int32_t today, Batch& batch);
  void add_pending(Rng& rng, std::int32_t today, Batch& batch);
  void add_days(Rng& rng, std::int32_t after, std::int32_t until, std::uint32_t random_rows, Batch& batch);
  void revise_rows(Rng& rng, bool force, Batch& batch);
  /// `like`: whose numbers it has, under an id of its own; null: numbers of its own.
  void add_account(std::size_t kind, TimePoint at, const Account* like = nullptr);
  void note_account_form(const Account& account);
  std::uint32_t add_row(const Row& row);
  [[nodiscard]] std::uint8_t spending_account(Rng& rng) const;
  void shuffle_into_log(Rng& rng, Batch& batch);

  // The feed.
  static std::uint32_t pack(Event event, std::uint32_t row) {
    return static_cast<std::uint32_t>(event) << 29U | row;
  }
  static Event event_of(std::uint32_t entry) { return static_cast<Event>(entry >> 29U); }
  static std::uint32_t row_of(std::uint32_t entry) { return entry & 0x1fffffffU; }
  [[nodiscard]] std::string encode(const Cursor& cursor) const;
  [[nodiscard]] std::optional<Cursor> decode(std::string_view text) const;
  [[nodiscard]] static bool drained(const Cursor& cursor);
  [[nodiscard]] View view_for(const Cursor& at, RowFault fault);
  [[nodiscard]] bool alive(const View& view, std::uint32_t row) const {
    return view.states.empty() ? rows_[row].alive : view.states[row].alive;
  }
  [[nodiscard]] RowState state_in(const View& view, std::uint32_t row) const {
    return view.states.empty() ? state_of(row) : view.states[row];
  }
  [[nodiscard]] Page collect(std::uint32_t from, std::uint32_t size, const View& view) const;
  void make_odd(Page& page, const View& view) const;
  [[nodiscard]] Cursor after_page(const Cursor& at, std::uint32_t end, std::uint32_t length);
  [[nodiscard]] std::string next_member(const SyncQuery& query, const Cursor& at, const Cursor& next) const;
  [[nodiscard]] std::string sync_body(const Page& page, std::string_view next, bool has_more,
                                      const View& view, RowFault fault);
  void append_rows(std::string& out, std::vector<std::uint32_t> list, const View& view, Rng& rng,
                   bool with_outdated, std::vector<std::uint8_t>& concerned) const;
  void append_removed(std::string& out, std::vector<std::uint32_t> list, Rng& rng) const;
  [[nodiscard]] RowState state_of(std::uint32_t index) const;
  [[nodiscard]] std::vector<RowState> states_at(std::uint32_t length) const;
  void fold(std::uint32_t from, std::uint32_t to, std::uint32_t pin,
            std::map<std::uint32_t, RowState>& rows) const;
  [[nodiscard]] RowText row_text() const {
    return RowText{&world_->switches, seed_, &accounts_, first_accounts_};
  }
  /// Id and text of a row, kept from one look of the oracle to the next.
  struct KeptText {
    RowState state;
    std::string id;
    std::string json;
  };
  [[nodiscard]] const KeptText& kept_text(std::uint32_t index, const RowState& state) const;

  const World* world_;
  NewLink spec_;
  std::uint32_t number_;
  std::uint64_t seed_;
  std::string id_;
  TimePoint created_at_;
  const Institution* institution_;

  LinkState state_;
  std::string error_code_;
  LinkAccess access_ = LinkAccess::normal;
  std::optional<TimePoint> deleted_at_;
  std::string provider_;

  bool built_ = false;
  bool history_loaded_ = false;
  TimePoint next_event_ = TimePoint::max();
  TimePoint next_refresh_ = TimePoint::max();
  std::optional<TimePoint> expires_at_;
  std::uint32_t schedule_step_ = 0;
  std::uint32_t hook_count_ = 0;
  TimePoint announced_ = TimePoint::max();  ///< the change of its own that the watcher knows of
  bool muted_ = false;                      ///< of what lies before the link was first touched nobody is told
  double rows_per_day_ = 0.0;               ///< of a made-up institution's link
  TimePoint next_activity_ = TimePoint::max();  ///< likewise
  std::uint32_t activity_step_ = 0;
  std::uint32_t unseen_ = 0;                   ///< what happened since the last refresh
  std::int64_t slot_ = 0;                      ///< of the last refresh by the institution's grid
  std::size_t planned_at_ = 0;                 ///< of the planned refreshes, the next one
  const PlannedRefresh* under_way_ = nullptr;  ///< the one that is happening
  std::uint32_t refresh_number_ = 0;
  std::int32_t last_day_ = 0;      ///< rows exist up to this day
  std::int32_t backlog_from_ = 0;  ///< history before last_day_ that arrives with a later refresh; 0: none
  std::int32_t backlog_until_ = 0;
  TimePoint last_content_at_;
  std::vector<RefreshRequest> refresh_requests_;
  ProductClock accounts_clock_;
  ProductClock transactions_clock_;

  std::vector<Account> accounts_;
  std::uint8_t first_accounts_ = 0;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> log_;
  std::vector<std::uint32_t> pending_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> settled_;  ///< posted row, pending row it came from
  std::vector<Chain> chains_;
  std::optional<Past> past_;
  mutable std::vector<KeptText> kept_;  ///< by row; only of links that the oracle has looked at
  std::uint32_t cursor_epoch_ = 0;
  std::uint32_t nonce_ = 0;
  std::vector<std::pair<std::string, std::vector<std::string>>> account_forms_;

  std::string link_json_;    ///< empty: to be written again
  std::string idle_cursor_;  ///< the cursor for which idle_body_ is the answer
  std::string idle_body_;
};

}  // namespace syncd::sandbox
