#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/high_water.hpp"
#include "store/store.hpp"
#include "tests/e2e/oracle.hpp"
#include "tests/e2e/rig.hpp"

// The operator's tool against the real daemon.
namespace syncd::test::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds end_limit{60};

// A link may be read more than once a minute.
Tuning wide() {
  Tuning tuning;
  tuning.budget = "accounts_per_link = 1000\nsync_per_link = 1000\n";
  return tuning;
}

class AdminCli : public testing::Test {
 protected:
  explicit AdminCli(const Tuning& tuning = wide())
      : sandbox_(dir_.path(), {"--no-budgets"}),
        daemon_(dir_.path(), sandbox_, tuning),
        link_id_(sandbox_.add_links(
            R"({"institution_id":"instant_bank","accounts":2,"history_months":3,"transactions_per_month":900)"
            R"(,"refresh_every_seconds":31536000})")[0]) {}

  Result ctl(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::filesystem::path log = dir_.path() / ("ctl-" + std::to_string(++runs_) + ".log");
    return run_to_end(command, log, end_limit);
  }

  /// Starts the daemon with a link whose history is a page or two, because a verify leaves more than a second
  /// between its requests, and waits until it is there.
  std::string start_with_a_link() {
    const std::string link_id = sandbox_.add_links(
        R"({"institution_id":"instant_bank","accounts":2,"history_months":2,"transactions_per_month":100)"
        R"(,"refresh_every_seconds":31536000})")[0];
    daemon_.start();
    daemon_.add_link(link_id);
    daemon_.wait_for("the whole history",
                     [&] { return daemon_.links()[link_id]["last_success_at"].text() != "null"; });
    return link_id;
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  std::string link_id_;
  int runs_ = 0;
};

TEST_F(AdminCli, SaysWhenNobodyAnswers) {
  const Result result = ctl({"status"});
  EXPECT_EQ(result.code, 69);
  EXPECT_THAT(result.output, HasSubstr("cannot reach the daemon at "));
  EXPECT_THAT(result.output, HasSubstr("is moneykit-syncd running?"));
  EXPECT_EQ(ctl({"links"}).code, 2);
  EXPECT_EQ(ctl({"links", "ls", "--state", "happy"}).code, 2);
}

TEST_F(AdminCli, SaysWhenNothingCanBePrinted) {
  daemon_.start();
  for (const char* words : {"status", "--help", "completion bash", "feed tail --after 0 --follow"}) {
    const std::string command = std::string(MONEYKITCTL_PROGRAM) + " --socket " +
                                (dir_.path() / "admin.sock").string() + " " + words + " > /dev/full";
    if (std::string_view(words).starts_with("feed")) daemon_.add_link(link_id_);
    Process process({"/bin/sh", "-c", command}, dir_.path() / ("full-" + std::to_string(++runs_) + ".log"));
    EXPECT_EQ(process.wait(end_limit).code, 74) << words;
    EXPECT_THAT(process.log(), HasSubstr("standard output cannot be written"));
  }
}

TEST_F(AdminCli, ColorsOnlyWhatIsAskedFor) {
  daemon_.start();
  EXPECT_THAT(ctl({"status"}).output, Not(HasSubstr("\x1b"))) << "a file is no terminal";
  const Result colored = ctl({"--color", "always", "status"});
  EXPECT_THAT(colored.output, HasSubstr("\x1b[32mhealthy, ready\x1b[0m"));
  EXPECT_THAT(ctl({"links", "show", "mk_nobody", "--color", "always"}).output,
              HasSubstr("\x1b[31mmoneykitctl:\x1b[0m no link mk_nobody"));
}

// What the command line names comes before what the environment does: otherwise another daemon is steered.
TEST_F(AdminCli, TheCommandLineChoosesTheDaemon) {
  daemon_.start();
  const auto status = [&](const std::vector<std::string>& options) {
    std::vector<std::string> command{MONEYKITCTL_PROGRAM};
    command.insert(command.end(), options.begin(), options.end());
    command.emplace_back("status");
    Process process(command, dir_.path() / ("which-" + std::to_string(++runs_) + ".log"));
    return process.wait(end_limit).code.value_or(-1);
  };
  const std::string socket = dir_.path() / "admin.sock";
  const std::string nobody = dir_.path() / "nobody.sock";
  ::setenv("MONEYKITCTL_SOCKET", nobody.c_str(), 1);
  EXPECT_EQ(status({}), 69);
  EXPECT_EQ(status({"--config", dir_.path() / "config.toml"}), 0);
  EXPECT_EQ(status({"--socket", socket}), 0);
  EXPECT_EQ(status({"--config", dir_.path() / "none.toml"}), 78);
  ::setenv("MONEYKITCTL_SOCKET", socket.c_str(), 1);
  EXPECT_EQ(status({}), 0);
  EXPECT_EQ(status({"--config", dir_.path() / "none.toml"}), 78);
  ::unsetenv("MONEYKITCTL_SOCKET");
}

TEST_F(AdminCli, WalksThroughTheLifeOfALink) {
  daemon_.start();
  EXPECT_THAT(ctl({"links", "ls"}).output, HasSubstr("no links"));
  const Result dry = ctl({"links", "add", link_id_, "--dry-run"});
  EXPECT_EQ(dry.code, 0);
  EXPECT_THAT(dry.output, HasSubstr("would register"));
  EXPECT_EQ(ctl({"links", "add", link_id_, "--dry-run", "--json"}).output,
            R"({"dry_run":true,"action":"add","link_id":")" + link_id_ +
                "\",\"status\":null,\"would_change\":true}\n");
  // What is not well formed is refused before anybody is asked, in earnest or not.
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"links", "add", std::string(257, 'x')},
                                             {"links", "add", "two\nlines"},
                                             {"links", "add", link_id_, "--user", std::string(257, 'u')},
                                             {"links", "add", link_id_, "--tag", std::string(129, 't')}}) {
    std::vector<std::string> dry_run = wrong;
    dry_run.emplace_back("--dry-run");
    EXPECT_EQ(ctl(dry_run).code, 2) << ctl(dry_run).output;
    EXPECT_EQ(ctl(wrong).code, 2);
  }
  const Result nobody = ctl({"links", "pause", "mk_nobody", "--dry-run"});
  EXPECT_EQ(nobody.code, 1);
  EXPECT_THAT(nobody.output, HasSubstr("no link mk_nobody is registered here"));
  EXPECT_TRUE(daemon_.links().empty()) << "a dry run changes nothing";

  EXPECT_THAT(ctl({"links", "add", link_id_, "--user", "u1", "--tag", "vip"}).output,
              HasSubstr("is registered"));
  EXPECT_THAT(ctl({"links", "add", link_id_}).output, HasSubstr("was registered already"));
  const Result synced = ctl({"links", "sync", link_id_, "--wait", "30s"});
  EXPECT_EQ(synced.code, 0) << synced.output;
  EXPECT_THAT(synced.output, HasSubstr("outcome           success"));
  const Result shown = ctl({"links", "show", link_id_});
  EXPECT_THAT(shown.output, HasSubstr("customer user     u1"));
  EXPECT_THAT(shown.output, HasSubstr("tags              vip"));

  daemon_.wait_for("the whole history",
                   [&] { return daemon_.links()[link_id_]["last_success_at"].text() != "null"; });
  const auto stored = daemon_.list("/v1/links/" + link_id_ + "/transactions");
  ASSERT_GT(stored.size(), 1000U) << "more than one page";
  const Json listed = Json::parse(ctl({"transactions", link_id_, "--json"}).output);
  ASSERT_EQ(listed["items"].items().size(), stored.size());
  for (std::size_t at = 0; at < stored.size(); ++at) {
    ASSERT_EQ(listed["items"].items()[at].canonical(), stored[at].canonical());
  }
  EXPECT_THAT(ctl({"transactions", link_id_}).output, HasSubstr(stored.back()["data"]["amount"].text()));
  EXPECT_THAT(ctl({"accounts", link_id_}).output, HasSubstr("2 accounts"));

  EXPECT_THAT(ctl({"links", "pause", link_id_}).output, HasSubstr("is paused"));
  EXPECT_EQ(ctl({"links", "sync", link_id_}).code, 1);
  EXPECT_THAT(ctl({"links", "ls"}).output, HasSubstr("1 link: 1 paused"));
  EXPECT_EQ(ctl({"links", "sync", link_id_, "--dry-run"}).code, 1) << "as it would be in earnest";
  EXPECT_THAT(ctl({"links", "sync", link_id_, "--dry-run"}).output,
              HasSubstr("the link is paused: it is not visited"));
  EXPECT_THAT(ctl({"links", "sync", link_id_, "--wait", "61s", "--dry-run"}).output,
              HasSubstr("from 0s to 1m"));
  EXPECT_THAT(ctl({"links", "sync", link_id_, "--wait", "61s"}).output, HasSubstr("from 0s to 1m"));
  EXPECT_EQ(ctl({"links", "pause", link_id_, "--dry-run", "--json"}).output,
            R"({"dry_run":true,"action":"pause","link_id":")" + link_id_ +
                "\",\"status\":\"paused\",\"would_change\":false}\n");
  EXPECT_EQ(ctl({"links", "resume", link_id_, "--dry-run", "--json"}).output,
            R"({"dry_run":true,"action":"resume","link_id":")" + link_id_ +
                "\",\"status\":\"paused\",\"would_change\":true}\n");
  EXPECT_THAT(ctl({"links", "ls"}).output, HasSubstr("1 link: 1 paused")) << "a dry run changes nothing";
  EXPECT_THAT(ctl({"links", "resume", link_id_}).output, HasSubstr("is active"));
  const Result unknown = ctl({"links", "show", "mk_nobody"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.output, HasSubstr("no link mk_nobody is registered here"));
}

