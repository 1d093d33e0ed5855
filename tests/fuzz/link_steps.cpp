#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/codec.hpp"
#include "sync/core/classify.hpp"
#include "sync/core/plan.hpp"
#include "sync/core/step.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/step_oracle.hpp"
#include "tests/fuzz/support/target.hpp"

// The life of one link: pages, pulls of accounts, looks, failures, pauses, repairs, letters retried and
// dropped, crashes before and after a commit, restarts. After every step: the rows are what an independent
// fold of the answers says; a consumer of the feed holds the same rows and accounts, and no entry told it
// what it knew; the counts are right; the relink queue holds the link exactly while it waits for its owner;
// it stays in the schedule. A step that is computed again is the same step, and an answer that is applied
// again changes nothing. What a drain named as the origin of a posted row was visibly pending before it, is
// there no more, and was named once.
namespace syncd::fuzz {
namespace {

using core::Errc;
using core::LinkStatus;
using core::Millis;

std::string clock_text(int minute) {
  const auto two = [](int value) { return std::string(value < 10 ? "0" : "") + std::to_string(value); };
  return "2025-05-01T" + two(minute / 60 % 24) + ':' + two(minute % 60) + ":00Z";
}

// An answer as text for the daemon and as meaning for the oracle.
struct AnyPage {
  OraclePage meaning;
  test::PageText text;
  bool fresh_cursor = true;
  bool about_us = true;
};

class Life {
 public:
  explicit Life(Choices& choices) : choices_(choices) {
    const core::LinkUpdate added = core::step_add({core::LinkId{test::the_link}, "user_1", {}}, now_);
    store_.record = added.record;
    if (choices.once_in(4)) {
      policy_.drain_pages_max = 6;
      policy_.drain_idle_pages_max = 3;
      policy_.protocol_failures_max = 1;  // letters are not rare then
      bounded_drains_ = true;
    }
  }

  void run() {
    while (choices_.left() && store_.record.status != LinkStatus::gone) {
      entropy_ = choices_.byte() * 0x0101'0101'0101'0101ULL;
      step();
      check();
    }
  }

