#include "daemon/backups.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include "daemon/admin/repeated_request.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/settings.hpp"
#include "sync/core/conflict_codes.hpp"

namespace syncd::daemon {

namespace {

using Phase = BackupState::Phase;
using Writing = store::BackupWriter::Phase;

// Reading 1 GiB takes at least a quarter of a minute: commits hardly notice.
constexpr std::uint64_t read_bytes_per_ms = 64 << 10;
constexpr core::Millis look_at_flush_every{20};
constexpr core::Millis longest_wait{24 * 60 * 60'000};  // of those who want to know that it has begun
constexpr std::string_view detail_head = R"({"backup":")";

core::Error refusal(std::string_view code, std::string message) {
  return {.code = core::Errc::conflict, .message = std::move(message), .api_code = std::string(code)};
}

std::string detail_of(const std::string& name) {
  return std::string(detail_head) + name + "\"}";
}

// Of an act's detail; empty: it is another act's.
std::string name_in(std::string_view detail) {
  if (!detail.starts_with(detail_head)) return {};
  detail.remove_prefix(detail_head.size());
  return std::string(detail.substr(0, detail.find('"')));
}

// The backup that this request has begun before; empty: it was not here before.
core::Result<std::string> earlier_backup(store::Store& store, const engine::Requester& by) {
  if (by.request_key == core::Digest{}) return std::string{};
  core::LookupRequest request;
  request.request_key = by.request_key;
  const auto held = store.lookup(request);
  if (!held) return std::unexpected(held.error());
  if (!held->earlier_act) return std::string{};
  auto name = name_in(held->earlier_act->note.detail);
  if (held->earlier_act->note.request_digest == by.request_digest && !name.empty()) return name;
  return key_of_another_request();
}

BackupState state_of(const store::BackupInfo& info) {
  BackupState state;
  state.name = info.name;
  state.phase = info.problem.empty() ? Phase::whole : Phase::damaged;
  state.error = info.problem;
  state.facts = info.manifest.facts;
  state.bytes = info.manifest.bytes();
  state.files = info.manifest.files.size();
  return state;
}

}  // namespace

Backups::Backups(Parts parts, api::IoExecutor io) : parts_(std::move(parts)), changed_(std::move(io)) {
}

api::Task<void> Backups::look_at_start() {
  const std::string directory = backup_directory_of(parts_.config);
  auto clear = [&](store::Store&) { return store::clear_backup_leftovers(directory); };
  const auto cleared = co_await parts_.store.run(std::move(clear));
  if (!cleared) {
    parts_.log.warn("backup_not_removed", "what is left of a backup could not be removed",
                    LogFields{}.add("error", std::string_view(cleared.error().message)));
  }
  const auto all = co_await list();
  if (!all) co_return;
  const auto newest = std::ranges::find(*all, Phase::whole, &BackupState::phase);
  if (newest != all->end()) parts_.metrics.set_last_backup(newest->facts.created_at, newest->bytes);
}

// ---- what is asked ---------------------------------------------------------------------------------------

api::Task<core::Result<BackupState>> Backups::create(core::Millis wait, engine::Requester by) {
  if (parts_.stopping) co_return core::fail(core::Errc::cancelled, "the daemon is stopping");
  const bool joins = is_busy() && by.request_key != core::Digest{} &&
                     job_->by.request_key == by.request_key && job_->by.request_digest == by.request_digest;
  if (is_busy() && !joins) {
    co_return std::unexpected(
        refusal(core::backup_under_way, "a backup is being made; GET /v1/backups tells how far it has come"));
  }
  if (!joins) {
    job_ = std::make_shared<Job>();
    job_->by = std::move(by);
    parts_.tasks.spawn(run(job_));
  }
  auto state = co_await answer(job_, wait);
  co_return std::move(state);
}

api::Task<core::Result<BackupState>> Backups::answer(SharedJob job, core::Millis wait) {
  const api::SteadyTime now = parts_.timers.steady_now();
  co_await wait_for(job, true, now + longest_wait);
  if (!job->begun) co_return core::fail(core::Errc::cancelled, "the daemon is stopping");
  if (!job->earlier) co_return std::unexpected(job->earlier.error());
  if (job->earlier->empty()) {
    co_await wait_for(job, false, now + wait);
    co_return job->state;
  }
  auto before = co_await show(*job->earlier, wait);
  if (!before) co_return std::unexpected(before.error());
  if (*before) co_return std::move(**before);
  co_return std::unexpected(
      refusal(core::backup_refused, "the backup " + *job->earlier +
                                        " of this request is not there any more: it failed, or was removed; "
                                        "send another Idempotency-Key for a new one"));
}

// Until it has begun, or until it has ended.
api::Task<void> Backups::wait_for(SharedJob job, bool only_begun, api::SteadyTime deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  const auto over = [&] { return job->begun && (only_begun || job->state.phase != Phase::running); };
  while (!over() && parts_.timers.steady_now() < deadline) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    auto changed = changed_.wait();
    auto late = parts_.timers.sleep_until(deadline);
    co_await (std::move(changed) || std::move(late));
  }
}

