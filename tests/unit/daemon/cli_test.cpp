#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/admin_client.hpp"
#include "daemon/cli/arguments.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/json_value.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {

using testing::HasSubstr;

namespace {

// 2025-05-06T16:31:12Z
constexpr core::WallTime now{core::Millis{1'746'549'072'000}};

cli::JsonValue json(std::string text) {
  auto value = cli::parse_json(std::move(text));
  EXPECT_TRUE(value) << (value ? "" : value.error());
  return value ? *value : cli::JsonValue{};
}

}  // namespace

TEST(CliText, Ages) {
  EXPECT_EQ(cli::age_of("2025-05-06T16:31:12.000Z", now), "now");
  EXPECT_EQ(cli::age_of("2025-05-06T16:30:12.000Z", now), "60s ago");
  EXPECT_EQ(cli::age_of("2025-05-06T16:21:12.000Z", now), "10m ago");
  EXPECT_EQ(cli::age_of("2025-05-06T13:31:12.000Z", now), "3h ago");
  EXPECT_EQ(cli::age_of("2025-05-01T13:31:12.000Z", now), "5d ago");
  EXPECT_EQ(cli::age_of("2025-05-06T16:36:12.000Z", now), "in 5m");
  EXPECT_EQ(cli::age_of("-", now), "-");
}

TEST(CliText, NothingFromOutsideReachesTheTerminalUnchecked) {
  EXPECT_EQ(cli::printable("a\x1b[2Jb\n"), "a?[2Jb?");
  EXPECT_EQ(cli::printable("\xC2\x9B"
                           "31m"),
            "?31m")
      << "C1";
  EXPECT_EQ(cli::printable("\xFF\xFE"), "??");
  EXPECT_EQ(cli::printable("\xE2\x80\xAE"
                           "evil"),
            "?evil")
      << "right-to-left override";
  EXPECT_EQ(cli::printable("Z\xC3\xBCrich", 4), "Z\xC3\xBCr\xE2\x80\xA6");
}

TEST(CliText, TablesAlign) {
  cli::Table table({{"NAME"}, {"AMOUNT", true}});
  table.add({"Z\xC3\xBCrich", "1.10"});
  table.add({"x", "100.00"});
  EXPECT_EQ(table.text(), "NAME    AMOUNT\nZ\xC3\xBCrich    1.10\nx       100.00\n");
}

TEST(CliJson, NumbersStayText) {
  const cli::JsonValue value =
      json(R"({"a":{"n":100.10,"e":1e2},"list":[{"x":-0.0}],"none":null,"s":"q\"","t":true})");
  EXPECT_EQ(value.at("a.n"), "100.10");
  EXPECT_EQ(value.at("a.e"), "1e2");
  EXPECT_EQ(value.at("s"), "q\"");
  EXPECT_EQ(value.at("t"), "true");
  EXPECT_EQ(value.at("none"), "-");
  EXPECT_EQ(value.at("absent", "?"), "?");
  ASSERT_EQ(value.find("list")->items.size(), 1U);
  EXPECT_EQ(value.find("list")->items[0].raw, R"({"x":-0.0})");
  EXPECT_FALSE(cli::parse_json("{"));
  EXPECT_FALSE(cli::parse_json("not json"));
}

TEST(CliRender, LinksWithTotals) {
  const cli::Items links{
      json(R"({"link_id":"mk_1","status":"active","institution_id":"chase",)"
           R"("counts":{"accounts":3,"transactions":12345},"last_success_at":"2025-05-06T13:31:12.000Z",)"
           R"("next_due_at":"2025-05-06T22:31:12.000Z","last_error":null})"),
      json(R"({"link_id":"mk_2","status":"relink","institution_id":null,)"
           R"("counts":{"accounts":0,"transactions":0},"last_success_at":null,"next_due_at":null,)"
           R"("last_error":{"kind":"relink_required","code":"auth_expired"}})")};
  EXPECT_EQ(cli::render_links(links, now),
            "LINK  STATUS  INSTITUTION  ACCOUNTS  TRANSACTIONS  LAST SUCCESS  NEXT DUE  LAST ERROR\n"
            "mk_1  active  chase               3        12,345  3h ago        in 6h     -\n"
            "mk_2  relink  -                   0             0  -             -         auth_expired\n"
            "\n2 links: 1 active, 1 relink\n");
  EXPECT_EQ(cli::render_links({}, now), "no links\n");
}

