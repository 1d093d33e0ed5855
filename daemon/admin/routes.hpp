#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/admin/access.hpp"
#include "daemon/admin/admin_view.hpp"
#include "daemon/admin/caller.hpp"
#include "daemon/admin/data_reads.hpp"
#include "daemon/admin/http.hpp"
#include "daemon/admin/request_meter.hpp"
#include "daemon/admin/target.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::daemon {

// Answers GET /-/healthy and /-/ready, which need no rights; nullopt: another path.
std::optional<HttpResponse> answer_probe(const HttpRequest& request, bool healthy, bool ready);

// The admin API: a fixed table of methods, paths and the roles they need. Everything that is not in it is
// refused, and so is every unknown parameter and member. Knows nothing of sockets.
class AdminRoutes final : public HttpService {
 public:
  // All outlive every task. `access`: the rules for requests over TCP; nullptr: those are refused. `reads`:
  // how much of people's data one caller may read, and its trace; nullptr: without limit and trace.
  explicit AdminRoutes(AdminView& view, Access* access = nullptr, DataReads* reads = nullptr)
      : view_(view), access_(access), reads_(reads) {}
  // For requests from now on.
  void set_access(Access* access) { access_ = access; }
  // Hears of every request from now on; nullptr: nobody does.
  void set_meter(RequestMeter* meter) { meter_ = meter; }
  api::Task<HttpResponse> handle(HttpRequest request) override;

  // A row of the table: `/v1/links/*`, where `*` stands for an id.
  struct RouteInfo {
    std::string_view method;
    std::string path;
    Role role;
    bool shows_data = false;  // rows of people's data, which DataReads bounds and traces
  };
  static std::vector<RouteInfo> list_routes();

 private:
  // One matched request. `id` is the path's variable segment.
  struct Call {
    HttpRequest request;
    Target target;
    std::string id;
    Caller caller = {};
  };
  struct Route;
  static const std::vector<Route>& table();

