#include "sync/engine/verifier.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

namespace syncd::engine {

namespace {

constexpr std::string_view position_note = "verify";  // `milliseconds link`: the audit's last link and when
constexpr std::string_view result_note_prefix = "verify/";  // + link: the short form of its last report
// The audit looks so often whether its pace has changed, and whether it may ask again.
constexpr core::Millis look_every = std::chrono::minutes(1);
// It comes back to a link that it could not read.
constexpr core::Millis come_back_after = std::chrono::minutes(10);
// So often in a row it tries one link whose own trouble may pass; then it is its next round's.
constexpr std::uint32_t tries_max = 3;
// However short the interval and many the links.
constexpr core::Millis pace_min{1'000};

struct Position {
  core::WallTime at{};
  std::string link_id;
};

// Of an incomplete verify: it may be otherwise in a few minutes.
bool may_pass(std::string_view reason) {
  static constexpr std::string_view passing[] = {"transport", "timeout", "server",    "budget",
                                                 "busy",      "moved",   "not_synced"};
  return std::ranges::find(passing, reason) != std::end(passing);
}

std::string to_text(core::WallTime at, const std::string& link_id) {
  return std::to_string(at.time_since_epoch().count()) + ' ' + link_id;
}

std::optional<Position> parse_position(std::string_view text) {
  std::int64_t at_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), at_ms);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return std::nullopt;
  return Position{.at = core::WallTime(core::Millis(at_ms)),
                  .link_id = std::string(end + 1, text.data() + text.size())};
}

}  // namespace

std::string verify_result_note(const core::LinkId& link_id) {
  return std::string(result_note_prefix) + link_id.str();
}

Verifier::Verifier(VerifyContext context, api::IoExecutor executor, Hooks hooks)
    : context_(context), hooks_(std::move(hooks)), wanted_(executor), ended_(executor) {
}

bool Verifier::under_way(const core::LinkId& link_id) const {
  return running_ == link_id || std::ranges::find(line_, link_id) != line_.end();
}

core::Result<void> Verifier::want(const core::LinkId& link_id) {
  if (under_way(link_id)) return {};
  if (line_.size() >= line_max) {
    return core::fail(core::Errc::conflict, "too many links wait to be verified; try again later");
  }
  line_.push_back(link_id);
  wanted_.notify_all();
  return {};
}

void Verifier::look_again() {
  wanted_.notify_all();
}

void Verifier::stop() {
  wanted_.notify_all();
  ended_.notify_all();
}

api::Task<void> Verifier::run() {
  co_await find_position();
  while (!context_.stopping) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) break;
    if (!line_.empty()) {
      running_ = std::move(line_.front());
      line_.pop_front();
      co_await verify(*running_, false);
    } else if (audit_due()) {
      co_await audit();
    } else {
      co_await rest();
    }
  }
  line_.clear();
  ended_.notify_all();
}

void Verifier::forget(std::string_view link_id) {
  std::erase_if(reports_, [&](const core::VerifyReport& report) { return report.link_id.str() == link_id; });
}

// Until somebody wants something or the policy changes; with an audit until its time, which comes earlier
// when links are added.
api::Task<void> Verifier::rest() {
  using namespace boost::asio::experimental::awaitable_operators;
  if (context_.policy.verify_interval <= core::Millis(0)) {
    co_await wanted_.wait();
    co_return;
  }
  auto asked = wanted_.wait();
  const api::SteadyTime next = std::max(audit_at_, put_off_until_);
  auto due = context_.timers.sleep_until(std::min(next, context_.timers.steady_now() + look_every));
  co_await (std::move(asked) || std::move(due));
}

api::Task<VerifyOutcome> Verifier::verify(core::LinkId link_id, bool by_audit) {
  running_ = link_id;
  VerifyOutcome outcome = co_await run_verify(context_, link_id, not_before_);
  outcome.report.by_audit = by_audit;
  const bool incomplete = outcome.report.result == core::VerifyResult::incomplete;
  const bool stopped = incomplete && context_.stopping;
  // What concerns all links says nothing about this one: what is known of it stays, and a store in trouble is
  // left alone.
  if (!stopped && !outcome.service_wide) {
    std::string note = core::to_note(outcome.report);
    auto kept = co_await context_.store.put_link_note(link_id, verify_result_note(link_id), std::move(note));
    if (!kept && !outcome.error) outcome.error = std::move(kept.error());
  }
  forget(link_id.str());
  if (!hooks_.known || hooks_.known(link_id)) reports_.push_back(outcome.report);
  if (reports_.size() > reports_max) reports_.pop_front();
  running_.reset();
  if (!stopped) hooks_.ended(outcome);
  ended_.notify_all();
  co_return outcome;
}

