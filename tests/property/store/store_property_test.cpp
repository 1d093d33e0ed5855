#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/store/store_fixture.hpp"

// The store against a model of maps: random commits, conflicts, groups and reopenings.
namespace syncd::test {
namespace {

struct ModelLink {
  std::uint64_t fence = 0;  // 0: not there
  std::map<std::string, core::StoredTransaction> rows;
  std::map<std::string, core::StoredTransaction> staged;
  std::map<std::string, core::StoredAccount> accounts;
  std::string link_object;
};

struct Model {
  std::map<std::string, ModelLink> links;
  std::vector<std::string> feed;  // ids
  std::uint64_t feed_begin = 0;
};

struct Step {
  core::LinkUpdate update;
  bool expected = false;
};

std::string_view keep(core::LinkUpdate& update, std::string text) {
  update.texts.push_back(std::make_unique<const std::string>(std::move(text)));
  return *update.texts.back();
}

std::string pick(std::string_view kind, int count) {
  return std::string(kind) + std::to_string(*rc::gen::inRange(0, count));
}

void add_rows(core::LinkUpdate& update, ModelLink& link) {
  std::set<std::string> ids;
  const auto count = *rc::gen::inRange(0, 6);
  for (int i = 0; i < count; ++i)
    ids.insert(pick("t", 12));
  for (const auto& id : ids) {
    const auto held = link.rows.find(id);
    const bool was_pending = held != link.rows.end() && held->second.pending;
    if (held != link.rows.end() && *rc::gen::inRange(0, 3) == 0) {
      update.transaction_erases.push_back({.transaction_id = keep(update, id), .was_pending = was_pending});
      link.rows.erase(held);
      continue;
    }
    const core::StoredTransaction row{.transaction_id = id,
                                      .account_id = pick("a", 3),
                                      .json = pick("{", 1000),
                                      .pending = *rc::gen::arbitrary<bool>(),
                                      .generation = *rc::gen::inRange<std::uint32_t>(1, 4),
                                      .posted_from = {}};
    update.transaction_puts.push_back({.transaction_id = keep(update, id),
                                       .account_id = keep(update, row.account_id),
                                       .json = keep(update, row.json),
                                       .pending = row.pending,
                                       .was_pending = was_pending,
                                       .generation = row.generation,
                                       .posted_from = {}});
    link.rows[id] = row;
  }
}

void add_staged(core::LinkUpdate& update, ModelLink& link) {
  update.staged_clear = *rc::gen::inRange(0, 3) == 0;
  if (update.staged_clear) link.staged.clear();
  std::set<std::string> ids;
  const auto count = *rc::gen::inRange(0, 3);
  for (int i = 0; i < count; ++i)
    ids.insert(pick("t", 12));
  for (const auto& id : ids) {
    if (*rc::gen::inRange(0, 3) == 0) {
      update.staged_erases.push_back(keep(update, id));
      link.staged.erase(id);
      continue;
    }
    const auto json = pick("{", 1000);
    update.staged_puts.push_back({.transaction_id = keep(update, id),
                                  .account_id = {},
                                  .json = keep(update, json),
                                  .pending = true,
                                  .posted_from = {}});
    link.staged[id] = {
        .transaction_id = id, .account_id = {}, .json = json, .pending = true, .posted_from = {}};
  }
}

Step make_step(Model& model, const std::string& name) {
  Step step;
  auto& update = step.update;
  update.link_id = core::LinkId{name};
  const auto held = model.links.find(name);
  const std::uint64_t fence = held == model.links.end() ? 0 : held->second.fence;
  update.expected_fence = *rc::gen::inRange(0, 5) == 0 ? fence + 1 : fence;
  step.expected = update.expected_fence == fence;
  ModelLink scratch;
  auto& link = step.expected ? model.links[name] : scratch;
  update.record.link_id = update.link_id;
  update.record.fence = std::max<std::uint64_t>(fence, 1) + *rc::gen::inRange<std::uint64_t>(0, 2);
  link.fence = update.record.fence;
  if (*rc::gen::arbitrary<bool>()) {
    update.link_object = keep(update, pick("{", 3));
    link.link_object = *update.link_object;
  }
  add_rows(update, link);
  add_staged(update, link);
  if (*rc::gen::arbitrary<bool>()) {
    const auto id = pick("a", 3);
    update.account_puts.push_back({.account_id = keep(update, id), .json = keep(update, pick("{", 9))});
    link.accounts[id] = {.account_id = id, .json = std::string(update.account_puts[0].json)};
  }
  const auto changes = *rc::gen::inRange(0, 4);
  for (int i = 0; i < changes; ++i) {
    const auto id = keep(update, pick("t", 100));
    update.changes.push_back(
        {.kind = core::ChangeKind::transaction_created, .id = id, .before = {}, .after = id});
    if (step.expected) model.feed.emplace_back(id);
  }
  return step;
}

template <class T>
std::vector<T> values_of(const std::map<std::string, T>& map) {
  std::vector<T> values;
  for (const auto& [key, value] : map)
    values.push_back(value);
  return values;
}

void compare(store::Store& store, const Model& model) {
  for (const auto& [name, link] : model.links) {
    const core::LinkId id{name};
    const auto record = store.load(id).value();
    RC_ASSERT(record.has_value());
    RC_ASSERT(record->fence == link.fence);
    RC_ASSERT(store.link_object(id).value() == link.link_object);
    const auto held =
        store
            .lookup(
                {.link_id = id, .transaction_ids = {}, .staged = true, .accounts = true, .stale_below = 99})
            .value();
    RC_ASSERT((held.transactions == values_of(link.rows)));
    RC_ASSERT((held.staged == values_of(link.staged)));
    RC_ASSERT((held.accounts == values_of(link.accounts)));
    auto pending = link.rows;
    std::erase_if(pending, [](const auto& row) { return !row.second.pending; });
    const auto found = store.lookup({.link_id = id, .transaction_ids = {}, .pending = true}).value();
    RC_ASSERT((found.transactions == values_of(pending)));
  }
  const auto slice = store.feed(model.feed_begin, 1000).value();
  RC_ASSERT(slice.head == model.feed_begin + model.feed.size());
  RC_ASSERT(slice.entries.size() == model.feed.size());
  for (std::size_t i = 0; i < slice.entries.size(); ++i) {
    RC_ASSERT(slice.entries[i].sequence == model.feed_begin + i + 1);
    RC_ASSERT(slice.entries[i].id == model.feed[i]);
  }
}

// One store for all cases, because opening one syncs a dozen files; each case has links of its own.
struct SharedStore {
  TempDir directory;
  store::StoreOptions options = unsynced(directory / "store");  // surviving a power cut is not asked here
  std::unique_ptr<store::Store> store = store::Store::open(options).value();
  int cases = 0;

