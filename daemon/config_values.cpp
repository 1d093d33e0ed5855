#include "daemon/config_values.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "daemon/address.hpp"
#include "daemon/shown_value.hpp"
#include "sync/api/base_url.hpp"
#include "sync/core/json_text.hpp"
#include "sync/core/link_session.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t unix_path_bytes_max = 107;  // sockaddr_un::sun_path without its NUL

}  // namespace

// Nothing that stands under [upstream] is repeated in a message: a secret may have been put there by mistake.
std::optional<Refusal> check_base_url(std::string_view text) {
  const auto url = api::parse_base_url(text);
  if (url) return std::nullopt;
  std::string reason = url.error().message;
  const std::string quote = fmt::format("\"{}\": ", text);
  if (const std::size_t at = reason.find(quote); at != std::string::npos) reason.erase(0, at + quote.size());
  return Refusal{std::move(reason), "write for example \"https://api.moneykit.com\""};
}

std::optional<Refusal> check_client_id(std::string_view text) {
  if (text.empty()) {
    return Refusal{"is missing", "copy the client id from the MoneyKit dashboard, for example \"live_0123\""};
  }
  const bool visible = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
  if (visible && text.size() <= 256) return std::nullopt;
  return Refusal{"has spaces, control characters or more than 256 bytes",
                 "copy it again from the MoneyKit dashboard"};
}

std::optional<Refusal> check_absolute(std::string_view text) {
  if (text.starts_with('/') && text.find('\0') == std::string_view::npos) return std::nullopt;
  return Refusal{fmt::format("{} is not an absolute path", shown_value(text)),
                 "write the whole path, from \"/\" on"};
}

std::optional<Refusal> check_upstream_file(std::string_view text) {
  if (text.empty() || !check_absolute(text)) return std::nullopt;
  return Refusal{"is not an absolute path (the value is not repeated here: it may be a secret)",
                 "name a file, from \"/\" on; the secret itself belongs into that file"};
}

std::optional<Refusal> check_socket(std::string_view text) {
  if (text.size() > unix_path_bytes_max) {
    return Refusal{
        fmt::format("is longer than the {} bytes a unix socket's path may have", unix_path_bytes_max),
        "choose a shorter directory"};
  }
  return check_absolute(text);
}

std::optional<Refusal> check_listen(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto listen = parse_listen_address(text);
  if (listen) return std::nullopt;
  return Refusal{fmt::format("{} {}", shown_value(text), listen.error()),
                 "write for example \"127.0.0.1:9464\""};
}

std::optional<Refusal> check_admin_listen(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto listen = parse_listen_address(text);
  if (listen) return std::nullopt;
  return Refusal{fmt::format("{} {}", shown_value(text), listen.error()),
                 "write for example \"127.0.0.1:8420\""};
}

// The value is not repeated: a key may have been put here by mistake.
std::optional<Refusal> check_tls_file(std::string_view text) {
  if (text.empty() || !check_absolute(text)) return std::nullopt;
  return Refusal{"is not an absolute path (the value is not repeated here: it may be a secret)",
                 "name a PEM file, from \"/\" on"};
}

std::optional<Refusal> check_allowed_hosts(std::string_view text) {
  if (const auto hosts = parse_hosts(text); !hosts) {
    return Refusal{hosts.error(),
                   "write the hosts as browsers send them, separated by blanks, for example "
                   "\"admin.example.com:8420\""};
  }
  return std::nullopt;
}

// The text itself is not repeated: an address may carry a key.
std::optional<Refusal> check_redirect_uri(std::string_view text) {
  const auto fault = text.empty() ? std::nullopt : core::redirect_uri_fault(text);
  if (!fault) return std::nullopt;
  return Refusal{std::string(*fault),
                 "write an address whose origin is registered in the MoneyKit dashboard, for example "
                 "\"https://app.example.com/linked\""};
}

std::optional<Refusal> check_webhook(std::string_view text) {
  const auto fault = text.empty() ? std::nullopt : core::webhook_fault(text);
  if (!fault) return std::nullopt;
  return Refusal{std::string(*fault), "write for example \"https://hooks.example.com/moneykit\""};
}

std::optional<Refusal> check_hook_path(std::string_view text) {
  constexpr std::size_t path_bytes_max = 256;
  const bool plain = std::ranges::all_of(
      text, [](char c) { return c > ' ' && c < 0x7F && c != '?' && c != '#' && c != '"'; });
  if (text.starts_with('/') && plain && text.size() <= path_bytes_max) return std::nullopt;
  return Refusal{fmt::format("{} is not a path that a webhook can be sent to", shown_value(text)),
                 "write for example \"/webhook\""};
}

std::optional<Refusal> check_issuer(std::string_view text) {
  if (text.empty() || core::is_valid_id(text)) return std::nullopt;
  return Refusal{"has control characters or more than 256 bytes",
                 "leave it empty, or write what the signatures have, \"https://api.moneykit.com\""};
}

std::optional<Refusal> check_group(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (plain && text.size() <= 32) return std::nullopt;
  return Refusal{fmt::format("{} is not a group name", shown_value(text)),
                 "use letters, digits, '-' and '_'"};
}

}  // namespace syncd::daemon
