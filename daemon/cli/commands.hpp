#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/admin_client.hpp"
#include "daemon/cli/look.hpp"

namespace syncd::cli {

// What the commands share.
struct Session {
  Client client;
  bool json = false;
  bool dry_run = false;
  bool confirmed = false;  // --yes: nothing is asked about, see confirm()
  Look look = {};          // of standard output
};

// Why the daemon would refuse to `sync`, `pause` or `resume` a link of this status; nullopt: it would not.
std::optional<std::string> dry_run_refusal(std::string_view verb, std::string_view status);

// Each prints to standard output and returns an exit code, or an error to print.
CliResult<int> show_status(const Session& session);
CliResult<int> list_links(const Session& session, const std::string& state, const std::string& search);
CliResult<int> show_link(const Session& session, const std::string& link_id);
struct AddOptions {
  std::string link_id;
  std::string customer_user_id;
  std::vector<std::string> tags;
};
CliResult<int> add_link(const Session& session, const AddOptions& options);
// `wait` empty: do not wait; a duration up to wait_max, as the parser has checked.
CliResult<int> sync_link(const Session& session, const std::string& link_id, const std::string& wait);
CliResult<int> pause_link(const Session& session, const std::string& link_id);
CliResult<int> resume_link(const Session& session, const std::string& link_id);
CliResult<int> list_accounts(const Session& session, const std::string& link_id);
CliResult<int> list_transactions(const Session& session, const std::string& link_id, std::size_t limit);
CliResult<int> list_incidents(const Session& session);
// `after` empty: the last entries only. With `follow`, runs until it is interrupted, also over restarts of
// the daemon.
CliResult<int> tail_feed(const Session& session, std::optional<std::uint64_t> after, bool follow);

}  // namespace syncd::cli
