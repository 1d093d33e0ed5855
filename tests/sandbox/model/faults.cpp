#include "tests/sandbox/model/faults.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <boost/json.hpp>

#include "tests/sandbox/model/random.hpp"

namespace syncd::sandbox {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 29> fault_names = {"latency",
                                                          "reset",
                                                          "close",
                                                          "slow",
                                                          "status",
                                                          "cut",
                                                          "malformed",
                                                          "wrong_link",
                                                          "repeat_cursor",
                                                          "cyclic_cursor",
                                                          "endless",
                                                          "bad_cursor",
                                                          "refuse_cursor",
                                                          "expired_token",
                                                          "unauthorized",
                                                          "unauthorized_access",
                                                          "forbidden",
                                                          "not_found",
                                                          "deleted",
                                                          "bad_state",
                                                          "throttle",
                                                          "repeated_rows",
                                                          "odd_lists",
                                                          "replica_lag",
                                                          "hook_dark",
                                                          "hook_wrong_signature",
                                                          "hook_unknown_kid",
                                                          "hook_wrong_body",
                                                          "hook_other_link"};

/// The variants of a kind, the default first; empty: it has none.
std::span<const std::string_view> variants_of(FaultKind kind) {
  static constexpr std::array<std::string_view, 18> malformed = {
      "truncated", "html",           "garbage", "empty",      "duplicate_key", "bad_utf8",
      "deep",      "trailing",       "array",   "null_lists", "wrong_types",   "bom",
      "nul",       "lone_surrogate", "control", "odd_number", "long_id",       "empty_id"};
  static constexpr std::array<std::string_view, 5> bad_cursor = {"null", "empty", "absent", "number", "huge"};
  static constexpr std::array<std::string_view, 8> throttle = {
      "seconds", "date", "absurd", "absurd_date", "negative", "past_date", "text", "none"};
  static constexpr std::array<std::string_view, 2> status = {"plain", "retry_after"};
  static constexpr std::array<std::string_view, 2> other_link = {"known", "unknown"};
  switch (kind) {
    case FaultKind::status:
      return status;
    case FaultKind::malformed:
      return malformed;
    case FaultKind::bad_cursor:
      return bad_cursor;
    case FaultKind::throttle:
      return throttle;
    case FaultKind::hook_other_link:
      return other_link;
    default:
      return {};
  }
}

bool adds_only(FaultKind kind) {
  return kind == FaultKind::latency || kind == FaultKind::slow;
}

/// Those that only a page of the feed can show.
bool feed_kind(FaultKind kind) {
  return kind == FaultKind::repeated_rows || kind == FaultKind::odd_lists || kind == FaultKind::replica_lag ||
         kind == FaultKind::repeat_cursor || kind == FaultKind::cyclic_cursor || kind == FaultKind::endless ||
         kind == FaultKind::bad_cursor;
}

/// Reads members off an object and remembers the first complaint. Each member that was asked for counts as
/// known; finish() complains of the others, because a misspelt member would silently match everything.
class MemberReader {
 public:
  MemberReader(const json::object& object, std::string where) : object_(object), where_(std::move(where)) {}

  std::string text(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) {
      return {};
    }
    if (!value->is_string()) {
      complain(name, "must be a string");
      return {};
    }
    return std::string(value->get_string());
  }

  std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high) {
    const json::value* value = find(name);
    if (value == nullptr) {
      return std::nullopt;
    }
    std::int64_t number = 0;
    if (value->is_int64()) {
      number = value->get_int64();
    } else {
      complain(name, "must be an integer");
      return std::nullopt;
    }
    if (number < low || number > high) {
      complain(name, "must be between " + std::to_string(low) + " and " + std::to_string(high));
      return std::nullopt;
    }
    return number;
  }

  std::optional<double> share(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) {
      return std::nullopt;
    }
    boost::system::error_code ec;
    const auto number = value->to_number<double>(ec);
    if (ec || !(number >= 0.0 && number <= 1.0)) {
      complain(name, "must be a number from 0 to 1");
      return std::nullopt;
    }
    return number;
  }

  const json::object* object(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) {
      return nullptr;
    }
    if (!value->is_object()) {
      complain(name, "must be an object");
      return nullptr;
    }
    return &value->get_object();
  }

  void complain(std::string_view name, std::string_view problem) {
    if (problem_.empty()) {
      problem_ = where_ + ": \"" + std::string(name) + "\" " + std::string(problem);
    }
  }

  const std::string& finish() {
    for (const auto& member : object_) {
      if (std::ranges::find(known_, member.key()) == known_.end()) {
        complain(member.key(), "is not known here");
      }
    }
    return problem_;
  }

 private:
  const json::value* find(std::string_view name) {
    known_.emplace_back(name);
    return object_.if_contains(name);
  }

  const json::object& object_;
  std::string where_;
  std::vector<std::string> known_;
  std::string problem_;
};

