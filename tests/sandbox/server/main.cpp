#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>

#include "tests/sandbox/model/random.hpp"
#include "tests/sandbox/model/refresh_habit.hpp"
#include "tests/sandbox/server/refresh_file.hpp"
#include "tests/sandbox/server/sandbox.hpp"
#include "tests/sandbox/server/server.hpp"

namespace syncd::sandbox {
namespace {

constexpr int exit_usage = 2;
constexpr int exit_failure = 1;
constexpr std::uint64_t stream_webhook = 0x901;

struct Arguments {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8700;
  std::uint16_t tls_port = 0;
  bool no_http = false;
  std::string tls_cert;
  std::string tls_key;
  std::string port_file;
  std::uint64_t seed = 1;
  std::size_t links = 6;
  std::vector<std::string> institutions;
  NewLink link;
  std::uint32_t refresh_every_seconds = 0;
  double clock_speed = 1.0;
  std::string fault_script;
  std::vector<std::string> budgets;
  bool no_budgets = false;
  std::string client_id = UpstreamOptions{}.client_id;
  std::string client_secret_file;
  std::uint32_t token_life_seconds = 3600;
  std::uint32_t retry_after_grace_ms = 250;
  std::uint32_t refresh_failure_permille = Switches{}.refresh_failure_permille;
  std::size_t record = 0;
  std::string refresh = "habits";
  double refresh_pace = 1.0;
  std::size_t refresh_log = 10'000;
  std::string refresh_file;
  std::vector<std::string> refresh_hours;
  std::string webhook;
  std::uint32_t webhook_permille = 1000;
  HookOptions hooks;
  std::uint32_t hook_latency_ms = 0;
};

/// Prints the reason and ends the program; only for problems with what the user gave us.
[[noreturn]] void refuse(const std::string& reason) {
  std::fprintf(stderr, "moneykit-sandbox: %s\n", reason.c_str());
  std::exit(exit_usage);
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    refuse("cannot read " + path);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

void add_refresh_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--refresh-every", arguments.refresh_every_seconds,
                 "Seconds of bank time between refreshes; 0: the institutions' habits")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--refresh-failures", arguments.refresh_failure_permille,
                 "Scheduled refreshes that fail, of a thousand")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--refresh", arguments.refresh,
                 "habits: the institutions above; periodic: links of 120 made-up banks that refresh nearly "
                 "periodically or when something happens, and bring news only if there is any")
      ->check(CLI::IsMember({"habits", "periodic"}))
      ->capture_default_str();
  app.add_option("--refresh-pace", arguments.refresh_pace, "How many times faster the made-up banks live")
      ->check(CLI::Range(0.01, 1e5))
      ->capture_default_str();
  app.add_option("--refresh-log", arguments.refresh_log, "Refreshes to keep for GET /sandbox/refreshes")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  app.add_option("--refreshes", arguments.refresh_file,
                 "File with links at made-up banks and the refreshes of each (README.md); after --links");
  app.add_option("--refresh-hours", arguments.refresh_hours,
                 "INSTITUTION=FROM-TO hours (UTC) in which it takes refreshes on demand; repeatable");
}

void add_hook_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--webhook", arguments.webhook, "Webhook of the links to begin with (http, loopback)");
  app.add_option("--webhook-permille", arguments.webhook_permille,
                 "Of those links, how many have it, of a thousand")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--hook-recall", arguments.hooks.recall_permille, "What hooks tell of, of a thousand events")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--hook-latency-ms", arguments.hook_latency_ms, "Mean time from event to hook, in bank time")
      ->check(CLI::Range(0, 86'400'000))
      ->capture_default_str();
  app.add_option("--hook-duplicates", arguments.hooks.duplicate_permille, "Hooks sent twice, of a thousand")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--hook-late", arguments.hooks.late_permille,
                 "Hooks held back for up to a minute, so that others overtake them, of a thousand")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
}

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--address", arguments.address, "Address to listen on")->capture_default_str();
  app.add_option("--port", arguments.port, "HTTP port; 0 takes any free one")->capture_default_str();
  app.add_flag("--no-http", arguments.no_http, "HTTPS only");
  app.add_option("--tls-cert", arguments.tls_cert, "Certificate chain (PEM); turns HTTPS on");
  app.add_option("--tls-key", arguments.tls_key, "Private key (PEM)");
  app.add_option("--tls-port", arguments.tls_port, "HTTPS port; 0 takes any free one")->capture_default_str();
  app.add_option("--port-file", arguments.port_file, "File that gets the JSON line with the addresses");
  app.add_option("--seed", arguments.seed, "Everything the banks invent follows from it")
      ->capture_default_str();
  app.add_option("--links", arguments.links, "Links to begin with")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  app.add_option("--institution", arguments.institutions,
                 "Institutions of those links, in turn (default: all)");
  app.add_option("--accounts", arguments.link.accounts, "Accounts of each link; 0: one to five")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--history-months", arguments.link.history_months, "Length of the history")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--transactions-per-month", arguments.link.transactions_per_month, "For each link")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--clock-speed", arguments.clock_speed, "Bank seconds for one real second")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  app.add_option("--fault-script", arguments.fault_script, "JSON file with fault rules");
  app.add_option("--budget", arguments.budgets,
                 "ENDPOINT=PER_APP/PER_LINK calls a minute, 0 for no limit; repeatable");
  app.add_flag("--no-budgets", arguments.no_budgets, "Never answer 429 by itself");
  app.add_option("--client-id", arguments.client_id, "The accepted client id")->capture_default_str();
  app.add_option("--client-secret-file", arguments.client_secret_file,
                 "File with the accepted secret (default secret: sandbox-secret)");
  app.add_option("--token-life", arguments.token_life_seconds, "Seconds a bearer token lives")
      ->capture_default_str();
  app.add_option("--retry-after-grace-ms", arguments.retry_after_grace_ms,
                 "Requests this soon after a 429 count as already under way")
      ->capture_default_str();
  add_refresh_options(app, arguments);
  add_hook_options(app, arguments);
  app.add_option("--record", arguments.record, "Exchanges to keep for GET /sandbox/recorded")
      ->capture_default_str();
}

