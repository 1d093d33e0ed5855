#include "daemon/settings.hpp"

#include <algorithm>
#include <sys/resource.h>
#include <utility>

#include "daemon/tag_weights.hpp"

namespace syncd::daemon {

namespace {

// Every value was checked against its range, which fits.
std::uint32_t narrow(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}

std::shared_ptr<const std::vector<core::TagWeight>> weights_of(const Config& config) {
  auto weights = parse_tag_weights(config.schedule.weights);
  if (!weights || weights->empty()) return nullptr;
  return std::make_shared<const std::vector<core::TagWeight>>(std::move(*weights));
}

}  // namespace

core::Policy policy_of(const Config& config) {
  return {.interval = config.schedule.interval,
          .max_interval = config.schedule.max_interval,
          .accounts_interval = config.schedule.accounts_interval,
          .backoff_base = config.schedule.backoff_base,
          .backoff_max = config.schedule.backoff_max,
          .outage_base = config.schedule.outage_base,
          .probe_base = config.schedule.probe_base,
          .page_size = narrow(config.cycle.page_size),
          .cycle_pages_max = narrow(config.cycle.pages_max),
          .drain_pages_max = narrow(config.cycle.drain_pages_max),
          .drain_idle_pages_max = narrow(config.cycle.drain_idle_pages_max),
          .protocol_failures_max = narrow(config.cycle.protocol_failures_max),
          .resyncs_per_day_max = narrow(config.cycle.resyncs_per_day_max),
          .keep_redacted_bodies = config.store.dead_letter_bodies == "redacted",
          .verify_interval = config.schedule.verify_interval,
          .incidents = {.enabled = config.incidents.enabled,
                        .min_links = narrow(config.incidents.min_links),
                        .min_share = narrow(config.incidents.min_share),
                        .window = config.incidents.window},
          .adaptive = config.schedule.policy == "adaptive",
          .min_interval = config.schedule.min_interval,
          .peeks = config.schedule.peek,
          .control_share = static_cast<double>(config.schedule.control_percent) / 100,
          .weights = weights_of(config)};
}

api::Budgets budgets_of(const Config& config) {
  return {.sync_per_app = narrow(config.budget.sync_per_app),
          .sync_per_link = narrow(config.budget.sync_per_link),
          .accounts_per_app = narrow(config.budget.accounts_per_app),
          .accounts_per_link = narrow(config.budget.accounts_per_link),
          .link_per_app = narrow(config.budget.link_per_app),
          .link_per_link = narrow(config.budget.link_per_link),
          .links_per_app = narrow(config.budget.links_per_app),
          .token_per_client = narrow(config.budget.token_per_client),
          .link_session_per_app = narrow(config.budget.link_session_per_app),
          .link_session_per_user = narrow(config.budget.link_session_per_user),
          .exchange_per_app = narrow(config.budget.exchange_per_app),
          .user_links_per_app = narrow(config.budget.user_links_per_app),
          .delete_link_per_app = narrow(config.budget.delete_link_per_app),
          .update_link_per_app = narrow(config.budget.update_link_per_app),
          .update_link_per_link = narrow(config.budget.update_link_per_link),
          .products_per_app = narrow(config.budget.products_per_app),
          .products_per_link = narrow(config.budget.products_per_link)};
}

engine::SessionSettings session_settings_of(const Config& config) {
  return {.redirect_uri = config.link_session.redirect_uri,
          .webhook = config.link_session.webhook,
          .lifetime = config.link_session.lifetime};
}

core::RefreshPolicy refresh_policy_of(const Config& config) {
  const Config::Refresh& refresh = config.refresh;
  return {.enabled = refresh.enabled,
          .calls_per_day = narrow(refresh.calls_per_day),
          .calls_per_month = narrow(refresh.calls_per_month),
          .accounts = refresh.products != "transactions",
          .transactions = refresh.products != "accounts",
          .accounts_interval = refresh.accounts_interval,
          .transactions_interval = refresh.transactions_interval};
}

engine::EngineOptions engine_options_of(const Config& config) {
  return {.policy = policy_of(config),
          .workers = narrow(config.daemon.workers),
          .links_max = narrow(config.daemon.links_max),
          .discovery = config.schedule.discovery != "off",
          .discovery_registers = config.schedule.discovery == "register",
          .discovery_interval = config.schedule.discovery_interval,
          .sessions = session_settings_of(config),
          .gone_links_kept = config.retention.gone_links,
          .refresh = refresh_policy_of(config)};
}

api::TransportOptions transport_options_of(const Config& config) {
  api::TransportOptions options;
  options.url = *api::parse_base_url(config.upstream.base_url);
  options.ca_file = config.upstream.ca_file;
  options.allow_private_addresses = config.upstream.allow_private_addresses;
  options.connections_max = config.upstream.connections;
  options.user_agent = "moneykit-syncd/" SYNCD_VERSION;
  return options;
}

store::StoreOptions store_options_of(const Config& config) {
  store::StoreOptions options;
  options.path = config.store.path;
  options.environment = environment_of(config);
  options.upstream = api::parse_base_url(config.upstream.base_url)->host;
  options.block_cache_bytes = config.store.block_cache_mib << 20;
  options.write_buffer_bytes = config.store.write_buffer_mib << 20;
  options.open_files_max = static_cast<int>(config.store.open_files);
  options.min_free_bytes = config.store.min_free_to_open_mib << 20;
  return options;
}

ReadRates read_rates_of(const Config& config) {
  return {.requests_per_minute = config.admin.read_requests_per_minute,
          .rows_per_minute = config.admin.read_rows_per_minute};
}

std::string backup_directory_of(const Config& config) {
  return config.backup.directory.empty() ? config.store.path + "/backups" : config.backup.directory;
}

std::string environment_of(const Config& config) {
  return config.upstream.client_id.starts_with("sandbox_") ? "sandbox" : "live";
}

std::size_t listener_connections_max() {
  constexpr rlim_t usual = 64;
  constexpr rlim_t least = 4;
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return usual;
  return std::clamp(descriptors.rlim_cur / 8, least, usual);
}

}  // namespace syncd::daemon