TEST_F(AdminCli, SaysWhyALinkIsDueAndWhatTheBudgetBuys) {
  daemon_.start();
  daemon_.add_link(link_id_);
  daemon_.wait_for("the first sync",
                   [&] { return daemon_.links()[link_id_]["last_success_at"].text() != "null"; });
  const Result explained = ctl({"schedule", "explain", link_id_});
  EXPECT_EQ(explained.code, 0) << explained.output;
  EXPECT_THAT(explained.output, HasSubstr("if visited now    due "));
  EXPECT_EQ(ctl({"schedule", "explain", "mk_nobody"}).code, 1);
  const Result planned = ctl({"schedule", "plan", "--links", "100000", "--webhooks", "90"});
  EXPECT_EQ(planned.code, 0) << planned.output;
  EXPECT_THAT(planned.output, HasSubstr("100,000 links, 90 % with a webhook"));
  EXPECT_THAT(ctl({"links", "pause", link_id_}).output, HasSubstr("is paused"));
  EXPECT_THAT(ctl({"schedule", "explain", link_id_}).output,
              HasSubstr("nothing visits it until it is resumed"));
}

TEST_F(AdminCli, ShowsTheRelinkQueueAndTheFeed) {
  daemon_.start();
  daemon_.add_link(link_id_);
  daemon_.wait_for("the first sync",
                   [&] { return daemon_.links()[link_id_]["last_success_at"].text() != "null"; });
  EXPECT_THAT(ctl({"relink", "ls"}).output, HasSubstr("no relink entries"));
  sandbox_.control("POST", "links/" + link_id_ + "/state",
                   R"({"state":"error","error_code":"auth_expired"})");
  EXPECT_THAT(ctl({"links", "sync", link_id_, "--wait", "30s"}).output,
              HasSubstr("status            relink"));
  EXPECT_THAT(ctl({"relink", "ls"}).output, HasSubstr("auth_expired"));
  EXPECT_THAT(ctl({"relink", "show", link_id_}).output, HasSubstr("status            open"));
  EXPECT_THAT(ctl({"feed", "tail"}).output, HasSubstr("relink.opened"));
  const Result all = ctl({"feed", "tail", "--after", "0", "--json"});
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(all.output, '\n'));
  EXPECT_EQ(lines, daemon_.admin("GET", "/v1/status")["feed"]["head"].number());
  EXPECT_THAT(ctl({"status"}).output, HasSubstr("1 relink"));
  EXPECT_THAT(ctl({"status"}).output, HasSubstr("1 relink entries open, 0 dead letters"));
}

