#include "sync/core/conflict_codes.hpp"
#include "tests/unit/daemon/fake_view.hpp"

// Backups over the admin API.
namespace syncd::test {

namespace {

using Phase = daemon::BackupState::Phase;

daemon::BackupState whole(std::string name) {
  daemon::BackupState backup;
  backup.name = std::move(name);
  backup.phase = Phase::whole;
  backup.bytes = 4096;
  backup.files = 7;
  backup.facts.created_at = core::WallTime{core::Millis{1'796'000'000'123}};
  backup.facts.program_version = "1.2.3";
  backup.facts.schema_version = 3;
  backup.facts.instance = "000102030405060708090a0b0c0d0e0f";
  backup.facts.environment = "sandbox";
  backup.facts.upstream = "api.example.test";
  backup.facts.feed_epoch = 5;
  backup.facts.feed_head = 9;
  backup.facts.audit.sequence = 2;
  backup.facts.links = 3;
  return backup;
}

daemon::BackupState running(std::string name) {
  daemon::BackupState backup;
  backup.name = std::move(name);
  backup.bytes_read = 10;
  backup.bytes_all = 40;
  return backup;
}

daemon::BackupState broken(std::string name, Phase phase) {
  daemon::BackupState backup;
  backup.name = std::move(name);
  backup.phase = phase;
  backup.error = "the disk is gone";
  return backup;
}

constexpr auto first = "20261201T005320.123Z";
constexpr auto second = "20261130T005320.123Z";
constexpr auto third = "20261129T005320.123Z";

}  // namespace

TEST_F(Routes, ABackupIsBegunAndItsProgressTold) {
  view.desk.backups = {running(first)};
  const HttpResponse begun = ask("POST", "/v1/backups");
  EXPECT_EQ(begun.status, 202);
  EXPECT_EQ(
      begun.body,
      R"({"name":"20261201T005320.123Z","state":"running","progress":{"bytes_read":10,"bytes_all":40}})");
  EXPECT_EQ(view.desk.requester.actor, "uid:1000");
  EXPECT_EQ(view.desk.waited, core::Millis{0});
  EXPECT_EQ(view.noted, "backup.create by uid:1000");
  view.desk.backups = {whole(first)};
  EXPECT_EQ(ask("POST", "/v1/backups?wait=30s").status, 200);
  EXPECT_EQ(view.desk.waited, core::Millis{30'000});
  view.desk.backups = {broken(first, Phase::failed)};
  const HttpResponse failed = ask("POST", "/v1/backups?wait=30s");
  EXPECT_EQ(failed.status, 200);
  EXPECT_EQ(failed.body, R"({"name":"20261201T005320.123Z","state":"failed","error":"the disk is gone"})");
}

TEST_F(Routes, AWholeBackupIsShownWithItsFacts) {
  view.desk.backups = {whole(first)};
  const HttpResponse shown = ask("GET", std::string("/v1/backups/") + first + "?wait=1s");
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body,
            R"({"name":"20261201T005320.123Z","state":"whole","created_at":"2026-11-30T00:53:20.123Z",)"
            R"("bytes":4096,"files":7,"links":3,"version":"1.2.3","schema_version":3,)"
            R"("instance":"000102030405060708090a0b0c0d0e0f","environment":"sandbox",)"
            R"("upstream":"api.example.test","feed":{"epoch":5,"head":9},"audit":{"seq":2,"hash":")" +
                std::string(64, '0') + R"("}})");
  EXPECT_EQ(view.desk.waited, core::Millis{1'000});
  EXPECT_EQ(ask("GET", std::string("/v1/backups/") + second).status, 404);
  for (const auto name : {"x", "20261201T005320Z", "20261201T005320.123Z.partial"}) {
    const HttpResponse refused = ask("GET", std::string("/v1/backups/") + name);
    EXPECT_EQ(refused.status, 400) << name;
    EXPECT_THAT(refused.body, HasSubstr("invalid_id"));
  }
}

TEST_F(Routes, BackupsAreListedPageByPage) {
  view.desk.backups = {running(first), broken(second, Phase::damaged), whole(third)};
  const HttpResponse page = ask("GET", "/v1/backups?limit=2");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr(first));
  EXPECT_THAT(page.body, HasSubstr(R"("state":"damaged","error":"the disk is gone")"));
  EXPECT_THAT(page.body, Not(HasSubstr(third)));
  EXPECT_THAT(page.body, HasSubstr(R"("next":"20261130T005320.123Z")"));
  const HttpResponse rest = ask("GET", std::string("/v1/backups?limit=2&after=") + second);
  EXPECT_THAT(rest.body, HasSubstr(third));
  EXPECT_THAT(rest.body, Not(HasSubstr(second)));
  EXPECT_THAT(rest.body, Not(HasSubstr("next")));
  view.desk.backups.clear();
  EXPECT_EQ(ask("GET", "/v1/backups").body, R"({"items":[]})");
  EXPECT_EQ(ask("GET", "/v1/backups?state=whole").status, 400);
}

TEST_F(Routes, ARefusedBackupSaysWhy) {
  struct Case {
    core::Error error;
    int status;
    std::string_view code;
  };
  const auto conflict = [](std::string_view code) {
    return core::Error{.code = core::Errc::conflict, .message = "it is so", .api_code = std::string(code)};
  };
  for (const Case& refused :
       {Case{conflict(core::backup_under_way), 409, "backup_under_way"},
        Case{conflict(core::backup_refused), 409, "backup_refused"},
        Case{conflict(core::space_low), 503, "space_low"},
        Case{{.code = core::Errc::storage, .message = "it is so"}, 503, "storage_failed"}}) {
    view.desk.on_question = [&](const char*) { return refused.error; };
    const HttpResponse answer = ask("POST", "/v1/backups");
    EXPECT_EQ(answer.status, refused.status);
    EXPECT_THAT(answer.body, HasSubstr(refused.code));
    EXPECT_THAT(answer.body, HasSubstr("it is so"));
  }
  EXPECT_EQ(view.noted, "") << "nothing was done";
  EXPECT_EQ(ask("GET", "/v1/backups").status, 503);
  EXPECT_EQ(ask("GET", std::string("/v1/backups/") + first).status, 503);
}

}  // namespace syncd::test
