#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/csv.hpp"
#include "daemon/cli/json_value.hpp"
#include "tests/e2e/oracle.hpp"
#include "tests/e2e/rig.hpp"

// Link ids by the thousand into the real daemon, and its rows out of it.
namespace syncd::test::e2e {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds end_limit{120};
constexpr std::size_t links_count = 5000;

Tuning wide() {
  Tuning tuning;
  tuning.budget =
      "sync_per_app = 1000000\nsync_per_link = 1000000\naccounts_per_app = 1000000\n"
      "accounts_per_link = 1000000\n";
  tuning.schedule = "interval = \"30d\"\nmax_interval = \"30d\"\naccounts_interval = \"30d\"\n";
  return tuning;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// A pipe with a name, whose writer says when more comes.
class NamedPipe {
 public:
  explicit NamedPipe(std::filesystem::path path) : path_(std::move(path)) {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    descriptor_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);  // does not wait for the reader
    EXPECT_GE(descriptor_, 0);
  }
  ~NamedPipe() { end(); }
  NamedPipe(const NamedPipe&) = delete;
  NamedPipe& operator=(const NamedPipe&) = delete;

  /// Waits where the reader is behind.
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      ASSERT_GT(written, 0);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void end() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

class ImportExport : public testing::Test {
 protected:
  ImportExport() : sandbox_(dir_.path(), {"--no-budgets"}), daemon_(dir_.path(), sandbox_, wide()) {}

  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all{MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  int ctl(const std::vector<std::string>& arguments) {
    Process process(command(arguments), dir_.path() / "ctl.log");
    return process.wait(end_limit).code.value_or(-1);
  }
  std::uint64_t links_there() {
    const Reply reply = daemon_.ask("GET", "/v1/status");
    return reply.status == 200 ? Json::parse(reply.body)["links"]["total"].number() : 0;
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
};

/// How often each link was added, as the feed and the audit log tell.
struct Added {
  std::map<std::string, int> in_feed;
  std::map<std::string, int> in_audit;
};
Added count_added(Daemon& daemon) {
  Added added;
  for (const Json& entry : daemon.list("/v1/feed")) {
    if (entry["kind"].text() == "link.added") ++added.in_feed[entry["link_id"].text()];
  }
  for (const Json& act : daemon.list("/v1/audit")) {
    if (act["action"].text() == "links.add") ++added.in_audit[act["link_id"].text()];
  }
  return added;
}

TEST_F(ImportExport, EachGoodLineIsRegisteredOnceAlthoughTheDaemonIsKilled) {
  const std::vector<std::string> ids =
      sandbox_.add_links(R"({"count":5000,"accounts":1,"history_months":1,"transactions_per_month":1,)"
                         R"("refresh_every_seconds":31536000})");
  ASSERT_EQ(ids.size(), links_count);
  const std::array<std::string, 4> bad{",u,\n", "mk_a,u\n", "\"mk_b\" ,u,\n",
                                       std::string(257, 'x') + ",u,\n"};
  std::vector<std::string> lines;
  std::string all_bad;
  for (std::size_t at = 0; at < ids.size(); ++at) {
    lines.push_back(ids[at] + ",user-" + std::to_string(at) + ",a;b\r\n");
    if (at % 100 != 99) continue;
    all_bad += bad[at / 100 % bad.size()];
    lines.push_back(bad[at / 100 % bad.size()]);
  }
  const auto part = [&](std::size_t from, std::size_t to) {
    std::string text;
    for (std::size_t at = from; at < std::min(to, lines.size()); ++at)
      text += lines[at];
    return text;
  };

  daemon_.start();
  NamedPipe pipe(dir_.path() / "links");
  const std::filesystem::path rejects = dir_.path() / "rejects.csv";
  Process import(command({"links", "import", pipe.path(), "--rejects", rejects, "--json"}),
                 dir_.path() / "import.log");
  pipe.write("\xEF\xBB\xBFlink_id,customer_user_id,tags\r\n");
  pipe.write(part(0, 2100));
  daemon_.wait_for("the first links to be there", [&] { return links_there() > 0; });
  daemon_.kill_now();
  daemon_.start();
  EXPECT_LT(links_there(), links_count) << "it was killed in the middle";
  pipe.write(part(2100, lines.size()));
  pipe.end();
  EXPECT_EQ(import.wait(end_limit).code, 1) << "not every line was good";

  const std::string told = import.log();
  EXPECT_THAT(told, HasSubstr("\"lines\":5050,"));
  EXPECT_THAT(told, HasSubstr("\"bad\":50,\"refused\":0,\"complete\":true"));
  EXPECT_THAT(told, HasSubstr(":102: link_id is missing\n"));
  EXPECT_EQ(text_of(rejects), "link_id,customer_user_id,tags\n" + all_bad);

  const auto links = daemon_.links();
  EXPECT_EQ(links.size(), links_count);
  const Added added = count_added(daemon_);
  EXPECT_EQ(added.in_feed.size(), links_count);
  EXPECT_EQ(added.in_audit.size(), links_count);
  for (std::size_t at = 0; at < ids.size(); ++at) {
    ASSERT_TRUE(links.contains(ids[at])) << ids[at];
    ASSERT_EQ(links.at(ids[at])["customer_user_id"].text(), "user-" + std::to_string(at));
    ASSERT_EQ(added.in_feed.at(ids[at]), 1) << ids[at];
    ASSERT_EQ(added.in_audit.at(ids[at]), 1) << ids[at];
  }
  EXPECT_EQ(daemon_.admin("GET", "/v1/audit/check")["intact"].text(), "true");

  // What is there is passed over, whatever is wrong with the rest.
  EXPECT_EQ(ctl({"links", "import", rejects, "--dry-run"}), 1);
  const std::filesystem::path good = dir_.path() / "good.ndjson";
  write_private(good, "\"" + ids[0] + "\"\n{\"link_id\":\"" + ids[1] + "\"}\n");
  EXPECT_EQ(ctl({"links", "import", good}), 0);
  EXPECT_THAT(text_of(dir_.path() / "ctl.log"), HasSubstr("2 lines: 0 added, 2 registered before\n"));
  daemon_.wait_for("every link to be synced", [&] {
    return std::ranges::none_of(daemon_.links(),
                                [](const auto& link) { return link.second["last_success_at"].is_null(); });
  });
}

/// The cells of each record behind the header, by the header's names.
std::vector<std::map<std::string, std::string>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> records;
  cli::CsvScan scan;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = scan.end_of_record(std::string_view(text).substr(at));
    if (end == std::string::npos) throw Failed("a record of the CSV does not end");
    const auto cells = cli::parse_csv_record(std::string_view(text).substr(at, end - 2));
    if (!cells) throw Failed("a record of the CSV: " + cells.error());
    records.push_back(*cells);
    at += end;
  }
  std::vector<std::map<std::string, std::string>> rows;
  for (std::size_t record = 1; record < records.size(); ++record) {
    auto& row = rows.emplace_back();
    for (std::size_t column = 0; column < records[0].size(); ++column)
      row[records[0][column]] = records[record].at(column);
  }
  return rows;
}

TEST_F(ImportExport, AnExportIsWhatUpstreamHas) {
  const std::vector<std::string> ids =
      sandbox_.add_links(R"({"count":12,"accounts":2,"history_months":6,"transactions_per_month":60,)"
                         R"("refresh_every_seconds":31536000})");
  daemon_.start();
  for (const std::string& id : ids)
    daemon_.add_link(id);
  daemon_.wait_for("every link to be synced", [&] {
    return std::ranges::none_of(daemon_.links(),
                                [](const auto& link) { return link.second["last_success_at"].is_null(); });
  });
  const auto file = [&](const std::string& name) { return (dir_.path() / name).string(); };
  for (const std::string what : {"accounts", "transactions", "links", "feed"}) {
    ASSERT_EQ(ctl({"export", what, "--output", file(what + ".ndjson")}), 0) << what;
    ASSERT_EQ(ctl({"export", what, "--output", file(what + ".csv"), "--raw"}), 0) << what;
  }

  std::map<std::string, LinkRows> exported;
  for (const std::string& line : lines_of(text_of(file("accounts.ndjson")))) {
    const Json item = Json::parse(line);
    exported[item["link_id"].text()].accounts[item["account_id"].text()] = item["data"].canonical();
  }
  const auto transaction_lines = lines_of(text_of(file("transactions.ndjson")));
  for (const std::string& line : transaction_lines) {
    const Json item = Json::parse(line);
    exported[item["link_id"].text()].transactions[item["transaction_id"].text()] = item["data"].canonical();
  }
  std::size_t rows = 0;
  for (const std::string& id : ids) {
    const LinkRows truth = truth_of(sandbox_, id);
    rows += truth.transactions.size();
    EXPECT_EQ(first_difference(truth, exported[id]), "") << id;
  }
  ASSERT_GT(rows, 3000U);
  EXPECT_EQ(transaction_lines.size(), rows) << "none twice";

  const auto csv = read_csv(text_of(file("transactions.csv")));
  ASSERT_EQ(csv.size(), rows);
  for (std::size_t at = 0; at < rows; ++at) {
    const cli::JsonValue item = cli::parse_json(transaction_lines[at]).value();
    ASSERT_EQ(csv[at].at("link_id"), item.at("link_id"));
    ASSERT_EQ(csv[at].at("transaction_id"), item.at("transaction_id"));
    ASSERT_EQ(csv[at].at("amount"), item.at("data.amount"));
    ASSERT_EQ(csv[at].at("description"), item.at("data.description", ""));
  }
  EXPECT_EQ(read_csv(text_of(file("accounts.csv"))).size(), 24U);
  EXPECT_EQ(read_csv(text_of(file("links.csv"))).size(), ids.size());

  const auto feed = daemon_.list("/v1/feed");
  const auto feed_lines = lines_of(text_of(file("feed.ndjson")));
  ASSERT_EQ(feed_lines.size(), feed.size());
  for (std::size_t at = 0; at < feed.size(); ++at)
    ASSERT_EQ(Json::parse(feed_lines[at]).canonical(), feed[at].canonical());

  // Everybody's data was read by somebody who is known; one link's export is a look.
  const auto begun = [&] {
    std::size_t count = 0;
    for (const Json& act : daemon_.list("/v1/audit"))
      count += act["action"].text() == "export.begin" ? 1 : 0;
    return count;
  };
  EXPECT_EQ(begun(), 8U);
  ASSERT_EQ(ctl({"export", "transactions", "--link", ids[0], "-o", file("one.ndjson")}), 0);
  EXPECT_EQ(lines_of(text_of(file("one.ndjson"))).size(), truth_of(sandbox_, ids[0]).transactions.size());
  EXPECT_EQ(begun(), 8U);
  EXPECT_EQ(ctl({"export", "transactions", "-o", file("no/such/folder")}), 74);
}

}  // namespace
}  // namespace syncd::test::e2e