TEST_F(AdminCli, VerifiesAndRepairs) {
  const std::string link_id = start_with_a_link();
  const auto stored = daemon_.list("/v1/links/" + link_id + "/transactions");
  const auto head = [&] { return daemon_.admin("GET", "/v1/status")["feed"]["head"].number(); };
  const std::uint64_t before = head();
  const Result one = ctl({"verify", "--link", link_id});
  EXPECT_EQ(one.code, 0) << one.output;
  EXPECT_THAT(one.output, HasSubstr("result            match"));
  EXPECT_THAT(one.output, HasSubstr("transactions      as upstream has them"));
  const Result sample = ctl({"verify", "--sample", "3", "--json"});
  EXPECT_EQ(sample.code, 0) << sample.output;
  ASSERT_EQ(Json::parse(sample.output)["items"].items().size(), 1U);
  EXPECT_EQ(ctl({"repair", link_id, "--dry-run"}).code, 0);
  EXPECT_EQ(ctl({"repair", link_id}).code, 2) << "there is no terminal to ask on";
  const Result repaired = ctl({"repair", link_id, "--yes"});
  EXPECT_EQ(repaired.code, 0) << repaired.output;
  EXPECT_THAT(repaired.output, HasSubstr("outcome           success"));
  EXPECT_EQ(head(), before) << "there was nothing to correct, and nothing to tell";
  const auto after = daemon_.list("/v1/links/" + link_id + "/transactions");
  ASSERT_EQ(after.size(), stored.size());
  for (std::size_t at = 0; at < stored.size(); ++at)
    ASSERT_EQ(after[at].canonical(), stored[at].canonical());
  EXPECT_THAT(daemon_.scrape(), HasSubstr("moneykit_syncd_verify_links_total{result=\"match\"} 3"));
  EXPECT_THAT(ctl({"dead-letters", "ls"}).output, HasSubstr("no dead letters"));
  EXPECT_EQ(ctl({"dead-letters", "retry", "1:" + link_id}).code, 1);
  EXPECT_EQ(ctl({"verify"}).code, 2);
  EXPECT_EQ(ctl({"verify", "--link", link_id, "--sample", "2"}).code, 2);
  EXPECT_EQ(ctl({"verify", "--link", "mk_nobody"}).code, 65) << "nothing was compared, so nothing differs";
}

