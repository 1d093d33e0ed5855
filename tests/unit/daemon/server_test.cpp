#include <algorithm>
#include <cstring>
#include <future>
#include <grp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/admin/http_server.hpp"
#include "tests/unit/daemon/scratch.hpp"
#include "tests/unit/daemon/server_rig.hpp"

namespace syncd::test {

using daemon::Listener;
using testing::HasSubstr;

TEST(HttpServer, AnswersOnAUnixSocketAndKnowsThePeer) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
  const std::string answer = Connection(path).ask("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nGET /x 0 " + std::to_string(getuid())));
  EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
  const std::string head = Connection(path).ask("HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n"));
}

TEST(HttpServer, KeepsTheConnectionAndAnswersInOrder) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  const std::string answer = Connection(path).ask(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
      "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::size_t first = answer.find("POST /1 3");
  const std::size_t second = answer.find("POST /2 2");
  const std::size_t third = answer.find("GET /3 0");
  ASSERT_NE(third, std::string::npos) << answer;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

// The parser of the library ends the process when it is asked twice about a last chunk that is not all there.
TEST(HttpServer, ReadsARequestByteByByte) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  const Connection connection(path);
  const std::string requests =
      "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\nT: x\r\n\r\n"
      "POST /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na";
  for (const char byte : requests) {
    connection.send(std::string(1, byte));
    // A byte of a unix socket is on its way until the other side has read it.
    for (int unread = 1; unread != 0;)
      ASSERT_EQ(ioctl(connection.descriptor(), SIOCOUTQ, &unread), 0);
  }
  const std::string answer = connection.read_all();
  EXPECT_THAT(answer, HasSubstr("POST /1 0 "));
  EXPECT_THAT(answer, HasSubstr("POST /2 1 "));
  EXPECT_THAT(answer, HasSubstr("POST /3 1 "));
}

TEST(HttpServer, RefusesWhatIsTooLargeOrNotHttp) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  struct Case {
    std::string request;
    const char* status;
  };
  const Case cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET / HTTP/3.0\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", "413"},
  };
  for (const Case& test : cases) {
    EXPECT_THAT(Connection(path).ask(test.request),
                testing::StartsWith(std::string("HTTP/1.1 ") + test.status))
        << test.request.substr(0, 80);
  }
}

TEST(HttpServer, TellsOneConnectionTooManyToComeBack) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  daemon::ServerOptions options;
  options.connections_max = 1;
  Running running(*daemon::listen_unix(path, ""), options);
  const Connection first(path);
  first.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  running.echo.waiting.get_future().wait();
  EXPECT_THAT(Connection(path).read_all(), testing::StartsWith("HTTP/1.1 503 "));
}

TEST(HttpServer, StopEndsALongPollWithAnAnswer) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  const Connection waiting(path);
  waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  const Connection idle(path);
  running.echo.waiting.get_future().wait();
  running.stop();
  EXPECT_THAT(waiting.read_all(), HasSubstr("GET /wait"));
  EXPECT_EQ(idle.read_all(), "");
}

TEST(HttpServer, AnAbandonedWaitFreesItsPlace) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  daemon::ServerOptions options;
  options.connections_max = 1;
  Running running(*daemon::listen_unix(path, ""), options);
  {
    const Connection impatient(path);
    // Sent ahead or not: who has left has left.
    impatient.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\n");
    running.echo.waiting.get_future().wait();
  }
  running.echo.woken.get_future().wait();  // one hour early
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200 ")) {
    answer = Connection(path).ask("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }
}

TEST(HttpServer, WhoOnlyStopsSendingIsAnswered) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  const Connection connection(path);
  connection.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  connection.stop_sending();
  EXPECT_THAT(connection.read_all(), testing::StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServer, StopDoesNotWaitForWhoDoesNotRead) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  daemon::ServerOptions options;
  options.write_deadline = std::chrono::hours(1);  // not to be waited for
  options.stop_write_deadline = core::Millis{1};
  Running running(*daemon::listen_unix(path, ""), options);
  const Connection deaf(path);
  deaf.send("GET /wait/large HTTP/1.1\r\nHost: a\r\n\r\n");
  running.echo.waiting.get_future().wait();
  running.stop();
}

TEST(HttpServer, RefusesPeersThatMayNotUseTheSocket) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  daemon::ServerOptions options;
  std::promise<daemon::Peer> asked_about;
  options.admits = [&](const daemon::Peer& peer) {
    asked_about.set_value(peer);
    return false;
  };
  Running running(*daemon::listen_unix(path, ""), options);
  const std::string answer =
      Connection(path).ask("POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("\"code\":\"not_permitted\""));
  const daemon::Peer peer = asked_about.get_future().get();
  EXPECT_EQ(peer.uid, getuid());
  EXPECT_EQ(peer.gid, getgid());
  std::vector<gid_t> groups(64);
  groups.resize(static_cast<std::size_t>(std::max(0, getgroups(64, groups.data()))));
  EXPECT_THAT(peer.groups, testing::UnorderedElementsAreArray(groups));
}

