#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <netdb.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/e2e/rig.hpp"
#include "tests/loopback/certificates.hpp"

// The certificate of the admin API's TCP listener: what a bad one does, and what it leaves alone.
namespace syncd::test::e2e {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Identity& authority() {
  static const Identity made = make_identity({.common_name = "root", .authority = true}, nullptr);
  return made;
}

// What is answered under TLS by a listener with a certificate of the authority; empty: nothing.
std::string ask_under_tls(int port, const std::string& request) {
  const ContextPtr context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority().certificate.get());
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl{SSL_new(context.get()), &SSL_free};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo("127.0.0.1", std::to_string(port).c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> address{found, &freeaddrinfo};
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer;
  if (::connect(descriptor, address->ai_addr, address->ai_addrlen) == 0) {
    SSL_set_fd(ssl.get(), descriptor);
    if (SSL_connect(ssl.get()) == 1 &&
        SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) > 0) {
      std::array<char, 4096> buffer{};
      int bytes = 0;
      while ((bytes = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()))) > 0)
        answer.append(buffer.data(), static_cast<std::size_t>(bytes));
    }
  }
  ::close(descriptor);
  return answer;
}

class AdminCertificate : public testing::Test {
 protected:
  AdminCertificate() : sandbox_(dir_.path(), {"--no-budgets"}), daemon_(dir_.path(), sandbox_, under_tls()) {}

  Tuning under_tls() const {
    Tuning tuning;
    tuning.admin = "listen = \"127.0.0.1:0\"\ntls_certificate_file = \"" + certificate_file() +
                   "\"\ntls_key_file = \"" + (dir_.path() / "tls.key").string() + "\"\n";
    return tuning;
  }
  std::string certificate_file() const { return dir_.path() / "tls.pem"; }
  // Both in one go, as a tool that renews them does.
  void install(long not_after) const {
    const Identity made =
        make_identity({.alternative_names = "IP:127.0.0.1", .not_after = not_after}, &authority());
    write_pem(made, certificate_file());
    const std::filesystem::path key = dir_.path() / "tls.key";
    std::filesystem::remove(key);
    std::ofstream(key) << key_pem(made);
    ::chmod(key.c_str(), 0400);
  }
  Json tcp() { return daemon_.admin("GET", "/v1/status")["admin_tcp"]; }
  void reload() {
    ++reloads_;
    daemon_.process().send(SIGHUP);
    daemon_.wait_for("the reload", [this] {
      const std::string log = daemon_.log();
      int seen = 0;
      for (std::size_t at = log.find("\"event\":\"reloaded\""); at != std::string::npos;
           at = log.find("\"event\":\"reloaded\"", at + 1))
        ++seen;
      return seen >= reloads_;
    });
  }
  // As the log says.
  int port() const {
    const std::string log = daemon_.log();
    const std::size_t line = log.rfind("answers over TCP with TLS");
    if (line == std::string::npos) return 0;
    const std::string address = "\"address\":\"127.0.0.1:";
    return std::stoi(log.substr(log.find(address, line) + address.size()));
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  int reloads_ = 0;
};

const std::string probe = "GET /-/ready HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n\r\n";

std::string probe_of(int port) {
  std::string text = probe;
  return text.replace(text.find("PORT"), 4, std::to_string(port));
}

TEST_F(AdminCertificate, AnExpiredOneKeepsOnlyItsListenerShutUntilAReload) {
  install(-60);
  daemon_.start();
  EXPECT_EQ(daemon_.ask("GET", "/-/ready").status, 200) << "everything else works";
  EXPECT_FALSE(tcp()["open"].is_true());
  EXPECT_THAT(tcp()["problem"].text(), HasSubstr("it expired at "));
  EXPECT_EQ(port(), 0);
  EXPECT_EQ(daemon_.metric("moneykit_syncd_admin_certificate_refused"), "1");
  EXPECT_THAT(daemon_.log(), HasSubstr(R"("event":"admin_certificate")"));

  reload();
  EXPECT_FALSE(tcp()["open"].is_true()) << "it is the same one";
  EXPECT_TRUE(daemon_.admin("GET", "/v1/status")["config"]["last_reload_ok"].is_true());

  install(3 * 86'400);
  reload();
  EXPECT_TRUE(tcp()["open"].is_true());
  EXPECT_EQ(tcp()["certificate_days_left"].text(), "2");
  EXPECT_EQ(daemon_.metric("moneykit_syncd_admin_certificate_refused"), "0");
  ASSERT_NE(port(), 0);
  EXPECT_THAT(ask_under_tls(port(), probe_of(port())), StartsWith("HTTP/1.1 200 "));
}

TEST_F(AdminCertificate, ABadNewOneLeavesTheOneBeforeInUse) {
  install(86'400);
  daemon_.start();
  const int there = port();
  ASSERT_NE(there, 0);
  EXPECT_THAT(ask_under_tls(there, probe_of(there)), StartsWith("HTTP/1.1 200 "));
  std::ofstream(certificate_file()) << "half a certif";
  reload();
  EXPECT_TRUE(tcp()["open"].is_true());
  EXPECT_THAT(tcp()["problem"].text(), HasSubstr("cannot be loaded"));
  EXPECT_EQ(daemon_.metric("moneykit_syncd_admin_certificate_refused"), "1");
  EXPECT_THAT(ask_under_tls(there, probe_of(there)), StartsWith("HTTP/1.1 200 "));
  install(86'400);
  reload();
  EXPECT_TRUE(tcp()["problem"].is_null());
  EXPECT_THAT(ask_under_tls(there, probe_of(there)), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace syncd::test::e2e
