#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/address.hpp"
#include "daemon/admin/caller.hpp"
#include "daemon/admin/failure_limit.hpp"
#include "daemon/admin/http.hpp"
#include "daemon/admin/token_table.hpp"
#include "sync/api/timers.hpp"

namespace syncd::daemon {

// Who may ask what, and from where. Knows nothing of sockets and files.

inline constexpr std::size_t idempotency_key_bytes_max = 128;

// Whose peer the kernel has named is an administrator: the listener has asked for the group already.
Caller caller_of(const Peer& peer);
// 403, code `role_too_low`, which names the role that is needed.
HttpResponse role_too_low(Role has, Role needed);
// 1 to idempotency_key_bytes_max visible ASCII characters.
bool is_valid_idempotency_key(std::string_view key);

// What `Host` may say to a listener at this address, in lower case: the address itself, unless it stands for
// all of them, and localhost, each with the port, and without it where it is the scheme's own.
std::vector<std::string> own_hosts(const ListenAddress& address, bool tls);

// A request came with a token that is none.
struct BadToken {
  std::string_view remote;
  std::string_view reason;   // token_malformed, token_unknown, token_expired or token_revoked
  std::string_view name;     // of the last two
  bool turned_away = false;  // 429: too many came before
};

struct AccessOptions {
  bool tls = false;
  std::vector<std::string> hosts;  // all that Host may say, in lower case
  FailureLimits limits = {};
  std::function<core::WallTime()> wall_now;
  std::function<api::SteadyTime()> steady_now;
  std::function<void(const BadToken&)> on_bad_token;
  // The relink page's file at this path, which needs no token; nullopt: none. Empty: there is no page.
  std::function<std::optional<HttpResponse>(std::string_view path)> page;
};

// The rules of the TCP listener. Thread: the io thread.
class Access {
 public:
  // `tokens` gives the present table, which stays valid until the next call.
  Access(AccessOptions options, std::function<const TokenTable&()> tokens);

  // As AccessOptions::hosts, from now on.
  void set_hosts(std::vector<std::string> hosts) { options_.hosts = std::move(hosts); }

  // Asked of every request before anything else: nullopt, or why a page of somebody else's may have made it.
  // 400 and 421: no host or not one of ours (DNS rebinding); 403: another origin (CSRF).
  std::optional<HttpResponse> refuse_source(const HttpRequest& request) const;
  // A file of the page; nullopt: the path is none.
  std::optional<HttpResponse> page_file(const HttpRequest& request) const;
  // Whose token it is. 401 without a valid one; 429 with Retry-After after too many bad ones.
  std::expected<Caller, HttpResponse> identify(const HttpRequest& request);

 private:
  std::optional<HttpResponse> refuse_host(const HttpRequest& request) const;
  bool is_own_host(std::string_view host) const;
  HttpResponse refuse_token(const HttpRequest& request, std::string_view reason, std::string_view name);

  AccessOptions options_;
  std::function<const TokenTable&()> tokens_;
  FailureLimit failures_;
};

}  // namespace syncd::daemon