// What upstream says of a link instead of a page, and what a letter may keep of it.
struct BadAnswer {
  std::string fault;  // of the sandbox
  std::string body;
  std::string reason;
  std::string structure;
};

Tuning soon_quarantined() {
  Tuning tuning = wide();
  tuning.cycle = "protocol_failures_max = 2\n";
  tuning.store = "dead_letter_bodies = \"redacted\"\n";
  return tuning;
}

// As a JSON string.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

class DeadLetters : public AdminCli {
 protected:
  DeadLetters() : AdminCli(soon_quarantined()) {}

  // Two visits that upstream answers so, and no more; returns the name of the letter.
  std::string quarantine(const std::string& link_id, const BadAnswer& answer) {
    sandbox_.control("POST", "faults",
                     R"([{"match":{"endpoint":"sync","link_id":")" + link_id + R"("},)" + answer.fault +
                         R"(,"body":)" + quoted(answer.body) + "}]");
    daemon_.wait_for("the quarantine", [&] {
      daemon_.admin("POST", "/v1/links/" + link_id + "/sync?wait=30s");
      return daemon_.links()[link_id]["status"].text() == "quarantined";
    });
    sandbox_.control("DELETE", "faults");
    const auto letters = daemon_.list("/v1/dead-letters");
    EXPECT_EQ(letters.size(), 1U);
    return letters.at(0)["id"].text();
  }

