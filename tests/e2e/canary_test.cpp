// Every secret and every text and sum of people in the run is a marked string: none is found in what the
// daemon tells the world, in whatever form, while everything that can go wrong does.
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/canary_run.hpp"
#include "tests/sandbox/model/marks.hpp"

namespace syncd::test::e2e {
namespace {

using namespace canary;
namespace marks = sandbox::marks;
using testing::HasSubstr;
using testing::IsEmpty;

struct Canary : testing::Test, CanaryRun {
  // ---- the acts of the play ----
  void fail_in_every_way(const std::string& link_id);
  void break_the_protocol(const std::string& link_id);
  void work_on_the_queue(const std::string& link_id);
  void connect_a_bank();
  void say_the_wrong_things(const std::string& link_id);
  void knock_with_wrong_tokens();
  void use_the_tool_wrongly(const std::string& link_id);
  void misconfigure();
  void refuse_our_credentials(const std::string& link_id);

  // ---- the search ----
  void learn_bearer_tokens();
  void expect_nothing_told();
  void expect_errors_tell_nothing();
  void expect_found_where_they_belong(const std::string& link_id);
};

// Upstream answers with errors that quote what it was told and what it knows.
void Canary::fail_in_every_way(const std::string& link_id) {
  const std::string body = fmt::format(
      R"({{"error_code":"api_error.request.validation_failed","error_message":{0},)"
      R"("validation_errors":[{{"location":["query",{0}],"message":{0},"type":"value_error"}}]}})",
      as_json(all_marks()));
  for (const int status : {400, 403, 404, 409, 422, 429, 500, 502, 503}) {
    for (const std::string& text : {body, "<html>" + all_marks() + "</html>"}) {
      fault(of_link(link_id),
            fmt::format(
                R"("fault":"status","status":{},"body":{},"variant":"retry_after","retry_after_seconds":1)",
                status, as_json(text)));
      visit(link_id);
    }
  }
  for (const std::string_view rule :
       {R"("fault":"refuse_cursor","status":422)", R"("fault":"refuse_cursor","status":400)",
        R"("fault":"cut")", R"("fault":"reset")", R"("fault":"wrong_link")", R"("fault":"repeat_cursor")",
        R"("fault":"bad_cursor","variant":"huge")"}) {
    fault(of_link(link_id), std::string(rule));
    visit(link_id);
  }
  for (const std::string_view endpoint : {"accounts", "link"}) {
    fault(of_link(link_id, endpoint),
          fmt::format(R"("fault":"status","status":500,"body":{})", as_json(body)));
    ask("POST", fmt::format("/v1/links/{}/repair?wait=20s", link_id));
    note_link(link_id);
  }
  fault(of_link(link_id), R"("fault":"expired_token")");
  visit(link_id);
}

// Answers that must not be believed, with marked values where they are wrong.
void Canary::break_the_protocol(const std::string& link_id) {
  const std::string mark = as_json(all_marks());
  const auto page = [&](const std::string& row, const std::string& more = {}) {
    return fmt::format(R"({{"transactions":{{"created":[{}],"updated":[],"removed":[]}},"accounts":[],)"
                       R"("cursor":{{"next":"c"}},"has_more":false,)"
                       R"("link":{{"link_id":"{}","state":"connected","products":{{}}}}{}}})",
                       row, link_id, more);
  };
  const auto row = [&](const std::string& member, const std::string& value) {
    const std::map<std::string, std::string> sound = {{"transaction_id", "\"txn_1\""},
                                                      {"account_id", "\"acc_1\""},
                                                      {"amount", "\"73182946061.00\""},
                                                      {"type", "\"debit\""},
                                                      {"date", "\"2025-01-02\""},
                                                      {"description", mark},
                                                      {"pending", "false"},
                                                      {"currency", "\"USD\""}};
    std::string out;
    for (const auto& [name, kept] : sound)
      out += fmt::format("{}\"{}\":{}", out.empty() ? "" : ",", name, name == member ? value : kept);
    return "{" + out + "}";
  };
  std::vector<std::string> bodies = {
      page(row("", "")).substr(0, page(row("", "")).find("Hn5Rc1") + 6),
      page(row("", "") + all_marks()),
      page(row("", ""), "," + mark + ":" + mark + "," + mark + ":1"),
      page("", fmt::format(R"(,"cursor":{{"next":{0}}},"has_more":{0})", mark)),
      mark,
      "[" + mark + "]",
      all_marks(),
      page(row("description", "\"\\ud800" + all_marks() + "\"")),
  };
  for (const std::string_view member :
       {"transaction_id", "account_id", "amount", "type", "date", "pending", "currency", "description"}) {
    bodies.push_back(page(row(std::string(member), fmt::format("{{{}:[{}]}}", mark, marks::amount))));
    bodies.push_back(page(row(std::string(member), mark)));
    bodies.push_back(page(row(std::string(member), fmt::format("{}.5.5", marks::amount))));
  }
  for (const std::string& body : bodies) {
    fault(of_link(link_id), fmt::format(R"("fault":"malformed","body":{})", as_json(body)));
    visit(link_id);
  }
  const auto letters = daemon_.list("/v1/dead-letters");
  ASSERT_THAT(letters, testing::Not(IsEmpty()));
  for (const Json& letter : letters) {
    const std::string path = "/v1/dead-letters/" + letter["id"].text();
    keep_error("a dead letter", ask("GET", path).body);
  }
  ask("POST", "/v1/dead-letters/" + letters.front()["id"].text() + "/retry");
  ask("POST", "/v1/dead-letters/" + letters.front()["id"].text() + "/retry");
  ask("POST", "/v1/dead-letters/" + letters.front()["id"].text() + "/drop");
  ask("POST", fmt::format("/v1/links/{}/repair?wait=20s", link_id));
}

void Canary::work_on_the_queue(const std::string& link_id) {
  sandbox_.control("POST", "links/" + link_id + "/reset");
  daemon_.admin("POST", "/v1/links/" + link_id + "/sync");
  daemon_.wait_for("an open entry", [&] { return entry_of(link_id)["status"].text() == "open"; });
  const std::string entry = "/v1/relink/" + link_id;
  const std::string key = fmt::format("Idempotency-Key: {}\r\n", request_key);
  const auto version = [&] { return entry_of(link_id)["version"].text(); };
  done("POST", entry + "/note", fmt::format(R"({{"text":{}}})", as_json(note)), key);
  refused(409, "POST", entry + "/note", R"({"text":"another"})", key);
  refused(400, "POST", entry + "/note", fmt::format(R"({{"text":{0},"version":{0}}})", as_json(note)));
  refused(400, "POST", entry + "/note", fmt::format(R"({{"text":{{{0}:{0}}}}})", as_json(note)));
  refused(400, "POST", entry + "/note",
          fmt::format(R"({{"text":"{}{}"}})", in_percents(note), std::string(9000, 'x')));
  const Json session = done("POST", entry + "/session", fmt::format(R"({{"version":{}}})", version()));
  const std::string token = session["link_session_token"].text();
  secrets_.emplace(token, "the token of a relink session");
  sandbox_.control("POST", "sessions/" + token + "/complete",
                   R"({"username":"user_good","password":"pass_good"})");
  daemon_.wait_for("the entry to close", [&] { return entry_of(link_id)["status"].text() == "resolved"; });
  refused(409, "POST", entry + "/session", fmt::format(R"({{"version":{}}})", version()));
}

// A session for a new bank, and the exchange of what comes of it; upstream refuses both at first.
void Canary::connect_a_bank() {
  const std::string body = fmt::format(
      R"({{"customer_user":{{"id":"{}","email":{{"address":"{}"}},"phone":{{"number":"{}"}}}},"webhook":)"
      R"("https://app.example/h?t={}","link_tags":["{}"],"redirect_uri":"https://app.example/{}",)"
      R"("institution_id":"instant_bank"}})",
      user_id, email, phone, hook_token, link_tag, redirect);
  const std::string quote =
      as_json(fmt::format(R"({{"error_code":"api_error.request.validation_failed","error_message":{}}})",
                          as_json(all_marks() + " " + std::string(phone) + " " + std::string(redirect) + " " +
                                  std::string(bad_token))));
  for (const int status : {400, 403, 422, 500}) {
    const std::string rule = fmt::format(R"("fault":"status","status":{},"body":{})", status, quote);
    fault(R"({"endpoint":"link_session"})", rule);
    EXPECT_GE(ask("POST", "/v1/link-sessions", body).status, 400);
    fault(R"({"endpoint":"exchange_token"})", rule);
    EXPECT_GE(
        ask("POST", "/v1/links:exchange", fmt::format(R"({{"exchangeable_token":"{}"}})", bad_token)).status,
        400);
  }
  const std::string key = fmt::format("Idempotency-Key: {}-2\r\n", request_key);
  const Json session = done("POST", "/v1/link-sessions", body, key);
  const std::string token = session["link_session_token"].text();
  secrets_.emplace(token, "the token of a session");
  refused(409, "POST", "/v1/link-sessions", body, key);
  const std::string exchangeable =
      sandbox_.control("POST", "sessions/" + token + "/complete", "{}")["exchangeable_token"].text();
  secrets_.emplace(exchangeable, "an exchangeable token");
  refused(400, "POST", "/v1/links:exchange",
          fmt::format(R"({{"exchangeable_token":["{0}"],"customer_user_id":"{1}"}})", exchangeable, user_id));
  refused(400, "POST", "/v1/links:exchange",
          fmt::format(R"({{"exchangeable_token":"{0}","exchangeable_token":"{0}"}})", exchangeable));
  refused(400, "POST", "/v1/links:exchange", fmt::format(R"({{"exchangeable_token":"{})", exchangeable));
  const std::string good = fmt::format(
      R"({{"exchangeable_token":"{}","customer_user_id":"{}","tags":["{}"]}})", exchangeable, user_id, tag);
  const Json link = done("POST", "/v1/links:exchange", good);
  EXPECT_FALSE(link["link_id"].is_null());
  EXPECT_GE(ask("POST", "/v1/links:exchange", good).status, 400) << "it works once";
  ctl({"links", "exchange", "--user", std::string(user_id)}, 1, exchangeable);
}

// Marked strings where something else belongs. What stands in a path is an id, which an error may name.
void Canary::say_the_wrong_things(const std::string& link_id) {
  for (const std::string_view text : {client_secret, marks::description, marks::amount, note, user_id}) {
    const std::string value = in_percents(text);
    // Some of these take any number.
    for (const std::string& target :
         {"/v1/links?limit=" + value, "/v1/links?state=" + value, "/v1/links?search=x&limit=" + value,
          "/v1/feed?after=" + value, "/v1/feed?wait=" + value, "/v1/relink?status=" + value,
          "/v1/relink?order=" + value, "/v1/relink?after=" + value, "/v1/audit?after=" + value,
          "/v1/revision?after=" + value, "/v1/dead-letters?after=" + value,
          "/v1/links/" + link_id + "/transactions?limit=0&after=" + value,
          "/v1/links/" + link_id + "/accounts?limit=" + value}) {
      if (text != marks::amount) refused(400, "GET", target);
      if (text == marks::amount) ask("GET", target);
    }
    ask("GET", "/v1/links?after=" + value);
    ask("GET", "/v1/links?search=" + value);
    ask("GET", "/v1/relink?search=" + value + "&assignee=" + value);
    refused(400, "POST", "/v1/links/" + link_id + "/sync?wait=" + value);
    const std::string json = as_json(text);
    for (const std::string& body :
         {json, "[" + json + "]", "{\"link_id\":" + json, "{\"link_id\":{" + json + ":1}}",
          fmt::format(R"({{"link_id":"x","customer_user_id":[{}]}})", json),
          fmt::format(R"({{"link_id":"x","tags":[{0},[{0}]]}})", json),
          fmt::format(R"({{"link_id":"x","tags":["{}"]}})", in_percents(text) + std::string(200, 'x')),
          fmt::format(R"({{"link_id":"x","customer_user_id":"{}"}})",
                      in_percents(text) + std::string(500, 'x')),
          fmt::format(R"({{"link_id":"x"}} {})", json)})
      refused(400, "POST", "/v1/links", body);
    refused(400, "POST", "/v1/link-sessions", fmt::format(R"({{"customer_user":{{"id":[{}]}}}})", json));
    refused(400, "POST", "/v1/link-sessions",
            fmt::format(R"({{"customer_user":{{"id":"user-1"}},"webhook":{}}})", json));
    refused(400, "POST", "/v1/tokens", fmt::format(R"({{"name":{0},"role":{0}}})", json));
    refused(400, "POST", "/v1/relink/" + link_id + "/claim", fmt::format(R"({{"version":{}}})", json));
  }
  for (const std::string_view address : {"http://user:{}@app.example/h", "ftp://app.example/h?t={}", "{}"}) {
    const std::string wrong = fmt::format(fmt::runtime(address), hook_token);
    refused(400, "POST", "/v1/link-sessions",
            fmt::format(R"({{"customer_user":{{"id":"user-1"}},"webhook":"{}"}})", wrong));
  }
  const std::string long_key = fmt::format("Idempotency-Key: {}{}\r\n", request_key, std::string(300, 'k'));
  refused(400, "POST", "/v1/links/" + link_id + "/sync", {}, long_key);
  ask(fmt::format("POST{}", request_key), "/v1/links");
  ask("GET", fmt::format("/v1/links HTTP/9.9 {}", client_secret));
}

void Canary::knock_with_wrong_tokens() {
  const std::string token =
      Json::parse(ctl({"tokens", "create", "reader", "--role", "read", "--json"}, 0))["token"].text();
  secrets_.emplace(token, "an admin token");
  const auto knock = [&](int status, std::string_view method, const std::string& target,
                         const std::string& header) {
    const Reply reply = keep(request(daemon_.admin_over_tcp(), method, target, {}, header), target);
    EXPECT_EQ(reply.status, status) << target << header << reply.body;
  };
  knock(200, "GET", "/v1/status", "Authorization: Bearer " + token + "\r\n");
  knock(403, "POST", "/v1/links", "Authorization: Bearer " + token + "\r\n");
  knock(403, "GET", "/v1/audit", "Authorization: Bearer " + token + "\r\n");
  knock(401, "GET", "/v1/status", fmt::format("Authorization: Bearer {}\r\n", wrong_token));
  knock(401, "GET", "/v1/status", fmt::format("Authorization: Basic {}\r\n", wrong_token));
  knock(401, "GET", fmt::format("/v1/status?token={}", wrong_token), {});
  knock(401, "GET", "/v1/status", fmt::format("Cookie: token={}\r\n", token));
  // The text of a token in the place of its name.
  const Reply mistaken = ask("POST", "/v1/tokens/" + token + "/revoke");
  EXPECT_GE(mistaken.status, 400);
  ctl({"tokens", "revoke", "reader", "--yes"}, 0);
  knock(401, "GET", "/v1/status", "Authorization: Bearer " + token + "\r\n");
}

void Canary::use_the_tool_wrongly(const std::string& link_id) {
  ctl({"links", "exchange"}, 1, std::string(bad_token) + "\n");
  ctl({"links", "exchange", "--user", "x"}, 1, std::string(bad_token));
  ctl({"relink", "note", "mk_none", std::string(note)}, 1);
  ctl({"sessions", "create", "--user", "u", "--webhook", fmt::format("ftp://app.example/h?t={}", hook_token)},
      2);
  ctl({"relink", "claim", link_id, "--version", "1", "--for", "ann"}, 1);
}

// Mistakes in the configuration beside a secret: at the reload, by the check, and in what a dump shows.
void Canary::misconfigure() {
  const std::string sound = text_of(config());
  const auto with = [&](std::string_view from, const std::string& to) {
    std::string changed = sound;
    const std::size_t at = changed.find(from);
    return changed.replace(at, changed.find('\n', at) - at, to);
  };
  const std::vector<std::string> wrong = {
      with("client_secret_file", fmt::format("client_secret_file = \"{}\"", client_secret)),
      with("client_secret_file", fmt::format("client_secret = \"{}\"", client_secret)),
      with("client_secret_file", fmt::format("client_secret_file = \"{}", client_secret)),
      with("client_secret_file", fmt::format("client_secret_file = {}", client_secret)),
      with("client_secret_file", fmt::format("client_secret_file = [\"{}\"]", client_secret)),
      with("path =", fmt::format("path = \"{}\"", client_secret)),
      with("listen =", fmt::format("listen = \"{}\"", client_secret)),
      with("socket =", fmt::format("socket = \"{}\"", client_secret)),
      with("level =", fmt::format("level = \"{}\"", client_secret)),
      with("auth =", fmt::format("auth = \"{}\"", client_secret)),
      with("interval =", fmt::format("interval = \"{}\"", client_secret)),
      with("webhook =", fmt::format("webhook = \"ftp://app.example/?t={}\"", hook_token)),
      with("redirect_uri =", fmt::format("redirect_uri = \"https://app.example/?t={}\"", hook_token)),
      with("base_url =", fmt::format("base_url = \"https://me:{}@api.example\"", client_secret)),
  };
  // A line that was written a moment ago is not written again, so the outcome is asked for, not read.
  const auto reload = [&](std::string_view successful) {
    daemon_.process().send(SIGHUP);
    daemon_.wait_for("the reload", [&] {
      return daemon_.metric("moneykit_syncd_config_last_reload_successful") == successful;
    });
  };
  std::string output;
  for (const std::string& text : wrong) {
    write_private(config(), text);
    EXPECT_EQ(run({SYNCD_PROGRAM, "check-config", "--config", config()}, output), 78) << text;
    keep_error("check-config", output);
    reload("0");
    write_private(config(), sound);
    reload("1");
  }
  // A secret that cannot be one.
  write_private(dir_.path() / "secret", fmt::format("{}\nsecond line {}\n", other_secret, other_secret));
  EXPECT_EQ(run({SYNCD_PROGRAM, "check-config", "--config", config()}, output), 78);
  keep_error("check-config", output);
  reload("0");
  write_private(dir_.path() / "secret", client_secret);
  reload("1");
  EXPECT_EQ(run({SYNCD_PROGRAM, "config", "dump", "--config", config()}, output), 0);
  EXPECT_THAT(output, HasSubstr(redirect)) << "what is no secret is shown";
  EXPECT_THAT(leaks_in_any_form({{"the dump", output}}, {{std::string(client_secret), "the client secret"}}),
              IsEmpty());
}

void Canary::refuse_our_credentials(const std::string& link_id) {
  sandbox_.control("POST", "credentials", fmt::format(R"({{"client_secret":"{}"}})", other_secret));
  sandbox_.control("POST", "tokens/expire");
  daemon_.admin("POST", "/v1/links/" + link_id + "/sync");
  const auto says = [&](std::string_view event) {
    return daemon_.log().find(fmt::format("\"event\":\"{}\"", event)) != std::string::npos;
  };
  daemon_.wait_for("the refusal of our credentials", [&] { return says("auth_refused"); });
  EXPECT_GE(ask("POST", "/v1/link-sessions", R"({"customer_user":{"id":"user-1"}})").status, 400);
  write_private(dir_.path() / "secret", other_secret);
  daemon_.process().send(SIGHUP);
  daemon_.wait_for("the other secret to be accepted", [&] { return says("auth_accepted"); });
}

// The bearer tokens that upstream has given out, from what the sandbox has kept.
void Canary::learn_bearer_tokens() {
  std::size_t found = 0;
  const Json listed = sandbox_.control("GET", "recorded");
  for (const Json& exchange : listed["exchanges"].items()) {
    if (exchange["target"].text() != "/auth/token" || exchange["status"].text() != "201") continue;
    const Json answer = sandbox_.control("GET", "recorded/" + exchange["number"].text());
    secrets_.emplace(answer["access_token"].text(), "a bearer token");
    ++found;
  }
  EXPECT_GE(found, 3U) << "the first, one for the one that expired, and one for the other secret";
}

void Canary::expect_nothing_told() {
  auto texts = public_texts(daemon_);
  const std::string process = fmt::format("/proc/{}/", daemon_.process().id());
  texts.emplace("the command line", text_of(process + "cmdline"));
  texts.emplace("the environment", text_of(process + "environ"));
  EXPECT_THAT(texts["the command line"], HasSubstr("config.toml"));
  EXPECT_GE(texts.size(), 6U);
  std::string audit;
  for (const Json& act : daemon_.list("/v1/audit"))
    audit += act.canonical();
  EXPECT_THAT(audit, HasSubstr("relink.note"));
  texts.emplace("the audit log", audit);
  texts.emplace("the status", daemon_.admin("GET", "/v1/status").canonical());
  Confidences all = everything();
  all.insert({{std::string(client_id), "the client id"}});
  EXPECT_THAT(leaks_in_any_form(texts, all), IsEmpty());
  // An act is about a link.
  texts.erase("the audit log");
  EXPECT_THAT(leaks_in_any_form(texts, link_ids_), IsEmpty());
}

// An act on an entry that is refused is answered with the entry as it is, which whoever acts on it may see.
void Canary::expect_errors_tell_nothing() {
  EXPECT_GE(errors_.size(), 200U);
  auto with_entry = errors_;
  std::erase_if(with_entry, [](const auto& each) { return !each.second.contains("\"entry\":{"); });
  std::erase_if(errors_, [](const auto& each) { return each.second.contains("\"entry\":{"); });
  EXPECT_THAT(with_entry, testing::Not(IsEmpty()));
  EXPECT_THAT(leaks_in_any_form(errors_, everything()), IsEmpty());
  Confidences not_of_entries = everything();
  not_of_entries.erase(std::string(user_id));
  not_of_entries.erase(std::string(note));
  EXPECT_THAT(leaks_in_any_form(with_entry, not_of_entries), IsEmpty());
}

// That none is found elsewhere means something only because each is there.
void Canary::expect_found_where_they_belong(const std::string& link_id) {
  std::string answers = entry_of(link_id).canonical();
  std::string stored;
  for (const auto& [name, text] : store_files(daemon_))
    stored += text;
  for (const auto& [id, name] : link_ids_) {
    for (const std::string_view what : {"", "/accounts", "/transactions?limit=1000"})
      answers += request(admin(), "GET", "/v1/links/" + id + std::string(what)).body;
  }
  Confidences kept = marks_of_banks();
  kept.insert({{std::string(user_id), ""},
               {std::string(tag), ""},
               {std::string(note), ""},
               {std::string(link_tag), ""},
               {std::string(hook_token), ""}});
  EXPECT_EQ(leaks_in_any_form({{"the answers", answers}}, kept).size(), kept.size());
  EXPECT_EQ(leaks_in_any_form({{"the store", stored}}, kept).size(), kept.size());
  // A bank has quoted these two in a row, and the webhook is a part of upstream's link.
  Confidences nowhere = secrets_;
  nowhere.erase(std::string(client_secret));
  nowhere.erase(std::string(hook_token));
  EXPECT_GE(nowhere.size(), 11U);
  EXPECT_THAT(leaks_in_any_form({{"the store", stored}}, nowhere), IsEmpty());
  EXPECT_THAT(text_of(dir_.path() / "secret"), HasSubstr(other_secret));
  // And that the search finds each of them in each text, in each form.
  for (const auto& [confidence, name] : everything()) {
    for (const std::string& form : forms_of(confidence)) {
      EXPECT_EQ(
          leaks_in_any_form({{"a log", "{\"msg\":\"x " + form + " y\"}\n"}}, {{confidence, name}}).size(), 1U)
          << form;
    }
  }
}

TEST_F(Canary, NothingOfItIsToldToAnybody) {
  daemon_.start();
  const std::string waits = new_link();
  const std::string fails = new_link();
  const std::string broken = new_link();
  fail_in_every_way(fails);
  break_the_protocol(broken);
  work_on_the_queue(waits);
  connect_a_bank();
  say_the_wrong_things(waits);
  knock_with_wrong_tokens();
  use_the_tool_wrongly(waits);
  for (const std::string_view act : {"verify", "pause", "pause", "resume", "repair"})
    ask("POST", fmt::format("/v1/links/{}/{}", waits, act));
  misconfigure();
  refuse_our_credentials(waits);
  learn_bearer_tokens();
  // An upstream whose products say why they cannot be read.
  sandbox_.control("POST", "links/" + fails + "/reset");
  visit(fails);
  EXPECT_THAT(text_of(fmt::format("/proc/{}/limits", daemon_.process().id())),
              testing::ContainsRegex("Max core file size +0 +0 "));
  expect_nothing_told();
  expect_found_where_they_belong(waits);
  EXPECT_EQ(undocumented_lines(daemon_.log()), std::vector<std::string>{});

  daemon_.kill_now();
  std::string text = text_of(config());
  const std::size_t prefix = text.find("\"never\"");
  write_private(config(), text.replace(prefix, 7, "\"always\""));
  const std::size_t killed_at = daemon_.log().size();
  daemon_.start();
  daemon_.admin("POST", "/v1/links/" + waits + "/sync?wait=2s");
  expect_nothing_told();
  daemon_.process().send(SIGTERM);
  EXPECT_EQ(daemon_.process().wait(std::chrono::seconds{30}).code, 0);
  const std::string journal = daemon_.log().substr(killed_at);
  EXPECT_THAT(journal, testing::StartsWith("<"));
  EXPECT_THAT(leaks_in_any_form({{"the journal", journal}}, everything()), IsEmpty());
  expect_errors_tell_nothing();
}

}  // namespace
}  // namespace syncd::test::e2e
