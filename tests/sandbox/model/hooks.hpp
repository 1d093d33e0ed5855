#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sandbox/model/hook_signer.hpp"
#include "tests/sandbox/model/http.hpp"
#include "tests/sandbox/model/options.hpp"

namespace syncd::sandbox {

/// Something that happened to a link, as a hook tells it.
struct HookNews {
  HookEvent event = HookEvent::updates_available;
  TimePoint at;           ///< bank time
  std::string state{};    ///< of the link, or of the refresh: pending, in_progress, completed, failed
  std::string error{};    ///< state_changed: the link's error code; product_refresh: why it failed
  std::string product{};  ///< product_refresh and product_state_changed
  std::string key{};      ///< idempotency key; empty: one is made up
  std::optional<HookTravel> travel{};  ///< unset: as the options and chance will have it
};

enum class HookOutcome : std::uint8_t {
  waiting,    ///< to be sent, or on its way
  delivered,  ///< a 2xx came back
  given_up,   ///< nobody took it in time, or its address is not one to send to
  lost,       ///< never sent: recall, or a fault
};
std::string_view hook_outcome_name(HookOutcome outcome);

struct HookAttempt {
  TimePoint at;  ///< bank time
  int status;    ///< 0: no answer
};

/// A hook as the books keep it.
struct HookRecord {
  std::uint64_t number = 0;
  std::string link_id{};  ///< whose news it is, also when a fault made it name another
  std::string url{};
  std::string key{};
  std::string token{};
  HookEvent event = HookEvent::updates_available;
  TimePoint at;             ///< when it happened
  std::string body{};       ///< as it is sent
  std::string signature{};  ///< of the last attempt; empty before the first
  std::string fault{};
  HookOutcome outcome = HookOutcome::waiting;
  std::string problem{};  ///< why it was given up without an answer
  std::vector<HookAttempt> attempts{};
};

/// What is to go over the wire now. The caller sends it and says how that ended, see HookDesk::answered().
struct HookDelivery {
  std::uint64_t number;
  std::string url;
  Headers headers;
  std::string body;
};

struct HookCounts {
  std::uint64_t delivered = 0;
  std::uint64_t given_up = 0;
  std::uint64_t lost = 0;
  std::uint64_t waiting = 0;
  std::uint64_t attempts = 0;
};

/// The keys hooks are signed with: the current one, and the one before it, which stays listed.
class HookKeys {
 public:
  explicit HookKeys(std::uint64_t seed);
  void rotate();
  [[nodiscard]] const HookSigner& current() const { return current_; }
  /// Of no key set.
  [[nodiscard]] const HookSigner& stranger() const { return stranger_; }
  /// The answer of GET /.well-known/jwks.json.
  [[nodiscard]] std::string key_set() const;

 private:
  std::uint64_t seed_;
  std::uint64_t number_ = 1;
  HookSigner current_;
  std::optional<HookSigner> previous_;
  HookSigner stranger_;
};

/// What a fault makes of a hook.
struct HookFault {
  std::string name{};
  bool dark = false;
  bool wrong_signature = false;
  bool unknown_kid = false;
  bool wrong_body = false;
  std::optional<std::string> other_link{};
};

/// Whom a hook is for.
struct HookAddress {
  std::string_view link_id;
  std::string_view url;
  const std::vector<std::string>* tags;
  std::uint64_t
      draw;  ///< the link's part of the seed and the number of its hooks so far: chance follows from it
};

/// Hooks between their event and their end: when each is to be sent, how often, and what became of it. Pure;
/// times are the bank's, except that `iat` is told in wire time, because that is what a receiver compares
/// with its clock.
class HookDesk {
 public:
  /// More hooks than this never wait at once; what comes beyond is lost, and the books say so.
  static constexpr std::size_t waiting_max = 200'000;

  HookDesk(std::uint64_t seed, HookOptions options) : options_(options), keys_(seed) {}

  [[nodiscard]] const HookOptions& options() const { return options_; }
  void set_options(const HookOptions& options) { options_ = options; }
  [[nodiscard]] HookKeys& keys() { return keys_; }

  /// `forced`: told whatever the options say about recall and events. Returns its delivery token.
  std::string tell(const HookAddress& to, const HookNews& news, const HookFault& fault, bool forced);
  /// Everything due until `now`, at most `most`; each is on its way until answered() says how it ended.
  std::vector<HookDelivery> due(TimePoint now, TimePoint wire_now, std::size_t most);
  /// `status`: of the answer, 0 when there was none.
  void answered(std::uint64_t number, int status, TimePoint now);
  /// It cannot be sent at all; not tried again.
  void refused(std::uint64_t number, std::string problem);
  /// The next instant at which one is due; unset when none waits.
  [[nodiscard]] std::optional<TimePoint> next_due() const;

  [[nodiscard]] HookCounts counts() const;
  [[nodiscard]] const std::map<std::uint64_t, HookRecord>& records() const { return records_; }
  void forget_finished();

 private:
  struct Waiting {
    TimePoint at;
    std::uint64_t number;
    bool operator>(const Waiting& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };
  HookRecord& keep(HookRecord record);
  void finish(HookRecord& record, HookOutcome outcome);
  void sign(HookRecord& record, TimePoint wire_now) const;

  HookOptions options_;
  HookKeys keys_;
  std::map<std::uint64_t, HookRecord> records_;
  std::deque<std::uint64_t> finished_;  ///< the oldest first
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
  std::uint64_t numbers_ = 0;
  HookCounts counts_;
};

}  // namespace syncd::sandbox