  void expect_shown(const std::string& letter, const BadAnswer& answer) {
    const std::string size = std::to_string(answer.body.size());
    const std::string digest = store::to_hex(core::digest_of(answer.body));
    const Result listed = ctl({"dead-letters", "ls"});
    EXPECT_EQ(listed.code, 0) << listed.output;
    EXPECT_THAT(listed.output,
                AllOf(HasSubstr(letter), HasSubstr(" " + size + " "), HasSubstr("1 dead letter")));
    const Result sheet = ctl({"dead-letters", "show", letter});
    EXPECT_THAT(sheet.output, AllOf(HasSubstr(size + " bytes"), HasSubstr(digest), HasSubstr(answer.reason),
                                    HasSubstr("\n" + answer.structure + "\n")));
    EXPECT_THAT(sheet.output, Not(HasSubstr("Jane"))) << "nothing that upstream said of a person";
    const Json whole = Json::parse(ctl({"dead-letters", "show", letter, "--json"}).output);
    EXPECT_EQ(whole["body_bytes"].text(), size);
    EXPECT_EQ(whole["body_sha256_prefix"].text(), digest);
    EXPECT_EQ('"' + whole["redacted_body"].text() + '"', quoted(answer.structure));
    EXPECT_TRUE(whole["retried_at"].is_null());
  }

  void expect_retried_once(const std::string& link_id, const std::string& letter) {
    EXPECT_THAT(ctl({"dead-letters", "retry", letter, "--dry-run"}).output, HasSubstr("nothing was changed"));
    EXPECT_EQ(daemon_.links()[link_id]["status"].text(), "quarantined");
    const Result retried = ctl({"dead-letters", "retry", letter});
    EXPECT_EQ(retried.code, 0) << retried.output;
    EXPECT_THAT(retried.output, HasSubstr("is active and due at once"));
    daemon_.wait_for("a visit that goes well", [&] {
      const Json link = daemon_.links()[link_id];
      return link["status"].text() == "active" && link["last_error"].is_null();
    });
    EXPECT_FALSE(daemon_.admin("GET", "/v1/dead-letters/" + letter)["retried_at"].is_null());
    const Result again = ctl({"dead-letters", "retry", letter});
    EXPECT_EQ(again.code, 1);
    EXPECT_THAT(again.output, HasSubstr("was retried already at 20"));
    EXPECT_EQ(daemon_.ask("POST", "/v1/dead-letters/" + letter + "/retry").status, 409);
  }

  void expect_dropped(const std::string& letter) {
    EXPECT_EQ(ctl({"dead-letters", "drop", letter}).code, 2) << "asks first, and there is no terminal";
    const Result dropped = ctl({"dead-letters", "drop", letter, "--yes"});
    EXPECT_EQ(dropped.code, 0) << dropped.output;
    EXPECT_THAT(dropped.output, HasSubstr("is gone; its link is active"));
    EXPECT_EQ(daemon_.ask("GET", "/v1/dead-letters/" + letter).status, 404);
    EXPECT_EQ(ctl({"dead-letters", "drop", letter, "--yes"}).code, 1);
    EXPECT_EQ(ctl({"dead-letters", "retry", letter}).code, 1);
    for (const char* verb : {"retry", "drop"}) {
      EXPECT_EQ(daemon_.ask("POST", "/v1/dead-letters/" + letter + "/" + verb).status, 404);
    }
    EXPECT_THAT(ctl({"dead-letters", "ls"}).output, HasSubstr("no dead letters"));
  }

  // From the quarantine to the letter's end, with a restart in the middle.
  void live_through(const BadAnswer& answer) {
    const std::string link_id = start_with_a_link();
    const std::string letter = quarantine(link_id, answer);
    expect_shown(letter, answer);
    daemon_.process().send(SIGTERM);
    ASSERT_EQ(daemon_.process().wait(end_limit).code, 0);
    daemon_.start();
    expect_shown(letter, answer);
    expect_retried_once(link_id, letter);
    expect_dropped(letter);
  }
};

TEST_F(DeadLetters, OfAPageThatIsNone) {
  live_through({.fault = R"("fault":"malformed")",
                .body = R"({"transactions":{"created":[{"raw_description":"Jane","amount":1.00}]})",
                .reason = "a sync answer was refused",
                .structure = R"({"transactions":{"created":[{"raw_description":"text","amount":num}]})"});
}

TEST_F(DeadLetters, OfARefusalByItsStatus) {
  live_through({.fault = R"("fault":"status","status":409,"content_type":"application/json")",
                .body = R"({"error_code":"api_error.conflict","error_message":"Jane is busy"})",
                .reason = "sync call: HTTP 409 api_error.conflict: the request was refused",
                .structure = R"({"error_code":"text","error_message":"text"})"});
}