constexpr std::int64_t any_count = std::int64_t{1} << 53U;

std::optional<std::uint64_t> as_count(std::optional<std::int64_t> value) {
  return value ? std::optional<std::uint64_t>(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::optional<TimePoint> as_time(std::optional<std::int64_t> value) {
  return value ? std::optional<TimePoint>(TimePoint{Milliseconds{*value}}) : std::nullopt;
}

void read_match(MemberReader& reader, FaultRule& rule) {
  const std::string endpoint = reader.text("endpoint");
  if (!endpoint.empty()) {
    rule.endpoint = endpoint_from_name(endpoint);
    if (!rule.endpoint) {
      reader.complain("endpoint", "names no endpoint (\"" + endpoint + "\")");
    }
  }
  rule.link_id = reader.text("link_id");
  rule.nth = as_count(reader.integer("nth", 1, any_count));
  rule.every = as_count(reader.integer("every", 1, any_count));
}

void read_fault(MemberReader& reader, FaultRule& rule) {
  const std::string kind = reader.text("fault");
  const auto found = std::ranges::find(fault_names, kind);
  if (found == fault_names.end()) {
    reader.complain("fault", kind.empty() ? "is missing" : "names no fault (\"" + kind + "\")");
    return;
  }
  rule.kind = static_cast<FaultKind>(found - fault_names.begin());
  rule.delay_ms = static_cast<std::uint32_t>(reader.integer("delay_ms", 0, 86'400'000).value_or(0));
  rule.delay_ms_max = static_cast<std::uint32_t>(reader.integer("delay_ms_max", 0, 86'400'000).value_or(0));
  rule.bytes_per_second =
      static_cast<std::uint32_t>(reader.integer("bytes_per_second", 1, 1'000'000'000).value_or(0));
  rule.status = static_cast<int>(reader.integer("status", 100, 599).value_or(0));
  rule.body = reader.text("body");
  rule.content_type = reader.text("content_type");
  rule.at_byte = static_cast<std::size_t>(reader.integer("at_byte", 0, any_count).value_or(0));
  rule.variant = reader.text("variant");
  rule.retry_after_seconds = reader.integer("retry_after_seconds", -any_count, any_count).value_or(30);
  rule.length = static_cast<std::uint32_t>(reader.integer("length", 1, 1'000'000).value_or(3));
  rule.error_code = reader.text("error_code");
  const auto variants = variants_of(rule.kind);
  if (!rule.variant.empty() && std::ranges::find(variants, rule.variant) == variants.end()) {
    reader.complain("variant", variants.empty() ? "is not known to this fault"
                                                : "names no variant (\"" + rule.variant + "\")");
  }
  if (rule.kind == FaultKind::status && rule.status == 0) {
    reader.complain("status", "is missing");
  }
  if (rule.kind == FaultKind::slow && rule.bytes_per_second == 0) {
    reader.complain("bytes_per_second", "is missing");
  }
}

std::expected<FaultRule, std::string> read_rule(const json::value& value, std::size_t number) {
  const std::string where = "rule " + std::to_string(number);
  if (!value.is_object()) {
    return std::unexpected(where + " must be an object");
  }
  FaultRule rule;
  MemberReader reader(value.get_object(), where);
  if (const json::object* match = reader.object("match")) {
    MemberReader inner(*match, where + ", match");
    read_match(inner, rule);
    if (!inner.finish().empty()) {
      return std::unexpected(inner.finish());
    }
  }
  rule.probability = reader.share("probability").value_or(1.0);
  rule.count = as_count(reader.integer("count", 0, any_count));
  rule.from = as_time(reader.integer("from_unix_ms", 0, any_count));
  rule.until = as_time(reader.integer("until_unix_ms", 0, any_count));
  read_fault(reader, rule);
  if (!reader.finish().empty()) {
    return std::unexpected(reader.finish());
  }
  return rule;
}

}  // namespace

bool hook_fault(FaultKind kind) {
  return kind >= FaultKind::hook_dark;
}

std::string_view fault_name(FaultKind kind) {
  return fault_names.at(static_cast<std::size_t>(kind));
}

std::expected<std::vector<FaultRule>, std::string> parse_fault_script(std::string_view text) {
  boost::system::error_code ec;
  const json::value root = json::parse(text, ec);
  if (ec) {
    return std::unexpected("the fault script is not JSON: " + ec.message());
  }
  const json::value* list = &root;
  if (root.is_object()) {
    list = root.get_object().if_contains("rules");
    if (list == nullptr || root.get_object().size() != 1) {
      return std::unexpected("the fault script must be {\"rules\": [...]} and nothing else");
    }
  }
  if (!list->is_array()) {
    return std::unexpected("the rules of a fault script must be an array");
  }
  std::vector<FaultRule> rules;
  for (const json::value& value : list->get_array()) {
    auto rule = read_rule(value, rules.size() + 1);
    if (!rule) {
      return std::unexpected(rule.error());
    }
    rules.push_back(std::move(*rule));
  }
  return rules;
}

void FaultPlan::set(std::vector<FaultRule> rules) {
  rules_.clear();
  for (FaultRule& rule : rules) {
    add(std::move(rule));
  }
}

void FaultPlan::add(FaultRule rule) {
  rules_.push_back(Active{std::move(rule), next_number_++, 0, 0});
}

std::vector<std::uint64_t> FaultPlan::firings() const {
  std::vector<std::uint64_t> out;
  for (const Active& active : rules_) {
    out.push_back(active.fired);
  }
  return out;
}

bool FaultPlan::fires(Active& active, const FaultContext& context) const {
  const FaultRule& rule = active.rule;
  const bool applies = (!rule.endpoint || *rule.endpoint == context.endpoint) &&
                       (rule.link_id.empty() || rule.link_id == context.link_id) &&
                       (!rule.from || context.wire_now >= *rule.from) &&
                       (!rule.until || context.wire_now < *rule.until) &&
                       hook_fault(rule.kind) == (context.endpoint == Endpoint::hook) &&
                       (!feed_kind(rule.kind) || context.endpoint == Endpoint::sync) &&
                       (rule.kind != FaultKind::refuse_cursor || context.has_cursor);
  if (!applies) {
    return false;
  }
  ++active.matched;
  if ((rule.nth && active.matched != *rule.nth) || (rule.every && active.matched % *rule.every != 0) ||
      (rule.count && active.fired >= *rule.count)) {
    return false;
  }
  Rng rng(hash_words(seed_, active.number, active.matched));
  if (rule.probability < 1.0 && rng.unit() >= rule.probability) {
    return false;
  }
  ++active.fired;
  return true;
}

FaultDecision FaultPlan::decide(const FaultContext& context) {
  FaultDecision decision;
  for (Active& active : rules_) {
    const FaultRule& rule = active.rule;
    if ((decision.rule && !adds_only(rule.kind)) || !fires(active, context)) {
      continue;
    }
    if (rule.kind == FaultKind::latency) {
      std::uint32_t delay = rule.delay_ms;
      if (rule.delay_ms_max > delay) {
        Rng rng(hash_words(seed_, active.number, active.matched, 0x17));
        delay += static_cast<std::uint32_t>(rng.below(rule.delay_ms_max - delay + 1));
      }
      decision.transport.delay_ms += delay;
    } else if (rule.kind == FaultKind::slow) {
      decision.transport.slow_bytes_per_second = rule.bytes_per_second;
    } else {
      decision.rule = rule;
    }
  }
  return decision;
}

}  // namespace syncd::sandbox
