#include <algorithm>

#include "daemon/config_table.hpp"

// What concerns few keys, beside their table.
namespace syncd::daemon {

namespace {

struct FixedKey {
  std::string_view section;
  std::string_view name;
  std::string_view reason;
};

constexpr std::string_view store_of_one =
    "a store belongs to one upstream and one environment: another value needs another store";
constexpr std::string_view of_connections =
    "the connections to upstream, and whom they trust, are made from it at the start";
constexpr std::string_view of_database = "the database takes it when it is opened";
constexpr std::string_view of_listeners =
    "addresses are bound at the start, where one that cannot be had ends the start and no running service";
constexpr std::string_view of_certificate =
    "a reload reads the files in use again; which they are, and whether there is TLS, comes with the "
    "listener";

constexpr FixedKey fixed_keys[] = {
    {"upstream", "base_url", store_of_one},
    {"upstream", "client_id", store_of_one},
    {"upstream", "auth", of_connections},
    {"upstream", "ca_file", of_connections},
    {"upstream", "allow_private_addresses", of_connections},
    {"upstream", "connections", of_connections},
    {"store", "path", "the store is opened at the start"},
    {"store", "block_cache_mib", of_database},
    {"store", "write_buffer_mib", of_database},
    {"store", "open_files", of_database},
    {"admin", "socket", of_listeners},
    {"admin", "group", of_listeners},
    {"admin", "listen", of_listeners},
    {"admin", "tls_certificate_file", of_certificate},
    {"admin", "tls_key_file", of_certificate},
    {"webhook", "listen", of_listeners},
    {"metrics", "listen", of_listeners},
};

struct KeyName {
  std::string_view section;
  std::string_view name;
};
constexpr KeyName confidential_keys[] = {
    {"upstream", "client_id"},
    {"link_session", "redirect_uri"},
    {"link_session", "webhook"},
    {"admin", "allowed_hosts"},
};

bool names(const auto& row, const ConfigKey& key) {
  return row.section == key.section && row.name == key.name;
}

}  // namespace

std::string_view restart_reason(const ConfigKey& key) {
  const auto* const found =
      std::ranges::find_if(fixed_keys, [&key](const FixedKey& row) { return names(row, key); });
  return found == std::end(fixed_keys) ? std::string_view{} : found->reason;
}

bool is_confidential(const ConfigKey& key) {
  return std::ranges::any_of(confidential_keys, [&key](const KeyName& row) { return names(row, key); });
}

}  // namespace syncd::daemon
