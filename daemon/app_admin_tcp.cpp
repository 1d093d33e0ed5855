#include <utility>

#include <fmt/format.h>

#include "daemon/admin/page.hpp"
#include "daemon/admin_tls.hpp"
#include "daemon/app_impl.hpp"
#include "daemon/settings.hpp"

// The admin API over TCP: its listener, its tokens and its rules.
namespace syncd::daemon {

int App::Impl::open_admin_tcp() {
  if (config.admin.listen.empty()) return exit_ok;
  auto tls = load_admin_tls(config, timers.wall_now());
  if (!tls) return fail(exit_config, "config_problem", describe(tls.error()));
  admin_tls = std::move(*tls);
  auto listener = listen_tcp(*parse_listen_address(config.admin.listen));
  if (!listener) return fail(exit_unavailable, "listen_failed", "admin.listen: " + listener.error().message);
  admin_tcp_listener = std::move(*listener);
  return exit_ok;
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

AccessOptions App::Impl::access_options(const ListenAddress& bound) {
  AccessOptions options;
  options.tls = admin_tls != nullptr;
  options.hosts = own_hosts(bound, options.tls);
  for (std::string& host : *parse_hosts(config.admin.allowed_hosts))
    options.hosts.push_back(std::move(host));
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

void App::Impl::serve_admin_tcp() {
  if (!admin_tcp_listener) return;
  ServerOptions options;
  options.connections_max = listener_connections_max();
  options.body_bytes_max = admin_body_bytes_max;
  options.tls = admin_tls;
  admin_servers.push_back(std::make_unique<HttpServer>(io.get_executor(), timers, *routes,
                                                       std::move(*admin_tcp_listener), std::move(options),
                                                       on_exception()));
  admin_tcp_listener.reset();
  admin_tcp_server = admin_servers.back().get();
  log.info("listening",
           admin_tls ? "the admin API answers over TCP with TLS" : "the admin API answers over TCP",
           LogFields{}.add("address", std::string_view(admin_tcp_server->name())));
}

void App::Impl::take_new_certificate(std::shared_ptr<const ServerTls> tls) {
  if (!tls || !admin_tls) return;
  admin_tls = std::move(tls);
  if (admin_tcp_server != nullptr) admin_tcp_server->set_tls(admin_tls);
}

}  // namespace syncd::daemon
