#include <utility>

#include "daemon/app_impl.hpp"
#include "daemon/settings.hpp"

// The receiver of webhooks: its listener, its keys, and what it tells.
namespace syncd::daemon {

int App::Impl::open_webhook() {
  if (config.webhook.listen.empty()) return exit_ok;
  auto listener = listen_tcp(*parse_listen_address(config.webhook.listen));
  if (!listener)
    return fail(exit_unavailable, "listen_failed", "webhook.listen: " + listener.error().message);
  webhook_listener = std::move(*listener);
  return exit_ok;
}

ServerOptions App::Impl::webhook_options() const {
  ServerOptions options;
  options.connections_max = listener_connections_max();
  options.one_at_a_time = true;
  return options;
}

ReceiverRules App::Impl::receiver_rules() const {
  const bool named = !config.webhook.issuer.empty();
  return {.path = config.webhook.path,
          .issuer = named ? config.webhook.issuer : config.upstream.base_url,
          .per_second_max = config.webhook.hooks_per_second_max};
}

// Also where no webhooks are received any more: what waits is visited and done with.
int App::Impl::restore_hints() {
  engine->set_hints_max(config.webhook.links_waiting_max);
  const auto hints = store->hints();
  if (!hints) return fail(exit_io, "store_read_failed", hints.error().message);
  for (const core::Hint& hint : *hints)
    engine->restore_hint(hint.link_id, hint.sequence);
  if (!hints->empty())
    log.info("hints_loaded", "links wait for the visit that a webhook asked for",
             LogFields{}.add("links", hints->size()));
  return exit_ok;
}

void App::Impl::serve_webhook() {
  if (!webhook_listener) return;
  hook_keys = std::make_unique<KeyKeeper>(
      timers, io.get_executor(), [this] { return upstream->key_set(); },
      [this](const core::Result<std::size_t>& fetched) { on_key_set(fetched); }, on_exception());
  hook_keys->on_keep([this](const std::vector<core::PublicKey>& keys) { background.spawn(keep_keys(keys)); });
  use_kept_keys();
  receiver = std::make_unique<WebhookReceiver>(
      WebhookReceiver::Parts{
          .timers = timers,
          .keys = *hook_keys,
          .hint = [this](core::LinkId link_id,
                         core::Digest key) { return engine->hint(std::move(link_id), key); },
          .report = [this](const core::HookReport& report) { on_hook(report); }},
      receiver_rules());
  webhook_server = std::make_unique<HttpServer>(
      io.get_executor(), timers, *receiver, std::move(*webhook_listener), webhook_options(), on_exception());
  webhook_listener.reset();
  log.info("listening", "webhooks are received",
           LogFields{}.add("address", std::string_view(webhook_server->name())));
}

// A webhook that comes right after a start need not wait for upstream, whose keys may not be asked for then:
// a start behind a crash takes every budget's first minute for spent.
int App::Impl::restore_keys() {
  if (!webhook_listener) return exit_ok;
  const auto note = store->note(key_note);
  if (!note) return fail(exit_io, "store_read_failed", note.error().message);
  if (*note) kept_keys = decode_kept_keys(**note);
  return exit_ok;
}

void App::Impl::use_kept_keys() {
  const std::optional<KeptKeys> kept = std::exchange(kept_keys, std::nullopt);
  if (!kept || kept->upstream != config.upstream.base_url) return;
  if (hook_keys->restore(kept->keys, timers.wall_now() - kept->fetched_at))
    log.info("key_set",
             "the keys that webhooks are signed with are those of the last run until upstream has answered");
}

// What is not kept is fetched again after a restart.
api::Task<void> App::Impl::keep_keys(std::vector<core::PublicKey> keys) {
  std::string name{key_note};
  std::string note = encode_kept_keys(
      {.upstream = config.upstream.base_url, .fetched_at = timers.wall_now(), .keys = std::move(keys)});
  co_await gateway->put_note(std::move(name), std::move(note));
}

void App::Impl::take_webhook_values() {
  if (receiver) receiver->set_rules(receiver_rules());
  if (engine) engine->set_hints_max(config.webhook.links_waiting_max);
}

// Nothing of a body, and of a link only what the log calls it. What a stranger can cause are a few different
// lines, each written once a minute; the rest is in the metrics.
void App::Impl::on_hook(const core::HookReport& report) {
  metrics.record(report);
  LogFields fields;
  fields.add("outcome", core::to_string(report.outcome));
  if (report.fault) fields.add("reason", core::to_string(*report.fault));
  switch (report.outcome) {
    case core::HookOutcome::accepted:
    case core::HookOutcome::duplicate:
    case core::HookOutcome::ignored:
    case core::HookOutcome::unknown_link:
    case core::HookOutcome::not_visited:
      if (report.link_id && !report.link_id->empty()) {
        const std::string link = log.links().in_log(*report.link_id);
        fields.add("link", std::string_view(link));
      }
      log.debug("webhook", "a webhook was received", fields);
      return;
    case core::HookOutcome::unreadable:
      log.warn("webhook_refused", "a webhook that upstream has signed cannot be read", fields);
      return;
    case core::HookOutcome::bad_signature:
      log.warn("webhook_refused", "a webhook's signature does not hold", fields);
      return;
    default:
      log.warn("webhook_refused", "a webhook could not be taken; upstream sends it again", fields);
      return;
  }
}

void App::Impl::on_key_set(const core::Result<std::size_t>& fetched) {
  metrics.record_key_set_fetch(fetched.has_value());
  if (fetched) {
    log.info("key_set", "the keys that webhooks are signed with were fetched");
    return;
  }
  log.warn(
      "key_set_failed",
      "the keys that webhooks are signed with could not be fetched; those that there are stay in use for "
      "24 hours",
      LogFields{}
          .add("outcome", core::to_string(fetched.error().code))
          .add("error", std::string_view(fetched.error().message)));
}

// Who waits for keys is told first.
api::Task<void> App::Impl::stop_webhook() {
  co_await hook_keys->stop();
  co_await webhook_server->stop();
}

}  // namespace syncd::daemon
