#include "daemon/secret_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr const char* key_name = "upstream.client_secret_file";
constexpr std::string_view credential_name = "moneykit-client-secret";

std::expected<std::string, ConfigProblem> client_secret_path(const Config& config) {
  if (!config.upstream.client_secret_file.empty()) return config.upstream.client_secret_file;
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory != nullptr && *directory == '/') return fmt::format("{}/{}", directory, credential_name);
  return std::unexpected(ConfigProblem{
      .where = "client secret",
      .key = key_name,
      .reason = "no file is named and systemd passed no credentials",
      .next_step = fmt::format("name a file of mode 0400 here, or pass the credential {} in the unit",
                               credential_name)});
}

}  // namespace

std::expected<api::Secret, ConfigProblem> read_client_secret(const Config& config) {
  const auto path = client_secret_path(config);
  if (!path) return std::unexpected(path.error());
  // systemd's credentials may carry an access list, which shows as group bits in the mode.
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  auto secret = api::load_secret_file(*path, directory != nullptr ? directory : "");
  if (secret) return std::move(*secret);
  return std::unexpected(ConfigProblem{
      .where = "client secret", .key = key_name, .reason = secret.error().message, .next_step = ""});
}

std::vector<ConfigProblem> check_files(const Config& config) {
  std::vector<ConfigProblem> problems;
  const auto secret = read_client_secret(config);
  if (!secret) problems.push_back(secret.error());
  const std::string& ca_file = config.upstream.ca_file;
  if (!ca_file.empty() && access(ca_file.c_str(), R_OK) != 0) {
    problems.push_back(
        {.where = ca_file,
         .key = "upstream.ca_file",
         .reason = "cannot be read: " + std::generic_category().message(errno),
         .next_step = "name a readable PEM file, or leave it empty for the system's authorities"});
  }
  return problems;
}

}  // namespace syncd::daemon