TEST(CliRender, TransactionsKeepTheirAmounts) {
  const cli::Items rows{json(
      R"({"transaction_id":"t1","account_id":"a1","pending":true,"data":{"amount":"100.10","currency":"USD",)"
      R"("type":"debit","date":"2025-05-06T00:00:00","description":"Coffee\u001b[31m"}})")};
  const std::string text = cli::render_transactions(rows);
  EXPECT_THAT(text,
              HasSubstr("2025-05-06  100.10  USD       debit      pending  Coffee?[31m  a1       t1\n"));
  EXPECT_THAT(text, HasSubstr("1 transaction, 1 of them pending\n"));
}

TEST(CliRender, VerifyOfOneLink) {
  const auto answer = json(
      R"({"link_id":"mk_1","state":"done","report":{"at":"2025-05-06T16:30:12.000Z","result":"mismatch",)"
      R"("reason":null,"detail":null,"transactions":{"compared":true,"missing":2,"extra":0,"changed":1,)"
      R"("missing_ids":["t1","t2"],"extra_ids":[],"changed_ids":["t3"]},"accounts":{"compared":false,)"
      R"("missing":0,"extra":0,"changed":0,"missing_ids":[],"extra_ids":[],"changed_ids":[]},)"
      R"("rows":1200,"pages":3,"requests":4,"by_audit":false,"duration_ms":9}})");
  EXPECT_EQ(cli::render_verify(answer, now),
            "link              mk_1\n"
            "result            mismatch\n"
            "transactions      2 missing, 1 changed\n"
            "  missing         t1, t2\n"
            "  changed         t3\n"
            "accounts          not compared\n"
            "read              1,200 rows in 3 pages, 4 requests\n"
            "ended             2025-05-06T16:30:12.000Z (60s ago)\n"
            "next step         moneykitctl repair mk_1\n");
}

TEST(CliRender, VerifyOfManyLinks) {
  const std::string tally = R"({"compared":true,"missing":1,"extra":0,"changed":0})";
  const std::string none = R"({"compared":true,"missing":0,"extra":0,"changed":0})";
  const auto answer = [](const std::string& link, const std::string& result, const std::string& rows,
                         const std::string& reason) {
    return json(R"({"link_id":")" + link + R"(","state":"done","report":{"result":")" + result +
                R"(","reason":)" + reason + R"(,"detail":"others \u001b need it","transactions":)" + rows +
                R"(,"accounts":)" + rows + "}}");
  };
  EXPECT_EQ(
      cli::render_verifies({answer("mk_1", "match", none, "null"), answer("mk_2", "mismatch", tally, "null"),
                            answer("mk_3", "incomplete", none, R"("budget")")}),
      "LINK  RESULT      MISSING  EXTRA  CHANGED  REASON\n"
      "mk_1  match             0      0        0  -\n"
      "mk_2  mismatch          2      0        0  -\n"
      "mk_3  incomplete        0      0        0  budget: others ? need it\n"
      "\n3 links, 1 as upstream has them, 1 different, 1 incomplete\n");
  EXPECT_EQ(cli::render_verifies({}), "no links\n");
}

TEST(CliRender, ProgressFillsUp) {
  EXPECT_EQ(cli::render_progress(0, 4, 0), "[....................] 0/4 links, 0 different");
  EXPECT_EQ(cli::render_progress(1, 4, 1), "[#####...............] 1/4 links, 1 different");
  EXPECT_EQ(cli::render_progress(4, 4, 1), "[####################] 4/4 links, 1 different");
}