api::Task<core::Result<std::vector<BackupState>>> Backups::list() {
  const std::string directory = backup_directory_of(parts_.config);
  auto work = [&](store::Store&) { return store::list_backups(directory); };
  const auto found = co_await parts_.store.run(std::move(work));
  if (!found) co_return std::unexpected(found.error());
  std::vector<BackupState> all;
  for (const store::BackupInfo& info : *found)
    all.push_back(state_of(info));
  const bool own = job_ && job_->begun && !job_->state.name.empty() && job_->state.phase != Phase::whole;
  if (own) {
    const auto place =
        std::ranges::lower_bound(all, job_->state.name, std::ranges::greater{}, &BackupState::name);
    // While it is renamed it is both.
    if (place == all.end() || place->name != job_->state.name) all.insert(place, job_->state);
  }
  co_return all;
}

api::Task<core::Result<std::optional<BackupState>>> Backups::show(std::string name, core::Millis wait) {
  const SharedJob job = job_;
  const bool own = job && job->begun && job->state.name == name;
  if (own) {
    const api::SteadyTime deadline = parts_.timers.steady_now() + wait;
    co_await wait_for(job, false, deadline);
    co_return job->state;
  }
  auto all = co_await list();
  if (!all) co_return std::unexpected(all.error());
  const auto found = std::ranges::find(*all, name, &BackupState::name);
  if (found == all->end()) co_return std::nullopt;
  co_return std::move(*found);
}

// ---- making one ------------------------------------------------------------------------------------------

store::BackupPlan Backups::plan() const {
  return {.directory = backup_directory_of(parts_.config),
          .program_version = parts_.program_version,
          .keep = parts_.config.backup.keep,
          .min_free_bytes = parts_.config.store.min_free_mib << 20,
          .now = parts_.timers.wall_now()};
}

api::Task<void> Backups::run(SharedJob job) {
  const api::SteadyTime began = parts_.timers.steady_now();
  auto begun = co_await begin(job);
  if (!begun || !begun->earlier.empty()) {
    job->earlier = begun ? core::Result<std::string>(begun->earlier) : std::unexpected(begun.error());
    job->state.phase = Phase::failed;  // there is none to wait for
    job->begun = true;
    const bool misused = !begun && begun.error().api_code == core::idempotency_key_reused;
    if (!begun && !misused) fail(*job, begun.error());
    changed_.notify_all();
    co_return;
  }
  store::BackupWriter& writer = *begun->writer;
  job->state.name = writer.name();
  job->begun = true;
  parts_.log.info("backup_begun", "a backup of the store is being made",
                  LogFields{}
                      .add("backup", std::string_view(writer.name()))
                      .add("actor", std::string_view(job->by.actor)));
  changed_.notify_all();
  const auto made = co_await make(job, writer);
  if (made) {
    const auto took = std::chrono::duration_cast<core::Millis>(parts_.timers.steady_now() - began);
    settle(*job, writer, took);
  } else {
    co_await abandon(writer);
    fail(*job, made.error());
  }
  changed_.notify_all();
}

