#pragma once

#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "tests/sandbox/model/errors.hpp"
#include "tests/sandbox/model/link.hpp"
#include "tests/sandbox/model/meter.hpp"
#include "tests/sandbox/model/upstream.hpp"

namespace syncd::sandbox {

/// One request on its way through the model.
struct Call {
  const HttpRequest& request;
  Endpoint endpoint = Endpoint::unknown;
  Target target;
  std::string_view link_id;  ///< from the path, if the endpoint has one
  Link* link = nullptr;      ///< settled; null when unknown
  std::uint32_t link_number = Meter::no_link;
  TimePoint now;
  TimePoint wire_now;
  CursorFault cursor_fault = CursorFault::none;
  std::uint32_t cycle_length = 3;
  RowFault row_fault = RowFault::none;
  bool method_not_allowed = false;
};

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

struct Session {
  std::string user_id;
  std::string institution_id;
  std::string existing_link_id;
  std::optional<std::string> webhook;
  std::vector<std::string> tags;
  bool transactions = true;
  bool prefetch = false;
  bool done = false;
};

struct Upstream::Impl : Watcher {
  explicit Impl(UpstreamOptions wanted);

  // upstream_hooks.cpp
  void heard(Link& link, const HookNews& news) override;
  void refreshed(RefreshNote note) override;
  void due(std::uint32_t number, TimePoint at) override;
  void settle_hooked(TimePoint now);
  std::string tell(Link& link, const HookNews& news, bool forced);
  HookFault hook_fault_of(const Link& link);

  // upstream.cpp
  HttpResponse respond(const HttpRequest& request, TimePoint now, TimePoint wire_now);
  HttpResponse answer(Call& call);
  HttpResponse dispatch(Call& call);
  void route(Call& call);
  Link* settled_link(std::string_view link_id, TimePoint now);
  std::uint32_t number_of(std::string_view link_id) const;
  void keep_books(const Call& call, const HttpResponse& response);
  TimePoint forward(TimePoint now);
  HttpResponse throttle(const Call& call, Milliseconds wait, std::uint32_t scope);

  // upstream_faults.cpp
  std::optional<HttpResponse> fault_instead(Call& call, const FaultRule& rule);
  HttpResponse script_throttle(const Call& call, const FaultRule& rule);
  void fault_after(const Call& call, const FaultRule& rule, HttpResponse& response);

  // upstream_auth.cpp
  std::optional<HttpResponse> refuse_credentials(const Call& call);
  HttpResponse issue_token(const Call& call);
  HttpResponse introspect();
  HttpResponse key_set();

  // upstream_links.cpp
  std::optional<HttpResponse> refuse_link(const Call& call);
  HttpResponse list_links(const Call& call);
  HttpResponse update_link(Call& call);
  HttpResponse delete_link(Call& call);
  HttpResponse request_refresh(Call& call);
  HttpResponse refresh_refused(const Call& call, Milliseconds bank_wait);
  std::optional<Milliseconds> closed_for(const Call& call) const;
  HttpResponse list_accounts(const Call& call);
  HttpResponse one_account(const Call& call);
  HttpResponse list_transactions(const Call& call);
  HttpResponse sync(const Call& call);
  HttpResponse test_webhook(const Call& call);
  HttpResponse user_links(const Call& call);
  HttpResponse user_accounts(const Call& call);

  // upstream_sessions.cpp
  HttpResponse create_session(const Call& call);
  HttpResponse exchange_token(Call& call);
  SessionOutcome complete_session(std::string_view token, std::string_view institution_id,
                                  std::string_view username, std::string_view password, TimePoint now);
  std::string add_link(const NewLink& wanted, TimePoint now);

  UpstreamOptions options;
  World world;
  Meter meter;
  FaultPlan faults;
  std::deque<Link> links;  // a deque, because links are referred to while others are added
  StringMap<std::uint32_t> link_numbers;
  StringMap<std::vector<std::uint32_t>> user_numbers;
  StringMap<TimePoint> tokens;  ///< bearer token to its end, in wire time
  StringMap<Session> sessions;
  StringMap<std::uint32_t> exchangeable;
  std::unordered_map<std::uint64_t, TimePoint>
      refresh_requested;  ///< link and product to the last accepted 202
  HookDesk hooks;
  /// When links with a webhook change by themselves; entries that are no longer true do nothing.
  using Change = std::pair<TimePoint, std::uint32_t>;
  std::priority_queue<Change, std::vector<Change>, std::greater<>> agenda;
  std::deque<RefreshNote> refresh_notes;
  std::uint64_t refresh_numbers = 0;
  struct Hours {
    std::uint32_t from;
    std::uint32_t to;
  };
  StringMap<Hours> refresh_hours;  ///< by institution
  double bank_speed = 1.0;         ///< bank seconds for one second on the wire
  std::uint64_t counter = 0;       ///< makes invented tokens differ
  std::uint64_t throttles = 0;
  TimePoint latest;
  TimePoint latest_wire;
  std::uint64_t versions_missing = 0;
  StringMap<std::uint64_t> versions;
  std::uint64_t faults_fired = 0;
  std::vector<RequestRecord> records;
};

/// What a hook says that is only a test.
HookNews test_news(const Link& link, HookEvent event, TimePoint now, std::string key);
/// The body as a JSON object, or the 422 that says why it is not one.
std::expected<boost::json::object, HttpResponse> json_body(const HttpRequest& request);
/// Reads the query parameter as an integer within bounds, or answers 422.
std::expected<std::uint32_t, HttpResponse> query_integer(const Target& target, std::string_view name,
                                                         std::uint32_t low, std::uint32_t high,
                                                         std::uint32_t fallback);
/// Reads link_tags: absent gives nullopt, a wrong form the 422.
std::expected<std::optional<std::vector<std::string>>, HttpResponse> read_tags(
    const boost::json::object& object);

}  // namespace syncd::sandbox
