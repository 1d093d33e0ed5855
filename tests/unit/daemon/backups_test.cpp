#include "daemon/backups.hpp"

#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/core/conflict_codes.hpp"
#include "tests/unit/daemon/gateway_fixture.hpp"

// Backups as the daemon makes them: one at a time, joined, refused, stopped.
namespace syncd::test {

using testing::HasSubstr;
using Phase = daemon::BackupState::Phase;

namespace {

constexpr core::Millis long_enough{60'000};

engine::Requester somebody(std::uint8_t key = 0, std::uint8_t what = 1) {
  engine::Requester by;
  by.actor = "uid:1000";
  if (key == 0) return by;
  by.request_key.fill(key);
  by.request_digest.fill(what);
  return by;
}

class BackupsTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    commit(update_of("link", 0));
    config_.store.path = options_.path;
    config_.backup.keep = 7;
    make();
  }
  void TearDown() override {
    stopping_ = true;
    tasks_.cancel();
    run(tasks_.join());
    GatewayTest::TearDown();
  }
  // As after a restart.
  void make() {
    care_.emplace(daemon::StoreCare::Parts{.timers = timers_,
                                           .store = *gateway_,
                                           .log = log_,
                                           .metrics = *metrics_,
                                           .config = config_,
                                           .stopping = stopping_,
                                           .on_space = [](bool) {}});
    backups_.emplace(daemon::Backups::Parts{.timers = timers_,
                                            .store = *gateway_,
                                            .log = log_,
                                            .metrics = *metrics_,
                                            .config = config_,
                                            .care = *care_,
                                            .stopping = stopping_,
                                            .tasks = tasks_,
                                            .program_version = "1.2.3"},
                     io_.get_executor());
  }
  template <class T>
  static api::Task<void> put(api::Task<core::Result<T>> task, std::optional<core::Result<T>>& result) {
    result = co_await std::move(task);
  }
  template <class T>
  core::Result<T> wait_for(api::Task<core::Result<T>> task) {
    std::optional<core::Result<T>> result;
    run(put(std::move(task), result));
    return std::move(*result);
  }
  core::Result<daemon::BackupState> create(core::Millis wait = long_enough,
                                           const engine::Requester& by = somebody()) {
    return wait_for(backups_->create(wait, by));
  }
  std::vector<daemon::BackupState> list() {
    auto all = wait_for(backups_->list());
    EXPECT_TRUE(all) << all.error().message;
    return all ? std::move(*all) : std::vector<daemon::BackupState>{};
  }
  api::Task<void> look_at_space_once() {
    // Deaf to the end: it looks once before it asks for it.
    stopping_ = false;
    auto watch = care_->watch_space();
    tasks_.spawn(std::move(watch));
    co_return;
  }
  void expect_refusal(const core::Result<daemon::BackupState>& answer, std::string_view code) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, core::Errc::conflict);
    EXPECT_EQ(answer.error().api_code, code);
  }
  std::vector<std::string> acts() {
    std::vector<std::string> found;
    for (const core::AuditEntry& entry : store_->audit_entries(0, 100)->entries)
      found.push_back(entry.note.action + " " + entry.note.detail + " by " + entry.note.actor);
    return found;
  }
  std::string exposed(std::string_view name) const {
    const std::string page = "\n" + metrics_->exposition();
    const auto found = page.find("\n" + std::string(name) + " ");
    if (found == std::string::npos) return "?";
    const auto value = found + name.size() + 2;
    return page.substr(value, page.find('\n', value) - value);
  }

  daemon::Config config_;
  bool stopping_ = false;
  std::string lines_;
  daemon::Log log_{{.level = daemon::LogLevel::debug},
                   [this](daemon::LogLevel, const std::string& line) { lines_ += line + "\n"; },
                   [] { return at_ms(7); }};
  std::optional<metrics::Metrics> metrics_{
      std::in_place, metrics::MetricsOptions{.version = "1.2.3", .started_at = at_ms(7)}};
  std::optional<daemon::StoreCare> care_;
  engine::TaskGroup tasks_{io_.get_executor(),
                           [](std::exception_ptr error) { std::rethrow_exception(error); }};
  std::optional<daemon::Backups> backups_;
};

TEST_F(BackupsTest, OneIsMadeTraced_Measured_AndListed) {
  EXPECT_TRUE(std::isnan(std::stod(exposed("moneykit_syncd_backup_last_success_timestamp_seconds"))));
  const auto made = create();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->phase, Phase::whole);
  EXPECT_EQ(made->facts.links, 1u);
  EXPECT_EQ(made->facts.audit.sequence, 1u) << "its own act is in it";
  EXPECT_EQ(made->facts.program_version, "1.2.3");
  EXPECT_EQ(acts(),
            std::vector<std::string>{"backup.create {\"backup\":\"" + made->name + "\"} by uid:1000"});
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0].name, made->name);
  EXPECT_EQ(list()[0].bytes, made->bytes);
  EXPECT_THAT(lines_, HasSubstr(R"("event":"backup_begun")"));
  EXPECT_THAT(lines_, HasSubstr(R"("event":"backup_done")"));
  EXPECT_EQ(exposed(R"(moneykit_syncd_backups_total{outcome="success"})"), "1");
  EXPECT_EQ(exposed(R"(moneykit_syncd_backups_total{outcome="failure"})"), "0");
  const auto bytes = exposed("moneykit_syncd_backup_last_bytes");
  EXPECT_EQ(bytes, std::to_string(made->bytes));
  const auto shown = wait_for(backups_->show(made->name, core::Millis{0}));
  ASSERT_TRUE(shown && *shown);
  EXPECT_EQ((*shown)->phase, Phase::whole);
  EXPECT_FALSE(*wait_for(backups_->show("20000101T000000.000Z", core::Millis{0})));
}

