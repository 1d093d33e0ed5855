#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/webhook/verify_key.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/api/waiters.hpp"
#include "sync/core/key_set.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::daemon {

// No key is believed for longer behind the fetch that brought it.
inline constexpr core::Millis key_set_age_max = std::chrono::hours(24);
// A set that is older is fetched again, whether or not a webhook comes.
inline constexpr core::Millis key_set_renewed_after = std::chrono::hours(12);
// Whatever arrives: a stranger can name as many unknown keys as they like.
inline constexpr core::Millis key_set_fetched_every = std::chrono::minutes(5);

struct KeyLookup {
  enum class Answer : std::uint8_t {
    found,
    unknown,      // upstream has no such key
    unavailable,  // upstream's keys are not to be had now
  };
  Answer answer = Answer::unavailable;
  std::shared_ptr<const VerifyKey> key = {};
};

// The keys that upstream signs webhooks with. Asks upstream for them ahead of time, and when a webhook names
// one that is not there: one request at a time, and one in key_set_fetched_every. While upstream does not
// answer, or answers something that is no key set, the keys that there are stay until they are too old; then
// nothing is believed. A set of an earlier run is as good as one of this run until it is too old, and counts
// as a request of this run: not even a process that starts again and again asks more often.
//
// Thread: the io thread. Lifecycle: start(), then stop() awaited before destruction.
class KeyKeeper {
 public:
  using Fetch = std::function<api::Task<core::Result<core::KeySetAnswer>>()>;
  // Told of every fetch that has ended, with how many keys it brought.
  using OnFetch = std::function<void(const core::Result<std::size_t>&)>;
  // Told of every set that is in use from now on, to keep it for a restart.
  using Keep = std::function<void(const std::vector<core::PublicKey>&)>;
  KeyKeeper(api::Timers& timers, api::IoExecutor executor, Fetch fetch, OnFetch on_fetch,
            std::function<void(std::exception_ptr)> on_exception);

  // ---- before start() ----
  void on_keep(Keep keep) { keep_ = std::move(keep); }
  // A set of an earlier run, by how long ago it was fetched. False: it is not used, since it is too old, from
  // the future (a clock was wrong), or has a key that is none.
  bool restore(const std::vector<core::PublicKey>& keys, core::Millis age);

  // Fetches the first set, also in place of one that was restored, unless that is new.
  void start();
  api::Task<void> stop();
  // Waits for a fetch under way until `deadline` at most.
  api::Task<KeyLookup> find(std::string kid, api::SteadyTime deadline);
  // Since the set in use was fetched; nullopt: there is none.
  std::optional<core::Millis> age() const;

 private:
  using Keys = std::map<std::string, std::shared_ptr<const VerifyKey>, std::less<>>;

  bool has_usable_set(api::SteadyTime now) const;
  bool may_fetch(api::SteadyTime now) const;
  void begin_fetch();
  api::Task<void> fetch();
  core::Result<std::size_t> take(core::Result<core::KeySetAnswer> answer);
  static core::Result<Keys> made_of(const std::vector<core::PublicKey>& keys);
  api::Task<void> keep_fresh();
  api::SteadyTime next_renewal() const;

  api::Timers& timers_;
  Fetch fetch_;
  OnFetch on_fetch_;
  Keep keep_;
  Keys keys_;
  std::optional<api::SteadyTime> fetched_at_;    // of keys_
  std::optional<api::SteadyTime> attempted_at_;  // the begin of the last fetch
  bool fetching_ = false;
  bool last_worked_ = false;
  bool stopping_ = false;
  api::Waiters fetched_;
  engine::TaskGroup group_;
};

}  // namespace syncd::daemon