// Rows of the link that are not as upstream has them, with no entry of the feed and an unmoved cursor: as a
// defect would leave them behind. Only while the daemon is not running.
struct Altered {
  std::string changed, missing, extra = "txn_nobody_knows";
  std::string changed_json = {};
};

Altered alter_rows(const std::filesystem::path& directory, const std::string& link) {
  const auto good = [](auto result, const char* what) {
    if (!result) throw Failed(std::string(what) + ": " + result.error().message);
    return std::move(*result);
  };
  store::StoreOptions options;
  options.path = directory;
  options.environment = "sandbox";
  options.upstream = "127.0.0.1";
  options.min_free_bytes = 0;
  const auto store = good(store::Store::open(options), "open");
  const core::LinkId link_id{link};
  const core::LinkRecord record = good(store->load(link_id), "load").value();
  auto rows = good(store->transactions(link_id, {}, 1000), "transactions").items;
  std::erase_if(rows, [](const core::StoredTransaction& row) { return row.pending; });
  const core::StoredTransaction& kept = rows.at(0);
  Altered altered{.changed = kept.transaction_id, .missing = rows.at(1).transaction_id};
  // Not the amount that upstream says.
  altered.changed_json = kept.json;
  std::string& json = altered.changed_json;
  const std::size_t amount = json.find_first_of("0123456789", json.find("\"amount\""));
  char& digit = json.at(json.find_first_not_of("0123456789.", amount) - 1);
  digit = digit == '9' ? '0' : static_cast<char>(digit + 1);

  core::LinkUpdate update;
  update.link_id = link_id;
  update.expected_fence = record.fence;
  update.record = record;
  ++update.record.fence;
  const auto put = [&](std::string_view id, std::string_view json) {
    core::TransactionPut row{
        .transaction_id = id, .account_id = kept.account_id, .json = json, .posted_from = {}};
    row.generation = kept.generation;
    update.transaction_puts.push_back(row);
  };
  put(altered.changed, altered.changed_json);
  put(altered.extra, kept.json);
  std::ranges::sort(update.transaction_puts, {}, &core::TransactionPut::transaction_id);
  update.transaction_erases.push_back({.transaction_id = altered.missing});
  const core::LinkUpdate* const updates[] = {&update};
  if (good(store->commit(updates), "commit").at(0) != store::CommitOutcome::committed)
    throw Failed("a conflict");
  if (const auto closed = store->close(); !closed) throw Failed("close: " + closed.error().message);
  return altered;
}

TEST_F(AdminCli, FindsAndMendsWhatWasAlteredBehindItsBack) {
  const std::string link_id = start_with_a_link();
  const LinkRows truth = truth_of(sandbox_, link_id);
  daemon_.process().send(SIGTERM);
  ASSERT_EQ(daemon_.process().wait(end_limit).code, 0);
  const Altered altered = alter_rows(dir_.path() / "store", link_id);
  daemon_.start();
  const auto head = [&] { return daemon_.admin("GET", "/v1/status")["feed"]["head"].number(); };
  const std::uint64_t before = head();

  const Result found = ctl({"verify", "--link", link_id, "--json"});
  EXPECT_EQ(found.code, 1) << found.output;
  const Json answer = Json::parse(found.output);
  EXPECT_EQ(answer["report"]["result"].text(), "mismatch");
  EXPECT_EQ(answer["report"]["transactions"].canonical(),
            Json::parse(R"({"compared":true,"missing":1,"extra":1,"changed":1,"missing_ids":[")" +
                        altered.missing + R"("],"extra_ids":[")" + altered.extra + R"("],"changed_ids":[")" +
                        altered.changed + R"("]})")
                .canonical());
  EXPECT_EQ(answer["report"]["accounts"]["changed"].text(), "0");
  EXPECT_EQ(head(), before) << "a verify writes nothing";
  const std::string page = daemon_.scrape();
  EXPECT_THAT(page, HasSubstr("moneykit_syncd_verify_links_total{result=\"mismatch\"} 1\n"));
  for (const char* kind : {"missing", "extra", "changed"})
    EXPECT_THAT(page,
                HasSubstr(std::string("moneykit_syncd_verify_rows_total{entity=\"transaction\",kind=\"") +
                          kind + "\"} 1\n"));
  EXPECT_THAT(daemon_.log(), HasSubstr(R"("result":"mismatch")"));

  const Result mended = ctl({"repair", link_id, "--yes"});
  EXPECT_EQ(mended.code, 0) << mended.output;
  EXPECT_EQ(first_difference(truth, stored_rows(daemon_, link_id)), "");
  const Json feed = daemon_.admin("GET", "/v1/feed?after=" + std::to_string(before));
  std::map<std::string, Json> told;
  for (const Json& entry : feed["items"].items()) {
    EXPECT_EQ(entry["cause"].text(), "verify");
    EXPECT_TRUE(told.emplace(entry["kind"].text() + " " + entry["id"].text(), entry).second);
  }
  ASSERT_EQ(told.size(), 3U);
  ASSERT_TRUE(told.contains("transaction.updated " + altered.changed));
  const Json& corrected = told.at("transaction.updated " + altered.changed);
  EXPECT_EQ(corrected["before"].canonical(), Json::parse(altered.changed_json).canonical());
  EXPECT_EQ(corrected["after"].canonical(), truth.transactions.at(altered.changed));
  EXPECT_TRUE(told.contains("transaction.created " + altered.missing));
  EXPECT_TRUE(told.contains("transaction.removed " + altered.extra));

  const Result after = ctl({"verify", "--link", link_id});
  EXPECT_EQ(after.code, 0) << after.output;
  EXPECT_THAT(after.output, HasSubstr("result            match"));
  EXPECT_THAT(daemon_.scrape(), HasSubstr("moneykit_syncd_verify_links_total{result=\"match\"} 1\n"));
}