TEST_F(BackupsTest, ARestartKnowsTheNewestAndClearsTheRest) {
  const auto made = create();
  ASSERT_TRUE(made);
  const std::string left = options_.path + "/backups/20000101T000000.000Z.partial";
  std::filesystem::create_directory(left);
  backups_.reset();
  care_.reset();
  metrics_.emplace(metrics::MetricsOptions{.version = "1.2.3", .started_at = at_ms(7)});
  make();
  run(backups_->look_at_start());
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_EQ(exposed("moneykit_syncd_backup_last_bytes"), std::to_string(made->bytes));
  EXPECT_EQ(std::llround(std::stod(exposed("moneykit_syncd_backup_last_success_timestamp_seconds")) * 1000),
            made->facts.created_at.time_since_epoch().count());
}

TEST_F(BackupsTest, WhileOneIsMadeAnotherIsRefusedAndTheSameRequestJoins) {
  const auto begun = create(core::Millis{0}, somebody(5));
  ASSERT_TRUE(begun) << begun.error().message;
  ASSERT_EQ(begun->phase, Phase::running);
  expect_refusal(create(), core::backup_under_way);
  expect_refusal(create(core::Millis{0}, somebody(6)), core::backup_under_way);
  EXPECT_EQ(list().at(0).phase, Phase::running);
  const auto joined = create(long_enough, somebody(5));
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_EQ(joined->name, begun->name);
  EXPECT_EQ(joined->phase, Phase::whole);
  EXPECT_EQ(list().size(), 1u);
  EXPECT_EQ(exposed(R"(moneykit_syncd_backups_total{outcome="failure"})"), "0") << "a conflict is none";
}

TEST_F(BackupsTest, ARequestThatWasAnsweredMakesNoSecond) {
  const auto first = create(long_enough, somebody(5));
  ASSERT_TRUE(first);
  make();  // also behind a restart
  const auto again = create(long_enough, somebody(5));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->name, first->name);
  EXPECT_EQ(again->phase, Phase::whole);
  EXPECT_EQ(list().size(), 1u);
  expect_refusal(create(long_enough, somebody(5, 2)), core::idempotency_key_reused);
  EXPECT_EQ(acts().size(), 1u);
  EXPECT_EQ(exposed(R"(moneykit_syncd_backups_total{outcome="failure"})"), "0");
  std::filesystem::remove_all(options_.path + "/backups/" + first->name);
  expect_refusal(create(long_enough, somebody(5)), core::backup_refused);
}

TEST_F(BackupsTest, OneThatCannotBeBegunIsTold) {
  config_.backup.directory = directory_ / "no/parent";
  const auto refused = create();
  expect_refusal(refused, core::backup_refused);
  EXPECT_THAT(refused.error().message, HasSubstr("backup.directory"));
  EXPECT_TRUE(acts().empty());
  EXPECT_EQ(exposed(R"(moneykit_syncd_backups_total{outcome="failure"})"), "1");
  EXPECT_THAT(lines_, HasSubstr(R"("event":"backup_failed")"));
  config_.backup.directory.clear();
  EXPECT_TRUE(create()) << "the next one is not held up by it";
}

TEST_F(BackupsTest, NoneIsMadeOnAFullDisk) {
  config_.store.min_free_mib = std::uint64_t{1} << 40;
  run(look_at_space_once());
  expect_refusal(create(), core::space_low);
  EXPECT_FALSE(std::filesystem::exists(options_.path + "/backups"));
}

TEST_F(BackupsTest, AStopLeavesNothingOfOneThatIsNotWhole) {
  const auto begun = create(core::Millis{0});
  ASSERT_TRUE(begun);
  stopping_ = true;
  tasks_.cancel();
  run(tasks_.join());
  EXPECT_TRUE(std::filesystem::is_empty(options_.path + "/backups"));
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0].phase, Phase::failed);
  EXPECT_THAT(list()[0].error, HasSubstr("stopped"));
  const auto refused = create();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::Errc::cancelled);
}

TEST_F(BackupsTest, OldOnesGoAndAreTold) {
  config_.backup.keep = 1;
  const auto first = create();
  ASSERT_TRUE(first);
  const auto second = create();
  ASSERT_TRUE(second);
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0].name, second->name);
  EXPECT_THAT(lines_, HasSubstr(R"("event":"backup_removed")"));
  EXPECT_THAT(lines_, HasSubstr(first->name));
}

TEST_F(BackupsTest, AFailureInBetweenIsTheBackupsOnly) {
  const auto begun = create(core::Millis{0});
  ASSERT_TRUE(begun);
  // Somebody removes it under the hands of the daemon.
  std::filesystem::remove_all(options_.path + "/backups");
  const auto ended = wait_for(backups_->show(begun->name, long_enough));
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((*ended)->phase, Phase::failed);
  EXPECT_FALSE((*ended)->error.empty());
  EXPECT_TRUE(store_->healthy());
  EXPECT_TRUE(create());
}

}  // namespace
}  // namespace syncd::test