// On the store's thread: the act is in the audit log before the checkpoint is made, and so in the backup.
api::Task<core::Result<Backups::Begun>> Backups::begin(SharedJob job) {
  if (parts_.care.space_low()) {
    co_return std::unexpected(refusal(
        core::space_low, "the disk of the store is nearly full: no backup is made until there is more room"));
  }
  auto work = [by = job->by, wanted = plan()](store::Store& open) -> core::Result<Begun> {
    auto earlier = earlier_backup(open, by);
    if (!earlier) return std::unexpected(earlier.error());
    if (!earlier->empty()) return Begun{.writer = nullptr, .earlier = std::move(*earlier)};
    auto writer = open.begin_backup(wanted);
    if (!writer && open.healthy())
      return std::unexpected(refusal(core::backup_refused, writer.error().message));
    if (!writer) return std::unexpected(writer.error());
    const core::AuditNote act = act_of(by, "backup.create", detail_of((*writer)->name()));
    const auto recorded = open.record_act(wanted.now, act, std::nullopt);
    if (recorded && *recorded == store::CommitOutcome::committed)
      return Begun{.writer = std::move(*writer), .earlier = {}};
    (*writer)->abandon();
    if (!recorded) return std::unexpected(recorded.error());
    return std::unexpected(refusal(core::idempotency_key_reused, "this request was answered before"));
  };
  auto begun = co_await parts_.store.run(std::move(work));
  co_return std::move(begun);
}

api::Task<core::Result<void>> Backups::make(SharedJob job, store::BackupWriter& writer) {
  bool whole = false;
  while (true) {
    // What is left then is to remove older ones, which the next backup does as well.
    if (parts_.stopping && whole) co_return core::Result<void>{};
    if (parts_.stopping) co_return core::fail(core::Errc::cancelled, "the daemon was stopped meanwhile");
    auto work = [&writer](store::Store&) { return writer.step(); };
    const auto progress = co_await parts_.store.run(std::move(work));
    if (!progress) co_return std::unexpected(progress.error());
    if (progress->phase == Writing::done) co_return core::Result<void>{};
    whole = progress->phase == Writing::removing;
    const std::uint64_t read = progress->bytes_read - job->state.bytes_read;
    job->state.bytes_read = progress->bytes_read;
    job->state.bytes_all = progress->bytes_all;
    core::Millis pause(static_cast<std::int64_t>(read / read_bytes_per_ms) + 1);
    if (progress->phase == Writing::flushing) pause = look_at_flush_every;
    const api::SteadyTime next = parts_.timers.steady_now() + pause;
    co_await parts_.timers.sleep_until(next);
  }
}

api::Task<void> Backups::abandon(store::BackupWriter& writer) {
  auto work = [&writer](store::Store&) {
    writer.abandon();
    return true;
  };
  co_await parts_.store.run(std::move(work));
}

void Backups::settle(Job& job, const store::BackupWriter& writer, core::Millis took) {
  const store::BackupManifest& manifest = writer.manifest();
  job.state.facts = manifest.facts;
  job.state.bytes = manifest.bytes();
  job.state.files = manifest.files.size();
  job.state.phase = Phase::whole;
  parts_.metrics.record_backup(true);
  parts_.metrics.set_last_backup(manifest.facts.created_at, job.state.bytes);
  parts_.log.info("backup_done", "a backup of the store is whole",
                  LogFields{}
                      .add("backup", std::string_view(job.state.name))
                      .add("files", job.state.files)
                      .add("bytes", job.state.bytes)
                      .add("links", manifest.facts.links)
                      .add("duration_ms", took.count()));
  for (const std::string& name : writer.removed())
    parts_.log.info("backup_removed", "an old backup was removed",
                    LogFields{}.add("backup", std::string_view(name)));
  for (const std::string& trouble : writer.troubles()) {
    parts_.log.warn("backup_not_removed", "an old backup could not be removed",
                    LogFields{}.add("error", std::string_view(trouble)));
  }
}

void Backups::fail(Job& job, const core::Error& error) {
  job.state.phase = Phase::failed;
  job.state.error = error.message;
  parts_.metrics.record_backup(false);
  LogFields fields;
  if (!job.state.name.empty()) fields.add("backup", std::string_view(job.state.name));
  fields.add("error", std::string_view(error.message));
  parts_.log.error("backup_failed", "a backup of the store could not be made", fields);
}

}  // namespace syncd::daemon
