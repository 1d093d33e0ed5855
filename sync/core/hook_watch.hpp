#pragma once

#include "sync/core/evidence.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// Whether webhooks arrive at all. Of the changes of links that have a webhook nearly all are told; when
// visits find one after the other that nobody told, it is not those links: the way here is dark. A sequential
// test of the two, by what is found and not by the hour, because few changes come at night.
class HookWatch {
 public:
  // A fetch at `now` of a link that has a webhook found a change; nobody had fetched since `since`.
  void note_change(WallTime since, WallTime now, FoundBy by);
  bool dark() const { return dark_; }
  // Something that was not told since then says nothing about a link's webhook.
  bool was_dark_since(WallTime since, WallTime now) const {
    return dark_ || (since < light_at_ && light_at_ <= now);
  }

 private:
  double score_ = 0;           // how much speaks for the other of the two, as a logarithm
  double missed_share_ = 0.1;  // of the changes while it is light
  bool dark_ = false;
  WallTime light_at_{};  // the last time that it became light again
};

}  // namespace syncd::core
