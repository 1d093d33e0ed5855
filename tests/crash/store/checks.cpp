#include "tests/crash/store/checks.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "tests/sim/feed_reader.hpp"

namespace syncd::test {
namespace {

constexpr std::size_t page = 1000;
constexpr std::uint64_t feed_page = 100;

// Reads into `shown` and gives up at the first error.
class Reader {
 public:
  Reader(store::Store& store, Shown& shown) : store_(store), shown_(shown) {}
  void read() {
    const auto stats = store_.stats();
    shown_.published = stats.published;
    shown_.state.store.epoch = stats.feed_epoch;
    links() && relink() && audit() && letters() && freezes() && feed() && notes();
  }

 private:
  template <class T>
  bool good(const core::Result<T>& result) {
    if (!result) shown_.error = result.error().message;
    return result.has_value();
  }
  bool links() {
    const auto listed = store_.links("", page, std::nullopt);
    if (!good(listed)) return false;
    return std::ranges::all_of(listed->items, [this](const auto& record) { return link(record); });
  }
  bool link(const core::LinkRecord& record) {
    auto& to = shown_.state.store;
    const auto& id = record.link_id;
    to.links[id] = record;
    const auto accounts = store_.accounts(id, "", page);
    const auto rows = store_.transactions(id, "", page);
    const auto held = store_.lookup({.link_id = id, .transaction_ids = {}, .pending = true, .staged = true});
    if (!good(accounts) || !good(rows) || !good(held) || !good(store_.link_object(id))) return false;
    for (const auto& account : accounts->items)
      to.accounts[id][account.account_id] = account;
    for (const auto& row : rows->items)
      to.rows[id][row.transaction_id] = row;
    for (const auto& row : held->staged)
      to.staged[id][row.transaction_id] = row;
    std::vector<core::StoredTransaction> pending;
    for (const auto& row : rows->items) {
      if (row.pending) pending.push_back(row);
    }
    if (pending == held->transactions) return true;
    shown_.error = "the index of pending rows names others than the rows do";
    return false;
  }
  bool relink() {
    const auto listed = store_.relink_entries("", page, {.state = store::RelinkFilter::State::any});
    if (!good(listed)) return false;
    for (const auto& item : listed->items) {
      const auto entry = store_.relink_entry(item.link_id);
      if (!good(entry)) return false;
      if (*entry) shown_.state.store.relink[item.link_id] = **entry;
    }
    return true;
  }
  bool audit() {
    const auto slice = store_.audit_entries(0, page);
    if (!good(slice)) return false;
    auto& entries = shown_.state.store.audit;
    entries.assign(slice->entries.rbegin(), slice->entries.rend());
    const core::AuditHead end =
        entries.empty() ? core::AuditHead{} : core::AuditHead{entries.back().sequence, entries.back().hash};
    if (slice->head == end) return true;
    shown_.error = "the audit log does not end where its head says";
    return false;
  }
  bool letters() {
    const auto listed = store_.dead_letters("", page);
    if (!good(listed)) return false;
    shown_.state.store.dead_letters = listed->items;
    return true;
  }
  bool freezes() {
    const auto listed = store_.freezes();
    if (!good(listed)) return false;
    for (const auto& freeze : *listed)
      shown_.state.store.freezes[freeze.endpoint] = freeze.until;
    return true;
  }
  bool feed() {
    for (std::uint64_t after = 0;;) {
      const auto slice = store_.feed(after, feed_page);
      if (!good(slice)) return false;
      auto& entries = shown_.state.store.feed;
      for (const auto& entry : slice->entries)
        entries.push_back(std::make_shared<const store::FeedEntry>(entry));
      if (!entries.empty()) after = entries.back()->sequence;
      if (slice->entries.empty() || after == slice->head) return after == slice->head || gap(after);
    }
  }
  bool gap(std::uint64_t after) {
    shown_.error = fmt::format("nothing follows change {}", after);
    return false;
  }
  bool notes() {
    const auto note = store_.take_note("budget");
    if (!good(note)) return false;
    if (!*note) return true;
    shown_.state.notes["budget"] = **note;
    return good(store_.put_note("budget", **note));
  }

