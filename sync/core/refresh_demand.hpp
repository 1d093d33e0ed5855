#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/step.hpp"
#include "sync/core/types.hpp"

// Refreshes on demand: asking a link's bank anew, which upstream may charge for. Pure: what may be asked now,
// what a refusal teaches, and what it has cost so far.
namespace syncd::core {

// Numbers are stored.
enum class RefreshProduct : std::uint8_t { accounts = 1, transactions = 2 };
inline constexpr std::size_t refresh_product_count = 2;
std::string_view to_string(RefreshProduct product);
std::optional<RefreshProduct> parse_refresh_product(std::string_view text);

// How far a refresh on demand has come. `unanswered`: nothing has come of it within twenty minutes; if
// something does, the link's next visit finds it.
enum class RefreshStage : std::uint8_t { refused = 1, asked, completed, failed, unanswered };
inline constexpr std::size_t refresh_stage_count = 5;
std::string_view to_string(RefreshStage stage);

struct RefreshPolicy {
  bool enabled = false;
  std::uint32_t calls_per_day = 0;    // UTC
  std::uint32_t calls_per_month = 0;  // UTC
  bool accounts = true;
  bool transactions = true;
  Millis accounts_interval = std::chrono::hours(1);
  Millis transactions_interval = std::chrono::hours(24);

  bool covers(RefreshProduct product) const {
    return product == RefreshProduct::accounts ? accounts : transactions;
  }
  Millis interval_of(RefreshProduct product) const {
    return product == RefreshProduct::accounts ? accounts_interval : transactions_interval;
  }
  bool operator==(const RefreshPolicy&) const = default;
};

// ---- what it has cost
// --------------------------------------------------------------------------------------------------

// Calls of the present day and month. Kept as a note, written before a call goes out, so that a crash forgets
// none.
struct RefreshSpending {
  std::int64_t day = 0;  // days since 1970
  std::uint32_t in_day = 0;
  std::int64_t month = 0;  // months since 1970
  std::uint32_t in_month = 0;
  bool operator==(const RefreshSpending&) const = default;
};
inline constexpr std::string_view refresh_spending_note = "refresh-spending";
// Forgets a day and a month that are over. A clock that was set back grants nothing anew.
RefreshSpending spending_at(RefreshSpending spending, WallTime now);
// Calls that are left, of both limits the smaller.
std::uint32_t calls_left(const RefreshSpending& spending, const RefreshPolicy& policy);
std::string encode_spending(const RefreshSpending& spending);
// nullopt: not understood; whoever reads it must then assume that all is spent.
std::optional<RefreshSpending> decode_spending(std::string_view note);

// ---- what was asked of one link
// ----------------------------------------------------------------------------------------

struct RefreshPlace {
  WallTime asked_at{};  // of the last request that may have been accepted; epoch: none
  std::optional<UpstreamTime> clock_before = {};  // of the product then
  WallTime not_before{};                          // what a refusal has said
  bool operator==(const RefreshPlace&) const = default;
};
// By product.
using RefreshPlaces = std::array<RefreshPlace, refresh_product_count + 1>;
std::string refresh_note(const LinkId& link_id);
std::string encode_places(const RefreshPlaces& places);
// What is not understood is left out.
RefreshPlaces decode_places(std::string_view note);

// ---- what refusals teach
// -----------------------------------------------------------------------------------------------

// Hours of the day at which an institution takes no refreshes, from when it refused and when it said that it
// would take them. Knows one closed span a day.
class RefreshHours {
 public:
  // Refused at `now` until `opens`, for a reason that no interval explains.
  void refused(WallTime now, WallTime opens);
  void accepted(WallTime now);
  // The end of the closed span that `now` lies in; nullopt: it may be open.
  std::optional<WallTime> closed_until(WallTime now) const;

 private:
  struct Span {
    Millis from;   // of the day; the earliest that it was found closed
    Millis opens;  // of the day
  };
  std::optional<Span> closed_;
};

// How long upstream wants between two refreshes of a product of one link, where that is longer than
// configured.
class RefreshInterval {
 public:
  // Refused until `until`; the last success or accepted request was at `last`. True: the interval explains
  // it.
  bool refused(WallTime last, WallTime until);
  void accepted(WallTime last, WallTime now);
  Millis learned() const { return learned_; }  // zero: nothing

 private:
  Millis learned_{0};
};

// ---- the question
// ------------------------------------------------------------------------------------------------------

enum class RefreshRefusal : std::uint8_t {
  off = 1,        // not switched on, or not for this product
  not_connected,  // the bank cannot be asked, or nobody may visit the link
  not_granted,    // the user did not grant the product
  too_soon,
  bank_closed,
  day_spent,
  month_spent,
};
inline constexpr std::size_t refresh_refusal_count = 7;
std::string_view to_string(RefreshRefusal refusal);
// For people.
std::string_view explanation(RefreshRefusal refusal);

struct RefreshQuestion {
  const LinkRecord& record;
  RefreshProduct product;
  const RefreshPlace& place;
  const RefreshSpending& spending;  // as of now
  const RefreshHours* hours;        // of the institution; nullptr: nothing is known
  Millis learned_interval;
  const RefreshPolicy& policy;
  WallTime now;
};
struct RefreshVerdict {
  std::optional<RefreshRefusal> refusal;  // nullopt: it may be asked for
  std::optional<WallTime> retry_at = {};
};
RefreshVerdict judge_refresh(const RefreshQuestion& question);

// The upstream clock of the product, and the later of that and the last request.
std::optional<UpstreamTime> clock_of(const LinkRecord& record, RefreshProduct product);
WallTime last_refresh(const LinkRecord& record, RefreshProduct product, const RefreshPlace& place);

// The request as an act of the log, with what is to be noted before it goes out; nothing else changes.
LinkUpdate step_refresh(const StepInput& input, const RefreshPlaces& places, const RefreshSpending& spending);

}  // namespace syncd::core
