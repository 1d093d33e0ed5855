#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::core {

// When an institution's refreshes are to be expected.
struct RefreshRhythm {
  // Nearly all gaps are close to a multiple of one period. Only then are period and spread of use.
  bool regular = false;
  Millis period{};
  Millis spread{};      // standard deviation of one gap; above zero
  Millis gap_median{};  // of all gaps that were seen; zero: none was seen yet
};

// The rhythm of an institution's refreshes (`products.transactions.refreshed_at`), learned from the gaps
// between the clocks that its links showed one after another. Between two looks that are far apart upstream
// may have refreshed several times, and the gap is a multiple of the period: only a gap in whose second half
// the old clock was still shown is certain to be one. Such gaps tell what the period is about; but they are
// the long ones rather, because the clock was looked at too early for them: how long it is exactly, and how
// it varies, is told by all gaps that are about as long. Upstream leaves some refreshes out: the period is
// looked for among the short gaps. After an outage all links show a gap of several periods at the same time:
// a longer period is believed when it lasts.
class RefreshClock {
 public:
  // Of one link: from the clock that it showed before to the one that it shows now, and how long the first
  // had stood when it was last seen. Not above zero, or longer than 30 days: says nothing.
  void note_gap(Millis gap, Millis stood, UpstreamTime shown);
  const RefreshRhythm& rhythm() const { return rhythm_; }
  // Enough gaps to say whether there is a rhythm.
  bool knows() const { return rhythm_.gap_median > Millis(0); }
  // What was learned before a restart; new gaps correct it.
  void restore(const RefreshRhythm& rhythm) { rhythm_ = rhythm; }

 private:
  static constexpr std::size_t certain_min = 16;  // fewer say nothing about regularity
  static constexpr std::uint32_t learn_every = 16;
  // Of so many gaps. Where links are looked at seldom, hardly one is certain, and these few are those around
  // refreshes that were left out: multiples.
  static constexpr std::uint32_t certain_within = 1024;

  struct Gap {
    std::uint32_t seconds = 0;
    std::uint32_t number = 0;  // of all that were noted
  };
  // The latest gaps.
  template <std::size_t size>
  class Ring {
   public:
    void add(Gap gap) { gaps_[added_++ % size] = gap; }
    // Seconds of those that are behind number `from`.
    std::vector<double> sorted(std::uint32_t from) const {
      std::vector<double> seconds;
      for (std::size_t at = 0; at < std::min<std::size_t>(added_, size); ++at) {
        if (gaps_[at].number > from) seconds.push_back(gaps_[at].seconds);
      }
      std::ranges::sort(seconds);
      return seconds;
    }

   private:
    std::array<Gap, size> gaps_{};
    std::uint32_t added_ = 0;
  };

  void learn(UpstreamTime shown);
  bool believes(Millis period, UpstreamTime shown);

  Ring<64> certain_;
  Ring<128> all_;
  std::uint32_t seen_ = 0;
  RefreshRhythm rhythm_;
  std::optional<UpstreamTime> longer_since_;  // the gaps say that the period has become longer
};

}  // namespace syncd::core