TEST(CliRender, DeadLetters) {
  const auto letter =
      json(R"({"id":"5:mk_1","link_id":"mk_1","endpoint":"sync","at":"2025-05-06T13:31:12.000Z",)"
           R"("reason":"not JSON","body_bytes":1200,"body_sha256_prefix":"01ab","retried_at":null,)"
           R"("redacted_body":"{\"a\":\"(3)\"}"})");
  EXPECT_EQ(cli::render_dead_letters({letter}, now),
            "LETTER  WRITTEN  ENDPOINT  BYTES  RETRIED  REASON\n"
            "5:mk_1  3h ago   sync      1,200  -        not JSON\n"
            "\n1 dead letter\n");
  EXPECT_THAT(cli::render_dead_letter(letter, now), HasSubstr("\n\n{\"a\":\"(3)\"}\n"));
  EXPECT_EQ(cli::render_dead_letters({}, now), "no dead letters\n");
}

TEST(CliRender, FeedEntry) {
  EXPECT_EQ(
      cli::render_feed_entry(json(R"({"epoch":1,"seq":42,"at":"2025-05-06T16:31:12.000Z","link_id":"mk_1",)"
                                  R"("kind":"transaction.created","id":"t1"})")),
      "        42  2025-05-06T16:31:12.000Z  transaction.created   mk_1  t1\n");
}

namespace {

// A socket on which something listens that never answers by itself.
class MuteDaemon {
 public:
  MuteDaemon() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
  }
  ~MuteDaemon() { close(fd_); }
  MuteDaemon(const MuteDaemon&) = delete;
  MuteDaemon& operator=(const MuteDaemon&) = delete;

  std::string path() const { return scratch_.path("admin.sock"); }
  // Takes one connection, answers with `text` and closes.
  void answer_once(const std::string& text) const {
    const int client = accept(fd_, nullptr, nullptr);
    send(client, text.data(), text.size(), MSG_NOSIGNAL);
    shutdown(client, SHUT_WR);
    char ignored = 0;
    while (recv(client, &ignored, 1, 0) > 0) {
    }
    close(client);
  }

 private:
  ScratchDirectory scratch_;
  int fd_;
};

constexpr cli::Patience little{.connect = core::Millis{1'000}, .answer = core::Millis{20}};

}  // namespace

TEST(CliClient, DoesNotWaitForEver) {
  const MuteDaemon mute;
  const cli::Client client(mute.path(), little);
  const auto answer = client.get("/v1/status");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().exit_code, 69);
  EXPECT_THAT(answer.error().message, HasSubstr("does not answer in time"));
  const auto waited = client.get("/v1/feed?wait=1s", core::Millis{10});
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().exit_code, 69);
}

TEST(CliClient, SaysThatTheDaemonIsStarting) {
  const MuteDaemon daemon;
  const std::string body = R"({"code":"starting","detail":"the daemon is starting"})";
  std::thread thread([&] {
    daemon.answer_once("HTTP/1.1 503 Service Unavailable\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\n\r\n" + body);
  });
  const auto answer = cli::Client(daemon.path()).get("/v1/status");
  thread.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().exit_code, 69);
  EXPECT_EQ(answer.error().problem, "starting");
  EXPECT_EQ(answer.error().message, "the daemon is starting");
}

TEST(CliDryRun, RefusesWhatTheDaemonWould) {
  EXPECT_FALSE(cli::dry_run_refusal("sync", "active"));
  EXPECT_FALSE(cli::dry_run_refusal("sync", "relink"));
  EXPECT_EQ(cli::dry_run_refusal("sync", "paused"), "the link is paused: it is not visited");
  EXPECT_EQ(cli::dry_run_refusal("sync", "gone"), "the link is gone: it is not visited");
  EXPECT_FALSE(cli::dry_run_refusal("pause", "paused"));
  EXPECT_FALSE(cli::dry_run_refusal("resume", "active"));
  EXPECT_TRUE(cli::dry_run_refusal("pause", "gone"));
  EXPECT_TRUE(cli::dry_run_refusal("resume", "gone"));
}

