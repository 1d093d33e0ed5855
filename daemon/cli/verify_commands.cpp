#include "daemon/cli/verify_commands.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <random>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/cli/confirm.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/duration.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

constexpr core::Millis look_wait{30'000};

std::string waiting(const std::string& path) {
  return path + "?wait=" + daemon::format_duration(look_wait);
}

bool under_way(const JsonValue& answer) {
  const std::string state = answer.at("state");
  return state == "waiting" || state == "running";
}

// Waits until the verify has ended; the daemon bounds how long that takes. Its reports outlast it, but not
// the verifies that were under way: what another run of it has to show is of an earlier one.
CliResult<Answer> verify_one(const Client& client, const std::string& link_id) {
  const std::string path = link_path(link_id, "/verify");
  auto answer = client.post(waiting(path), {}, look_wait);
  const auto run_of = [](const Answer& from) { return from.value.at("daemon_started_at"); };
  const std::string run = answer ? run_of(*answer) : std::string{};
  while (answer && under_way(answer->value) && run_of(*answer) == run)
    answer = client.get(waiting(path), look_wait);
  if (answer && (answer->value.at("state") != "done" || run_of(*answer) != run)) {
    return std::unexpected(
        CliError{daemon::exit_unavailable, "the daemon stopped before the verify had ended; try again"});
  }
  return answer;
}

// What was refused was not compared, and must not look like a difference.
CliError as_refusal(CliError error) {
  if (error.exit_code == daemon::exit_failure) error.exit_code = daemon::exit_refused;
  return error;
}

int code_of(const JsonValue& answer) {
  const std::string result = answer.at("report.result");
  if (result == "mismatch") return daemon::exit_failure;
  return result == "match" ? daemon::exit_ok : daemon::exit_unavailable;
}

CliResult<int> verify_link(const Session& session, const std::string& link_id) {
  const auto answer = verify_one(session.client, link_id);
  if (!answer) return std::unexpected(as_refusal(answer.error()));
  if (session.json) {
    print_json(answer->body);
  } else {
    print(render_verify(answer->value, wall_now(), session.look));
  }
  return code_of(answer->value);
}

// Ids of so many active links, each as likely as any other.
CliResult<std::vector<std::string>> draw_links(const Client& client, std::size_t count) {
  const auto links = client.list("/v1/links", "state=active", 0);
  if (!links) return std::unexpected(links.error());
  std::vector<std::string> ids;
  for (const JsonValue& link : *links)
    ids.push_back(link.at("link_id"));
  std::vector<std::string> drawn;
  std::ranges::sample(ids, std::back_inserter(drawn), static_cast<std::ptrdiff_t>(count),
                      std::mt19937_64{std::random_device{}()});
  return drawn;
}

// What the daemon would answer about a link that it has nothing to say about.
Answer not_compared(const std::string& link_id, std::string_view reason, std::string_view detail) {
  daemon::JsonWriter writer;
  writer.begin_object().member("link_id", std::string_view(link_id)).member("state", "done");
  writer.key("report").begin_object().member("result", "incomplete");
  writer.member("reason", reason).member("detail", detail);
  writer.end_object().end_object();
  Answer answer;
  answer.body = writer.take();
  answer.value = parse_json(answer.body).value_or(JsonValue{});
  return answer;
}

class Progress {
 public:
  explicit Progress(std::size_t all) : all_(all) { show(); }
  ~Progress() {
    if (visible_) fmt::print(stderr, "\r{}\r", std::string(width_, ' '));
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void add(bool different) {
    ++done_;
    differing_ += different ? 1 : 0;
    show();
  }

 private:
  void show() {
    if (!visible_) return;
    const std::string line = render_progress(done_, all_, differing_);
    width_ = line.size();
    fmt::print(stderr, "\r{}", line);
    std::fflush(stderr);
  }

  const std::size_t all_;
  const bool visible_ = isatty(STDERR_FILENO) == 1;
  std::size_t done_ = 0, differing_ = 0, width_ = 0;
};

// One answer for each link, in their order.
struct Sample {
  std::vector<Answer> answers;
  // The daemon was not there any more: this link and those behind it were not compared.
  std::optional<CliError> broken_off;
  std::size_t unheard = 0;  // of them
};

Sample take_sample(const Client& client, const std::vector<std::string>& ids) {
  Sample sample;
  Progress progress(ids.size());
  for (const std::string& link_id : ids) {
    if (sample.broken_off) {
      sample.answers.push_back(not_compared(link_id, "not_asked", "the daemon was not there any more"));
      ++sample.unheard;
      continue;
    }
    auto answer = verify_one(client, link_id);
    if (!answer) {
      const CliError error = answer.error();
      const bool gone = error.daemon_is_away();
      const std::string_view unnamed = gone ? "unavailable" : "failed";
      answer = not_compared(link_id, error.problem.empty() ? unnamed : error.problem, error.message);
      if (gone) sample.broken_off = error;
      sample.unheard += gone ? 1 : 0;
    }
    progress.add(code_of(answer->value) == daemon::exit_failure);
    sample.answers.push_back(std::move(*answer));
  }
  return sample;
}

// Nothing was compared, which is only right where there is nothing.
CliResult<void> refuse_empty_sample(const Client& client) {
  const auto any = client.list("/v1/links", {}, 1);
  if (!any) return std::unexpected(any.error());
  if (any->empty()) return {};
  return std::unexpected(
      CliError{daemon::exit_unavailable,
               "no link is active, so nothing was compared; moneykitctl links ls tells where they stand"});
}

CliResult<int> verify_sample(const Session& session, std::size_t count) {
  const auto ids = draw_links(session.client, count);
  if (!ids) return std::unexpected(as_refusal(ids.error()));
  if (ids->empty()) {
    const auto refused = refuse_empty_sample(session.client);
    if (!refused) return std::unexpected(as_refusal(refused.error()));
  }
  const Sample sample = take_sample(session.client, *ids);
  int code = daemon::exit_ok;
  Items items;
  std::string json = "{\"items\":[";
  for (const Answer& answer : sample.answers) {
    const int of_this = code_of(answer.value);
    if (code != daemon::exit_failure && of_this != daemon::exit_ok) code = of_this;
    json += (items.empty() ? "\n" : ",\n") + answer.body;
    items.push_back(answer.value);
  }
  if (session.json) {
    print_json(json + "]}");
  } else {
    print(render_verifies(items, session.look));
  }
  if (!sample.broken_off) return code;
  if (code != daemon::exit_failure) code = sample.broken_off->exit_code;
  return std::unexpected(
      CliError{code, fmt::format("{}; {} of {} links were not compared", sample.broken_off->message,
                                 sample.unheard, ids->size())});
}

std::string letter_path(const std::string& id, std::string_view rest = {}) {
  return fmt::format("/v1/dead-letters/{}{}", percent_encoded(id), rest);
}

CliResult<int> change_letter(const Session& session, const std::string& id, std::string_view verb) {
  if (session.dry_run) {
    const auto letter = session.client.get(letter_path(id));
    if (!letter) return std::unexpected(letter.error());
    if (session.json) return print_json(letter->body);
    print(fmt::format("would {} dead letter {}; nothing was changed\n", verb, printable(id)));
    return daemon::exit_ok;
  }
  if (verb == "drop") {
    const auto ended = confirm(
        session,
        fmt::format("dead letter {} is deleted, and what it says of the answer with it", printable(id)));
    if (ended) return *ended;
  }
  const auto answer = session.client.post(letter_path(id, fmt::format("/{}", verb)), {});
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  const std::string status = printable(answer->value.at("status"));
  print(verb == "drop"
            ? fmt::format("dead letter {} is gone; its link is {}\n", printable(id), status)
            : fmt::format("the link of dead letter {} is {} and due at once\n", printable(id), status));
  return daemon::exit_ok;
}

}  // namespace

CliResult<int> verify_links(const Session& session, const VerifyOptions& options) {
  if (!options.link_id.empty()) return verify_link(session, options.link_id);
  return verify_sample(session, options.sample);
}

CliResult<int> repair_link(const Session& session, const std::string& link_id) {
  if (session.dry_run) return verify_link(session, link_id);
  const auto declined = confirm(
      session, fmt::format("repair reads the whole history of link {} again and corrects what differs; "
                           "consumers of the feed see the corrections",
                           printable(link_id)));
  if (declined) return *declined;
  const std::string query = "/repair?wait=" + daemon::format_duration(wait_max);
  const auto answer = session.client.post(link_path(link_id, query), {}, wait_max);
  if (!answer) return std::unexpected(answer.error());
  const bool ended = answer->status == 200;
  const bool failed = ended && answer->value.at("outcome") != "success";
  if (session.json) {
    print_json(answer->body);
  } else if (ended) {
    print(render_cycle(answer->value, wall_now(), session.look));
  } else {
    print(fmt::format("the repair of link {} goes on; what it corrects is in the feed, with cause verify\n",
                      printable(link_id)));
  }
  return failed ? daemon::exit_failure : daemon::exit_ok;
}

CliResult<int> list_dead_letters(const Session& session) {
  const auto letters = session.client.list("/v1/dead-letters", {}, 0);
  if (!letters) return std::unexpected(letters.error());
  if (session.json) return print_items(*letters);
  print(render_dead_letters(*letters, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> show_dead_letter(const Session& session, const std::string& id) {
  const auto answer = session.client.get(letter_path(id));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_dead_letter(answer->value, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> retry_dead_letter(const Session& session, const std::string& id) {
  return change_letter(session, id, "retry");
}

CliResult<int> drop_dead_letter(const Session& session, const std::string& id) {
  return change_letter(session, id, "drop");
}

}  // namespace syncd::cli
