#pragma once

#include <cstddef>
#include <string>

#include "daemon/admin/read_limit.hpp"
#include "daemon/config.hpp"
#include "store/store.hpp"
#include "sync/api/https_transport.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/core/policy.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// The configuration as each part wants it.
core::Policy policy_of(const Config& config);
api::Budgets budgets_of(const Config& config);
engine::SessionSettings session_settings_of(const Config& config);
core::RefreshPolicy refresh_policy_of(const Config& config);
engine::EngineOptions engine_options_of(const Config& config);
// `config.upstream.base_url` must have been accepted.
api::TransportOptions transport_options_of(const Config& config);
store::StoreOptions store_options_of(const Config& config);
ReadRates read_rates_of(const Config& config);
// `sandbox` for client ids that begin with `sandbox_`, else `live`.
// Where backups lie: as configured, or inside the store's directory.
std::string backup_directory_of(const Config& config);
std::string environment_of(const Config& config);
// Connections that one listener of ours serves at the same time: 4 to 64, an eighth of the descriptors that
// the process may have. With more, whoever opens many of them could take those that the store needs to go on.
std::size_t listener_connections_max();

}  // namespace syncd::daemon
