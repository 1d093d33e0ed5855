#include "daemon/admin_tls.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "daemon/secret_file.hpp"

namespace syncd::daemon {

namespace {

constexpr const char* certificate_key = "admin.tls_certificate_file";
constexpr const char* key_key = "admin.tls_key_file";
constexpr std::string_view credential_name = "moneykit-admin-tls-key";
constexpr std::size_t key_bytes_max = 64 * 1024;

ConfigProblem problem_of(const char* key, std::string reason, std::string next_step = {}) {
  return {.where = "admin TLS", .key = key, .reason = std::move(reason), .next_step = std::move(next_step)};
}

}  // namespace

std::expected<std::shared_ptr<const ServerTls>, ConfigProblem> load_admin_tls(const Config& config,
                                                                              core::WallTime now) {
  const std::string& certificate = config.admin.tls_certificate_file;
  if (config.admin.listen.empty() || certificate.empty()) return nullptr;
  const std::string credentials = credentials_directory();
  std::string path = config.admin.tls_key_file;
  if (path.empty() && !credentials.empty()) path = fmt::format("{}/{}", credentials, credential_name);
  if (path.empty()) {
    return std::unexpected(problem_of(
        key_key, "no file is named and systemd passed no credentials",
        fmt::format("name the certificate's key file, of mode 0400, here, or pass the credential {} "
                    "in the unit",
                    credential_name)));
  }
  const auto key = api::load_private_file(path, credentials, key_bytes_max);
  if (!key) return std::unexpected(problem_of(key_key, without_path(key.error().message, path)));
  auto tls = ServerTls::create(certificate, *key, path, now);
  if (tls) return std::move(*tls);
  const bool about_key = tls.error().message.starts_with("TLS key");
  return std::unexpected(
      problem_of(about_key ? key_key : certificate_key, without_path(tls.error().message, certificate)));
}

}  // namespace syncd::daemon
