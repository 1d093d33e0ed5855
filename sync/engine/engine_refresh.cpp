#include <algorithm>
#include <array>
#include <utility>

#include "sync/core/refresh_demand.hpp"
#include "sync/engine/engine_impl.hpp"

// Asking a link's bank anew. It may cost money: a call is paid for in the store before it goes out, and given
// back only when upstream has refused it for certain.
namespace syncd::engine {

namespace {

using core::RefreshProduct;
using core::RefreshStage;

// What came of a request is looked for after so long each; its webhook, where there is one, is faster.
constexpr std::array<core::Millis, 5> looks_after{std::chrono::seconds(30), std::chrono::minutes(1),
                                                  std::chrono::minutes(2), std::chrono::minutes(5),
                                                  std::chrono::minutes(10)};
constexpr std::size_t followed_max = 1'000;
constexpr core::Millis budgets_within = std::chrono::minutes(1);

const core::ProductInfo& product_of(const core::LinkObject& link, RefreshProduct product) {
  return product == RefreshProduct::accounts ? link.accounts : link.transactions;
}

bool is_later(const std::optional<core::UpstreamTime>& now, const std::optional<core::UpstreamTime>& before) {
  return now && (!before || *now > *before);
}

RefreshAsked refused(RefreshProduct product, const core::RefreshVerdict& verdict) {
  return {.product = product,
          .asked = false,
          .reason = std::string(core::to_string(*verdict.refusal)),
          .message = std::string(core::explanation(*verdict.refusal)),
          .retry_at = verdict.retry_at};
}

core::Error under_way() {
  return {.code = core::Errc::conflict,
          .message = "this link is being asked for already; wait for its answer"};
}

}  // namespace

struct Engine::Impl::Refreshing {
  core::LinkId link_id;
  RefreshProduct product;
  core::LinkRecord record;     // as it was judged
  core::RefreshPlaces places;  // as noted before the call
  core::RefreshPlace before;   // of the product, before that
  core::WallTime asked_at{};
  core::RefreshSpending paid = {};  // with this call
  core::RefreshPlace& place() { return places[static_cast<std::size_t>(product)]; }
};

core::RefreshVerdict RefreshState::judge(const core::LinkRecord& record, RefreshProduct product,
                                         const core::RefreshPlace& place, const core::RefreshPolicy& policy,
                                         core::WallTime now) const {
  if (!spending) return {core::RefreshRefusal::month_spent, std::nullopt};
  const auto known = hours.find(record.institution_id);
  return core::judge_refresh({.record = record,
                              .product = product,
                              .place = place,
                              .spending = core::spending_at(*spending, now),
                              .hours = known == hours.end() ? nullptr : &known->second,
                              .learned_interval = intervals[static_cast<std::size_t>(product)].learned(),
                              .policy = policy,
                              .now = now});
}

void RefreshState::learn_from_refusal(const core::LinkRecord& record, RefreshProduct product,
                                      core::WallTime last, core::WallTime asked_at, core::WallTime until) {
  if (until - asked_at <= budgets_within) return;  // of calls a minute
  if (intervals[static_cast<std::size_t>(product)].refused(last, until)) return;
  const bool known = hours.contains(record.institution_id);
  if (!known && hours.size() >= institutions_max) return;
  hours[record.institution_id].refused(asked_at, until);
}

void RefreshState::learn_from_acceptance(const core::LinkRecord& record, RefreshProduct product,
                                         core::WallTime last, core::WallTime asked_at) {
  intervals[static_cast<std::size_t>(product)].accepted(last, asked_at);
  const auto known = hours.find(record.institution_id);
  if (known != hours.end()) known->second.accepted(asked_at);
}

api::Task<core::Result<RefreshAnswer>> Engine::Impl::refresh(core::LinkId link_id,
                                                             std::vector<RefreshProduct> products,
                                                             Requester by) {
  if (!table.find(link_id.str())) co_return core::fail(core::Errc::not_found, "no such link");
  if (!group || stopping) co_return core::fail(core::Errc::cancelled, "the daemon is starting or stopping");
  const auto earlier = co_await earlier_act(by);
  if (!earlier) co_return std::unexpected(earlier.error());
  if (*earlier) {
    co_return core::fail(
        core::Errc::conflict,
        "this request was answered before, and the bank is not asked twice for it; send it with "
        "another Idempotency-Key");
  }
  if (products.empty()) {
    for (const RefreshProduct product : {RefreshProduct::accounts, RefreshProduct::transactions})
      if (options.refresh.covers(product)) products.push_back(product);
  }
  if (!refreshes.asking.insert(link_id.str()).second) co_return std::unexpected(under_way());
  RefreshAnswer answer;
  std::optional<core::Error> failed;
  for (const RefreshProduct product : products) {
    auto asked = co_await refresh_product(link_id, product, by);
    if (!asked) {
      failed = asked.error();
      break;
    }
    const RefreshStage stage = asked->asked ? RefreshStage::asked : RefreshStage::refused;
    observer.on_refresh(link_id, product, stage);
    answer.products.push_back(std::move(*asked));
  }
  refreshes.asking.erase(link_id.str());
  if (failed) co_return std::unexpected(*failed);
  if (refreshes.spending)
    answer.calls_left =
        core::calls_left(core::spending_at(*refreshes.spending, timers.wall_now()), options.refresh);
  co_return answer;
}

// Notes in one commit that the product is being asked for and that the call is paid for.
// The key belongs to the request as a whole: the first act carries it.
api::Task<core::Result<void>> Engine::Impl::charge_refresh(Refreshing& one, Requester& by) {
  for (int attempt = 0; attempt < conflict_retries_max; ++attempt) {
    auto loaded = co_await store.load(one.link_id);
    if (!loaded) co_return std::unexpected(loaded.error());
    if (!*loaded) co_return core::fail(core::Errc::not_found, "no such link");
    one.record = std::move(**loaded);
    one.asked_at = timers.wall_now();
    one.place() = {.asked_at = one.asked_at, .clock_before = core::clock_of(one.record, one.product)};
    core::RefreshSpending spending = core::spending_at(*refreshes.spending, one.asked_at);
    ++spending.in_day;
    ++spending.in_month;
    one.paid = spending;
    refreshes.spending = spending;  // before the write: another request must not spend the same call
    const core::StepInput input{.record = one.record,
                                .held = std::make_shared<const core::Held>(),
                                .now = one.asked_at,
                                .policy = options.policy,
                                .cause = core::Cause::manual,
                                .recent_sends = gate.recent_sends(one.link_id)};
    core::LinkUpdate update = core::step_refresh(input, one.places, spending);
    std::string detail = "{\"product\":\"" + std::string(core::to_string(one.product)) + "\"}";
    update.audit = audit_note("links.refresh", by, std::move(detail));
    const auto committed = co_await store.commit(std::move(update));
    if (committed) {
      by.request_key = {};
      co_return committed;
    }
    --refreshes.spending->in_day;
    --refreshes.spending->in_month;
    if (committed.error().code != core::Errc::conflict) co_return committed;
  }
  co_return core::fail(core::Errc::conflict, "the link changed again and again meanwhile; try once more");
}

api::Task<core::Result<RefreshAsked>> Engine::Impl::refresh_product(core::LinkId link_id,
                                                                    RefreshProduct product, Requester& by) {
  Refreshing one{.link_id = link_id, .product = product, .record = {}, .places = {}, .before = {}};
  auto loaded = co_await store.load(link_id);
  if (!loaded) co_return std::unexpected(loaded.error());
  if (!*loaded) co_return core::fail(core::Errc::not_found, "no such link");
  std::string name = core::refresh_note(link_id);
  const auto note = co_await store.note(std::move(name));
  if (!note) co_return std::unexpected(note.error());
  if (*note) one.places = core::decode_places(**note);
  one.before = one.place();
  const core::RefreshVerdict verdict =
      refreshes.judge(**loaded, product, one.before, options.refresh, timers.wall_now());
  if (verdict.refusal) co_return refused(product, verdict);
  const auto charged = co_await charge_refresh(one, by);
  if (!charged) co_return std::unexpected(charged.error());

  std::vector<std::string> products{std::string(core::to_string(product))};
  const auto answer = co_await upstream.refresh_products(link_id, std::move(products), core::Cause::manual);
  if (!answer && !answer.error().outcome_unknown) {
    auto refusal = co_await take_refusal(one, answer.error());
    co_return refusal;
  }
  std::optional<core::UpstreamTime> refreshed_before = one.place().clock_before;
  std::optional<core::UpstreamTime> attempted_before;
  if (answer) {
    const core::ProductInfo& shown = product_of((*answer)->link, product);
    refreshed_before = shown.refreshed_at;
    attempted_before = shown.attempted_at;
    const core::WallTime last = core::last_refresh(one.record, product, one.before);
    refreshes.learn_from_acceptance(one.record, product, last, one.asked_at);
  }
  if (refreshes.followed < followed_max && group) {
    ++refreshes.followed;
    group->spawn(follow_refresh(link_id, product, refreshed_before, attempted_before));
  }
  co_return RefreshAsked{.product = product, .asked = true};
}

// It cost nothing, and it may say when to come again.
api::Task<core::Result<RefreshAsked>> Engine::Impl::take_refusal(Refreshing& one, core::Error error) {
  // A day, or a month, that is over by now was the one that it was paid in.
  const bool same_day = refreshes.spending->day == one.paid.day;
  const bool same_month = refreshes.spending->month == one.paid.month;
  if (same_day && refreshes.spending->in_day > 0) --refreshes.spending->in_day;
  if (same_month && refreshes.spending->in_month > 0) --refreshes.spending->in_month;
  std::string spent = core::encode_spending(*refreshes.spending);
  const auto given_back = co_await store.put_note(std::string(core::refresh_spending_note), std::move(spent));
  if (!given_back) co_return std::unexpected(given_back.error());
  one.place() = one.before;
  RefreshAsked asked{.product = one.product, .asked = false};
  asked.reason = core::to_string(error.code);
  asked.message = error.message;
  if (error.code == core::Errc::throttled) {
    const core::WallTime until = timers.wall_now() + error.retry_after.value_or(core::Millis(60'000));
    one.place().not_before = until;
    const core::WallTime last = core::last_refresh(one.record, one.product, one.before);
    refreshes.learn_from_refusal(one.record, one.product, last, one.asked_at, until);
    asked.reason = "too_soon";
    asked.message = "upstream does not take this refresh yet";
    asked.retry_at = until;
  }
  std::string note = core::encode_places(one.places);
  const auto kept =
      co_await store.put_link_note(one.link_id, core::refresh_note(one.link_id), std::move(note));
  if (!kept) co_return std::unexpected(kept.error());
  if (error.code == core::Errc::cancelled) co_return std::unexpected(std::move(error));
  co_return asked;
}

// A visit that found the product fresh was faster; otherwise a look at the link tells.
api::Task<void> Engine::Impl::follow_refresh(core::LinkId link_id, RefreshProduct product,
                                             std::optional<core::UpstreamTime> refreshed_before,
                                             std::optional<core::UpstreamTime> attempted_before) {
  RefreshStage stage = RefreshStage::unanswered;
  for (const core::Millis wait : looks_after) {
    co_await timers.sleep_until(timers.steady_now() + wait);
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (stopping || state.cancelled() != boost::asio::cancellation_type::none) break;
    const auto loaded = co_await store.load(link_id);
    if (!loaded || !*loaded) break;
    if (is_later(core::clock_of(**loaded, product), refreshed_before)) stage = RefreshStage::completed;
    if (stage == RefreshStage::completed) break;
    const auto answer = co_await upstream.link(link_id, core::Cause::manual);
    if (!answer) continue;
    const core::ProductInfo& shown = product_of((*answer)->link, product);
    if (is_later(shown.refreshed_at, refreshed_before)) stage = RefreshStage::completed;
    if (shown.failing && is_later(shown.attempted_at, attempted_before)) stage = RefreshStage::failed;
    if (stage == RefreshStage::unanswered) continue;
    const auto slot = table.find(link_id.str());
    const bool fetches = stage == RefreshStage::completed && slot && visited_by_schedule(table.status(*slot));
    if (fetches) want_now(*slot, core::Cause::manual);
    break;
  }
  --refreshes.followed;
  if (!stopping) observer.on_refresh(link_id, product, stage);
}

}  // namespace syncd::engine
