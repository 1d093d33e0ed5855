#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sync/api/waiters.hpp"
#include "sync/engine/verify.hpp"

namespace syncd::engine {

// Where the verify of a link stands.
struct VerifyState {
  enum class Phase : std::uint8_t { never, waiting, running, done };
  Phase phase = Phase::never;
  std::optional<core::VerifyReport> report;  // of the last one that ended, whoever asked for it
};

// The note with the short form of a link's last report.
std::string verify_result_note(const core::LinkId& link_id);

// Verifies one link at a time: first those that somebody asked for, in their order, otherwise the next one of
// the rolling audit. The audit walks all links in the order of their keys, evenly over the policy's
// verify_interval, and goes on after a restart where it was; it keeps nothing in memory per link. It comes
// back to a link that it could not read: always, when the reason concerns all links (then it waits), and a
// few times when it may pass.
//
// Lifecycle: run() in a group until cancelled. Thread: the io thread.
class Verifier {
 public:
  // Links that somebody asked for and that wait; one more is refused.
  static constexpr std::size_t line_max = 64;
  // Reports that are kept in whole for whoever asks later; the store has a short form of each link's last
  // one.
  static constexpr std::size_t reports_max = 64;

  struct Hooks {
    std::function<std::uint64_t()> links;              // how many there are
    std::function<bool(const core::LinkId&)> known;    // nothing is noted of one that is not; empty: all are
    std::function<bool(const core::LinkId&)> audited;  // neither paused, gone nor in trouble
    std::function<bool()> may_ask;                     // whether upstream may be asked about any link now
    std::function<void(const VerifyOutcome&)> ended;
    std::function<void(const core::Error&)> store_failed;
  };
  Verifier(VerifyContext context, api::IoExecutor executor, Hooks hooks);

  api::Task<void> run();
  // The link is verified soon; once, however often it is asked for meanwhile. Errors: conflict (the line is
  // full).
  core::Result<void> want(const core::LinkId& link_id);
  // Waits until nothing is under way for the link, or `deadline`.
  api::Task<core::Result<VerifyState>> state(core::LinkId link_id, api::SteadyTime deadline);
  // Of a link that is purged no report is kept.
  void forget(std::string_view link_id);
  // The policy has changed.
  void look_again();
  // Wakes whoever waits; the flag of the context is set before.
  void stop();

 private:
  bool under_way(const core::LinkId& link_id) const;
  api::Task<VerifyOutcome> verify(core::LinkId link_id, bool by_audit);
  api::Task<void> rest();
  core::Millis pace() const;
  // ---- the audit ----
  bool audit_due();
  api::Task<void> find_position();
  api::Task<void> audit();
  api::Task<core::Result<std::optional<core::LinkId>>> next_link();
  bool comes_back(const VerifyOutcome& outcome);
  void put_off(core::Millis by);

  VerifyContext context_;
  Hooks hooks_;
  std::deque<core::LinkId> line_;
  std::optional<core::LinkId> running_;
  std::deque<core::VerifyReport> reports_;  // oldest first, one per link
  api::Waiters wanted_;
  api::Waiters ended_;
  api::SteadyTime not_before_{};  // of the next request of any verify
  bool position_known_ = false;
  std::string position_;     // the link that was audited last; empty: a new round
  std::uint32_t tries_ = 0;  // of the link behind it
  api::SteadyTime audit_at_{};
  api::SteadyTime put_off_until_{};  // however early audit_at_ is
};

}  // namespace syncd::engine