void apply_budget(Budgets& budgets, const std::string& text) {
  const auto equals = text.find('=');
  const auto slash = text.find('/', equals);
  const auto endpoint = endpoint_from_name(text.substr(0, equals));
  if (equals == std::string::npos || slash == std::string::npos || !endpoint) {
    refuse("--budget " + text + ": write ENDPOINT=PER_APP/PER_LINK, for instance sync=600/15");
  }
  const auto number = [&](std::size_t from, std::size_t to) {
    std::uint32_t value = 0;
    const char* const end = text.data() + to;
    const auto parsed = std::from_chars(text.data() + from, end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) {
      refuse("--budget " + text + ": the limits must be whole numbers");
    }
    return value;
  };
  budgets.of(*endpoint) = Budget{number(equals + 1, slash), number(slash + 1, text.size())};
}

UpstreamOptions upstream_options(const Arguments& arguments) {
  UpstreamOptions options;
  options.seed = arguments.seed;
  options.client_id = arguments.client_id;
  if (!arguments.client_secret_file.empty()) {
    std::string secret = file_text(arguments.client_secret_file);
    secret.erase(secret.find_last_not_of(" \r\n") + 1);
    if (secret.empty()) {
      refuse(arguments.client_secret_file + " holds no secret");
    }
    options.client_secret = std::move(secret);
  }
  options.token_life = std::chrono::seconds{arguments.token_life_seconds};
  options.retry_after_grace = Milliseconds{arguments.retry_after_grace_ms};
  options.hooks = arguments.hooks;
  options.hooks.latency_mean = Milliseconds{arguments.hook_latency_ms};
  options.refresh_pace = arguments.refresh_pace;
  options.refreshes_kept = arguments.refresh_log;
  options.switches.refresh_failure_permille = arguments.refresh_failure_permille;
  if (arguments.no_budgets) {
    options.budgets = Budgets::unlimited();
  }
  for (const std::string& budget : arguments.budgets) {
    apply_budget(options.budgets, budget);
  }
  return options;
}

void add_links(Sandbox& sandbox, Arguments& arguments) {
  if (arguments.institutions.empty()) {
    for (const Institution& institution : institutions()) {
      arguments.institutions.emplace_back(institution.id);
    }
  }
  for (const std::string& institution : arguments.institutions) {
    if (find_institution(institution) == nullptr) {
      refuse("--institution " + institution + " is not known");
    }
  }
  NewLink link = arguments.link;
  if (arguments.refresh_every_seconds != 0) {
    link.refresh_every = std::chrono::seconds{arguments.refresh_every_seconds};
  }
  const bool made_up = arguments.refresh == "periodic";
  for (std::size_t i = 0; i < arguments.links; ++i) {
    link.institution = made_up ? std::string(pick_made_up_institution(arguments.seed, i).id)
                               : arguments.institutions[i % arguments.institutions.size()];
    const bool hooked = hash_words(arguments.seed, stream_webhook, i) % 1000 < arguments.webhook_permille;
    link.webhook = hooked && !arguments.webhook.empty() ? std::optional(arguments.webhook) : std::nullopt;
    sandbox.upstream().add_link(link, sandbox.now());
  }
}

