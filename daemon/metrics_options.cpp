#include "daemon/metrics_options.hpp"

#include <string>

#include <boost/version.hpp>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include "daemon/admin/routes.hpp"
#include "store/statistics.hpp"

namespace syncd::daemon {

namespace {

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

}  // namespace

// No revision: it would make two builds of the same files different.
metrics::MetricsOptions metrics_options(core::WallTime started_at) {
  metrics::MetricsOptions options;
  options.version = SYNCD_VERSION;
  options.compiler = compiler();
  options.rocksdb = store::database_version();
  options.boost =
      fmt::format("{}.{}.{}", BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1'000, BOOST_VERSION % 100);
  options.openssl = OpenSSL_version(OPENSSL_VERSION_STRING);
  options.started_at = started_at;
  for (AdminRoutes::RouteInfo& row : AdminRoutes::list_routes())
    options.admin_routes.push_back({.method = std::string(row.method), .route = std::move(row.path)});
  return options;
}

}  // namespace syncd::daemon