TEST_F(AdminCli, FollowsTheFeedOverARestart) {
  daemon_.start();
  daemon_.add_link(link_id_);
  daemon_.wait_for("the first sync",
                   [&] { return daemon_.links()[link_id_]["last_success_at"].text() != "null"; });
  const auto head = [&] { return daemon_.admin("GET", "/v1/status")["feed"]["head"].number(); };
  Process follower({MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock", "feed", "tail", "--follow",
                    "--after", "0", "--json"},
                   dir_.path() / "follow.log");
  const auto seen = [&](std::uint64_t sequence) {
    return follower.log().find("\"seq\":" + std::to_string(sequence) + ",") != std::string::npos;
  };
  daemon_.wait_for("the follower to have caught up", [&] { return seen(head()); });
  daemon_.process().send(SIGTERM);
  EXPECT_EQ(daemon_.process().wait(end_limit).code, 0);
  wait_until(
      "the follower to notice", [&] { return follower.log().find("trying again") != std::string::npos; },
      [&] { return follower.log_tail(); });
  daemon_.start();
  const std::uint64_t before = head();
  sandbox_.control("POST", "links/" + link_id_ + "/refresh", R"({"changes":true})");
  EXPECT_EQ(ctl({"links", "sync", link_id_, "--wait", "30s"}).code, 0);
  ASSERT_GT(head(), before);
  daemon_.wait_for("the follower to go on", [&] { return seen(head()); });
  EXPECT_TRUE(follower.running());
}

Tuning registering() {
  Tuning tuning = wide();
  tuning.discovery = "register";
  return tuning;
}

class Discovering : public AdminCli {
 protected:
  Discovering() : AdminCli(registering()) {}
};

// What was found and registered is no difference any more, and the feed says how the link came.
TEST_F(Discovering, WhatIsRegisteredIsNotCountedAsMissing) {
  daemon_.start();
  const auto discovery = [&] { return daemon_.admin("GET", "/v1/status")["upstream"]["discovery"]; };
  daemon_.wait_for("the link to be found", [&] {
    return daemon_.links().contains(link_id_) && discovery()["only_upstream"].text() == "0";
  });
  EXPECT_EQ(daemon_.metric("moneykit_syncd_discovery_links{side=\"only_upstream\"}"), "0");
  const std::vector<Json> feed = daemon_.list("/v1/feed");
  ASSERT_FALSE(feed.empty());
  EXPECT_EQ(feed[0]["kind"].text(), "link.added");
  EXPECT_EQ(feed[0]["cause"].text(), "backfill");
}

}  // namespace
}  // namespace syncd::test::e2e
