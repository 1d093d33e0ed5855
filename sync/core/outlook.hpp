#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sync/core/freshness.hpp"
#include "sync/core/refresh_clock.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// Institutions whose rhythm is learned; links of further ones share one pool without a rhythm. A longer name
// is no institution.
inline constexpr std::size_t outlook_institutions_max = 4'096;
inline constexpr std::size_t outlook_name_bytes_max = 256;

// What is known of the links of one institution. Days of watching: those of all its links together, with
// forgetting, so that they tell institutions with many links from those with few.
struct InstitutionPool {
  double days = 0;
  double changes_per_day = 1;  // of a mean link
  RefreshRhythm rhythm = {};
  bool knows_rhythm = false;  // also that there is none
};

// Of the links that have a webhook: days of watching, and the changes that it told first and that it did not.
struct WebhookTally {
  double days = 0, hooked = 0, missed = 0;
};

// What the visits of all links have taught about their institutions. An institution that is reached by two
// providers is two: each refreshes in its own rhythm.
class Outlooks {
 public:
  // A fetch of a link of the institution has ended. `changes`: what note_fetch() has made of it.
  void note_fetch(std::string_view institution_id, std::string_view provider, WallTime now, Millis since_last,
                  double changes);
  // The same of a link that has a webhook, behind note_fetch(): whether something had changed, and who found
  // it.
  void note_webhook(Millis since_last, bool changed, FoundBy by);
  // The clock of a link has advanced by `gap`, see RefreshClock.
  void note_gap(std::string_view institution_id, std::string_view provider, Millis gap, Millis stood,
                UpstreamTime shown);
  // Whether a link of the institution that is being planned at `now` should be looked at soon, only to learn
  // the rhythm: now and then one is, more often while little is known.
  bool explores(std::string_view institution_id, std::string_view provider, WallTime now);
  InstitutionOutlook of(std::string_view institution_id, std::string_view provider) const;
  std::size_t institutions() const { return pools_.size(); }
  // By name. `everybody()` counts the links of further institutions, too.
  std::vector<InstitutionPool> pools() const;
  InstitutionPool everybody() const;
  const WebhookTally& webhooks() const { return webhooks_; }

  // A note of the store that keeps this over a restart; the gaps themselves are not in it.
  std::string encode() const;
  // A note that is not understood: nothing is known.
  void decode(std::string_view note);

 private:
  struct Pool {
    RefreshClock clock;
    double changes = 0, days = 0;  // with forgetting, as of `as_of`
    WallTime as_of{};
    WallTime explore_at{};
  };
  // Gives the share of what was there before that was not forgotten.
  static double add(Pool& pool, WallTime now, double days, double changes);
  static double rate_of(const Pool& pool, double believed, double days);
  ChangePrior prior_of_everybody() const;
  ChangePrior prior_of(const Pool& pool) const;
  static WebhookTally take_webhooks(std::string_view line);
  static bool take_pool(std::string_view& line, Pool& pool);
  Pool* pool_of(std::string_view institution_id, std::string_view provider);

  // So that a decision, which looks for its institution several times, makes no string for it.
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  std::unordered_map<std::string, Pool, NameHash, std::equal_to<>> pools_;  // by institution and provider
  Pool everybody_;
  WebhookTally webhooks_;  // forgotten with everybody_
};

}  // namespace syncd::core
