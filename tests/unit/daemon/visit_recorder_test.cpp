#include "daemon/visit_recorder.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/observer.hpp"
#include "daemon/visit_file.hpp"
#include "daemon/visit_line.hpp"
#include "tests/unit/daemon/gateway_fixture.hpp"

// What the daemon writes down of visits, and that nothing of it disturbs them.
namespace syncd::test {

namespace {

core::CycleReport report_of(const std::string& link_id) {
  core::CycleReport report;
  report.link_id = core::LinkId(link_id);
  report.institution_id = "chase";
  report.provider = "moneykit";
  report.pages = 1;
  report.created = 2;
  report.refreshed_at = core::UpstreamTime(std::chrono::microseconds(1'767'225'500'000'999));
  return report;
}

class VisitRecorderTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    config_.store.path = options_.path;
    config_.schedule.record_mib = 1;
    make();
  }
  // As after a restart.
  void make() {
    recorder_.emplace(daemon::VisitRecorder::Parts{.timers = timers_,
                                                   .store = *gateway_,
                                                   .log = log_,
                                                   .metrics = metrics_,
                                                   .config = config_,
                                                   .salt = "0123456789abcdef"});
  }
  std::string path() const {
    return (std::filesystem::path(config_.store.path) / daemon::visit_file_name).string();
  }
  // What the file holds; a line that cannot be read fails the test.
  std::vector<daemon::VisitLine> written() const {
    std::ifstream file(path());
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line + "\n", daemon::visit_trace_head);
    std::vector<daemon::VisitLine> visits;
    while (std::getline(file, line)) {
      const auto visit = daemon::parse_visit(line);
      EXPECT_TRUE(visit) << line;
      if (visit) visits.push_back(*visit);
    }
    return visits;
  }
  std::string counted(const std::string& outcome) const {
    const std::string name = "moneykit_syncd_visit_records_total{outcome=\"" + outcome + "\"} ";
    const std::string page = metrics_.exposition();
    const std::size_t value = page.find(name) + name.size();
    return page.substr(value, page.find('\n', value) - value);
  }
  std::size_t told(const std::string& event) const {
    std::size_t count = 0;
    for (std::size_t at = lines_.find("\"" + event + "\""); at != std::string::npos;
         at = lines_.find("\"" + event + "\"", at + 1))
      ++count;
    return count;
  }

  daemon::Config config_;
  std::string lines_;
  daemon::Log log_{{.level = daemon::LogLevel::debug},
                   [this](daemon::LogLevel, const std::string& line) { lines_ += line + "\n"; },
                   [] { return at_ms(7); }};
  metrics::Metrics metrics_{metrics::MetricsOptions{.version = "1.2.3", .started_at = at_ms(7)}};
  std::optional<daemon::VisitRecorder> recorder_;
};

}  // namespace

TEST_F(VisitRecorderTest, AVisitIsALine) {
  const core::WallTime before = timers_.wall_now();
  recorder_->add(report_of("mk_1"));
  core::CycleReport look = report_of("mk_1");
  look.cause = core::Cause::webhook;
  look.peeked = true;
  look.pages = 0;
  look.created = 0;
  recorder_->add(look);
  run(recorder_->finish());
  const auto visits = written();
  ASSERT_EQ(visits.size(), 2U);
  EXPECT_GE(visits[0].at, before);
  EXPECT_LE(visits[0].at, timers_.wall_now());
  EXPECT_EQ(visits[0].link, daemon::visit_link_name("0123456789abcdef", core::LinkId("mk_1")));
  EXPECT_EQ(visits[0].institution, daemon::visit_institution_name("0123456789abcdef", "chase", "moneykit"));
  EXPECT_EQ(visits[0].refreshed_at, at_ms(1'767'225'500'000));
  EXPECT_TRUE(visits[0].fetched);
  EXPECT_TRUE(visits[0].changed);
  EXPECT_EQ(visits[0].cause, core::Cause::schedule);
  EXPECT_FALSE(visits[1].fetched);
  EXPECT_FALSE(visits[1].changed);
  EXPECT_EQ(visits[1].cause, core::Cause::webhook);
  EXPECT_EQ(counted("written"), "2");
  EXPECT_EQ(counted("lost"), "0");
}

