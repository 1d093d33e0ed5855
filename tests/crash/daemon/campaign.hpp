#pragma once

#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/oracle.hpp"

namespace syncd::test::crash {

/// The number in an environment variable, or `fallback`.
unsigned long number_from_environment(const char* name, unsigned long fallback);

/// Schedules and budgets with which work goes on at once, also in the minute after a crash; rows in small
/// pages.
e2e::Tuning busy_tuning();

/// Whether what a process that ended with SIGABRT wrote says that the database ended it: an inconsistency
/// that one of its own assertions noticed, which a restart sees as a crash. Its sources end in .cc, ours in
/// .cpp.
bool ended_by_database(const std::string& log);

/// Links that are changed upstream and steered by an operator while their daemon is killed, with everything
/// that was promised to the operator and to a follower of the feed. Actions may meet a daemon that dies: they
/// give false when it no longer answers, and what it had promised until then is kept.
class Campaign {
 public:
  explicit Campaign(e2e::Sandbox& sandbox) : sandbox_(sandbox) {}

  // ---- acts ----
  /// Adds a link upstream and registers it. `body` as for `POST /sandbox/links`.
  bool add_link(const e2e::Daemon& daemon, std::string_view body);
  /// Rows come, change and go upstream, pending ones are rebuilt.
  void change_upstream(const std::string& link_id);
  /// The link wants its owner, or was repaired by him.
  void ask_for_owner(const std::string& link_id);
  void repair(const std::string& link_id);
  /// Asks for a visit and does not wait for it.
  bool visit(const e2e::Daemon& daemon, const std::string& link_id);
  /// Waits for its end, but not for ever; false unless there was one.
  bool visit_and_wait(const e2e::Daemon& daemon, const std::string& link_id);
  bool pause(const e2e::Daemon& daemon, const std::string& link_id);
  bool resume(const e2e::Daemon& daemon, const std::string& link_id);
  /// Has the link compared with a second reading of upstream, without waiting: whatever is found, it must not
  /// be a difference.
  bool verify(const e2e::Daemon& daemon, const std::string& link_id);
  /// Has the whole history read once more and the differences applied, without waiting.
  bool reread(const e2e::Daemon& daemon, const std::string& link_id);
  bool follow(const e2e::Daemon& daemon) { return follower_.read_on(daemon); }
  /// Registers what no answer confirmed so far. False when the daemon does not answer.
  bool register_missing(const e2e::Daemon& daemon);

  [[nodiscard]] const std::vector<std::string>& links() const { return links_; }
  [[nodiscard]] const std::string& any_link(std::mt19937& random) const;
  [[nodiscard]] bool wants_owner(const std::string& link_id) const { return wants_owner_.contains(link_id); }
  [[nodiscard]] unsigned long long feed_head() const { return follower_.replay().head; }
  /// Of the first entry that was read; 0: none was.
  [[nodiscard]] unsigned long long feed_epoch() const { return follower_.replay().epoch; }

  // ---- checks ----
  /// What must hold at every moment a daemon answers: nothing that was promised is gone, and no link is
  /// without the relink entry that its status calls for. Empty, or what is wrong.
  std::string broken_promise(e2e::Daemon& daemon);
  /// What must hold once each link was visited and upstream stands still: rows equal upstream's, and what the
  /// follower of the feed has equals the rows. Waits for it; throws e2e::Failed with what is still wrong.
  void expect_converged(e2e::Daemon& daemon);
  /// Once everything has converged and upstream stands still: a comparison with a second reading of the first
  /// link finds no difference. Takes some seconds.
  void expect_match(e2e::Daemon& daemon);
  /// Reads the feed again from its beginning: no entry may differ from what was told once.
  std::string changed_history(e2e::Daemon& daemon);

 private:
  std::string false_mismatch(e2e::Daemon& daemon);
  std::string not_converged(e2e::Daemon& daemon);
  std::string wrong_link(e2e::Daemon& daemon, const std::string& link_id, const std::string& status,
                         bool has_open_entry);
  std::string feed_problem() const;

  e2e::Sandbox& sandbox_;
  e2e::FeedFollower follower_;
  std::vector<std::string> links_;           ///< upstream, in the order they came
  std::map<std::string, bool> registered_;   ///< the daemon said so
  std::map<std::string, bool> wants_owner_;  ///< links in error upstream
  std::map<std::string, bool> paused_;       ///< the daemon said whether; absent: it did not say
};

}  // namespace syncd::test::crash
