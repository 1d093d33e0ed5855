#include "tests/e2e/secrecy.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "daemon/log_events.hpp"

namespace syncd::test::e2e {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> words_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  return {std::istream_iterator<std::string>(in), {}};
}

void confide(Confidences& all, const std::string& name, const std::string& text) {
  if (!text.empty() && text != "null") {
    all.emplace(text, name);
  }
}

}  // namespace

Confidences confidences_of(Daemon& daemon, const std::vector<std::string>& link_ids) {
  Confidences all;
  confide(all, "the client secret", text_of(daemon.dir() / "secret"));
  for (const std::string& link_id : link_ids) {
    confide(all, "a link id", link_id);
    for (const Json& account : daemon.list("/v1/links/" + link_id + "/accounts")) {
      confide(all, "an account's name", account["data"]["name"].text());
    }
    for (const Json& row : daemon.list("/v1/links/" + link_id + "/transactions")) {
      confide(all, "a description", row["data"]["description"].text());
      confide(all, "a raw description", row["data"]["raw_description"].text());
    }
  }
  return all;
}

std::map<std::string, std::string> public_texts(Daemon& daemon) {
  std::map<std::string, std::string> texts = {{"the log", daemon.log()}, {"the metrics", daemon.scrape()}};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(daemon.dir() / "store")) {
    const std::string name = entry.path().filename().string();
    // LOG and LOG.old.*, OPTIONS-*: what the database writes for people.
    if (name.starts_with("LOG") || name.starts_with("OPTIONS")) {
      texts.emplace("the store's " + name, text_of(entry.path()));
    }
  }
  return texts;
}

std::map<std::string, std::string> error_texts(Daemon& daemon, const std::vector<std::string>& link_ids) {
  std::map<std::string, std::string> texts;
  const auto ask = [&](std::string_view method, const std::string& target, std::string_view body = {}) {
    const Reply reply = daemon.ask(method, target, body);
    texts.emplace(std::string(method) + " " + target + " " + std::to_string(reply.status), reply.body);
  };
  ask("GET", "/v1/nowhere");
  ask("PUT", "/v1/links");
  ask("POST", "/v1/links", "{\"link_id\":7}");
  ask("GET", "/v1/links/none");
  ask("GET", "/v1/feed?limit=many");
  ask("POST", "/v1/links/none/sync");
  for (const Json& letter : daemon.list("/v1/dead-letters"))
    ask("GET", "/v1/dead-letters/" + letter["id"].text());
  for (const std::string& link_id : link_ids) {
    ask("POST", "/v1/links/" + link_id + "/repair?wait=never");
    const Json link = daemon.admin("GET", "/v1/links/" + link_id);
    texts.emplace("the last error of " + link_id, link["last_error"].canonical());
    const std::string status = link["status"].text();
    if (status == "gone" || status == "relink") ask("POST", "/v1/links/" + link_id + "/repair");
  }
  return texts;
}

Confidences beside_link_ids(const Confidences& confidences) {
  Confidences others = confidences;
  std::erase_if(others, [](const auto& each) { return each.second == "a link id"; });
  return others;
}

std::vector<std::string> leaks(const std::map<std::string, std::string>& texts,
                               const Confidences& confidences) {
  std::vector<std::string> found;
  for (const auto& [where, text] : texts) {
    for (const auto& [confidence, name] : confidences) {
      if (text.contains(confidence)) {
        found.push_back(name + " (" + confidence + ") in " + where);
      }
    }
  }
  return found;
}

std::vector<std::string> undocumented_lines(const std::string& log) {
  std::vector<std::string> wrong;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const Json object = Json::parse(line);
    const auto event = std::ranges::find(daemon::log_events, object["event"].text(),
                                         [](const daemon::LogEvent& each) { return std::string(each.name); });
    if (event == daemon::log_events.end() || !words_of(event->levels).contains(object["level"].text())) {
      wrong.push_back(line);
      continue;
    }
    std::set<std::string> known = words_of(event->fields);
    known.insert({"ts", "level", "event", "msg", "repeated"});
    if (std::ranges::any_of(object.members(),
                            [&](const auto& member) { return !known.contains(member.first); })) {
      wrong.push_back(line);
    }
  }
  return wrong;
}

}  // namespace syncd::test::e2e