// A trace of months is one trace.
TEST_F(VisitRecorderTest, ALinkHasTheSameNameInTheNextRun) {
  recorder_->add(report_of("mk_1"));
  run(recorder_->finish());
  make();
  recorder_->add(report_of("mk_1"));
  run(recorder_->finish());
  const auto visits = written();
  ASSERT_EQ(visits.size(), 2U);
  EXPECT_EQ(visits[0].link, visits[1].link);
}

TEST_F(VisitRecorderTest, NothingOfALinkCanBeReadInIt) {
  recorder_->add(report_of("mk_secret_link"));
  run(recorder_->finish());
  std::ifstream file(path());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text.find("secret"), std::string::npos);
  EXPECT_EQ(text.find("chase"), std::string::npos);
}

TEST_F(VisitRecorderTest, AVisitThatDidNotSeeTheClockIsNone) {
  core::CycleReport report = report_of("mk_1");
  report.refreshed_at.reset();
  recorder_->add(report);
  run(recorder_->finish());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(VisitRecorderTest, IsOffUnlessTheConfigurationSaysSo) {
  config_.schedule.record_mib = 0;
  recorder_->add(report_of("mk_1"));
  run(recorder_->finish());
  EXPECT_FALSE(std::filesystem::exists(path()));
  config_.schedule.record_mib = 1;  // read again, without a restart
  recorder_->add(report_of("mk_1"));
  run(recorder_->finish());
  EXPECT_EQ(written().size(), 1U);
}

TEST_F(VisitRecorderTest, ADiskThatRefusesIsToldOfOnce) {
  std::filesystem::create_directory(path());
  for (int i = 0; i < 3; ++i) {
    recorder_->add(report_of("mk_1"));
    run(recorder_->finish());
  }
  EXPECT_EQ(counted("lost"), "3");
  EXPECT_EQ(told("visits_not_recorded"), 1U);
  EXPECT_NE(lines_.find("visits.trace"), std::string::npos) << lines_;
  std::filesystem::remove(path());
  recorder_->add(report_of("mk_1"));
  run(recorder_->finish());
  EXPECT_EQ(told("visits_recorded"), 1U);
  EXPECT_EQ(counted("written"), "1");
  EXPECT_EQ(written().size(), 1U);
}

// The store's thread hangs, and visits go on.
TEST_F(VisitRecorderTest, NotMoreLinesWaitThanMay) {
  const std::size_t visits = 2 * daemon::visits_waiting_bytes_max / daemon::visit_line_bytes_max;
  for (std::size_t i = 0; i < visits; ++i)
    recorder_->add(report_of("mk_1"));
  config_.schedule.record_mib = 16;
  run(recorder_->finish());
  const std::size_t kept = written().size();
  EXPECT_LE(std::filesystem::file_size(path()),
            daemon::visits_waiting_bytes_max + daemon::visit_trace_head.size());
  EXPECT_GT(kept, visits / 2);
  EXPECT_EQ(counted("written"), std::to_string(kept));
  EXPECT_EQ(counted("lost"), std::to_string(visits - kept));
}

TEST_F(VisitRecorderTest, BothFilesTogetherKeepToTheBound) {
  constexpr std::uintmax_t bound = 1 << 20;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 1'000; ++i)
      recorder_->add(report_of("mk_1"));
    run(recorder_->finish());
  }
  const std::string before = config_.store.path + "/" + std::string(daemon::visit_file_before_name);
  EXPECT_LE(std::filesystem::file_size(path()) + std::filesystem::file_size(before), bound);
  EXPECT_GT(std::filesystem::file_size(before), bound / 2 - 100);
  EXPECT_EQ(counted("lost"), "0");
}

// From the end of a visit to its line.
TEST_F(VisitRecorderTest, TheObserverPassesVisitsOn) {
  daemon::Observer observer(log_, metrics_, timers_, false);
  observer.on_cycle(report_of("mk_1"));
  observer.set_recorder(&*recorder_);
  observer.on_cycle(report_of("mk_2"));
  run(recorder_->finish());
  const auto visits = written();
  ASSERT_EQ(visits.size(), 1U);
  EXPECT_EQ(visits[0].link, daemon::visit_link_name("0123456789abcdef", core::LinkId("mk_2")));
}

}  // namespace syncd::test