api::Task<core::Result<VerifyState>> Verifier::state(core::LinkId link_id, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  while (under_way(link_id) && !context_.stopping && context_.timers.steady_now() < deadline) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) break;
    auto ended = ended_.wait();
    auto late = context_.timers.sleep_until(deadline);
    co_await (std::move(ended) || std::move(late));
  }
  using enum VerifyState::Phase;
  VerifyState found;
  const auto known = std::ranges::find(reports_, link_id, &core::VerifyReport::link_id);
  if (known != reports_.end()) {
    found.report = *known;
  } else {
    const auto note = co_await context_.store.note(verify_result_note(link_id));
    if (!note) co_return std::unexpected(note.error());
    if (*note) found.report = core::from_note(link_id, **note);
  }
  found.phase = found.report ? done : never;
  if (under_way(link_id)) found.phase = running_ == link_id ? running : waiting;
  co_return found;
}

// ---- the audit
// -----------------------------------------------------------------------------------------------

core::Millis Verifier::pace() const {
  const std::uint64_t links = std::max<std::uint64_t>(hooks_.links(), 1);
  return std::max(context_.policy.verify_interval / static_cast<std::int64_t>(links), pace_min);
}

bool Verifier::audit_due() {
  if (context_.policy.verify_interval <= core::Millis(0)) return false;
  const api::SteadyTime now = context_.timers.steady_now();
  // The interval or the number of links may have changed since the time was chosen.
  audit_at_ = std::min(audit_at_, now + pace());
  if (std::max(audit_at_, put_off_until_) > now) return false;
  if (hooks_.may_ask()) return true;
  put_off(look_every);
  return false;
}

// The same link's turn comes again then.
void Verifier::put_off(core::Millis by) {
  audit_at_ = context_.timers.steady_now();
  put_off_until_ = audit_at_ + by;
}

// The pace goes on over a restart, so that a daemon that restarts often audits neither more nor nothing.
api::Task<void> Verifier::find_position() {
  const auto note = co_await context_.store.note(std::string(position_note));
  if (!note) {
    hooks_.store_failed(note.error());
    put_off(look_every);
    co_return;
  }
  position_known_ = true;
  const auto position = *note ? parse_position(**note) : std::nullopt;
  core::Millis wait = pace();
  if (position) {
    position_ = position->link_id;
    wait = std::clamp(position->at + pace() - context_.timers.wall_now(), core::Millis(0), pace());
  }
  audit_at_ = context_.timers.steady_now() + wait;
}

api::Task<core::Result<std::optional<core::LinkId>>> Verifier::next_link() {
  for (int round = 0; round < 2; ++round) {
    auto next = co_await context_.store.next_link(position_);
    if (!next || *next) co_return next;
    position_.clear();
  }
  co_return std::nullopt;
}

// Whether the link keeps its turn.
bool Verifier::comes_back(const VerifyOutcome& outcome) {
  if (outcome.report.result != core::VerifyResult::incomplete) return false;
  // Upstream may refuse the verify of this link only, which nobody can tell from what it says.
  const bool throttled = outcome.report.reason == core::to_string(core::Errc::throttled);
  if (outcome.service_wide && !throttled) return true;
  return (throttled || may_pass(outcome.report.reason)) && ++tries_ < tries_max;
}

// One link, or none when its time is a bad one: then it is the next round's.
api::Task<void> Verifier::audit() {
  if (!position_known_) {
    co_await find_position();
    co_return;
  }
  audit_at_ = context_.timers.steady_now() + pace();
  const auto next = co_await next_link();
  if (!next) {
    hooks_.store_failed(next.error());
    put_off(look_every);
    co_return;
  }
  if (!*next) co_return;
  const core::LinkId link_id = **next;
  if (hooks_.audited(link_id)) {
    const VerifyOutcome outcome = co_await verify(link_id, true);
    if (context_.stopping) co_return;  // this link's turn is not over
    if (comes_back(outcome)) {
      put_off(come_back_after);
      co_return;
    }
  }
  if (context_.stopping) co_return;
  tries_ = 0;
  position_ = link_id.str();
  std::string note = to_text(context_.timers.wall_now(), position_);
  auto kept = co_await context_.store.put_note(std::string(position_note), std::move(note));
  // A store that cannot write has told so itself, and begins no visit either.
  static_cast<void>(kept);
}

}  // namespace syncd::engine