void add_planned_links(Sandbox& sandbox, const Arguments& arguments) {
  if (arguments.refresh_file.empty()) {
    return;
  }
  auto links = parse_refresh_file(file_text(arguments.refresh_file));
  if (!links) {
    refuse(arguments.refresh_file + ": " + links.error());
  }
  for (PlannedLink& planned : *links) {
    NewLink link = arguments.link;
    link.institution = std::move(planned.institution);
    link.refreshes = std::make_shared<const std::vector<PlannedRefresh>>(std::move(planned.refreshes));
    link.webhook = arguments.webhook.empty() ? std::nullopt : std::optional(arguments.webhook);
    sandbox.upstream().add_link(link, sandbox.now());
  }
}

void add_refresh_hours(Sandbox& sandbox, const Arguments& arguments) {
  for (const std::string& text : arguments.refresh_hours) {
    const auto equals = text.find('=');
    std::uint32_t from = 24;
    std::uint32_t to = 24;
    if (equals != std::string::npos) {
      const char* const end = text.data() + text.size();
      const auto first = std::from_chars(text.data() + equals + 1, end, from);
      const bool dash = first.ec == std::errc{} && first.ptr != end && *first.ptr == '-';
      const auto second = std::from_chars(dash ? first.ptr + 1 : end, end, to);
      to = second.ptr == end ? to : 24;
    }
    if (from > 23 || to > 23 || !sandbox.upstream().set_refresh_hours(text.substr(0, equals), from, to)) {
      refuse("--refresh-hours " + text +
             ": write INSTITUTION=FROM-TO with hours from 0 to 23, for instance chase=8-18");
    }
  }
}

void add_faults(Sandbox& sandbox, const Arguments& arguments) {
  if (arguments.fault_script.empty()) {
    return;
  }
  auto rules = parse_fault_script(file_text(arguments.fault_script));
  if (!rules) {
    refuse(arguments.fault_script + ": " + rules.error());
  }
  sandbox.upstream().faults().set(std::move(*rules));
}

/// The line for whoever started us: where to connect, with what.
void announce(const Arguments& arguments, const std::string& http, const std::string& https) {
  const std::string line = "{\"http\":" + (http.empty() ? "null" : "\"http://" + http + "\"") +
                           ",\"https\":" + (https.empty() ? "null" : "\"https://" + https + "\"") +
                           ",\"client_id\":\"" + arguments.client_id + "\"}\n";
  if (!arguments.port_file.empty()) {
    // Renamed into place, so that a reader never sees half a line.
    const std::string draft = arguments.port_file + ".new";
    std::ofstream(draft) << line;
    std::error_code ec;
    std::filesystem::rename(draft, arguments.port_file, ec);
    if (ec) {
      refuse("cannot write " + arguments.port_file + ": " + ec.message());
    }
  }
  std::cout << line << std::flush;
}

std::string name_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  const auto host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

int run(Arguments& arguments) {
  boost::asio::io_context io(1);
  Sandbox sandbox(upstream_options(arguments), arguments.clock_speed, arguments.record);
  add_links(sandbox, arguments);
  add_planned_links(sandbox, arguments);
  add_faults(sandbox, arguments);
  add_refresh_hours(sandbox, arguments);

  Server server(io, sandbox);
  boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
  const auto address = boost::asio::ip::make_address(arguments.address);
  std::string http;
  std::string https;
  if (!arguments.no_http) {
    http = name_of(server.listen({address, arguments.port}, nullptr));
  }
  if (!arguments.tls_cert.empty()) {
    tls.set_options(boost::asio::ssl::context::no_tlsv1 | boost::asio::ssl::context::no_tlsv1_1);
    tls.use_certificate_chain_file(arguments.tls_cert);
    tls.use_private_key_file(arguments.tls_key, boost::asio::ssl::context::pem);
    https = name_of(server.listen({address, arguments.tls_port}, &tls));
  }
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& ec, int) {
    if (!ec) {
      server.stop();
    }
  });
  server.start();
  announce(arguments, http, https);
  io.run();
  return 0;
}

}  // namespace
}  // namespace syncd::sandbox

int main(int argc, char** argv) {
  using namespace syncd::sandbox;
  Arguments arguments;
  CLI::App app{
      "A MoneyKit to test against: seeded banks behind the documented API. It keeps everything in memory."};
  app.footer("Control API: /sandbox/... on the same port; see tests/sandbox/README.md.");
  add_options(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (arguments.tls_cert.empty() != arguments.tls_key.empty()) {
    refuse("--tls-cert and --tls-key go together");
  }
  if (arguments.no_http && arguments.tls_cert.empty()) {
    refuse("--no-http needs --tls-cert and --tls-key");
  }
  try {
    return run(arguments);
  } catch (const boost::system::system_error& error) {
    std::fprintf(stderr, "moneykit-sandbox: cannot start: %s\n", error.code().message().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moneykit-sandbox: cannot start: %s\n", error.what());
  }
  return exit_failure;
}
