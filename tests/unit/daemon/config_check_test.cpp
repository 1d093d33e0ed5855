#include "daemon/config_check.hpp"

#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loopback/certificates.hpp"
#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {

using testing::AllOf;
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
  // The same, with its last section [admin].
  std::string good_with_socket() const { return good(socket_at("admin.sock")); }
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

TEST_F(ConfigCheck, LoadsTheCertificateAsTheListenerWould) {
  const Identity good = make_identity({}, nullptr);
  const std::string certificate = scratch_.path("certificate.pem");
  write_pem(good, certificate);
  const std::string key = scratch_.write("key.pem", key_pem(good));
  chmod(key.c_str(), 0400);
  const auto with = [&](const std::string& more, const std::string& listen = "0.0.0.0:8420") {
    return problems_of(good_with_socket() + "listen = \"" + listen + "\"\n" + more);
  };
  const auto files = [](const std::string& certificate_file, const std::string& key_file) {
    return "tls_certificate_file = \"" + certificate_file + "\"\ntls_key_file = \"" + key_file + "\"\n";
  };
  EXPECT_THAT(with("", "127.0.0.1:8420"), IsEmpty()) << "plain http, on this machine only";
  EXPECT_THAT(with("", "[::1]:8420"), IsEmpty());
  EXPECT_THAT(with(""), ElementsAre(HasSubstr("there is no TLS")));
  EXPECT_THAT(with(files(certificate, key)), IsEmpty());
  EXPECT_THAT(with(files(certificate, key), "127.0.0.1:0"), IsEmpty());

  const Identity other = make_identity({}, nullptr);
  const std::string other_key = scratch_.write("other.pem", key_pem(other));
  EXPECT_THAT(with(files(certificate, other_key)),
              ElementsAre(AllOf(HasSubstr("config.toml:9: admin.tls_key_file: "), HasSubstr("mode is "))));
  chmod(other_key.c_str(), 0600);
  EXPECT_THAT(with(files(certificate, other_key)),
              ElementsAre(AllOf(HasSubstr("config.toml:9: admin.tls_key_file: TLS key " + other_key),
                                HasSubstr("does not belong to the certificate"))));
  const std::string expired_file = scratch_.path("expired.pem");
  write_pem(make_identity({.not_after = -60}, nullptr), expired_file);
  EXPECT_THAT(with(files(expired_file, key)), ElementsAre(HasSubstr("admin.tls_key_file")))
      << "another certificate's key";
  const Identity expired = make_identity({.not_after = -60}, nullptr);
  write_pem(expired, expired_file);
  const std::string expired_key = scratch_.write("expired-key.pem", key_pem(expired));
  chmod(expired_key.c_str(), 0400);
  EXPECT_THAT(with(files(expired_file, expired_key)),
              ElementsAre(AllOf(HasSubstr("config.toml:8: admin.tls_certificate_file: "),
                                HasSubstr("it expired at "), HasSubstr("renew it"))));
  EXPECT_THAT(with(files("/canary-5f1c", key)), ElementsAre(Not(HasSubstr("canary"))));
  EXPECT_THAT(with(files(certificate, "/canary-5f1c")), ElementsAre(Not(HasSubstr("canary"))));
}

TEST_F(ConfigCheck, TheKeyMayBeACredentialOfSystemd) {
  const Identity good = make_identity({}, nullptr);
  const std::string certificate = scratch_.path("certificate.pem");
  write_pem(good, certificate);
  const std::string listen =
      good_with_socket() + "listen = \"0.0.0.0:8420\"\ntls_certificate_file = \"" + certificate + "\"\n";
  EXPECT_THAT(problems_of(listen), ElementsAre(AllOf(HasSubstr("admin.tls_key_file: no file is named"),
                                                     HasSubstr("credential moneykit-admin-tls-key"))));
  scratch_.write("credentials/moneykit-admin-tls-key", key_pem(good));
  scratch_.write("credentials/moneykit-client-secret", "s3cret");
  const ScopedEnvironment passed("CREDENTIALS_DIRECTORY", scratch_.path("credentials").c_str());
  EXPECT_THAT(problems_of(listen), IsEmpty());
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
