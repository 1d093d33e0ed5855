#include "daemon/config_check.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/admin_tls.hpp"
#include "daemon/secret_file.hpp"
#include "sync/api/base_url.hpp"
#include "sync/api/tls.hpp"

namespace syncd::daemon {

namespace {

constexpr const char* socket_key = "admin.socket";
constexpr const char* store_key = "store.path";
constexpr const char* ca_key = "upstream.ca_file";

std::string reason_of(int error_number) {
  return std::generic_category().message(error_number);
}

std::string place_of(const ConfigReading& reading, const char* key) {
  const auto found = reading.loaded.origins.find(key);
  return found == reading.loaded.origins.end() ? "defaults" : found->second;
}

// Reads the file as the TLS client would: a directory, an empty file and garbage are found out here.
void check_authorities(const ConfigReading& reading, std::vector<ConfigProblem>& problems) {
  const Config& config = reading.loaded.config;
  const auto url = api::parse_base_url(config.upstream.base_url);
  const bool needs_them = url && url->tls && !reading.unknown.contains("upstream.base_url");
  if (config.upstream.ca_file.empty() && !needs_them) return;
  const api::TlsOptions options{.host = "localhost", .ca_file = config.upstream.ca_file};
  const auto context = api::TlsContext::create(options);
  if (context) return;
  problems.push_back({.where = place_of(reading, ca_key),
                      .key = ca_key,
                      .reason = context.error().message,
                      .next_step = "leave it empty for the system's authorities"});
}

// Loads the two as the listener would, which also tells whether they belong together and are valid today.
void check_admin_tls(const ConfigReading& reading, std::vector<ConfigProblem>& problems) {
  for (const char* key : {"admin.listen", "admin.tls_certificate_file", "admin.tls_key_file"}) {
    if (reading.unknown.contains(key)) return;
  }
  const auto now = std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
  const auto tls = load_admin_tls(reading.loaded.config, now);
  if (tls) return;
  ConfigProblem problem = tls.error();
  problem.where = place_of(reading, problem.key.c_str());
  problems.push_back(std::move(problem));
}

bool is_folder(const std::filesystem::path& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Empty: the socket can be made, or somebody has made it already (systemd, a daemon that runs).
std::string why_no_socket(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0)
    return S_ISSOCK(status.st_mode) ? "" : fmt::format("{} is there and is no socket", path);
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  const std::filesystem::path above = directory.parent_path();
  if (is_folder(directory)) {
    if (access(directory.c_str(), W_OK | X_OK) == 0) return {};
    return fmt::format("{} cannot be written by this user: {}", directory.string(), reason_of(errno));
  }
  if (lstat(directory.c_str(), &status) == 0) return fmt::format("{} is no directory", directory.string());
  if (!is_folder(above)) {
    return fmt::format("neither {} nor {} exists, and only one directory is made", directory.string(),
                       above.string());
  }
  if (access(above.c_str(), W_OK | X_OK) == 0) return {};
  return fmt::format("{} does not exist and cannot be made by this user: {}", directory.string(),
                     reason_of(errno));
}

void check_socket_place(const ConfigReading& reading, std::vector<ConfigProblem>& problems) {
  const std::string reason = why_no_socket(reading.loaded.config.admin.socket);
  if (reason.empty()) return;
  problems.push_back({.where = place_of(reading, socket_key),
                      .key = socket_key,
                      .reason = reason,
                      .next_step = "make the directory for the daemon's user, let systemd do it, remove what "
                                   "is in its place, or name a socket elsewhere"});
}

// Only what no permission mends: the check may be made by another user than the service's.
void check_store_place(const ConfigReading& reading, std::vector<ConfigProblem>& problems) {
  // Of `a/b` and of `a/b/`: a/b, which lies in a.
  const std::filesystem::path path =
      (std::filesystem::path(reading.loaded.config.store.path) / "").parent_path();
  const std::filesystem::path above = path.parent_path();
  struct stat status{};
  std::string reason;
  if (stat(path.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) reason = fmt::format("{} is there and is no directory", path.string());
  } else if (errno == ENOTDIR) {
    reason = fmt::format("{} cannot lie in a file: something above it is no directory", path.string());
  } else if (errno == ENOENT && !is_folder(above)) {
    reason = fmt::format("neither {} nor {} exists, and only one directory is made", path.string(),
                         above.string());
  }
  if (reason.empty()) return;
  problems.push_back({.where = place_of(reading, store_key),
                      .key = store_key,
                      .reason = reason,
                      .next_step = "make the directory for the daemon's user, or name another"});
}

}  // namespace

std::vector<ConfigProblem> check_machine(const ConfigReading& reading, MachineCheck extent) {
  std::vector<ConfigProblem> problems;
  if (!reading.unknown.contains("upstream.client_secret_file")) {
    const auto secret = read_client_secret(reading.loaded.config);
    if (!secret) problems.push_back(secret.error());
  }
  if (!reading.unknown.contains(ca_key)) check_authorities(reading, problems);
  if (extent == MachineCheck::everything) check_admin_tls(reading, problems);
  if (!reading.unknown.contains(socket_key)) check_socket_place(reading, problems);
  if (!reading.unknown.contains(store_key)) check_store_place(reading, problems);
  return problems;
}

std::expected<LoadedConfig, std::vector<ConfigProblem>> load_checked_config(const std::string& path,
                                                                            const Environment& environment,
                                                                            MachineCheck extent) {
  ConfigReading reading = read_config(path, environment);
  std::ranges::move(check_machine(reading, extent), std::back_inserter(reading.problems));
  if (!reading.problems.empty()) return std::unexpected(std::move(reading.problems));
  return std::move(reading.loaded);
}

}  // namespace syncd::daemon
