#include "tests/unit/engine/verify_world.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace syncd::test {

namespace {

constexpr std::size_t rows_a_page = 3;

std::string joined(const std::vector<std::string>& items) {
  return fmt::format("[{}]", fmt::join(items, ","));
}

std::string link_of(const std::string& target) {
  const std::size_t begin = std::string("/links/").size();
  return target.substr(begin, target.find('/', begin) - begin);
}

api::Task<void> add(engine::Engine& engine, std::string link_id) {
  engine::NewLink link{core::LinkId{std::move(link_id)}, {}, {}};
  const auto added = co_await engine.add_link(std::move(link), by_a_test);
  EXPECT_TRUE(added);
}

}  // namespace

// ---- the store
// -----------------------------------------------------------------------------------------------

api::Task<core::Result<std::optional<core::LinkRecord>>> ModelPort::load(core::LinkId link_id) {
  const auto found = model.links.find(link_id);
  if (found == model.links.end()) co_return std::nullopt;
  co_return std::optional(found->second);
}

api::Task<core::Result<core::Held>> ModelPort::lookup(core::LookupRequest request) {
  core::Held held = model.lookup(request);
  for (const core::DeadLetter& letter : model.dead_letters) {
    if (letter.link_id == request.link_id && letter.at == request.dead_letter_at) held.dead_letter = letter;
  }
  co_return held;
}

api::Task<core::Result<void>> ModelPort::commit(core::LinkUpdate update) {
  if (before_commit) std::exchange(before_commit, nullptr)();
  ++commits;
  const std::optional<core::DeadLetter> letter = std::exchange(update.dead_letter, std::nullopt);
  if (model.apply(update) != store::CommitOutcome::committed)
    co_return core::fail(core::Errc::conflict, "fence");
  const auto forget = [&](std::optional<core::WallTime> at) {
    std::erase_if(model.dead_letters, [&](const core::DeadLetter& known) {
      return known.link_id == update.link_id && known.at == at;
    });
  };
  if (letter) {
    forget(letter->at);
    model.dead_letters.push_back(*letter);
  }
  forget(update.dropped_dead_letter_at);
  co_return core::Result<void>{};
}

api::Task<core::Result<std::optional<core::LinkId>>> ModelPort::next_link(std::string after) {
  if (reads_fail) co_return core::fail(core::Errc::storage, "unreadable");
  const auto next = model.links.upper_bound(core::LinkId{std::move(after)});
  if (next == model.links.end()) co_return std::nullopt;
  co_return std::optional(next->first);
}

api::Task<core::Result<std::optional<std::string>>> ModelPort::note(std::string name) {
  if (reads_fail) co_return core::fail(core::Errc::storage, "unreadable");
  const auto found = notes.find(name);
  if (found == notes.end()) co_return std::nullopt;
  co_return std::optional(found->second);
}

api::Task<core::Result<void>> ModelPort::put_note(std::string name, std::string value) {
  notes[std::move(name)] = std::move(value);
  co_return core::Result<void>{};
}

api::Task<core::Result<bool>> ModelPort::put_link_note(core::LinkId link_id, std::string name,
                                                       std::string value) {
  if (!model.links.contains(link_id)) co_return false;
  notes[std::move(name)] = std::move(value);
  co_return true;
}

// ---- the bank
// ------------------------------------------------------------------------------------------------

std::string cursor_of(const api::HttpCall& call) {
  const std::size_t at = call.target.find("&cursor=");
  return at == std::string::npos ? "" : call.target.substr(at + 8);
}

bool asks_for_page(const api::HttpCall& call) {
  return call.target.find("/transactions/sync") != std::string::npos;
}

bool asks_for_accounts(const api::HttpCall& call) {
  return call.target.ends_with("/accounts");
}

bool is_reading(const api::HttpCall& call) {
  return asks_for_page(call) && !cursor_of(call).starts_with("e");
}

FakeTransport::Answer VerifyWorld::answer(const api::HttpCall& call) {
  if (asks_for_page(call) && cursor_of(call).empty()) ++null_cursor_calls;
  if (instead) {
    if (auto other = instead(call)) return std::move(*other);
  }
  const std::string link_id = link_of(call.target);
  if (asks_for_page(call)) return page(link_id, cursor_of(call));
  const LinkText link{.id = link_id, .clock = clock, .accounts_clock = accounts_clock};
  if (asks_for_accounts(call)) {
    return json_reply(200,
                      fmt::format(R"({{"accounts":{},"link":{}}})", joined(truth_accounts), link.json()));
  }
  return json_reply(200, link.json());
}

