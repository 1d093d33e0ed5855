#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "daemon/admin/page.hpp"
#include "daemon/admin_tls.hpp"
#include "daemon/app_impl.hpp"
#include "daemon/settings.hpp"

// The admin API over TCP: its listener, its tokens and its rules.
namespace syncd::daemon {

namespace {

constexpr core::Millis certificate_ends_soon = std::chrono::days(14);

}  // namespace

// A certificate that cannot be used keeps the listener shut and nothing else: never plain http instead.
int App::Impl::open_admin_tcp() {
  if (config.admin.listen.empty()) return exit_ok;
  process.admin_tcp.configured = true;
  if (!load_certificate()) return exit_ok;
  auto listener = listen_on_admin_tcp();
  if (!listener) return fail(exit_unavailable, "listen_failed", listener.error().message);
  return exit_ok;
}

core::Result<void> App::Impl::listen_on_admin_tcp() {
  auto listener = listen_tcp(*parse_listen_address(config.admin.listen));
  if (!listener) return core::fail(listener.error().code, "admin.listen: " + listener.error().message);
  admin_tcp_listener = std::move(*listener);
  return {};
}

// Reads the files that are in use: others take effect at the next start.
bool App::Impl::load_certificate() {
  auto tls = load_admin_tls(config, timers.wall_now());
  metrics.set_admin_certificate_refused(!tls);
  if (!tls) {
    process.admin_tcp.problem = describe(tls.error());
    log.error("admin_certificate",
              process.admin_tcp.open || admin_tcp_listener
                  ? "the new certificate of the admin API cannot be used: the one before stays in use until "
                    "a reload brings a good one"
                  : "the certificate of the admin API cannot be used: its TCP listener stays shut until a "
                    "reload brings a good one",
              LogFields{}.add("error", std::string_view(process.admin_tcp.problem)));
    return false;
  }
  process.admin_tcp.problem.clear();
  admin_tls = std::move(*tls);
  if (!admin_tls) return true;
  const core::WallTime expires_at = admin_tls->expires_at();
  process.admin_tcp.certificate_expires_at = expires_at;
  metrics.set_admin_certificate_expiry(expires_at);
  const bool soon = expires_at - timers.wall_now() < certificate_ends_soon;
  log.write(soon ? LogLevel::warn : LogLevel::info, "admin_certificate",
            soon ? "the certificate of the admin API was read; it expires soon: renew it and reload"
                 : "the certificate of the admin API was read",
            LogFields{}.add("expires_at", std::string_view(core::format_wall_time(expires_at))));
  return true;
}

// A reload: another certificate, or one at last.
void App::Impl::renew_admin_tcp() {
  if (!process.admin_tcp.configured || !load_certificate()) return;
  if (admin_tcp_server != nullptr) {
    admin_tcp_server->set_tls(admin_tls);
    return;
  }
  if (admin_tcp_listener) return;  // the start goes on with it
  if (const auto listening = listen_on_admin_tcp(); !listening) {
    process.admin_tcp.problem = listening.error().message;
    log.error("listen_failed", listening.error().message);
    return;
  }
  if (!routes) return;
  make_access();
  routes->set_access(access.get());
  serve_admin_tcp();
  admin_tcp_server->start();
}

// A damaged table admits nobody; it does not keep the data from being fetched.
int App::Impl::load_tokens() {
  const auto loaded = tokens.load(*store);
  if (loaded) return exit_ok;
  if (loaded.error().code != core::Errc::invalid)
    return fail(exit_io, "store_read_failed", loaded.error().message);
  log.error("tokens_damaged",
            "the admin tokens cannot be read: nobody is admitted over TCP; make new ones with moneykitctl "
            "tokens create, which take their place",
            LogFields{}.add("error", std::string_view(loaded.error().message)));
  return exit_ok;
}

// All that Host may say.
std::vector<std::string> App::Impl::admin_hosts(const ListenAddress& bound) const {
  std::vector<std::string> hosts = own_hosts(bound, admin_tls != nullptr);
  for (std::string& host : *parse_hosts(config.admin.allowed_hosts))
    hosts.push_back(std::move(host));
  return hosts;
}

// A reload: other names. One that has not begun to serve takes them when it does.
void App::Impl::renew_admin_hosts() {
  if (!access || admin_tcp_server == nullptr) return;
  access->set_hosts(admin_hosts(*parse_listen_address(admin_tcp_server->name())));
}

AccessOptions App::Impl::access_options(const ListenAddress& bound) {
  AccessOptions options;
  options.tls = admin_tls != nullptr;
  options.hosts = admin_hosts(bound);
  options.wall_now = [this] { return timers.wall_now(); };
  options.steady_now = [this] { return timers.steady_now(); };
  options.page = [](std::string_view path) -> std::optional<HttpResponse> {
    const PageFile* const file = page_file(path);
    if (file == nullptr) return std::nullopt;
    return HttpResponse{.status = 200,
                        .content_type = std::string(file->content_type),
                        .body = std::string(file->content),
                        .allow = {}};
  };
  options.on_bad_token = [this](const BadToken& bad) {
    metrics.record_bad_token(bad.turned_away);
    if (bad.turned_away) return;
    LogFields fields;
    fields.add("remote", bad.remote).add("reason", bad.reason);
    if (!bad.name.empty()) fields.add("name", bad.name);
    log.warn("admin_token_refused", "a request to the admin API came with a bad token", fields);
  };
  return options;
}

// Before the routes, which ask it.
void App::Impl::make_access() {
  if (!admin_tcp_listener) return;
  const auto bound = parse_listen_address(admin_tcp_listener->name());
  access = std::make_unique<Access>(access_options(*bound),
                                    [this]() -> const TokenTable& { return tokens.table(); });
}

ServerOptions App::Impl::admin_tcp_options() const {
  ServerOptions options;
  options.connections_max = listener_connections_max();
  options.strangers_per_address_max = std::max<std::size_t>(options.connections_max / 4, 1);
  options.body_bytes_max = admin_body_bytes_max;
  options.tls = admin_tls;
  return options;
}

void App::Impl::serve_admin_tcp() {
  if (!admin_tcp_listener) return;
  admin_servers.push_back(std::make_unique<HttpServer>(io.get_executor(), timers, *routes,
                                                       std::move(*admin_tcp_listener), admin_tcp_options(),
                                                       on_exception()));
  admin_tcp_listener.reset();
  admin_tcp_server = admin_servers.back().get();
  process.admin_tcp.open = true;
  log.info("listening",
           admin_tls ? "the admin API answers over TCP with TLS" : "the admin API answers over TCP",
           LogFields{}.add("address", std::string_view(admin_tcp_server->name())));
}

}  // namespace syncd::daemon
