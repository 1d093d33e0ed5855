#include "tests/e2e/rig.hpp"

#include <fstream>
#include <iterator>

namespace syncd::test::e2e {
namespace {

constexpr std::chrono::seconds start_limit{60};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> sandbox_command(const std::filesystem::path& dir,
                                         const std::vector<std::string>& options) {
  std::vector<std::string> command{SANDBOX_PROGRAM,      "--port",  "0", "--port-file",
                                   dir / "sandbox.json", "--links", "0"};
  command.insert(command.end(), options.begin(), options.end());
  return command;
}

}  // namespace

Sandbox::Sandbox(const std::filesystem::path& dir, const std::vector<std::string>& options)
    : process_(sandbox_command(dir, options), dir / "sandbox.log") {
  const std::filesystem::path announced = dir / "sandbox.json";
  wait_until(
      "the sandbox's address",
      [&] {
        if (!process_.running()) {
          throw Failed("the sandbox ended:\n" + process_.log_tail());
        }
        return std::filesystem::exists(announced);
      },
      [&] { return process_.log_tail(); }, start_limit);
  const Json line = Json::parse(text_of(announced));
  url_ = line["http"].text();
  client_id_ = line["client_id"].text();
}

Json Sandbox::control(std::string_view method, std::string_view path, std::string_view body) {
  const Reply reply = request({url_}, method, "/sandbox/" + std::string(path), body);
  if (reply.status != 200 && reply.status != 201) {
    throw Failed("sandbox: " + std::string(method) + " " + std::string(path) + ": HTTP " +
                 std::to_string(reply.status) + " " + reply.body + "\n" + process_.log_tail());
  }
  return Json::parse(reply.body);
}

std::vector<std::string> Sandbox::add_links(std::string_view body) {
  std::vector<std::string> out;
  const Json answer = control("POST", "links", body);
  for (const Json& link_id : answer["link_ids"].items()) {
    out.push_back(link_id.text());
  }
  return out;
}

Daemon::Daemon(std::filesystem::path dir, const Sandbox& sandbox, const Tuning& tuning)
    : dir_(std::move(dir)), admin_{dir_ / "admin.sock"} {
  std::filesystem::create_directories(dir_);
  write_private(dir_ / "secret", "sandbox-secret");
  std::string config = "[upstream]\nbase_url = \"" +
                       (tuning.base_url.empty() ? sandbox.url() : tuning.base_url) + "\"\nclient_id = \"" +
                       sandbox.client_id() + "\"\nclient_secret_file = \"" + (dir_ / "secret").string() +
                       "\"\nallow_private_addresses = true\n" + tuning.upstream;
  // However full the disk of this machine is: a test that means it says so.
  const std::string room = tuning.store.find("min_free") == std::string::npos
                               ? "min_free_mib = 64\nmin_free_percent = 0\nmin_free_to_open_mib = 64\n"
                               : "";
  config += "[store]\npath = \"" + (dir_ / "store").string() + "\"\n" + room + tuning.store;
  config += "[schedule]\ndiscovery = \"" + tuning.discovery + "\"\n" + tuning.schedule;
  config += "[cycle]\n" + tuning.cycle + "[budget]\n" + tuning.budget + "[daemon]\n" + tuning.daemon;
  config += "[admin]\nsocket = \"" + admin_.text + "\"\ngroup = \"\"\n" + tuning.admin;
  config += "[metrics]\nlisten = \"127.0.0.1:0\"\n";
  config += "[log]\nlink_ids = \"" + tuning.link_ids + "\"\njournal_prefix = \"never\"\n";
  write_private(dir_ / "config.toml", config);
}

void Daemon::start() {
  launch();
  wait_until_ready();
}

void Daemon::launch(const std::vector<std::string>& prefix) {
  std::vector<std::string> command = prefix;
  command.insert(command.end(), {SYNCD_PROGRAM, "run", "--config", dir_ / "config.toml"});
  process_ = std::make_unique<Process>(command, dir_ / "daemon.log");
}

void Daemon::wait_until_ready() {
  wait_for(
      "the daemon to be ready",
      [this] {
        if (!process_->running()) {
          throw Failed("the daemon ended:\n" + process_->log_tail());
        }
        return ask("GET", "/-/ready").status == 200;
      },
      start_limit);
}

Reply Daemon::ask(std::string_view method, std::string_view target, std::string_view body) const {
  return request(admin_, method, target, body);
}

Json Daemon::admin(std::string_view method, std::string_view target, std::string_view body) {
  const Reply reply = ask(method, target, body);
  if (reply.status != 200 && reply.status != 201 && reply.status != 202) {
    throw Failed("admin: " + std::string(method) + " " + std::string(target) + ": HTTP " +
                 std::to_string(reply.status) + " " + reply.body + "\n" + process_->log_tail());
  }
  return Json::parse(reply.body);
}

std::vector<Json> Daemon::list(const std::string& path, const std::string& query) {
  std::vector<Json> out;
  std::string after;
  while (true) {
    std::string target = path + "?limit=1000";
    target += query.empty() ? "" : "&" + query;
    target += after.empty() ? "" : "&after=" + after;
    const Json answer = admin("GET", target);
    out.insert(out.end(), answer["items"].items().begin(), answer["items"].items().end());
    if (answer["next"].is_null()) {
      return out;
    }
    after = answer["next"].text();
  }
}

void Daemon::add_link(const std::string& link_id) {
  admin("POST", "/v1/links", R"({"link_id":")" + link_id + "\"}");
}

std::map<std::string, Json> Daemon::links() {
  std::map<std::string, Json> out;
  for (Json& link : list("/v1/links")) {
    out.emplace(link["link_id"].text(), link);
  }
  return out;
}

std::string Daemon::log() const {
  return text_of(dir_ / "daemon.log");
}

// A port may be the system's choice: the log names it, the last start last.
std::string Daemon::announced(std::string_view message) const {
  const std::string lines = log();
  constexpr std::string_view field = "\"address\":\"";
  const std::size_t line = lines.rfind("\"" + std::string(message) + "\"");
  if (line == std::string::npos) {
    throw Failed("the log does not say that " + std::string(message) + ":\n" + process_->log_tail());
  }
  const std::size_t begin = lines.find(field, lines.rfind('\n', line) + 1) + field.size();
  return lines.substr(begin, lines.find('"', begin) - begin);
}

std::string Daemon::scrape() const {
  return request({"http://" + announced("metrics are served")}, "GET", "/metrics").body;
}

Address Daemon::admin_over_tcp() const {
  return {"http://" + announced("the admin API answers over TCP")};
}

Address Daemon::webhooks() const {
  return {"http://" + announced("webhooks are received")};
}

std::string Daemon::metric(std::string_view name) {
  const std::string page = "\n" + scrape();
  const std::size_t found = page.find("\n" + std::string(name) + " ");
  if (found == std::string::npos) {
    return {};
  }
  const std::size_t value = found + name.size() + 2;
  return page.substr(value, page.find('\n', value) - value);
}

void Daemon::wait_for(std::string_view what, const std::function<bool()>& condition,
                      std::chrono::milliseconds limit) {
  wait_until(what, condition, [this] { return process_->log_tail(); }, limit);
}

}  // namespace syncd::test::e2e
