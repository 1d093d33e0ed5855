#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/canary.hpp"

namespace syncd::test::e2e {

/// What the people of the run know or say, beside what the banks do (tests/sandbox/model/marks.hpp).
namespace canary {
inline constexpr std::string_view client_id = "sandbox_canary0client0id5f";
inline constexpr std::string_view client_secret = "canary-client-secret-Xk4Wd8";
inline constexpr std::string_view other_secret = "canary-other-secret-Pz7Ym1";
inline constexpr std::string_view user_id = "canary-user-Vm3Xs6";
inline constexpr std::string_view email = "canary.email.Nq8@example.com";
inline constexpr std::string_view phone = "+15550173942861";
inline constexpr std::string_view tag = "canary-tag-Kd5Wj9";
inline constexpr std::string_view link_tag = "canary-linktag-Ug6Hc3";
inline constexpr std::string_view hook_token = "canary-hook-token-Rt5Yb2";
inline constexpr std::string_view redirect = "canary-redirect-Sf1Nk7";
inline constexpr std::string_view note = "canary note \"Mw4\" Ez8Xq2";
inline constexpr std::string_view request_key = "canary-idempotency-Oj3Gv9";
inline constexpr std::string_view wrong_token = "mks_canary0wrong0token0Ab5Tc8Dy2Lp6Qs4Rn7Wz1";
inline constexpr std::string_view bad_token = "canary-exchangeable-Iy2Vf6";
inline constexpr std::string_view upstream_message = "canary upstream message Cx9Rb4";
}  // namespace canary

std::string text_of(const std::filesystem::path& path);
/// As a JSON string; nothing but quotation marks and backslashes is escaped.
std::string as_json(std::string_view text);
/// Every byte percent-encoded.
std::string in_percents(std::string_view text);

/// A daemon and a sandbox in which everything is marked, with what the daemon says about things that go
/// wrong.
class CanaryRun {
 public:
  CanaryRun();

  std::filesystem::path config() const { return dir_.path() / "config.toml"; }
  Address admin() const { return {dir_.path() / "admin.sock"}; }

  /// An answer of the admin API; one about an error is kept for the search.
  Reply ask(std::string_view method, const std::string& target, const std::string& body = {},
            const std::string& headers = {});
  /// Expects it to be an error of this status.
  Reply refused(int status, std::string_view method, const std::string& target, const std::string& body = {},
                const std::string& headers = {});
  /// Throws Failed when it is an error.
  Json done(std::string_view method, const std::string& target, const std::string& body = {},
            const std::string& headers = {});
  Reply keep(Reply reply, std::string_view what);
  void keep_error(std::string_view what, const std::string& text);

  /// Exit code and output of a program; of the command line tool, expecting that code. `input`: its standard
  /// input. What the tool says is kept when it fails.
  int run(const std::vector<std::string>& command, std::string& output);
  std::string ctl(const std::vector<std::string>& arguments, int code, const std::string& input = {});

  /// A link of the marked user, registered and synced.
  std::string new_link();
  Json entry_of(const std::string& link_id);
  /// Visits the link and keeps its last error.
  void visit(const std::string& link_id);
  void note_link(const std::string& link_id);
  /// The next request that matches meets this fault, and no other does.
  void fault(const std::string& match, const std::string& rule);

  /// All marks but those of link ids.
  Confidences everything() const;

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  Confidences secrets_;
  Confidences personal_;
  Confidences link_ids_;
  std::map<std::string, std::string> errors_;  // what went wrong, as somebody was told

 private:
  int kept_ = 0;
};

/// The marks of marks.hpp.
Confidences marks_of_banks();
/// Everything that is marked, in one text as a bank would quote it back.
std::string all_marks();
/// The match of a fault rule.
std::string of_link(const std::string& link_id, std::string_view endpoint = "sync");

}  // namespace syncd::test::e2e