  static store::StoreOptions unsynced(std::string path) {
    auto chosen = options_for(std::move(path));
    chosen.sync_writes = false;
    return chosen;
  }
  void reopen() {
    store.reset();
    store = store::Store::open(options).value();
  }
};

RC_GTEST_PROP(StoreProperty, FollowsTheModel, ()) {
  static SharedStore shared;
  const auto name = "case" + std::to_string(++shared.cases) + "_";
  Model model{.links = {}, .feed = {}, .feed_begin = shared.store->stats().feed_head};
  const auto calls = *rc::gen::inRange(1, 25);
  for (int call = 0; call < calls; ++call) {
    std::vector<Step> steps;
    const auto grouped = *rc::gen::inRange(1, 5);
    for (int i = 0; i < grouped; ++i)
      steps.push_back(make_step(model, name + pick("link", 4)));
    std::vector<const core::LinkUpdate*> pointers;
    for (const auto& step : steps)
      pointers.push_back(&step.update);
    const auto outcomes = shared.store->commit(pointers).value();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      RC_ASSERT((outcomes[i] == store::CommitOutcome::committed) == steps[i].expected);
    }
    if (*rc::gen::inRange(0, 40) == 0) shared.reopen();
  }
  if (*rc::gen::inRange(0, 4) == 0) shared.reopen();
  RC_ASSERT(shared.store->notices().empty());
  RC_ASSERT(shared.store->stats().feed_epoch == 1u);
  compare(*shared.store, model);
}

}  // namespace
}  // namespace syncd::test
