#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/http.hpp"
#include "tests/e2e/json.hpp"
#include "tests/e2e/process.hpp"

namespace syncd::test::e2e {

/// The real sandbox program on a free port, and its control API.
class Sandbox {
 public:
  /// Starts with no links; `options` are those of the program.
  Sandbox(const std::filesystem::path& dir, const std::vector<std::string>& options);

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& client_id() const { return client_id_; }
  /// The answer of `/sandbox/PATH`; throws Failed unless the status is 200 or 201.
  Json control(std::string_view method, std::string_view path, std::string_view body = {});
  /// Adds links as `POST /sandbox/links` describes them, returns their ids.
  std::vector<std::string> add_links(std::string_view body);

 private:
  Process process_;
  std::string url_;
  std::string client_id_;
};

/// What a configuration says beside the addresses; text of TOML.
struct Tuning {
  std::string upstream;
  std::string schedule;
  std::string cycle;
  std::string budget;
  std::string daemon;
  std::string store = {};
  std::string admin = {};
  std::string link_ids = "plain";  ///< how the log names links
  std::string base_url = {};       ///< empty: the sandbox's own
  std::string discovery = "off";
};

/// The real daemon on a store of its own. It is started, killed and started again on the same directory.
class Daemon {
 public:
  Daemon(std::filesystem::path dir, const Sandbox& sandbox, const Tuning& tuning);

  /// Starts it and waits until it is ready.
  void start();
  /// Starts it; it may still have everything to do. `prefix` is a command that runs the one behind it, with
  /// limits or under observation.
  void launch(const std::vector<std::string>& prefix = {});
  void wait_until_ready();
  void kill_now() { process_->kill_now(); }
  Process& process() { return *process_; }
  [[nodiscard]] const Process& process() const { return *process_; }
  [[nodiscard]] const std::filesystem::path& dir() const { return dir_; }

  /// The admin API's answer whatever its status; status 0 when nobody answers.
  [[nodiscard]] Reply ask(std::string_view method, std::string_view target, std::string_view body = {}) const;
  /// Its document; throws Failed with the log's tail unless the status is 200, 201 or 202.
  Json admin(std::string_view method, std::string_view target, std::string_view body = {});
  /// All items of a list, page by page.
  std::vector<Json> list(const std::string& path, const std::string& query = {});
  void add_link(const std::string& link_id);
  /// The link's object by its id, for all links.
  std::map<std::string, Json> links();
  /// All lines written since the first start.
  [[nodiscard]] std::string log() const;
  /// What the metrics listener shows.
  [[nodiscard]] std::string scrape() const;
  /// Where the admin API answers over TCP, as the log of the last start says; throws Failed when it does not.
  [[nodiscard]] Address admin_over_tcp() const;
  /// Where webhooks are received; throws likewise.
  [[nodiscard]] Address webhooks() const;
  /// The value of a metric without labels, as the exposition writes it; empty when it is not there.
  std::string metric(std::string_view name);
  void wait_for(std::string_view what, const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds{90});

 private:
  /// The address in the last line of the log with this message.
  [[nodiscard]] std::string announced(std::string_view message) const;

  std::filesystem::path dir_;
  Address admin_;
  std::unique_ptr<Process> process_;
};

}  // namespace syncd::test::e2e