// The kernel lets nobody in through mode 0660; the daemon does not depend on it.
TEST(HttpServer, AStrangerIsRefusedEvenWhereTheFileLetsHimIn) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  chmod(scratch.path("").c_str(), 0755);
  auto listener = daemon::listen_unix(path, "");
  ASSERT_TRUE(listener);
  daemon::ServerOptions options;
  options.admits = [group = listener->group()](const daemon::Peer& peer) {
    return daemon::may_use(peer, geteuid(), group);
  };
  Running running(std::move(*listener), options);
  chmod(path.c_str(), 0666);
  const auto status_as = [&](uid_t user, gid_t group, std::vector<gid_t> others) {
    const pid_t child = fork();
    if (child == 0) {
      const bool changed =
          setgroups(others.size(), others.data()) == 0 && setgid(group) == 0 && setuid(user) == 0;
      const std::string answer = Connection(path).ask("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
      _exit(changed && answer.size() > 12 ? (answer[9] - '0') * 10 + (answer[11] - '0') : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(status_as(65534, 65534, {}), 43) << "403";
  EXPECT_EQ(status_as(65534, 65534, {getegid()}), 20) << "200: a member of the socket's group";
  EXPECT_EQ(status_as(65534, getegid(), {}), 20);
}

TEST(MayUse, RootTheDaemonItselfAndTheGroup) {
  using daemon::may_use;
  using daemon::Peer;
  constexpr uid_t own = 500;
  constexpr gid_t group = 600;
  EXPECT_TRUE(may_use(Peer{.uid = 0, .gid = 0}, own, group));
  EXPECT_TRUE(may_use(Peer{.uid = own, .gid = 7}, own, group));
  EXPECT_TRUE(may_use(Peer{.uid = 9, .gid = group}, own, group));
  EXPECT_TRUE(may_use(Peer{.uid = 9, .gid = 7, .pid = 1, .groups = {1, group}}, own, group));
  EXPECT_FALSE(may_use(Peer{.uid = 9, .gid = 7, .pid = 1, .groups = {1, 2}}, own, group));
  EXPECT_FALSE(may_use(Peer{.uid = 9, .gid = own}, own, group)) << "a group is not a user";
}

TEST(HttpServer, AnswersOverTcp) {
  auto listener = daemon::listen_tcp({.address = "127.0.0.1", .port = 0});
  ASSERT_TRUE(listener);
  const int port = port_of(listener->name());
  daemon::ServerOptions options;
  options.admits = [](const daemon::Peer&) { return false; };  // of unix sockets only
  Running running(std::move(*listener), options);
  const std::string answer =
      Connection("127.0.0.1", port).ask("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 200 "));
}

TEST(Listener, ADuplicateIsTheSameSocketWithoutItsFile) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  auto listener = daemon::listen_unix(path, "");
  ASSERT_TRUE(listener);
  {
    auto copy = listener->duplicate();
    ASSERT_TRUE(copy);
    Running running(std::move(*copy), {});
    EXPECT_THAT(Connection(path).ask("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n"), HasSubstr("GET /x"));
  }
  Running running(std::move(*listener), {});
  EXPECT_THAT(Connection(path).ask("GET /y HTTP/1.1\r\nConnection: close\r\n\r\n"), HasSubstr("GET /y"));
}

TEST(Listener, MakesTheDirectoryButNoWholePath) {
  const ScratchDirectory scratch;
  const mode_t before = umask(0077);
  const auto listener = daemon::listen_unix(scratch.path("run/admin.sock"), "");
  umask(before);
  ASSERT_TRUE(listener) << listener.error().message;
  struct stat status{};
  ASSERT_EQ(stat(scratch.path("run").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0750U);
  EXPECT_EQ(status.st_uid, geteuid());
  EXPECT_FALSE(daemon::listen_unix(scratch.path("a/b/admin.sock"), ""));
  EXPECT_NE(stat(scratch.path("a").c_str(), &status), 0);
}

TEST(Listener, ReplacesTheFileOfADeadSocketOnly) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  {
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    close(dead);
  }
  auto listener = daemon::listen_unix(path, "");
  ASSERT_TRUE(listener) << listener.error().message;
  const auto second = daemon::listen_unix(path, "");
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another process answers on it"));
  {
    const Listener gone = std::move(*listener);
  }
  struct stat status{};
  EXPECT_NE(stat(path.c_str(), &status), 0) << "the file is removed at the end";

  scratch.write("admin.sock", "precious");
  const auto file = daemon::listen_unix(path, "");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("no socket"));
  EXPECT_EQ(stat(path.c_str(), &status), 0);

  const auto nowhere = daemon::listen_unix(scratch.path("no/place/admin.sock"), "");
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, HasSubstr("its directory cannot be made"));
}

TEST(Listener, SaysWhenTheGroupDoesNotExist) {
  const ScratchDirectory scratch;
  const auto listener = daemon::listen_unix(scratch.path("admin.sock"), "no-such-group-here");
  ASSERT_TRUE(listener);
  EXPECT_THAT(listener->warning(), HasSubstr("no-such-group-here does not exist"));
}

}  // namespace syncd::test