// `e` is the end of the history; behind it nothing is new. Before it, `n3` is where the fourth row begins.
FakeTransport::Answer VerifyWorld::page(const std::string& link_id, const std::string& cursor) {
  PageText text{.next = "e", .link = {.id = link_id, .clock = clock, .accounts_clock = accounts_clock}};
  text.accounts = truth_accounts;
  if (cursor == "e") return json_reply(200, text.json());
  const std::size_t begin = cursor.empty() ? 0 : std::stoul(cursor.substr(1));
  const std::size_t end = std::min(begin + rows_a_page, truth.size());
  text.created.assign(truth.begin() + static_cast<std::ptrdiff_t>(begin),
                      truth.begin() + static_cast<std::ptrdiff_t>(end));
  text.more = end < truth.size();
  if (text.more) text.next = "n" + std::to_string(end);
  return json_reply(200, text.json());
}

// ---- the world
// -----------------------------------------------------------------------------------------------

VerifyWorld::VerifyWorld(api::Budgets budgets, core::Policy policy, Notes notes, bool readable)
    : gate(io.timers, budgets), upstream(transport, gate, io.timers, {}, [](const core::HttpReport&) {}) {
  port.notes = std::move(notes);
  port.reads_fail = !readable;
  engine::EngineOptions options;
  options.policy = policy;
  options.idle_look = std::chrono::minutes(1);
  options.discovery = false;
  engine.emplace(io.timers, upstream, gate, port, observer, options);
  engine->start(io.io.get_executor());
}

VerifyWorld::~VerifyWorld() {
  io.start(engine->stop(io.timers.steady_now()));
  io.settle();
}

void VerifyWorld::sync(const std::vector<std::string>& link_ids) {
  for (const std::string& link_id : link_ids)
    io.start(add(*engine, link_id));
  io.pass(std::chrono::minutes(3));
  for (const std::string& link_id : link_ids)
    EXPECT_EQ(rows(link_id).size(), truth.size());
  news();
  null_cursor_calls = 0;
}

core::VerifyReport VerifyWorld::verify(const std::string& link_id) {
  const std::size_t before = observer.verifies.size();
  const auto begun = engine->verify(core::LinkId{link_id});
  EXPECT_TRUE(begun) << (begun ? "" : begun.error().message);
  io.pass(std::chrono::minutes(5));
  EXPECT_EQ(observer.verifies.size(), before + 1);
  return observer.verifies.size() == before ? core::VerifyReport{} : observer.verifies.back();
}

Lines VerifyWorld::news() {
  Lines lines;
  for (; told < port.model.feed.size(); ++told) {
    const store::FeedEntry& entry = *port.model.feed[told];
    const bool row = entry.kind >= core::ChangeKind::account_created &&
                     entry.kind <= core::ChangeKind::transaction_removed;
    if (!row) continue;
    lines.push_back(
        fmt::format("{} {} {}", core::to_string(entry.kind), entry.id, core::to_string(entry.cause)));
  }
  return lines;
}

void VerifyWorld::lose(const std::string& id) {
  core::Counts& counts = record().counts;
  --counts.transactions;
  if (rows().at(id).pending) --counts.pending;
  rows().erase(id);
}

void VerifyWorld::plant(const std::string& id, const std::string& json, bool is_pending) {
  core::Counts& counts = record().counts;
  if (!rows().contains(id)) {
    ++counts.transactions;
    if (is_pending) ++counts.pending;
  }
  rows()[id] = {.transaction_id = id,
                .account_id = "acc_1",
                .json = json,
                .pending = is_pending,
                .generation = record().generation,
                .posted_from = {}};
}

core::LinkId the_id() {
  return core::LinkId{the_link};
}

api::Task<void> add(engine::Engine& engine) {
  engine::NewLink link{the_id(), {}, {}};
  const auto added = co_await engine.add_link(std::move(link), by_a_test);
  EXPECT_TRUE(added);
}

api::Task<void> pause(engine::Engine& engine, std::string link_id) {
  core::LinkId link{std::move(link_id)};
  const auto paused = co_await engine.pause(std::move(link), by_a_test);
  EXPECT_TRUE(paused);
}

}  // namespace syncd::test
