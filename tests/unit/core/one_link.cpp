#include "tests/unit/core/one_link.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace syncd::test {

using core::Endpoint;
using core::Errc;

namespace {

std::string joined(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const std::string& item : items) {
    if (text.size() > 1) text += ',';
    text += item;
  }
  return text + ']';
}

std::vector<std::string> in_quotes(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const std::string& word : words)
    quoted.push_back('"' + word + '"');
  return quoted;
}

std::string or_null(const std::string& text) {
  return text.empty() ? "null" : '"' + text + '"';
}

template <class Answer>
std::shared_ptr<const Answer> parsed(core::Result<std::shared_ptr<const Answer>> answer) {
  if (!answer) throw std::logic_error("the test's own answer is not valid: " + answer.error().message);
  return *std::move(answer);
}

core::StoredTransaction stored(const core::TransactionPut& put) {
  return {.transaction_id = std::string(put.transaction_id),
          .account_id = std::string(put.account_id),
          .json = std::string(put.json),
          .pending = put.pending,
          .generation = put.generation,
          .posted_from = std::string(put.posted_from)};
}

}  // namespace

std::string RowText::json() const {
  return fmt::format(
      R"({{"transaction_id":"{}","account_id":"{}","amount":"{}","type":"debit","currency":"USD",)"
      R"("date":"{}",)"
      R"("raw_description":"{}","pending":{}}})",
      id, account, amount, date, words, pending);
}

std::string reordered(const RowText& row) {
  return fmt::format(
      R"({{ "pending":{}, "raw_description":"{}", "date":"{}", "currency":"USD", "type":"debit",)"
      R"("amount":"{}", "account_id":"{}", "transaction_id":"{}" }})",
      row.pending, row.words, row.date, row.amount, row.account, row.id);
}

std::string posted(std::string_view id, std::string_view amount) {
  return RowText{.id = std::string(id), .amount = std::string(amount)}.json();
}

std::string pending(std::string_view id, std::string_view amount) {
  return RowText{.id = std::string(id), .amount = std::string(amount), .pending = true}.json();
}

std::string account(std::string_view id, std::string_view balance) {
  return fmt::format(R"({{"account_id":"{}","account_type":"depository.checking","name":"Checking",)"
                     R"("balances":{{"current":{}}}}})",
                     id, balance);
}

std::string LinkText::json() const {
  const std::string transactions = has_transactions ? fmt::format(R"({{"refreshed_at":{},"error_code":{}}})",
                                                                  or_null(clock), or_null(product_error))
                                                    : "null";
  const std::string accounts =
      has_accounts ? fmt::format(R"({{"refreshed_at":{}}})", or_null(accounts_clock)) : "null";
  return fmt::format(
      R"({{"link_id":"{}","institution_id":"chase","provider":"mx","state":"{}","error_code":{},)"
      R"("products":{{"accounts":{},"transactions":{}}}}})",
      id, state, or_null(error_code), accounts, transactions);
}

std::string PageText::json() const {
  return fmt::format(
      R"({{"transactions":{{"created":{},"updated":{},"removed":{}}},"accounts":{},"cursor":{{"next":{}}},)"
      R"("has_more":{},"link":{}}})",
      joined(created), joined(updated), joined(in_quotes(removed)), accounts ? joined(*accounts) : "null",
      or_null(next), more, link.json());
}

// ---- the store ----

core::Held OneLinkStore::lookup(const core::LookupRequest& request) const {
  EXPECT_TRUE(std::ranges::is_sorted(request.transaction_ids));
  core::Held held;
  const auto wanted = [&](const core::StoredTransaction& row) {
    const bool by_id =
        std::ranges::binary_search(request.transaction_ids, std::string_view(row.transaction_id));
    return by_id || (request.pending && row.pending) || row.generation < request.stale_below;
  };
  for (const auto& [id, row] : rows) {
    if (wanted(row)) held.transactions.push_back(row);
  }
  if (request.staged) {
    for (const auto& [id, row] : staged)
      held.staged.push_back(row);
  }
  if (request.accounts) {
    for (const auto& [id, row] : accounts)
      held.accounts.push_back(row);
  }
  if (request.relink) held.relink = relink;
  if (request.dead_letter_at) {
    const auto letter = std::ranges::find(dead_letters, *request.dead_letter_at, &core::DeadLetter::at);
    if (letter != dead_letters.end()) held.dead_letter = *letter;
  }
  return held;
}