  void note_read(const Call& call, const DataRead& read) {
    if (reads_ != nullptr) reads_->note(call.caller, read);
  }
  std::optional<HttpResponse> answer_without_token(const HttpRequest& request) const;
  // `met`: what the request has met, of whichever end.
  api::Task<HttpResponse> answer(HttpRequest request, AnsweredRequest& met);
  api::Task<HttpResponse> dispatch(HttpRequest request, Caller caller, AnsweredRequest& met);
  api::Task<HttpResponse> add_link(Call call);
  api::Task<HttpResponse> list_links(Call call);
  api::Task<HttpResponse> show_link(Call call);
  api::Task<HttpResponse> one_link(core::LinkId link_id, int status);
  api::Task<HttpResponse> sync_link(Call call);
  api::Task<HttpResponse> pause_link(Call call);
  api::Task<HttpResponse> resume_link(Call call);
  using StatusChange = api::Task<core::Result<core::LinkStatus>> (AdminView::*)(core::LinkId,
                                                                                engine::Requester);
  // `action`: its name in the log.
  api::Task<HttpResponse> change_status(Call call, std::string_view action, StatusChange change);
  api::Task<HttpResponse> list_accounts(Call call);
  api::Task<HttpResponse> list_transactions(Call call);
  api::Task<HttpResponse> show_status(Call call);
  api::Task<HttpResponse> show_openapi(Call call);  // routes_openapi.cpp
  // ---- routes_feed.cpp ----
  api::Task<HttpResponse> list_feed(Call call);
  api::Task<HttpResponse> list_consumers(Call call);
  api::Task<HttpResponse> show_consumer(Call call);
  api::Task<HttpResponse> add_consumer(Call call);
  api::Task<HttpResponse> remove_consumer(Call call);
  api::Task<HttpResponse> read_changes(Call call);
  api::Task<HttpResponse> acknowledge_changes(Call call);
  api::Task<HttpResponse> reset_consumer(Call call);
  api::Task<HttpResponse> move_consumer(Call call, store::ConsumerMove move);
  HttpResponse show_changes(const Call& call, std::uint64_t after, const store::FeedSlice& slice,
                            const store::ConsumerView* consumer);
  void write_consumer_members(JsonWriter& writer, const store::ConsumerView& view) const;
  // ---- routes_relink.cpp ----
  void write_entry(JsonWriter& writer, const core::RelinkEntry& entry, bool whole) const;
  api::Task<HttpResponse> list_relink(Call call);
  api::Task<HttpResponse> show_relink(Call call);
  api::Task<HttpResponse> claim_relink(Call call);
  api::Task<HttpResponse> release_relink(Call call);
  api::Task<HttpResponse> note_relink(Call call);
  api::Task<HttpResponse> dismiss_relink(Call call);
  api::Task<HttpResponse> reopen_relink(Call call);
  api::Task<HttpResponse> act_on_entry(Call call, core::RelinkRequest::Kind kind);
  // 404, for the link or for its entry.
  HttpResponse without_entry(const core::LinkId& link_id) const;
  // `error` as a problem; a conflict comes with the entry as it is.
  api::Task<HttpResponse> entry_problem(core::LinkId link_id, core::Error error);
  // ---- routes_sessions.cpp ----
  api::Task<HttpResponse> issue_relink_session(Call call);
  api::Task<HttpResponse> issue_session(Call call);
  api::Task<HttpResponse> exchange_token(Call call);
  api::Task<HttpResponse> show_revision(Call call);
  api::Task<HttpResponse> list_audit(Call call);
  api::Task<HttpResponse> check_audit(Call call);
  api::Task<HttpResponse> show_continuity(Call call);  // routes_continuity.cpp
  // ---- routes_incidents.cpp ----
  api::Task<HttpResponse> list_incidents(Call call);
  // ---- routes_bulk.cpp ----
  api::Task<HttpResponse> import_links(Call call);
  api::Task<HttpResponse> begin_export(Call call);
  // ---- routes_repair.cpp ----
  api::Task<HttpResponse> verify_link(Call call);
  api::Task<HttpResponse> show_verify(Call call);
  api::Task<HttpResponse> repair_link(Call call);
  api::Task<HttpResponse> list_dead_letters(Call call);
  api::Task<HttpResponse> show_dead_letter(Call call);
  api::Task<HttpResponse> retry_dead_letter(Call call);
  api::Task<HttpResponse> drop_dead_letter(Call call);
  // ---- routes_refresh.cpp ----
  api::Task<HttpResponse> refresh_link(Call call);
  // ---- routes_schedule.cpp ----
  api::Task<HttpResponse> explain_schedule(Call call);
  api::Task<HttpResponse> plan_budget(Call call);
  // ---- routes_webhooks.cpp ----
  api::Task<HttpResponse> audit_webhooks(Call call);
  api::Task<HttpResponse> fix_webhooks(Call call);
  // ---- routes_purge.cpp ----
  api::Task<HttpResponse> purge_link(Call call);
  api::Task<HttpResponse> list_link_feed(Call call);
  // ---- routes_backups.cpp ----
  api::Task<HttpResponse> create_backup(Call call);
  api::Task<HttpResponse> list_backups(Call call);
  api::Task<HttpResponse> show_backup(Call call);
  // ---- routes_access.cpp ----
  api::Task<HttpResponse> show_caller(Call call);
  api::Task<HttpResponse> list_tokens(Call call);
  api::Task<HttpResponse> create_token(Call call);
  api::Task<HttpResponse> revoke_token(Call call);

  AdminView& view_;
  Access* access_;
  DataReads* reads_;
  // When each consumer of the feed last asked for changes, in this run; of those that there are.
  std::map<std::string, core::WallTime, std::less<>> consumers_read_at_;
  RequestMeter* meter_ = nullptr;
};

}  // namespace syncd::daemon
