#include "daemon/config_check.hpp"

#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace {

class ConfigCheck : public testing::Test {
 protected:
  ConfigCheck() : secret_(scratch_.write("secret", "s3cret")) { chmod(secret_.c_str(), 0400); }

  // A configuration with nothing wrong, behind which `more` is appended.
  std::string good(const std::string& more = {}) const {
    return "[upstream]\nclient_id = \"sandbox_1\"\nbase_url = \"http://127.0.0.1:1\"\nclient_secret_file = "
           "\"" +
           secret_ + "\"\n" + more;
  }
  std::string socket_at(const std::string& name) const {
    return "[admin]\nsocket = \"" + scratch_.path(name) + "\"\n";
  }
  std::vector<std::string> problems_of(const std::string& text) const {
    std::vector<std::string> texts;
    const auto loaded = daemon::load_checked_config(scratch_.write("config.toml", text), {});
    if (loaded) return texts;
    for (const auto& problem : loaded.error())
      texts.push_back(daemon::describe(problem));
    return texts;
  }

  ScratchDirectory scratch_;
  ScopedEnvironment no_credentials_{"CREDENTIALS_DIRECTORY", nullptr};
  std::string secret_;
};

}  // namespace

TEST_F(ConfigCheck, FindsNothingWhereAllIsWell) {
  EXPECT_THAT(problems_of(good(socket_at("admin.sock"))), IsEmpty());
}

TEST_F(ConfigCheck, SaysEverythingAtOnce) {
  const std::string garbage = scratch_.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n");
  const auto problems = problems_of("[upstream]\nbase_url = \"https://api.example.com\"\nca_file = \"" +
                                    garbage + "\"\nclient_secret_file = \"" + scratch_.path("none") +
                                    "\"\n[schedule]\ninterval = \"2d\"\n[budget]\nsync_per_app = 0\n" +
                                    socket_at("a/b/admin.sock"));
  ASSERT_EQ(problems.size(), 6U) << testing::PrintToString(problems);
  EXPECT_THAT(problems, testing::Contains(HasSubstr("budget.sync_per_app: 0 is out of range")));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("upstream.client_id: is missing")));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("schedule.interval (2d) is longer")));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("upstream.client_secret_file: secret file")));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("upstream.ca_file: CA file")));
  EXPECT_THAT(problems, testing::Contains(HasSubstr("admin.socket: neither ")));
}

TEST_F(ConfigCheck, DoesNotJudgeWhatIsNotKnown) {
  // Of the interval nothing is known but that it is wrong; of the second file nothing at all.
  EXPECT_THAT(
      problems_of(good(socket_at("admin.sock") + "[schedule]\ninterval = \"x\"\nmax_interval = \"1s\"\n")),
      ElementsAre(HasSubstr("\"x\" is not a duration")));
  scratch_.write("conf.d/b.toml", "[admin\n");
  EXPECT_THAT(problems_of("[upstream]\nbase_url = \"http://127.0.0.1:1\"\n"),
              ElementsAre(HasSubstr("b.toml:1")));
}

TEST_F(ConfigCheck, LoadsTheAuthoritiesAsTheClientWould) {
  const std::string socket = socket_at("admin.sock");
  const auto with_ca = [&](const std::string& path) {
    return problems_of("[upstream]\nclient_id = \"live_1\"\nclient_secret_file = \"" + secret_ +
                       "\"\nca_file = \"" + path + "\"\n" + socket);
  };
  for (const std::string& path : {scratch_.write("text.pem", "hello\n"), scratch_.write("empty.pem", ""),
                                  scratch_.path(""), scratch_.path("none.pem")}) {
    EXPECT_THAT(with_ca(path),
                ElementsAre(HasSubstr("upstream.ca_file: CA file " + path + ": cannot be loaded")));
  }
}

TEST_F(ConfigCheck, SaysWhenThereIsNoPlaceForTheSocket) {
  EXPECT_THAT(problems_of(good(socket_at("run/admin.sock"))), IsEmpty()) << "its directory will be made";
  scratch_.write("file", "x");
  EXPECT_THAT(problems_of(good(socket_at("file"))), ElementsAre(HasSubstr("file is there and is no socket")));
  EXPECT_THAT(problems_of(good(socket_at("file/admin.sock"))),
              ElementsAre(HasSubstr("file is no directory")));
  EXPECT_THAT(problems_of(good(socket_at("x/y/admin.sock"))),
              ElementsAre(HasSubstr("only one directory is made")));
  if (geteuid() == 0) return;  // root may write everywhere
  mkdir(scratch_.path("closed").c_str(), 0500);
  EXPECT_THAT(problems_of(good(socket_at("closed/admin.sock"))), ElementsAre(HasSubstr("cannot be written")));
  EXPECT_THAT(problems_of(good(socket_at("closed/run/admin.sock"))),
              ElementsAre(HasSubstr("cannot be made")));
}

TEST_F(ConfigCheck, SaysWhenThereIsNoPlaceForTheStore) {
  const auto store_at = [&](const std::string& name) {
    return problems_of(good(socket_at("admin.sock") + "[store]\npath = \"" + scratch_.path(name) + "\"\n"));
  };
  EXPECT_THAT(store_at("store"), IsEmpty()) << "it will be made";
  EXPECT_THAT(store_at("store/"), IsEmpty()) << "the same";
  EXPECT_THAT(store_at(""), IsEmpty());
  scratch_.write("file", "x");
  EXPECT_THAT(store_at("file"), ElementsAre(HasSubstr("file is there and is no directory")));
  EXPECT_THAT(store_at("file/store"), ElementsAre(HasSubstr("something above it is no directory")));
  EXPECT_THAT(store_at("x/store"), ElementsAre(HasSubstr("only one directory is made")));
}

TEST_F(ConfigCheck, ASecretInThePlaceOfItsFileIsNotRepeated) {
  for (const char* secret : {"canary-5f1c", "/canary-5f1c", "/canary/5f1c"}) {
    const auto problems = problems_of("[upstream]\nclient_id = \"live_1\"\nclient_secret_file = \"" +
                                      std::string(secret) + "\"\n" + socket_at("admin.sock"));
    EXPECT_THAT(problems, ElementsAre(HasSubstr("upstream.client_secret_file: "))) << secret;
    EXPECT_THAT(problems, Each(Not(HasSubstr("canary")))) << secret;
  }
}

}  // namespace syncd::test