void OneLinkStore::apply(const core::LinkUpdate& update) {
  EXPECT_EQ(update.expected_fence, record.fence);
  apply_rows(update);
  for (const core::AccountPut& put : update.account_puts) {
    accounts[std::string(put.account_id)] = {.account_id = std::string(put.account_id),
                                             .json = std::string(put.json),
                                             .gone = put.gone,
                                             .gone_since = put.gone_since};
  }
  for (const core::Change& change : update.changes) {
    feed.push_back({change.kind, std::string(change.id), std::string(change.before),
                    std::string(change.after), update.cause});
  }
  if (update.relink) relink = update.relink;
  const auto forget_letter = [this](core::WallTime at) {
    std::erase_if(dead_letters, [at](const core::DeadLetter& letter) { return letter.at == at; });
  };
  if (update.dead_letter) {
    forget_letter(update.dead_letter->at);
    dead_letters.push_back(*update.dead_letter);
  }
  if (update.dropped_dead_letter_at) forget_letter(*update.dropped_dead_letter_at);
  record = update.record;
  check_counts();
}

void OneLinkStore::apply_rows(const core::LinkUpdate& update) {
  EXPECT_TRUE(std::ranges::is_sorted(update.transaction_puts, {}, &core::TransactionPut::transaction_id));
  EXPECT_TRUE(std::ranges::is_sorted(update.transaction_erases, {}, &core::TransactionErase::transaction_id));
  std::set<std::string_view> met;
  for (const core::TransactionPut& put : update.transaction_puts) {
    EXPECT_TRUE(met.insert(put.transaction_id).second) << put.transaction_id << " is written twice";
    const auto held = rows.find(std::string(put.transaction_id));
    EXPECT_EQ(put.was_pending, held != rows.end() && held->second.pending) << put.transaction_id;
    rows[std::string(put.transaction_id)] = stored(put);
  }
  for (const core::TransactionErase& erase : update.transaction_erases) {
    EXPECT_TRUE(met.insert(erase.transaction_id).second) << erase.transaction_id << " is written twice";
    const auto held = rows.find(std::string(erase.transaction_id));
    ASSERT_NE(held, rows.end()) << erase.transaction_id << " is not there to be erased";
    EXPECT_EQ(erase.was_pending, held->second.pending) << erase.transaction_id;
    rows.erase(held);
  }
  if (update.staged_clear) staged.clear();
  for (const std::string_view id : update.staged_erases)
    staged.erase(std::string(id));
  for (const core::TransactionPut& put : update.staged_puts)
    staged[std::string(put.transaction_id)] = stored(put);
}

void OneLinkStore::check_counts() const {
  const auto is_pending = [](const auto& entry) { return entry.second.pending; };
  const auto is_there = [](const auto& entry) { return !entry.second.gone; };
  EXPECT_EQ(record.counts.transactions, rows.size());
  EXPECT_EQ(record.counts.pending, static_cast<std::uint64_t>(std::ranges::count_if(rows, is_pending)));
  EXPECT_EQ(record.counts.accounts, static_cast<std::uint64_t>(std::ranges::count_if(accounts, is_there)));
}

// ---- the link ----

OneLink::OneLink() : now(std::chrono::sys_days(std::chrono::year(2025) / 5 / 2)) {
  const core::LinkUpdate added = core::step_add({core::LinkId{the_link}, "user_1", {}}, now);
  EXPECT_EQ(added.expected_fence, 0u);
  store.record = added.record;
}

core::StepInput OneLink::input(const core::LookupRequest& request) const {
  return {.record = store.record,
          .held = std::make_shared<const core::Held>(store.lookup(request)),
          .now = now,
          .policy = policy,
          .cause = core::Cause::schedule,
          .recent_sends = {},
          .entropy = entropy,
          .retry_refused = retry_refused};
}