 private:
  void step() {
    if (store_.record.status == LinkStatus::paused) return resume();
    switch (choices_.below(16)) {
      case 0:
        return pull_accounts();
      case 1:
        return look();
      case 2:
      case 3:
        return fail();
      case 4:
        return pause();
      case 5:
        return restart();
      case 6:
        now_ += Millis(choices_.below(256) * 400'000);
        return;
      case 7:
        return operate();
      default:
        return take_page();
    }
  }

  // ---- what is asked of the daemon ----

  core::StepInput input(const core::LookupRequest& request) const {
    return {.record = store_.record,
            .held = std::make_shared<const core::Held>(store_.lookup(request)),
            .now = now_,
            .policy = policy_,
            .recent_sends = {},
            .entropy = entropy_};
  }

  // A crash before the commit leaves nothing, and the same answer makes the same update once more.
  template <class Step>
  void commit(Step step) {
    const core::LinkUpdate update = step();
    if (choices_.once_in(8)) {
      const core::LinkUpdate again = step();
      const auto shape = [](const core::LinkUpdate& u) {
        return std::tuple(u.changes.size(), u.transaction_puts.size(), u.transaction_erases.size(),
                          u.staged_puts.size(), u.account_puts.size(), u.more);
      };
      FUZZ_CHECK(update.record == again.record && shape(update) == shape(again), "a step is pure");
    }
    FUZZ_CHECK(update.expected_fence == store_.record.fence && update.record.fence == store_.record.fence + 1,
               "every update raises the fence");
    store_.apply(update);
  }

  void begin_cycle() {
    if (in_cycle_) return;
    seen_ = core::SeenRows::for_first_drain(store_.record);
    in_cycle_ = true;
  }

  void end_cycle() {
    seen_.reset();
    in_cycle_ = false;
  }

  // True: the page was believed.
  bool deliver(const AnyPage& any) {
    begin_cycle();
    const auto parsed = core::parse_page(any.text.json());
    FUZZ_CHECK(parsed.has_value(), "the page is one");
    const std::shared_ptr<const core::Page>& page = *parsed;
    if (const auto refusal = core::check_page(store_.record, *page, policy_)) {
      FUZZ_CHECK(bounded_drains_ || !any.fresh_cursor || !any.about_us, "a good page is believed");
      commit([&] {
        return core::step_error(input(core::plan_lookup(store_.record)), *refusal, core::Endpoint::sync);
      });
      end_cycle();
      return false;
    }
    FUZZ_CHECK(any.about_us, "another link's page is not believed");
    const bool readable = core::condition_of(page->link).data_readable;
    const core::SeenRows* seen = seen_ ? &*seen_ : nullptr;
    const bool repairs = store_.record.repairing && store_.record.resync;
    const std::size_t told = store_.feed.size();
    commit([&] { return core::step_page(input(core::plan_lookup(store_.record, *page, seen)), page); });
    check_cause(told, repairs);
    if (seen_) seen_->add(*page);
    if (!readable || !page->has_more) end_cycle();
    return readable;
  }

  // ---- what happens ----

  void take_page() {
    const AnyPage any = any_page();
    const bool alone = !rows_.draining() && !rows_.resyncing() && !any.meaning.more;
    if (!deliver(any)) return;
    rows_.page(any.meaning);
    note_accounts(any.text.accounts, false);
    check();
    if (!alone || !choices_.once_in(4)) return;
    // The same answer once more, as after a crash that lost the answer's effect on the cycle but not the
    // commit.
    const std::size_t told = store_.feed.size();
    const bool again = deliver(any);
    FUZZ_CHECK(again && store_.feed.size() == told, "an answer that is applied again tells nothing new");
  }

  void pull_accounts() {
    std::vector<std::string> rows = any_accounts();
    const test::LinkText link = any_link();
    std::string list;
    for (const std::string& row : rows)
      list += (list.empty() ? "" : ",") + row;
    const auto answer = core::parse_accounts("{\"accounts\":[" + list + "],\"link\":" + link.json() + "}");
    FUZZ_CHECK(answer.has_value(), "the accounts are some");
    const bool readable = core::condition_of((*answer)->link).data_readable;
    const bool repairs = store_.record.repairing && store_.record.accounts_wanted;
    const std::size_t told = store_.feed.size();
    commit([&] { return core::step_accounts(input(core::plan_lookup(store_.record, **answer)), *answer); });
    check_cause(told, repairs);
    if (readable) note_accounts(rows, true);
  }

  void look() {
    const auto answer = core::parse_link(any_link().json());
    FUZZ_CHECK(answer.has_value(), "the link is one");
    commit([&] { return core::step_link(input(core::plan_lookup(store_.record)), *answer); });
  }

  void fail() {
    constexpr Errc kinds[] = {Errc::transport,       Errc::timeout,         Errc::server,
                              Errc::throttled,       Errc::protocol,        Errc::invalid,
                              Errc::forbidden,       Errc::relink_required, Errc::cursor_rejected,
                              Errc::cursor_rejected, Errc::upstream_state,  Errc::gone};
    core::Error error{.code = kinds[choices_.below(std::size(kinds))], .message = "any"};
    if (error.code == Errc::relink_required)
      error.link_error_code = choices_.flag() ? "auth_expired" : "user_error";
    if (error.code == Errc::forbidden) error.http_status = choices_.flag() ? 401 : 403;
    const bool waits = error.code == Errc::throttled || error.code == Errc::server;
    if (waits && choices_.flag()) error.retry_after = Millis(choices_.below(200) * 60'000);
    constexpr core::Endpoint endpoints[] = {core::Endpoint::sync, core::Endpoint::accounts,
                                            core::Endpoint::link};
    const core::Endpoint endpoint = endpoints[choices_.below(3)];
    const std::uint32_t generation = store_.record.generation;
    commit([&] { return core::step_error(input(core::plan_lookup(store_.record)), error, endpoint); });
    end_cycle();
    if (error.code == Errc::gone) rows_.gone();
    const bool restarted = store_.record.generation != generation;
    FUZZ_CHECK(!restarted || error.code == Errc::cursor_rejected, "only a refused cursor starts over");
    if (restarted) rows_.resync();
  }

  void pause() {
    commit([&] { return core::step_pause(input(core::plan_lookup(store_.record))); });
    end_cycle();
  }

  void resume() {
    commit([&] { return core::step_resume(input(core::plan_lookup(store_.record))); });
  }

  // An operator does something beside pausing; the visit under way, if there is one, ends by that.
  void operate() {
    end_cycle();
    switch (choices_.below(3)) {
      case 0:
        return repair();
      case 1:
        return retry();
      default:
        return drop();
    }
  }

  // Where it is not refused: not while the history is being read from its start anyway.
  void repair() {
    const core::LinkRecord& record = store_.record;
    const bool reads_feed = record.has_transactions_product && !record.transactions_forbidden;
    if (record.status == LinkStatus::relink) return;
    if (reads_feed && (record.resync || !record.cursor)) return;
    const std::size_t told = store_.feed.size();
    const std::uint32_t generation = record.generation;
    commit([&] { return core::step_repair(input(core::plan_lookup(store_.record))); });
    FUZZ_CHECK(record.repairing && store_.feed.size() == told, "the begin of a repair tells nothing");
    FUZZ_CHECK(reads_feed == (record.generation != generation), "a repair reads the history if it may");
    if (reads_feed) rows_.resync();
  }

  core::StepInput about(const core::DeadLetter& letter) const {
    core::LookupRequest request = core::plan_lookup(store_.record);
    request.dead_letter_at = letter.at;
    return input(request);
  }

  // nullopt: there is none.
  std::optional<core::DeadLetter> any_letter() {
    if (store_.dead_letters.empty()) return std::nullopt;
    return store_.dead_letters[choices_.below(static_cast<std::uint32_t>(store_.dead_letters.size()))];
  }

  void retry() {
    const auto letter = any_letter();
    if (!letter || letter->retried_at != core::WallTime{}) return;
    const LinkStatus before = store_.record.status;
    commit([&] { return core::step_retry_letter(about(*letter)); });
    core::DeadLetter retried = *letter;
    retried.retried_at = now_;
    FUZZ_CHECK(std::ranges::count(store_.dead_letters, retried) == 1, "the letter is kept and says so");
    const LinkStatus status = store_.record.status;
    FUZZ_CHECK(status == (before == LinkStatus::quarantined ? LinkStatus::active : before),
               "a retry ends the quarantine and nothing else");
    FUZZ_CHECK(store_.record.next_due_at == now_, "the link is due at once");
  }

  void drop() {
    const auto letter = any_letter();
    if (!letter) return;
    core::LinkRecord expected = store_.record;
    ++expected.fence;
    const std::size_t told = store_.feed.size();
    const std::size_t letters = store_.dead_letters.size();
    commit([&] { return core::step_drop_letter(about(*letter)); });
    FUZZ_CHECK(store_.dead_letters.size() + 1 == letters, "the letter goes");
    FUZZ_CHECK(store_.record == expected && store_.feed.size() == told, "nothing else changes");
  }

  // Everything goes to disk and comes back.
  void restart() {
    end_cycle();
    std::string value;
    store::encode_link(value, store_.record);
    const auto record = store::decode_link(store_.record.link_id.str(), value);
    FUZZ_CHECK(record && *record == store_.record, "a record survives a restart");
    store_.record = *record;
    for (auto* rows : {&store_.rows, &store_.staged}) {
      for (auto& [id, row] : *rows)
        row = through_disk(row);
    }
    for (const core::DeadLetter& letter : store_.dead_letters) {
      std::string text;
      store::encode_dead_letter(text, letter);
      const auto read = store::decode_dead_letter(letter.at, letter.link_id.str(), text);
      FUZZ_CHECK(read && *read == letter, "a letter survives a restart");
    }
  }

  static core::StoredTransaction through_disk(const core::StoredTransaction& row) {
    std::string value;
    store::encode_row_head(value, {.transaction_id = row.transaction_id,
                                   .account_id = row.account_id,
                                   .json = row.json,
                                   .pending = row.pending,
                                   .generation = row.generation,
                                   .posted_from = row.posted_from});
    value += row.json;
    const auto read = store::decode_row(row.transaction_id, value);
    FUZZ_CHECK(read && *read == row, "a row survives a restart");
    return *read;
  }

  // ---- answers ----

  OracleRow any_row(bool pending) {
    constexpr const char* words[] = {"COFFEE", "TEA", ""};
    const test::RowText row{.id = "t" + std::to_string(choices_.below(7)),
                            .amount = std::to_string(choices_.below(3)) + ".00",
                            .pending = pending,
                            .account = "acc_" + std::to_string(choices_.below(3)),
                            .date = "2025-04-" + std::to_string(10 + choices_.below(15)),
                            .words = words[choices_.below(3)]};
    return {row.id, choices_.once_in(8) ? test::reordered(row) : row.json(), pending};
  }

  test::LinkText any_link() {
    constexpr const char* codes[] = {"auth_expired",   "user_error",        "incomplete", "no_accounts",
                                     "provider_error", "institution_error", "brand_new",  ""};
    test::LinkText link;
    if (choices_.once_in(6)) {
      link.state = "error";
      link.error_code = codes[choices_.below(std::size(codes))];
    } else if (choices_.once_in(24)) {
      constexpr const char* states[] = {"connecting", "hibernating", "deleted"};
      link.state = states[choices_.below(3)];
    }
    if (choices_.once_in(8)) link.product_error = codes[choices_.below(2)];
    if (choices_.once_in(8)) link.accounts_clock = clock_text(newest_);
    return link;
  }

  std::vector<std::string> any_accounts() {
    std::vector<std::string> rows;
    for (std::uint32_t i = choices_.below(4); i > 0; --i) {
      const std::string id = "acc_" + std::to_string(choices_.below(3));
      rows.push_back(test::account(id, std::to_string(choices_.below(2)) + ".50"));
    }
    return rows;
  }

  std::optional<int> any_clock() {
    if (choices_.once_in(3)) ++newest_;
    if (choices_.once_in(5)) return std::nullopt;
    return choices_.once_in(6) ? newest_ - 1 : newest_;
  }

  AnyPage any_page() {
    AnyPage any;
    OraclePage& page = any.meaning;
    for (std::uint32_t i = choices_.below(4); i > 0; --i) {
      const std::uint32_t kind = choices_.below(6);
      if (kind == 0) page.removed.push_back("t" + std::to_string(choices_.below(7)));
      if (kind == 1) page.updated.push_back(any_row(choices_.once_in(4)));
      if (kind > 1) page.created.push_back(any_row(kind < 4));
    }
    page.clock = any_clock();
    page.more = choices_.flag();
    any.text.link = any_link();
    any.text.link.clock = page.clock ? clock_text(*page.clock) : std::string();
    any.text.more = page.more;
    any.text.removed = page.removed;
    for (const OracleRow& row : page.created)
      any.text.created.push_back(row.json);
    for (const OracleRow& row : page.updated)
      any.text.updated.push_back(row.json);
    any.text.accounts.reset();
    if (choices_.flag()) any.text.accounts = any_accounts();
    any.text.next = "c" + std::to_string(++cursor_);
    if (choices_.once_in(16)) {
      any.fresh_cursor = false;
      // One that was before, or none.
      const int before = cursor_ - static_cast<int>(choices_.below(20));
      any.text.next = choices_.flag() ? "c" + std::to_string(std::max(before, 0)) : std::string();
    }
    if (choices_.once_in(32)) {
      any.about_us = false;
      any.text.link.id = "mk_2";
    }
    return any;
  }

  // ---- what must be so ----

  void note_accounts(const std::optional<std::vector<std::string>>& rows, bool complete) {
    if (!rows) return;
    std::map<std::string, std::string> listed;
    for (const std::string& row : *rows)
      listed[row.substr(row.find("acc_"), 5)] = row;
    if (complete) std::erase_if(accounts_, [&](const auto& entry) { return !listed.contains(entry.first); });
    for (const auto& [id, row] : listed)
      accounts_[id] = row;
  }

  void check() {
    std::map<std::string, std::string> visible;
    for (const auto& [id, row] : store_.rows)
      visible[id] = row.json;
    FUZZ_CHECK(same_rows(visible, rows_.visible()), "the rows are what upstream's answers mean");
    for (const auto& [id, row] : store_.rows)
      FUZZ_CHECK(row.pending == rows_.pending().contains(id), "a row is pending when upstream says so");
    consumer_.read(store_.feed);
    FUZZ_CHECK(same_rows(visible, consumer_.rows()), "a consumer of the feed holds the same rows");
    std::map<std::string, std::string> accounts;
    for (const auto& [id, account] : store_.accounts) {
      if (!account.gone) accounts[id] = account.json;
    }
    FUZZ_CHECK(same_rows(accounts, accounts_), "the accounts are what upstream's answers mean");
    FUZZ_CHECK(same_rows(accounts, consumer_.accounts()), "a consumer of the feed holds the same accounts");
    check_origins();
    check_schedule();
  }

  // What a repair finds is told as its own, and nothing else is.
  void check_cause(std::size_t told, bool repairs) {
    const core::Cause cause = repairs ? core::Cause::verify : core::Cause::schedule;
    for (std::size_t i = told; i < store_.feed.size(); ++i)
      FUZZ_CHECK(store_.feed[i].cause == cause, "an entry is told with its cause");
  }

  void check_origins() {
    std::set<std::string> claimed;
    std::map<std::string, std::string> origins;
    for (const auto& [id, row] : store_.rows) {
      if (row.posted_from.empty()) continue;
      origins[id] = row.posted_from;
      const auto old = origins_.find(id);
      if (old != origins_.end() && old->second == row.posted_from) continue;
      FUZZ_CHECK(pending_before_.contains(row.posted_from), "an origin was visibly pending before");
      FUZZ_CHECK(!store_.rows.contains(row.posted_from), "an origin is there no more");
      FUZZ_CHECK(claimed.insert(row.posted_from).second, "an origin is named once");
    }
    origins_ = std::move(origins);
    pending_before_.clear();
    for (const auto& [id, row] : store_.rows) {
      if (row.pending) pending_before_.insert(id);
    }
  }

  void check_schedule() {
    const core::LinkRecord& record = store_.record;
    const bool open = store_.relink && store_.relink->status == core::RelinkStatus::open;
    if (record.status != LinkStatus::paused) {
      FUZZ_CHECK(open == (record.status == LinkStatus::relink),
                 "the queue holds a link exactly while it waits");
    }
    const bool visited = record.status != LinkStatus::paused && record.status != LinkStatus::gone;
    const Millis wait = record.next_due_at - now_;
    FUZZ_CHECK(!visited || wait * 10 <= policy_.max_interval * 11, "a link stays in the schedule");
    FUZZ_CHECK(store_.staged.empty() || record.drain.staged > 0, "what is staged will be cleared");
    FUZZ_CHECK(record.drain.open == rows_.draining() || record.status == LinkStatus::gone,
               "a drain is open while it is");
  }

  Choices& choices_;
  test::OneLinkStore store_;
  core::Policy policy_;
  core::WallTime now_{std::chrono::sys_days(std::chrono::year(2025) / 5 / 2)};
  std::uint64_t entropy_ = 7;
  bool bounded_drains_ = false;
  bool in_cycle_ = false;
  std::optional<core::SeenRows> seen_;
  int newest_ = 1;
  int cursor_ = 0;

  RowOracle rows_;
  FeedConsumer consumer_;
  std::map<std::string, std::string> accounts_;
  std::map<std::string, std::string> origins_;
  std::set<std::string> pending_before_;
};

}  // namespace

FUZZ_TARGET(link_steps) {
  // The store's own promises are tests' expectations.
  static const bool throws = [] {
    GTEST_FLAG_SET(throw_on_failure, true);
    return true;
  }();
  static_cast<void>(throws);
  Choices choices(bytes);
  try {
    Life(choices).run();
  } catch (const std::exception& failure) {
    broken("an update keeps its own contract", __FILE__, __LINE__, failure.what());
  }
}

}  // namespace syncd::fuzz
