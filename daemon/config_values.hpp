#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/config_table.hpp"

namespace syncd::daemon {

// What a text of the configuration must be like; nullopt: it is. Each is the check of one or more keys.
std::optional<Refusal> check_base_url(std::string_view text);
std::optional<Refusal> check_client_id(std::string_view text);
std::optional<Refusal> check_absolute(std::string_view text);
std::optional<Refusal> check_upstream_file(std::string_view text);
std::optional<Refusal> check_socket(std::string_view text);
std::optional<Refusal> check_listen(std::string_view text);
std::optional<Refusal> check_admin_listen(std::string_view text);
std::optional<Refusal> check_tls_file(std::string_view text);
std::optional<Refusal> check_allowed_hosts(std::string_view text);
std::optional<Refusal> check_redirect_uri(std::string_view text);
std::optional<Refusal> check_webhook(std::string_view text);
std::optional<Refusal> check_hook_path(std::string_view text);
std::optional<Refusal> check_issuer(std::string_view text);
std::optional<Refusal> check_group(std::string_view text);
std::optional<Refusal> check_tag_weights(std::span<const std::string> texts);

}  // namespace syncd::daemon