core::LinkUpdate OneLink::commit(core::LinkUpdate update) {
  store.apply(update);
  return update;
}

core::LinkUpdate OneLink::page(const PageText& text) {
  const auto page = parsed(core::parse_page(text.json()));
  const auto refusal = core::check_page(store.record, *page, policy);
  EXPECT_FALSE(refusal) << refusal->message;
  return commit(core::step_page(input(core::plan_lookup(store.record, *page, nullptr)), page));
}

std::string OneLink::refuses(const PageText& text) const {
  const auto page = parsed(core::parse_page(text.json()));
  const auto refusal = core::check_page(store.record, *page, policy);
  return refusal ? refusal->message : std::string();
}

core::LinkUpdate OneLink::page_or_failure(const PageText& text) {
  const auto answer = parsed(core::parse_page(text.json()));
  const auto refusal = core::check_page(store.record, *answer, policy);
  return refusal ? fails(*refusal) : page(text);
}

core::LinkUpdate OneLink::accounts(const std::vector<std::string>& rows, const LinkText& link) {
  const auto answer =
      parsed(core::parse_accounts(fmt::format(R"({{"accounts":{},"link":{}}})", joined(rows), link.json())));
  return commit(core::step_accounts(input(core::plan_lookup(store.record, *answer)), answer));
}

core::LinkUpdate OneLink::look(const LinkText& link) {
  const auto answer = parsed(core::parse_link(link.json()));
  return commit(core::step_link(input(core::plan_lookup(store.record)), answer));
}

core::LinkUpdate OneLink::fails(Errc code, Endpoint endpoint) {
  core::Error error{.code = code, .message = "as the test wants"};
  if (code == Errc::relink_required) {
    error.http_status = 422;
    error.link_error_code = "auth_expired";
  }
  return fails(error, endpoint);
}

core::LinkUpdate OneLink::fails(const core::Error& error, Endpoint endpoint) {
  return commit(core::step_error(input(core::plan_lookup(store.record)), error, endpoint));
}

core::LinkUpdate OneLink::pause() {
  core::LinkUpdate update = core::step_pause(input(core::plan_lookup(store.record)));
  return commit(std::move(update));
}

core::LinkUpdate OneLink::resume() {
  core::LinkUpdate update = core::step_resume(input(core::plan_lookup(store.record)));
  return commit(std::move(update));
}

core::LinkUpdate OneLink::repair() {
  core::LinkUpdate update = core::step_repair(input(core::plan_lookup(store.record)));
  return commit(std::move(update));
}

core::LinkUpdate OneLink::complete(const core::Registration& registration) {
  return commit(core::step_complete(input(core::plan_lookup(store.record)), registration));
}

core::LinkUpdate OneLink::act(core::RelinkRequest::Kind kind) {
  auto changed = core::apply(*store.relink, {.kind = kind, .actor = "uid:1", .text = "why"}, now);
  EXPECT_TRUE(changed) << changed.error().message;
  return commit(core::step_relink(input(core::plan_lookup(store.record)), std::move(*changed)));
}

core::LookupRequest OneLink::about_letter(core::WallTime at) const {
  core::LookupRequest request = core::plan_lookup(store.record);
  request.dead_letter_at = at;
  return request;
}

core::LinkUpdate OneLink::retry_letter(core::WallTime at) {
  core::LinkUpdate update = core::step_retry_letter(input(about_letter(at)));
  return commit(std::move(update));
}

core::LinkUpdate OneLink::drop_letter(core::WallTime at) {
  core::LinkUpdate update = core::step_drop_letter(input(about_letter(at)));
  return commit(std::move(update));
}

Lines OneLink::news() {
  Lines lines;
  for (; told_ < store.feed.size(); ++told_) {
    lines.push_back(std::string(core::to_string(store.feed[told_].kind)) + ' ' + store.feed[told_].id);
  }
  return lines;
}

Lines OneLink::visible() const {
  Lines lines;
  for (const auto& [id, row] : store.rows)
    lines.push_back(row.pending ? id + '?' : id);
  return lines;
}

}  // namespace syncd::test
