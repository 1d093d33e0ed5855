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
  bool knows() const { return certain_.count() >= certain_min || rhythm_.gap_median > Millis(0); }
  // What was learned before a restart; new gaps correct it.
  void restore(const RefreshRhythm& rhythm) { rhythm_ = rhythm; }

 private:
  static constexpr std::size_t certain_min = 16;  // fewer say nothing about regularity
  static constexpr std::uint32_t learn_every = 16;

  // The latest gaps, in seconds.
  template <std::size_t size>
  class Ring {
   public:
    void add(std::uint32_t gap_s) { gaps_s_[added_++ % size] = gap_s; }
    std::size_t count() const { return std::min<std::size_t>(added_, size); }
    std::vector<double> sorted() const {
      std::vector<double> gaps(gaps_s_.begin(), gaps_s_.begin() + static_cast<std::ptrdiff_t>(count()));
      std::ranges::sort(gaps);
      return gaps;
    }

   private:
    std::array<std::uint32_t, size> gaps_s_{};
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