  store::Store& store_;
  Shown& shown_;
};

bool same_entry(const std::shared_ptr<const store::FeedEntry>& a,
                const std::shared_ptr<const store::FeedEntry>& b) {
  const auto content = [](const store::FeedEntry& e) {
    return std::tie(e.sequence, e.at, e.link_id, e.kind, e.id, e.before, e.after, e.cause);
  };
  return content(*a) == content(*b);
}

// Links without rows have no place of their own in a map of rows.
template <class Rows>
Rows without_empty(Rows rows) {
  std::erase_if(rows, [](const auto& link) { return link.second.empty(); });
  return rows;
}

std::vector<core::DeadLetter> in_order(std::vector<core::DeadLetter> letters) {
  std::ranges::sort(letters, {}, [](const core::DeadLetter& one) { return std::tie(one.at, one.link_id); });
  return letters;
}

// The consumer's view, judged by the same reader that judges the simulation.
void check_feed_tells_the_state(const Shown& shown, Violations& violations) {
  auto store = shown.state.store;
  FeedReader reader;
  Findings found;
  reader.read(store, feed_page, false, found);
  for (const auto& one : found.violations())
    violations.push_back("feed: " + one.text());
}

bool go_on(Driver& driver, const Scenario& scenario, std::size_t at, std::size_t to, Violations& violations) {
  if (!driver.run(at, to)) {
    violations.push_back("goes on: " + driver.error());
    return false;
  }
  const auto shown = driver.store() != nullptr ? read_everything(*driver.store()) : Shown{};
  if (driver.store() == nullptr) return true;
  if (!shown.error.empty()) violations.push_back("goes on: reading: " + shown.error);
  for (const auto& one : differences(shown, scenario.after(to), true))
    violations.push_back("goes on: " + one);
  return violations.empty();
}

void check_notices(std::vector<std::string> notices, const DiskImage& image, const Expectations& expectations,
                   Violations& violations) {
  if (expectations.table_may_be_torn) {
    const auto told = std::erase_if(notices, [](const auto& notice) {
      return notice.find("is torn, as a power cut leaves it") != std::string::npos;
    });
    if (told > 0 && !image.find(std::string(store_path) + "/torn-manifest"))
      violations.push_back("notices: a table was cut and its original is not kept");
  }
  if (!notices.empty() && !expectations.epoch_may_change) violations.push_back("notices: " + notices.front());
}

}  // namespace

Shown read_everything(store::Store& store) {
  Shown shown;
  Reader(store, shown).read();
  return shown;
}

Violations differences(const Shown& shown, const State& expected, bool with_feed) {
  Violations found;
  const auto& is = shown.state.store;
  const auto& should = expected.store;
  const auto same = [&found](bool same, std::string_view what) {
    if (!same) found.push_back(std::string(what) + " differ");
  };
  same(is.links == should.links, "link records");
  same(is.rows == without_empty(should.rows), "rows");
  same(is.staged == without_empty(should.staged), "staged rows");
  same(is.accounts == without_empty(should.accounts), "accounts");
  same(is.relink == should.relink, "relink entries");
  same(is.audit == should.audit, "audit log");
  same(in_order(is.dead_letters) == in_order(should.dead_letters), "dead letters");
  same(is.freezes == should.freezes, "retry windows");
  same(shown.state.notes == expected.notes, "notes");
  if (with_feed) same(std::ranges::equal(is.feed, should.feed, same_entry), "changes of the feed");
  return found;
}

std::optional<std::size_t> find_state(const Scenario& scenario, const Shown& shown, std::size_t from,
                                      std::size_t to, Violations& violations) {
  Violations nearest;
  for (auto i = to + 1; i-- > from;) {
    auto found = differences(shown, scenario.after(i), true);
    if (found.empty()) return i;
    if (nearest.empty() || found.size() < nearest.size()) nearest = std::move(found);
  }
  for (auto i = from; i-- > 0;) {
    if (!differences(shown, scenario.after(i), true).empty()) continue;
    violations.push_back(
        fmt::format("acknowledged: the store is that of step {}, {} were acknowledged", i, from));
    return std::nullopt;
  }
  for (const auto& one : nearest)
    violations.push_back(fmt::format("atomic: between steps {} and {}: {}", from, to, one));
  return std::nullopt;
}

Violations check_store(const Scenario& scenario, const std::shared_ptr<CrashingFileSystem>& files,
                       const Progress& progress, const Expectations& expectations) {
  Violations violations;
  Driver driver(scenario, files);
  if (!driver.open()) return {"opens: " + driver.error()};
  check_notices(driver.store()->notices(), files->image(), expectations, violations);
  const auto shown = read_everything(*driver.store());
  if (!shown.error.empty()) {
    violations.push_back("readable: " + shown.error);
    return violations;
  }
  if (shown.state.store.epoch != 1 && !expectations.epoch_may_change)
    violations.push_back("epoch: a new one though nothing that was published is lost");
  if (shown.published < progress.published) {
    violations.push_back(
        fmt::format("published: change {} was shown, the mark says {}", progress.published, shown.published));
  }
  check_feed_tells_the_state(shown, violations);
  auto at = find_state(scenario, shown, progress.done, progress.begun, violations);
  if (!violations.empty()) return violations;

  const auto to = std::min(*at + expectations.steps_after, scenario.steps().size());
  // Opening and closing are no changes: a crash in one of them left the state that it began with, and either
  // way the next step is about an open store.
  if (!go_on(driver, scenario, *at, to, violations)) return violations;
  if (!driver.close()) violations.push_back("closes: " + driver.error());
  if (!files->image().find(std::string(store_path) + "/clean-close"))
    violations.push_back("closes: without its marker");
  if (!violations.empty() || !expectations.open_again) return violations;
  if (!driver.open()) return {"opens again: " + driver.error()};
  const auto again = read_everything(*driver.store());
  if (!again.error.empty()) violations.push_back("readable again: " + again.error);
  for (const auto& one : differences(again, scenario.after(to), true))
    violations.push_back("opens again: " + one);
  return violations;
}

}  // namespace syncd::test