TEST(CliArguments, AreTheOnesGiven) {
  cli::Invocation add;
  ASSERT_FALSE(cli::parse_arguments({"--socket", "/s", "links", "add", "mk_1", "--user", "u", "--tag", "a",
                                     "--tag", "b", "--dry-run", "--json"},
                                    add));
  EXPECT_TRUE(add.command);
  EXPECT_EQ(add.options.add.link_id, "mk_1");
  EXPECT_EQ(add.options.add.customer_user_id, "u");
  EXPECT_EQ(add.options.add.tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(add.options.socket, "/s");
  EXPECT_TRUE(add.options.dry_run && add.options.json);
  cli::Invocation tail;
  ASSERT_FALSE(cli::parse_arguments({"feed", "tail", "--after", "18446744073709551615", "-f"}, tail));
  EXPECT_EQ(tail.options.after, UINT64_MAX);
  EXPECT_TRUE(tail.options.follow);
}

TEST(CliArguments, EndWithSomethingToRead) {
  cli::Invocation none;
  const auto help = cli::parse_arguments({"--help"}, none);
  ASSERT_TRUE(help);
  EXPECT_EQ(help->exit_code, 0);
  EXPECT_THAT(help->out, HasSubstr("moneykitctl"));
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{},
                                             {"links"},
                                             {"links", "show"},
                                             {"nothing"},
                                             {"transactions", "mk_1", "--limit", "-1"},
                                             {"links", "show", ""},
                                             {"links", "add", ""},
                                             {"verify", "--link", ""},
                                             {"repair", ""},
                                             {"dead-letters", "drop", ""},
                                             {"--socket", "", "status"},
                                             {"--config", "", "status"},
                                             {"feed", "tail", "--after", "-1"}}) {
    cli::Invocation invocation;
    const auto ending = cli::parse_arguments(wrong, invocation);
    ASSERT_TRUE(ending);
    EXPECT_EQ(ending->exit_code, 2);
    EXPECT_FALSE(ending->error.empty());
  }
}

namespace {

// What a message tells the reader to type: "moneykitctl links show" -> {"links", "show"}.
std::vector<std::vector<std::string>> advised_commands(const std::string& text) {
  static const std::regex form("moneykitctl ([a-z-]+)(?: ([a-z]+))?");
  std::vector<std::vector<std::string>> commands;
  for (std::sregex_iterator found(text.begin(), text.end(), form), end; found != end; ++found)
    commands.push_back({(*found)[1].str(), (*found)[2].str()});
  return commands;
}

// The verb's own page, or that of the group it is in.
bool is_known(const std::vector<std::string>& command) {
  const auto page = [](std::vector<std::string> words) {
    words.emplace_back("--help");
    cli::Invocation invocation;
    return cli::parse_arguments(std::move(words), invocation).value_or(daemon::Ending{}).out;
  };
  const auto begins_with = [](const std::string& text, const std::string& line) {
    return text.contains("moneykitctl " + line + " ");
  };
  const std::string& verb = command.at(0);
  const std::string own = page({verb});
  if (!begins_with(own, verb)) return false;
  // Only a group's second word is a verb; of the others it is the rest of the sentence.
  if (!own.contains("SUBCOMMAND")) return true;
  return begins_with(page(command), verb + " " + command.at(1));
}

}  // namespace

TEST(CliArguments, EachCommandThatTheSourcesAdviseExists) {
  EXPECT_TRUE(is_known({"links", "show"}));
  EXPECT_FALSE(is_known({"links", "burn"}));
  EXPECT_FALSE(is_known({"purge", ""}));
  std::size_t advised = 0;
  for (const auto* folder : {"/daemon", "/store", "/sync", "/metrics"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(SYNCD_SOURCE_DIR) + folder)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
      if (entry.path().filename() == "completion.cpp") continue;  // scripts for shells, no advice
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      for (const auto& command : advised_commands(text)) {
        ++advised;
        EXPECT_TRUE(is_known(command)) << entry.path() << ": " << command[0] << " " << command[1];
      }
    }
  }
  EXPECT_GE(advised, 5u);
}

}  // namespace syncd::test
