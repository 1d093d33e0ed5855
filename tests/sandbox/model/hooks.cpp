#include "tests/sandbox/model/hooks.hpp"

#include <algorithm>
#include <cmath>

#include "tests/sandbox/model/random.hpp"
#include "tests/sandbox/model/text.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::uint64_t stranger_number = 1'000'000;
constexpr double latency_tail = 20.0;  // no latency is longer than so many times the mean

constexpr std::array<std::string_view, hook_event_count> event_names = {
    "link.state_changed", "link.product_refresh", "transactions.updates_available", "product.state_changed"};
constexpr std::array<std::string_view, 4> outcome_names = {"waiting", "delivered", "given_up", "lost"};

HookSigner signer(std::uint64_t seed, std::uint64_t number) {
  return {seed, number, "sandbox-key-" + std::to_string(number)};
}

void append_own_members(std::string& out, const HookNews& news) {
  const auto text = [&](std::string_view name, std::string_view value) {
    out.append(",\"").append(name).append("\":").append(value.empty() ? "null" : json_string(value));
  };
  switch (news.event) {
    case HookEvent::state_changed:
      text("state", news.state);
      text("error", news.error);
      text("error_message", news.error.empty() ? "" : "The link needs attention");
      break;
    case HookEvent::product_refresh:
    case HookEvent::product_state_changed:
      text("product", news.product);
      text("state", news.state);
      text("state_changed_at", timestamp(news.at));
      text("error_message", news.error.empty() ? "" : "The refresh failed: " + news.error);
      break;
    case HookEvent::updates_available:
      out.append(",\"has_history\":true");
      break;
  }
}

std::string body_of(std::string_view link_id, const std::vector<std::string>& tags, const HookNews& news,
                    std::string_view key) {
  std::string out = R"({"webhook_major_version":1,"webhook_minor_version":0,"webhook_idempotency_key":)";
  out.append(json_string(key)).append(",\"webhook_timestamp\":\"").append(timestamp(news.at));
  out.append("\",\"link_id\":").append(json_string(link_id)).append(",\"link_tags\":[");
  for (const std::string& tag : tags) {
    out.append(out.ends_with('[') ? "" : ",").append(json_string(tag));
  }
  out.append("],\"webhook_event\":\"").append(hook_event_name(news.event)).append("\"");
  append_own_members(out, news);
  return out.append("}");
}

std::string token_of(std::uint64_t draw) {
  return make_id("dlv_", hash_words(draw, 3), hash_words(draw, 4));
}

}  // namespace

std::string_view hook_event_name(HookEvent event) {
  return event_names.at(static_cast<std::size_t>(event));
}

std::optional<HookEvent> hook_event_from_name(std::string_view name) {
  const auto found = std::ranges::find(event_names, name);
  return found == event_names.end() ? std::nullopt
                                    : std::optional(static_cast<HookEvent>(found - event_names.begin()));
}

std::string_view hook_outcome_name(HookOutcome outcome) {
  return outcome_names.at(static_cast<std::size_t>(outcome));
}

HookKeys::HookKeys(std::uint64_t seed)
    : seed_(seed), current_(signer(seed, 1)), stranger_(signer(seed, stranger_number)) {
}

void HookKeys::rotate() {
  previous_ = std::exchange(current_, signer(seed_, ++number_));
}

std::string HookKeys::key_set() const {
  return "{\"keys\":[" + current_.jwk() + (previous_ ? "," + previous_->jwk() : "") + "]}";
}

HookRecord& HookDesk::keep(HookRecord record) {
  record.number = ++numbers_;
  return records_.emplace(numbers_, std::move(record)).first->second;
}

void HookDesk::finish(HookRecord& record, HookOutcome outcome) {
  if (record.outcome == HookOutcome::waiting) {
    --counts_.waiting;
  }
  record.outcome = outcome;
  ++(outcome == HookOutcome::delivered  ? counts_.delivered
     : outcome == HookOutcome::given_up ? counts_.given_up
                                        : counts_.lost);
  finished_.push_back(record.number);
  while (finished_.size() > options_.kept) {
    records_.erase(finished_.front());
    finished_.pop_front();
  }
}

