#include "tests/e2e/canary_run.hpp"

#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/sandbox/model/marks.hpp"

namespace syncd::test::e2e {

using namespace canary;
namespace marks = sandbox::marks;

namespace {

constexpr std::chrono::seconds end_limit{60};

std::vector<std::string> sandbox_options(const std::filesystem::path& dir) {
  write_private(dir / "sandbox-secret", client_secret);
  return {"--no-budgets", "--client-id", std::string(client_id), "--client-secret-file",
          dir / "sandbox-secret"};
}

Tuning tuning() {
  Tuning tuning;
  tuning.upstream = "auth = \"token\"\n";
  tuning.schedule = "interval = \"2s\"\nmax_interval = \"1h\"\nbackoff_base = \"1s\"\n";
  tuning.cycle = "protocol_failures_max = 2\n";
  tuning.budget = "accounts_per_link = 1000\nsync_per_link = 1000\nlink_per_link = 1000\n";
  tuning.daemon = fmt::format(
      "[link_session]\nredirect_uri = \"https://app.example/{}\"\n"
      "webhook = \"https://app.example/h?t={}\"\n",
      redirect, hook_token);
  tuning.store = "dead_letter_bodies = \"redacted\"\n";
  tuning.admin = "listen = \"127.0.0.1:0\"\n";
  tuning.link_ids = "hash";
  return tuning;
}

}  // namespace

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string as_json(std::string_view text) {
  std::string out = "\"";
  for (const char character : text)
    out += character == '"' || character == '\\' ? std::string("\\") + character : std::string(1, character);
  return out + '"';
}

std::string in_percents(std::string_view text) {
  std::string out;
  for (const char character : text)
    out += fmt::format("%{:02X}", static_cast<unsigned char>(character));
  return out;
}

// Everything that is marked, in one text as a bank would quote it back.
std::string all_marks() {
  std::string out{upstream_message};
  for (const marks::Mark& mark : marks::all)
    out.append(" ").append(mark.text);
  for (const std::string_view each : {client_secret, user_id, email, hook_token})
    out.append(" ").append(each);
  return out;
}

Confidences marks_of_banks() {
  Confidences all;
  for (const marks::Mark& mark : marks::all)
    all.emplace(mark.text, mark.what);
  return all;
}

std::string of_link(const std::string& link_id, std::string_view endpoint) {
  return fmt::format(R"({{"link_id":"{}","endpoint":"{}"}})", link_id, endpoint);
}

CanaryRun::CanaryRun()
    : sandbox_(dir_.path(), sandbox_options(dir_.path())), daemon_(dir_.path(), sandbox_, tuning()) {
  secrets_ = {{std::string(client_secret), "the client secret"},
              {std::string(other_secret), "another client secret"},
              {std::string(hook_token), "the token in a webhook's address"},
              {std::string(request_key), "an Idempotency-Key"},
              {std::string(wrong_token), "a wrong admin token"},
              {std::string(bad_token), "a wrong exchangeable token"}};
  personal_ = marks_of_banks();
  personal_.insert({{std::string(email), "an email address"},
                    {std::string(phone), "a phone number"},
                    {std::string(redirect), "a redirect address"},
                    {std::string(user_id), "a customer user id"},
                    {std::string(tag), "a tag"},
                    {std::string(link_tag), "a link's tag"},
                    {std::string(note), "a note"},
                    {std::string(upstream_message), "a message of upstream"}});
  write_private(dir_.path() / "secret", client_secret);
  // The [log] section is the last one.
  std::ofstream(config(), std::ios::app) << "level = \"debug\"\n";
  sandbox_.control("PATCH", "switches", R"({"marked_data":true})");
  sandbox_.control("PUT", "recorded", R"({"keep":20000})");
}

Reply CanaryRun::ask(std::string_view method, const std::string& target, const std::string& body,
                     const std::string& headers) {
  return keep(request(admin(), method, target, body, headers), fmt::format("{} {}", method, target));
}

Reply CanaryRun::keep(Reply reply, std::string_view what) {
  if (reply.status >= 400) keep_error(fmt::format("{} {}", reply.status, what), reply.head + reply.body);
  return reply;
}

Reply CanaryRun::refused(int status, std::string_view method, const std::string& target,
                         const std::string& body, const std::string& headers) {
  const Reply reply = ask(method, target, body, headers);
  EXPECT_EQ(reply.status, status) << method << ' ' << target << ' ' << body << '\n' << reply.body;
  return reply;
}

Json CanaryRun::done(std::string_view method, const std::string& target, const std::string& body,
                     const std::string& headers) {
  const Reply reply = ask(method, target, body, headers);
  if (reply.status >= 300) throw Failed(target + ": " + reply.head + reply.body);
  return Json::parse(reply.body);
}

int CanaryRun::run(const std::vector<std::string>& command, std::string& output) {
  const std::filesystem::path log = dir_.path() / fmt::format("run-{}.log", ++kept_);
  Result result = run_to_end(command, log, end_limit);
  output = std::move(result.output);
  return result.code;
}

std::string CanaryRun::ctl(const std::vector<std::string>& arguments, int code, const std::string& input) {
  const std::filesystem::path file = dir_.path() / "input";
  write_private(file, input);
  std::vector<std::string> command{"/bin/sh",  "-c",        R"(file="$1"; shift; exec "$@" <"$file")",
                                   "sh",       file,        MONEYKITCTL_PROGRAM,
                                   "--socket", admin().text};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::string output;
  EXPECT_EQ(run(command, output), code) << output;
  if (code != 0) keep_error("moneykitctl " + arguments[0], output);
  return output;
}

std::string CanaryRun::new_link() {
  const std::string link_id = sandbox_.add_links(fmt::format(
      R"({{"institution_id":"credentials_bank","accounts":2,"history_months":2,"transactions_per_month":20,)"
      R"("user_id":"{}","webhook":"https://app.example/h?t={}","link_tag":"{}"}})",
      user_id, hook_token, link_tag))[0];
  done("POST", "/v1/links",
       fmt::format(R"({{"link_id":"{}","customer_user_id":"{}","tags":["{}"]}})", link_id, user_id, tag));
  daemon_.wait_for("the history of a link",
                   [&] { return !daemon_.links()[link_id]["last_success_at"].is_null(); });
  link_ids_.emplace(link_id, "a link id");
  return link_id;
}

Json CanaryRun::entry_of(const std::string& link_id) {
  return Json::parse(request(admin(), "GET", "/v1/relink/" + link_id).body);
}

void CanaryRun::visit(const std::string& link_id) {
  done("POST", fmt::format("/v1/links/{}/sync?wait=20s", link_id));
  note_link(link_id);
}

void CanaryRun::note_link(const std::string& link_id) {
  const Json link = daemon_.admin("GET", "/v1/links/" + link_id);
  keep_error("the last error", link["last_error"].canonical());
}

void CanaryRun::fault(const std::string& match, const std::string& rule) {
  sandbox_.control("PUT", "faults", fmt::format(R"([{{"match":{},"count":1,{}}}])", match, rule));
}

void CanaryRun::keep_error(std::string_view what, const std::string& text) {
  constexpr std::size_t shown = 60;
  errors_.emplace(fmt::format("{:04}: {}", ++kept_, what.substr(0, shown)), text);
}

Confidences CanaryRun::everything() const {
  Confidences all = secrets_;
  all.insert(personal_.begin(), personal_.end());
  return all;
}

}  // namespace syncd::test::e2e
