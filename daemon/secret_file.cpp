#include "daemon/secret_file.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr const char* key_name = "upstream.client_secret_file";
constexpr std::string_view credential_name = "moneykit-client-secret";

ConfigProblem no_credential() {
  return {.where = "client secret",
          .key = key_name,
          .reason = fmt::format("no file is named, and systemd has no credential {}", credential_name),
          .next_step = fmt::format("make it: systemd-creds encrypt --name={0} - /etc/credstore.encrypted/{0}; "
                                   "or name a file of mode 0400 here",
                                   credential_name)};
}

std::expected<std::string, ConfigProblem> client_secret_path(const Config& config) {
  if (!config.upstream.client_secret_file.empty()) return config.upstream.client_secret_file;
  if (const std::string directory = credentials_directory(); !directory.empty()) {
    std::string path = fmt::format("{}/{}", directory, credential_name);
    struct stat status{};
    // systemd makes the directory also for a unit whose credential it has not found.
    if (lstat(path.c_str(), &status) != 0 && errno == ENOENT) return std::unexpected(no_credential());
    return path;
  }
  return std::unexpected(ConfigProblem{
      .where = "client secret",
      .key = key_name,
      .reason = "no file is named and systemd passed no credentials",
      .next_step = fmt::format("name a file of mode 0400 here, or pass the credential {} in the unit",
                               credential_name)});
}

}  // namespace

std::string credentials_directory() {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory != nullptr && *directory == '/' ? directory : "";
}

std::string without_path(std::string message, const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0) return message;
  for (std::size_t at = message.find(path); at != std::string::npos; at = message.find(path))
    message.replace(at, path.size(), "(the named one)");
  return message;
}

std::expected<api::Secret, ConfigProblem> read_client_secret(const Config& config) {
  const auto path = client_secret_path(config);
  if (!path) return std::unexpected(path.error());
  // systemd's credentials may carry an access list, which shows as group bits in the mode.
  auto secret = api::load_secret_file(*path, credentials_directory());
  if (secret) return std::move(*secret);
  std::string reason = secret.error().message;
  if (!config.upstream.client_secret_file.empty()) reason = without_path(std::move(reason), *path);
  return std::unexpected(
      ConfigProblem{.where = "client secret", .key = key_name, .reason = std::move(reason), .next_step = ""});
}

}  // namespace syncd::daemon