std::string HookDesk::tell(const HookAddress& to, const HookNews& news, const HookFault& fault, bool forced) {
  Rng rng(hash_words(to.draw, 1));
  const bool by_chance = rng.below(1000) < options_.recall_permille;
  const bool recalled = news.travel ? news.travel->told : by_chance;
  const double wait = std::min(-std::log(1.0 - rng.unit()), latency_tail);
  const bool late = rng.permille(options_.late_permille);
  const double late_by = rng.unit();
  const bool twice = rng.permille(options_.duplicate_permille);
  if (!forced && !options_.events.at(static_cast<std::size_t>(news.event))) {
    return {};
  }
  HookRecord record{
      .link_id = std::string(to.link_id), .url = std::string(to.url), .event = news.event, .at = news.at};
  record.key = news.key.empty() ? uuid_text(hash_words(to.draw, 5), hash_words(to.draw, 6)) : news.key;
  record.token = token_of(to.draw);
  record.fault = fault.name;
  record.body = body_of(fault.other_link ? *fault.other_link : to.link_id, *to.tags, news, record.key);
  const std::string token = record.token;
  ++counts_.waiting;
  if (fault.dark || (!forced && !recalled) || counts_.waiting > waiting_max) {
    HookRecord& kept = keep(std::move(record));
    kept.problem = fault.dark           ? "the fault script keeps hooks back"
                   : recalled || forced ? "too many hooks are waiting"
                                        : "not told, by chance (recall)";
    finish(kept, HookOutcome::lost);
    return token;
  }
  const auto late_ms = late ? late_by * static_cast<double>(options_.late_max.count()) : 0.0;
  const auto delay = wait * static_cast<double>(options_.latency_mean.count()) + late_ms;
  const Milliseconds latency =
      news.travel ? news.travel->latency : Milliseconds{static_cast<std::int64_t>(delay)};
  const TimePoint at = news.at + latency;
  if (twice) {
    HookRecord again = record;
    again.token = token_of(to.draw + 1);
    ++counts_.waiting;
    waiting_.push({at + options_.latency_mean + Milliseconds{1}, keep(std::move(again)).number});
  }
  waiting_.push({at, keep(std::move(record)).number});
  return token;
}

void HookDesk::sign(HookRecord& record, TimePoint wire_now) const {
  if (!record.signature.empty() && !options_.renew_signature) {
    return;
  }
  const HookSigner& key = record.fault == "hook_unknown_kid" ? keys_.stranger() : keys_.current();
  const std::int64_t issued = wire_now.time_since_epoch().count() / 1000;
  // A body that was changed under way: one byte more than what was signed.
  const bool changed = record.fault == "hook_wrong_body";
  record.signature = key.sign(changed ? record.body + " " : record.body, issued);
  if (record.fault == "hook_wrong_signature") {
    // Any other character than the one there; the first of the signature, so that all of its bits count.
    char& first = record.signature[record.signature.rfind('.') + 1];
    first = first == 'A' ? 'B' : 'A';
  }
}

std::vector<HookDelivery> HookDesk::due(TimePoint now, TimePoint wire_now, std::size_t most) {
  std::vector<HookDelivery> out;
  while (out.size() < most && !waiting_.empty() && waiting_.top().at <= now) {
    const std::uint64_t number = waiting_.top().number;
    waiting_.pop();
    HookRecord& record = records_.at(number);
    sign(record, wire_now);
    record.attempts.push_back({now, 0});
    ++counts_.attempts;
    out.push_back({.number = number,
                   .url = record.url,
                   .headers = {{"Content-Type", "application/json"},
                               {"MoneyKit-Signature", record.signature},
                               {"MoneyKit-Delivery-Token", record.token},
                               {"MoneyKit-Delivery-Attempt", std::to_string(record.attempts.size())}},
                   .body = record.body});
  }
  return out;
}

void HookDesk::answered(std::uint64_t number, int status, TimePoint now) {
  const auto found = records_.find(number);
  if (found == records_.end() || found->second.outcome != HookOutcome::waiting ||
      found->second.attempts.empty()) {
    return;
  }
  HookRecord& record = found->second;
  record.attempts.back().status = status;
  if (status >= 200 && status < 300) {
    finish(record, HookOutcome::delivered);
    return;
  }
  const auto doublings = std::min<std::size_t>(record.attempts.size() - 1, 30);
  const TimePoint next =
      now + std::min(options_.first_retry * (std::int64_t{1} << doublings), options_.retry_max);
  if (next > record.at + options_.give_up_after) {
    record.problem = "nobody took it in time";
    finish(record, HookOutcome::given_up);
    return;
  }
  waiting_.push({next, number});
}

void HookDesk::refused(std::uint64_t number, std::string problem) {
  const auto found = records_.find(number);
  if (found != records_.end() && found->second.outcome == HookOutcome::waiting) {
    found->second.problem = std::move(problem);
    finish(found->second, HookOutcome::given_up);
  }
}

std::optional<TimePoint> HookDesk::next_due() const {
  return waiting_.empty() ? std::nullopt : std::optional(waiting_.top().at);
}

HookCounts HookDesk::counts() const {
  return counts_;
}

void HookDesk::forget_finished() {
  for (const std::uint64_t number : finished_) {
    records_.erase(number);
  }
  finished_.clear();
}

}  // namespace syncd::sandbox
